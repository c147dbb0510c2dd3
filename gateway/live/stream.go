package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of a stream.
const (
	jobLetters     = 16
	accountLetters = 256
	slack          = 5 * time.Second // between the clocks of gateways, and between a state and its announcement
	unasked        = 4 << 10         // bytes that a client may send though nobody asks it
)

// stream is one response of Server-Sent Events. It is taken from the HTTP server, whose buffers and
// goroutines cost more than all else: what stays is a goroutine that waits for the client to go.
type stream struct {
	mailbox
	hub     *Hub
	place   *Connection
	account string
	token   string // "": all of the account
	chunked bool
	written atomic.Int64 // when last, in Unix nanoseconds

	// Guarded by the mailbox until the stream is open:
	conn net.Conn
	over bool

	listener *listener        // of one submission
	last     submission.State // said last; Unknown: none yet
	journal  *journal         // of an account
	said     mark             // up to where the account's stream was told
}

func (h *Hub) newStream(visitor Visitor, token string, letters int) (*stream, error) {
	place, err := h.Connections.enter(Stream, visitor.Account, visitor.Credentials)
	if err != nil {
		return nil, err
	}
	st := &stream{hub: h, place: place, account: visitor.Account, token: token, last: submission.Unknown}
	// Letters wait until the stream is open.
	st.mailbox = mailbox{reader: st, pool: h.pool, most: letters, busy: true}
	return st, nil
}

// StreamJob answers with the present state of a submission and then each new one until it has ended.
// The ids of events are the states' numbers, so that a client that comes back is told the present
// state and misses nothing. It returns when the stream is open, or with an error and no answer written.
func (h *Hub) StreamJob(w http.ResponseWriter, r *http.Request, visitor Visitor, token string) error {
	st, err := h.newStream(visitor, token, jobLetters)
	if err != nil {
		return err
	}
	st.listener = h.Bus.listen(token, st)
	sub, err := h.Get(r.Context(), visitor.Account, token)
	if err != nil {
		st.end()
		return err
	}
	st.put(letter{kind: news, event: submission.Event{Token: token, Submission: sub}})
	if err := st.open(w, r); err != nil {
		return err
	}
	st.resume()
	return nil
}

// StreamAccount answers with every new state of the account's submissions. last is the id of the last
// event that the client has, or "": it is told first what came since, from memory if that goes back
// so far, else from the store; where neither knows it all, an event "reset" says so.
func (h *Hub) StreamAccount(w http.ResponseWriter, r *http.Request, visitor Visitor, last string) error {
	var from *mark
	if last != "" {
		m, err := parseMark(last)
		if err != nil {
			return &submission.Error{Code: submission.Malformed, Message: "Last-Event-ID: " + err.Error()}
		}
		from = &m
	}
	st, err := h.newStream(visitor, "", accountLetters)
	if err != nil {
		return err
	}
	missed, exact, at := h.Bus.journals.join(visitor.Account, st, from, time.Now())
	if err := st.open(w, r); err != nil {
		return err
	}
	var since time.Time
	if !exact {
		since = from.at
	}
	go st.catchUp(missed, since, at)
	return nil
}

var errNoStream = submission.Errorf(submission.Malformed, "live streams need HTTP/1.1")

// open takes the connection over and writes the head of the answer.
func (st *stream) open(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform")
	header.Set("X-Accel-Buffering", "no")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	header.Set("Connection", "close")
	if st.chunked = r.ProtoAtLeast(1, 1); st.chunked {
		header.Set("Transfer-Encoding", "chunked")
	}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(&head)
	head.WriteString("\r\n")
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		st.end()
		for _, name := range []string{"Content-Type", "Cache-Control", "X-Accel-Buffering", "Date", "Connection", "Transfer-Encoding"} {
			header.Del(name)
		}
		return &submission.Error{Code: errNoStream.Code, Message: errNoStream.Message, Err: err}
	}
	st.mu.Lock()
	st.conn = conn
	over := st.over
	st.mu.Unlock()
	if over {
		_ = conn.Close()
		return nil
	}
	h := st.hub
	h.mu.Lock()
	h.streams[st] = struct{}{}
	h.mu.Unlock()
	st.written.Store(time.Now().UnixNano())
	if _, err := st.writeAll(head.Bytes()); err != nil || !st.place.endWith(func(bool) { st.end() }) {
		st.end()
		return nil
	}
	go st.watch()
	return nil
}

// watch waits for the client to go.
func (st *stream) watch() {
	buffer := make([]byte, 16)
	for total := 0; total < unasked; {
		n, err := st.conn.Read(buffer)
		if err != nil {
			break
		}
		total += n
	}
	st.end()
}

// end closes the stream for good. It may be called more than once, and before the stream is open.
func (st *stream) end() {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return
	}
	st.over, st.closed, st.letters = true, true, nil
	conn := st.conn
	st.mu.Unlock()
	if st.listener != nil {
		st.listener.close()
	}
	if st.journal != nil {
		st.journal.leave(st, time.Now())
	}
	if conn != nil {
		_ = conn.Close()
	}
	h := st.hub
	h.mu.Lock()
	delete(h.streams, st)
	h.mu.Unlock()
	st.place.leave()
}

func (st *stream) hear(event submission.Event) {
	st.put(letter{kind: news, at: time.Now(), event: event})
}

func (st *stream) overflow() {
	st.hub.Observer.Dropped("slow")
	go st.end()
}

func (st *stream) read(l letter) bool {
	if l.kind == gap {
		go st.catchUp(nil, st.said.at, mark{l.epoch, 0, l.at})
		return false
	}
	text, final, err := st.compose(l)
	switch {
	case err != nil:
		if !gone(err) {
			st.hub.Log.Warn("a live stream ends for want of the store", "error", err)
		}
		st.end()
		return true
	case text == nil:
		return true
	}
	return st.send(text, final, l.at)
}

// compose gives the text of a letter; nil: there is nothing to say. After final, nothing comes.
func (st *stream) compose(l letter) (text []byte, final bool, err error) {
	if l.kind == beat {
		return []byte(": alive\n\n"), false, nil
	}
	state, sub, err := st.hub.look(st.account, l.event)
	if err != nil {
		if st.token == "" && gone(err) {
			err = nil // it was deleted meanwhile
		}
		return nil, false, err
	}
	name, data := st.hub.say(l.event.Token, state, sub)
	if st.token == "" {
		st.said.number, st.said.at = l.number, l.at
		text, err = event(st.said.String(), name, data)
		return text, false, err
	}
	if state <= st.last {
		return nil, false, nil
	}
	st.last = state
	text, err = event(strconv.Itoa(int(state)), name, data)
	return text, state == submission.Finished, err
}

// send writes without waiting for the client. If the client's buffers are full, it gives false, and
// the rest is written aside.
func (st *stream) send(text []byte, final bool, at time.Time) bool {
	text = st.chunk(text, final)
	n, err := st.try(text)
	switch {
	case err != nil:
		st.end()
		return true
	case n == len(text):
		st.sent(final, at)
		return true
	}
	go func() {
		if _, err := st.writeAll(text[n:]); err != nil {
			if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
				st.hub.Observer.Dropped("slow")
			}
			st.end()
		} else {
			st.sent(final, at)
		}
		st.resume()
	}()
	return false
}

func isTimeout(err error) bool {
	var fault net.Error
	return errors.As(err, &fault) && fault.Timeout()
}

func (st *stream) sent(final bool, at time.Time) {
	now := time.Now()
	st.written.Store(now.UnixNano())
	if !at.IsZero() {
		st.hub.Observer.Delivered(now.Sub(at))
	}
	if final {
		st.end()
	}
}

func (st *stream) chunk(text []byte, final bool) []byte {
	if !st.chunked {
		return text
	}
	framed := make([]byte, 0, len(text)+24)
	framed = strconv.AppendInt(framed, int64(len(text)), 16)
	framed = append(append(append(framed, "\r\n"...), text...), "\r\n"...)
	if final {
		framed = append(framed, "0\r\n\r\n"...)
	}
	return framed
}

// try writes what the system takes at once.
func (st *stream) try(text []byte) (n int, err error) {
	direct, ok := st.conn.(syscall.Conn)
	if !ok {
		return 0, nil
	}
	raw, err := direct.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fault error
	err = raw.Write(func(fd uintptr) bool {
		for {
			n, fault = syscall.Write(int(fd), text)
			if !errors.Is(fault, syscall.EINTR) {
				return true
			}
		}
	})
	if err == nil && !errors.Is(fault, syscall.EAGAIN) {
		err = fault
	}
	return max(n, 0), err
}

// writeAll waits for the client for writeLimit at most.
func (st *stream) writeAll(text []byte) (int, error) {
	_ = st.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	n, err := st.conn.Write(text)
	_ = st.conn.SetWriteDeadline(time.Time{})
	return n, err
}

// catchUp tells an account's stream what it missed: entries, or what the store knows since a time.
// Then it says up to where the stream is told, and lets the letters that wait follow.
func (st *stream) catchUp(missed []entry, since time.Time, at mark) {
	h := st.hub
	h.replays <- struct{}{}
	defer func() { <-h.replays }()
	var err error
	if !since.IsZero() {
		err = st.replayStore(since, at)
	} else {
		err = st.replayEntries(missed, at.epoch)
	}
	st.said = at
	if err == nil {
		var text []byte
		if text, err = event(at.String(), "ready", struct{}{}); err == nil {
			_, err = st.writeAll(st.chunk(text, false))
		}
	}
	if err != nil {
		if isTimeout(err) {
			h.Observer.Dropped("slow")
		}
		st.end()
	}
	st.resume()
}

func (st *stream) replayEntries(missed []entry, epoch string) error {
	st.said = mark{epoch: epoch}
	for _, e := range missed {
		text, _, err := st.compose(letter{kind: news, at: e.at, number: e.number, event: submission.Event{Token: e.token, State: e.state}})
		if err != nil {
			return err
		}
		if text == nil {
			continue
		}
		if _, err := st.writeAll(st.chunk(text, false)); err != nil {
			return err
		}
	}
	return nil
}

func (st *stream) replayStore(since time.Time, at mark) error {
	h := st.hub
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	defer cancel()
	subs, all, err := h.Changed(ctx, st.account, since.Add(-slack))
	if err != nil {
		return fmt.Errorf("read what changed: %w", err)
	}
	// The id of what is told from the store leads back to the store.
	id := mark{epoch: "t", at: since}
	if !all {
		text, err := event(id.String(), "reset", struct {
			Message string `json:"message"`
		}{"more was missed than is told here: read the list of submissions"})
		if err != nil {
			return err
		}
		if _, err := st.writeAll(st.chunk(text, false)); err != nil {
			return err
		}
	}
	changed := func(sub *submission.Submission) time.Time {
		if sub.State != submission.Finished || sub.UpdatedAt == nil {
			return at.at // comes last
		}
		return *sub.UpdatedAt
	}
	slices.SortStableFunc(subs, func(a, b *submission.Submission) int { return changed(a).Compare(changed(b)) })
	for _, sub := range subs {
		state, sub, err := h.look(st.account, submission.Event{Token: sub.Token, Submission: sub})
		if err != nil {
			return err
		}
		if when := changed(sub); when.After(id.at) {
			id.at = when
		}
		name, data := h.say(sub.Token, state, sub)
		text, err := event(id.String(), name, data)
		if err != nil {
			return err
		}
		if _, err := st.writeAll(st.chunk(text, false)); err != nil {
			return err
		}
	}
	return nil
}
