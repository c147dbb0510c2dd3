package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/sandgate/sandgate/gateway/submission"
)

// room bounds what lists hold in memory, in bytes. Texts of submissions may be many megabytes each:
// lists of them are read some at a time, and only what is shown of them is kept.
type room struct {
	list  int64 // of one answer
	few   int64 // of one answer, which need no room
	page  int64 // of a page of the history, before it ends early
	chunk int   // aimed at for what is read at a time
	all   *semaphore.Weighted
}

// newRoom makes the room that all lists share.
func newRoom() *room {
	return &room{list: 64 << 20, few: 1 << 20, page: 8 << 20, chunk: 4 << 20, all: semaphore.NewWeighted(256 << 20)}
}

// mostChunk is how many submissions are read at a time, however small they are.
const mostChunk = 100

// bulk is the answer to a list while it is put together.
type bulk struct {
	*room
	pieces  []json.RawMessage
	bytes   int64 // of pieces
	held    int64 // of the room
	counted int   // submissions that were read, and their size
	size    int
}

// next is how many submissions to read at a time, so that a chunk is hardly exceeded: first of them as
// long as nobody knows how large they are.
func (b *bulk) next(left, first int) int {
	if b.counted == 0 {
		return min(first, left)
	}
	return min(max(b.chunk/max(b.size/b.counted, 1), 1), mostChunk, left)
}

// read notes the size of submissions that were read.
func (b *bulk) read(subs []*submission.Submission) {
	for _, sub := range subs {
		if sub != nil {
			b.counted++
			b.size += weight(sub)
		}
	}
}

func weight(sub *submission.Submission) int {
	size := sub.Size()
	for _, text := range []*string{sub.Stdout, sub.Stderr, sub.CompileOutput, sub.Message} {
		if text != nil {
			size += len(*text)
		}
	}
	return size
}

var errNoRoom = &submission.Error{Code: submission.Unavailable, Message: "too many large lists are being answered", RetryAfter: time.Second}

// errListTooLarge is given for what makes an answer too large.
type errListTooLarge int64

func (e errListTooLarge) Error() string { return "the answer would be too large" }

// asked tells a client that it asked for too much.
func (e errListTooLarge) asked() error {
	return submission.Errorf(submission.Malformed, "the answer would be larger than %d MiB: ask for fewer submissions at a time, or for fewer fields", int64(e)>>20)
}

// add takes a piece into the answer, which may always have one.
func (b *bulk) add(piece json.RawMessage) error {
	bytes := b.bytes + int64(len(piece))
	if bytes > b.list && len(b.pieces) > 0 {
		return errListTooLarge(b.list)
	}
	if more := bytes - b.few - b.held; more > 0 {
		if !b.all.TryAcquire(more) {
			return errNoRoom
		}
		b.held += more
	}
	b.bytes = bytes
	b.pieces = append(b.pieces, piece)
	return nil
}

// cut drops the pieces after the first n.
func (b *bulk) cut(n int) {
	for _, piece := range b.pieces[n:] {
		b.bytes -= int64(len(piece))
	}
	b.pieces = b.pieces[:n]
}

// release gives the room back.
func (b *bulk) release() {
	b.all.Release(b.held)
	b.held, b.pieces = 0, nil
}

// answer writes {"submissions": [pieces], …rest}, where rest is a JSON object that is not empty, or
// nil. It writes piece by piece: together they would be in memory twice.
func (b *bulk) answer(c *gin.Context, rest any) error {
	tail := []byte("}")
	if rest != nil {
		text, err := json.Marshal(rest)
		if err != nil {
			return err
		}
		text[0] = ','
		tail = text
	}
	c.Writer.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.Writer.WriteHeader(http.StatusOK)
	w := c.Writer
	_, err := w.WriteString(`{"submissions":[`)
	for i := 0; i < len(b.pieces) && err == nil; i++ {
		if i > 0 {
			_, _ = w.WriteString(",")
		}
		_, err = w.Write(b.pieces[i])
	}
	if err == nil {
		_, _ = w.WriteString("]")
		_, _ = w.Write(tail)
	}
	return nil // a client that went away is no fault
}
