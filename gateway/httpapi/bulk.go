package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/sandgate/sandgate/gateway/submission"
)

// What lists may hold in memory, in bytes. Texts of submissions may be many megabytes each: lists of
// them are read some at a time, and only what is shown of them is kept.
const (
	listBytes     = 64 << 20  // of one answer
	allListsBytes = 256 << 20 // of all answers being made
	fewBytes      = 1 << 20   // of an answer, which need no room
	chunkBytes    = 4 << 20   // aimed at for what is read at a time
	mostChunk     = 100       // submissions that are read at a time
)

// newRoom makes the room that all lists share.
func newRoom() *semaphore.Weighted { return semaphore.NewWeighted(allListsBytes) }

// bulk is the answer to a list while it is put together.
type bulk struct {
	room    *semaphore.Weighted
	pieces  []json.RawMessage
	bytes   int64 // of pieces
	held    int64 // of the room
	counted int   // submissions that were read, and their size
	size    int
}

// next is how many submissions to read at a time, so that chunkBytes are hardly exceeded. As long as
// nobody knows how large they are, these are few.
func (b *bulk) next(left int, what submission.Part) int {
	n := 10
	if what == submission.Whole {
		n = 3
	}
	if b.counted > 0 {
		n = min(max(chunkBytes/max(b.size/b.counted, 1), 1), mostChunk)
	}
	return min(n, left)
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

var (
	errListTooLarge = submission.Errorf(submission.Malformed, "the answer would be larger than %d MiB: ask for fewer submissions at a time, or for fewer fields", listBytes>>20)
	errNoRoom       = &submission.Error{Code: submission.Unavailable, Message: "too many large lists are being answered", RetryAfter: time.Second}
)

// add takes a piece into the answer.
func (b *bulk) add(piece json.RawMessage) error {
	b.bytes += int64(len(piece))
	if b.bytes > listBytes {
		return errListTooLarge
	}
	if more := b.bytes - fewBytes - b.held; more > 0 {
		if !b.room.TryAcquire(more) {
			return errNoRoom
		}
		b.held += more
	}
	b.pieces = append(b.pieces, piece)
	return nil
}

// release gives the room back.
func (b *bulk) release() {
	b.room.Release(b.held)
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
