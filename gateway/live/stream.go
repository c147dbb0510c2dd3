package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// KeepAlive is how often a silent stream says that it is alive.
const KeepAlive = 15 * time.Second

// writeLimit is how long a client may take to accept one event before it is dropped.
const writeLimit = 10 * time.Second

// Streams serves Server-Sent Events, up to a bounded number at once.
type Streams struct {
	Most   int64                            // streams at once
	Job    func(*submission.Submission) any // the JSON form of a result
	Reload func(context.Context, *submission.Submission) (*submission.Submission, error)
	Tick   func(time.Duration) (<-chan time.Time, func())

	open    atomic.Int64
	stopped chan struct{}
}

// NewStreams makes Streams. job gives the JSON form of a submission that has ended; reload reads a
// submission anew, for a listener that the bus dropped.
func NewStreams(most int, job func(*submission.Submission) any, reload func(context.Context, *submission.Submission) (*submission.Submission, error)) *Streams {
	return &Streams{
		Most: int64(most), Job: job, Reload: reload, stopped: make(chan struct{}),
		Tick: func(every time.Duration) (<-chan time.Time, func()) {
			t := time.NewTicker(every)
			return t.C, t.Stop
		},
	}
}

// Open tells how many streams are open.
func (s *Streams) Open() int64 { return s.open.Load() }

// Stop ends all streams. It must be called once.
func (s *Streams) Stop() { close(s.stopped) }

// Enter takes a place among the streams; the caller gives it back with the returned function.
func (s *Streams) Enter() (leave func(), err error) {
	if s.open.Add(1) > s.Most {
		s.open.Add(-1)
		return nil, &submission.Error{Code: submission.Unavailable, Message: "too many live streams are open", RetryAfter: 5 * time.Second}
	}
	return func() { s.open.Add(-1) }, nil
}

// Serve writes the present state of sub, then each new one until it has ended, the client is gone
// or Stop was called. The ids of events are the states' numbers, so a client that comes back is
// told the present state and misses nothing.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, sub *submission.Submission, listener submission.Subscription) {
	out := &stream{w: w, control: http.NewResponseController(w), job: s.Job, last: -1}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform")
	header.Set("X-Accel-Buffering", "no")
	_ = out.control.SetReadDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	if out.show(sub) != nil {
		return
	}
	tick, stop := s.Tick(KeepAlive)
	defer stop()
	for out.last < submission.Finished {
		var err error
		select {
		case event, open := <-listener.Events():
			sub, err = s.next(r.Context(), sub, event, open)
			if err == nil {
				err = out.show(sub)
			}
			if !open {
				// Without a listener there is nothing more to come.
				return
			}
		case <-tick:
			err = out.write(": alive\n\n")
		case <-r.Context().Done():
			return
		case <-s.stopped:
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *Streams) next(ctx context.Context, sub *submission.Submission, event submission.Event, open bool) (*submission.Submission, error) {
	if open && event.Submission != nil {
		return event.Submission, nil
	}
	return s.Reload(ctx, sub)
}

// stream is one response.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	job     func(*submission.Submission) any
	last    submission.State // of the event sent last; -1: none yet
}

// show writes the event of the submission's state, unless one of that state or a later was sent.
func (s *stream) show(sub *submission.Submission) error {
	state := sub.State
	if state == submission.Forwarded {
		state = submission.Queued // the same to a client: In Queue
	}
	if state <= s.last {
		return nil
	}
	s.last = state
	name, data := "status", any(struct {
		JobID  string     `json:"jobId"`
		Status api.Status `json:"status"`
	}{sub.Token, api.StatusOf(sub.Status)})
	if state == submission.Finished {
		name, data = "result", s.job(sub)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", state, name, text))
}

func (s *stream) write(text string) error {
	// Without a deadline a client that reads nothing would hold the stream for ever.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
