package live

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// Options are the parts of a Hub; all are needed.
type Options struct {
	Bus         *Bus
	Connections *Connections
	Observer    Observer
	Log         *slog.Logger
	// Job gives the JSON form of a submission that has ended.
	Job func(*submission.Submission) any
	// Get reads a submission without the texts of its program; submission.ErrNotFound where it is not
	// the account's.
	Get func(ctx context.Context, account, token string) (*submission.Submission, error)
	// Changed gives the submissions of an account that changed at or after a time or have not ended, and
	// whether these are all of them.
	Changed func(ctx context.Context, account string, since time.Time) (subs []*submission.Submission, all bool, err error)
	// Authenticate tells which account may listen with a token that a Socket.IO client gives, or else
	// with what its request says.
	Authenticate func(ctx context.Context, credentials Credentials, token string) (account string, as Credentials, err error)
}

// Visitor is who opens a connection.
type Visitor struct {
	Account     string
	Credentials Credentials
}

// The times and bounds of connections.
const (
	keepAlive  = 15 * time.Second // how often a silent stream says that it is alive
	writeLimit = 10 * time.Second // how long a client may take to accept what is written
	readLimit  = 10 * time.Second // how long the store may take
	replays    = 8                // how many streams are told what they missed at once
)

// Hub serves live connections, between New and Stop.
type Hub struct {
	Options
	pool    *pool
	replays chan struct{}
	sockets *sockets

	mu      sync.Mutex
	streams map[*stream]struct{}
}

// NewHub makes a Hub. Keep looks after its streams.
func NewHub(options Options) *Hub {
	h := &Hub{Options: options, pool: newPool(), replays: make(chan struct{}, replays), streams: map[*stream]struct{}{}}
	h.sockets = newSockets(h)
	return h
}

// Keep sends signs of life to those who hear nothing else, and forgets what nobody comes back to, until ctx ends.
func (h *Hub) Keep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			h.beat(now)
			h.Bus.journals.forget(now)
		case <-ctx.Done():
			return
		}
	}
}

func (h *Hub) beat(now time.Time) {
	before := now.Add(-keepAlive).UnixNano()
	h.mu.Lock()
	defer h.mu.Unlock()
	for st := range h.streams {
		if st.written.Load() <= before {
			st.put(letter{kind: beat})
		}
	}
}

// Stop ends all connections. It is called once, after which none is let in.
func (h *Hub) Stop() {
	h.Connections.Stop()
	h.sockets.stop()
	h.pool.stop()
}

func (h *Hub) get(account, token string) (*submission.Submission, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	defer cancel()
	return h.Get(ctx, account, token)
}

// look gives what an event tells: the state, and the submission where it has ended. A client is told
// Forwarded as Queued: In Queue.
func (h *Hub) look(account string, event submission.Event) (submission.State, *submission.Submission, error) {
	sub, state := event.Submission, event.State
	if sub == nil && (state == submission.Finished || state == submission.Unknown) {
		var err error
		if sub, err = h.get(account, event.Token); err != nil {
			return state, nil, err
		}
	}
	if sub != nil {
		state = sub.State
	}
	if state == submission.Forwarded {
		state = submission.Queued
	}
	return state, sub, nil
}

// say gives the name and the content of the event that tells a state.
func (h *Hub) say(token string, state submission.State, sub *submission.Submission) (name string, data any) {
	switch state {
	case submission.Finished:
		return "result", h.Job(sub)
	case submission.Processing:
		return "status", progress{token, api.StatusOf(api.Processing)}
	default:
		return "status", progress{token, api.StatusOf(api.InQueue)}
	}
}

// progress is the content of an event "status".
type progress struct {
	JobID  string     `json:"jobId"`
	Status api.Status `json:"status"`
}

// event gives the text of a Server-Sent Event.
func event(id, name string, data any) ([]byte, error) {
	content, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(id)+len(name)+len(content)+32)
	text = append(append(append(text, "id: "...), id...), "\nevent: "...)
	text = append(append(append(text, name...), "\ndata: "...), content...)
	return append(text, "\n\n"...), nil
}

func gone(err error) bool {
	var fault *submission.Error
	return errors.As(err, &fault) && fault.Code == submission.NotFound
}
