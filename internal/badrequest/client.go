package badrequest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// answerTime is how long an answer may take, what it runs included, on a busy machine.
	answerTime = 10 * time.Second
	// streamTime is how long a stream is listened to.
	streamTime = 50 * time.Millisecond
)

// Client sends requests and judges the answers.
type Client struct {
	target    Target
	transport *http.Transport

	mu     sync.Mutex
	tokens []string // some that were answered
	next   int
}

// NewClient makes a client for a target, whose Token it sets if there is none.
func NewClient(target Target) *Client {
	c := &Client{target: target, transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
	if target.Token == nil {
		c.target.Token = c.token
	}
	return c
}

// Close closes the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (c *Client) token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) == 0 {
		return ""
	}
	return c.tokens[c.next%len(c.tokens)]
}

// Send sends the request of a seed. It fails where there is no answer in time, or one that tells of
// a fault of the server: any 5xx but a 503 that says why in JSON.
func (c *Client) Send(seed uint64, raw []byte) error {
	r := New(c.target, seed, raw)
	stream := strings.Contains(r.URL.Opaque, "/events") || strings.Contains(r.URL.Opaque, "/socket.io")
	patience := answerTime
	if stream {
		patience = streamTime
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	what := fmt.Sprintf("%s %s %.300q", r.Method, r.URL.Opaque, r.URL.RawQuery)
	response, err := c.transport.RoundTrip(r.WithContext(ctx))
	switch {
	case err != nil && stream && errors.Is(err, context.DeadlineExceeded):
		return nil
	case err != nil && strings.HasPrefix(err.Error(), "net/http: "), err != nil && strings.Contains(err.Error(), "invalid header field"):
		return nil // what can't be sent
	case err != nil:
		return fmt.Errorf("%s: no answer: %w", what, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil && !(stream && errors.Is(err, context.DeadlineExceeded)) {
		return fmt.Errorf("%s: the answer breaks off: %w", what, err)
	}
	if response.StatusCode >= 500 && !deliberate(response.StatusCode, body) {
		return fmt.Errorf("%s: %s %.300q", what, response.Status, body)
	}
	c.learn(body)
	return nil
}

// deliberate tells a server that is full from one that fails.
func deliberate(status int, body []byte) bool {
	var said struct{ Error, Detail, Title string }
	return status == http.StatusServiceUnavailable && json.Unmarshal(body, &said) == nil && said.Error+said.Detail+said.Title != ""
}

// keptTokens bounds the tokens that are used again.
const keptTokens = 64

// learn takes the token out of an answer, to ask for it later.
func (c *Client) learn(body []byte) {
	var said struct{ Token, JobID string }
	if len(body) > 4096 || json.Unmarshal(body, &said) != nil || said.Token+said.JobID == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	if len(c.tokens) < keptTokens {
		c.tokens = append(c.tokens, said.Token+said.JobID)
		return
	}
	c.tokens[c.next%keptTokens] = said.Token + said.JobID
}

// Faults is a log that keeps what tells of a fault of the server: a request must not be able to make
// one.
type Faults struct {
	mu   sync.Mutex
	list []string
}

// Logger gives a logger whose errors are kept.
func (f *Faults) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelError}))
}

// Write takes a line of the log.
func (f *Faults) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, string(line))
	return len(line), nil
}

// Take gives what was logged since it was last called.
func (f *Faults) Take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.list
	f.list = nil
	return list
}
