package worker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
)

// The events that a callback may tell of.
const (
	eventStarted  = "started"
	eventFinished = "finished"
)

// CallbackOptions tune Callbacks. Tries and Timeout are CALLBACKS_MAX_TRIES and CALLBACKS_TIMEOUT.
type CallbackOptions struct {
	Tries       int
	Timeout     time.Duration
	Concurrency int // requests at a time; 0: 64
	Pending     int // callbacks that may wait to be sent or sent again; 0: 8192
	Languages   api.Languages
	Metrics     *metrics.Metrics
	Logger      *slog.Logger
	Backoff     func(n int) time.Duration // the wait after n failed tries; nil: 0.5 s, doubling, at most 30 s
}

// Callbacks sends a submission to its callback_url by PUT, as JSON in Base64, when it has
// finished: the default fields, once more after a wait for every answer that isn't 2xx, up to
// Tries. Redirects are not followed. A query parameter in the URL may ask for more than Judge0
// has: judge0_fields=… picks the fields, judge0_events=started sends them also when the run
// starts, once, and before those of the end. With judge0_started_after=… (milliseconds) a run that
// ends sooner is told of by its end alone.
//
// Sending has its own goroutines and a bound of its own, so that a slow receiver delays nobody
// else's run. What exceeds the bound is dropped and counted; the result itself is in the store.
type Callbacks struct {
	o       CallbackOptions
	client  *http.Client
	queue   chan *delivery
	pending atomic.Int64
	idle    chan struct{} // gets a token when nothing is pending

	ctx     context.Context // ends when what is left is to be given up
	stop    context.CancelFunc
	senders sync.WaitGroup
}

type delivery struct {
	s      *api.Submission
	event  string
	fields api.Fields
	after  <-chan struct{} // must be closed before this is sent; may be nil
	done   chan struct{}   // is closed when this was dealt with; may be nil
	tries  int
}

// NewCallbacks makes a sender that does nothing until Start.
func NewCallbacks(o CallbackOptions) *Callbacks {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.Pending <= 0 {
		o.Pending = 8192
	}
	if o.Backoff == nil {
		o.Backoff = func(n int) time.Duration { return min(30*time.Second, 500*time.Millisecond<<min(n-1, 10)) }
	}
	dialer := &net.Dialer{Timeout: o.Timeout}
	c := &Callbacks{
		o: o,
		client: &http.Client{
			Timeout: o.Timeout,
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSHandshakeTimeout: o.Timeout,
				MaxIdleConns: 2 * o.Concurrency, MaxIdleConnsPerHost: o.Concurrency, IdleConnTimeout: 60 * time.Second,
				DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		queue: make(chan *delivery, o.Pending),
		idle:  make(chan struct{}, 1),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Start begins to send.
func (c *Callbacks) Start() {
	for range c.o.Concurrency {
		c.senders.Go(func() {
			for {
				select {
				case d := <-c.queue:
					c.send(d)
				case <-c.ctx.Done():
					return
				}
			}
		})
	}
}

// Stop waits until nothing is left to send, or until ctx ends. No submission may start or finish
// any more.
func (c *Callbacks) Stop(ctx context.Context) error {
	var err error
wait:
	for c.pending.Load() > 0 {
		select {
		case <-c.idle:
		case <-ctx.Done():
			err = fmt.Errorf("%d callbacks were given up: %w", c.pending.Load(), ctx.Err())
			break wait
		}
	}
	c.stop()
	c.senders.Wait()
	c.client.CloseIdleConnections()
	return err
}

// Pending tells how many callbacks wait to be sent or sent again.
func (c *Callbacks) Pending() int { return int(c.pending.Load()) }

// Started tells of s that its run starts, if its callback_url asks for it, and gives the function
// that tells of its end. Without a callback_url both do nothing.
func (c *Callbacks) Started(s *api.Submission) (finished func(*api.Submission)) {
	fields, started, after, ok := c.wanted(s)
	if !ok {
		return func(*api.Submission) {}
	}
	if !started {
		return func(s *api.Submission) { c.add(&delivery{s: s, event: eventFinished, fields: fields}) }
	}
	told := make(chan struct{})
	var once sync.Once // of the two that the end and the timer race for: to tell, or that there is nothing to tell
	tell := func() { once.Do(func() { c.add(&delivery{s: s, event: eventStarted, fields: fields, done: told}) }) }
	var timer *time.Timer
	if after > 0 {
		timer = time.AfterFunc(after, tell)
	} else {
		tell()
	}
	return func(s *api.Submission) {
		if timer != nil {
			timer.Stop()
		}
		once.Do(func() { close(told) })
		c.add(&delivery{s: s, event: eventFinished, fields: fields, after: told})
	}
}

// startedAfterMost bounds how long the news of a start may be held back.
const startedAfterMost = time.Minute

// wanted reads what a callback_url asks for beyond Judge0's. Fields that don't exist are as good as
// none: there is nobody to tell.
func (c *Callbacks) wanted(s *api.Submission) (fields api.Fields, started bool, after time.Duration, ok bool) {
	if s.CallbackURL == nil || *s.CallbackURL == "" {
		return nil, false, 0, false
	}
	fields = api.DefaultFields()
	u, err := url.Parse(*s.CallbackURL)
	if err != nil || u.RawQuery == "" {
		return fields, false, 0, true
	}
	query := u.Query()
	if picked, err := api.ParseFields(query.Get("judge0_fields")); err == nil {
		fields = picked
	}
	if ms, err := strconv.Atoi(query.Get("judge0_started_after")); err == nil && ms > 0 {
		after = min(time.Duration(ms)*time.Millisecond, startedAfterMost)
	}
	return fields, slices.Contains(strings.Split(query.Get("judge0_events"), ","), eventStarted), after, true
}

func (c *Callbacks) add(d *delivery) {
	if n := c.pending.Add(1); n > int64(c.o.Pending) {
		c.settle(d, "dropped")
		c.o.Logger.Warn("a callback was dropped: too many wait", "token", d.s.Token, "event", d.event)
		return
	}
	c.queue <- d // has room for all that are pending
}

// settle ends a delivery, whichever way.
func (c *Callbacks) settle(d *delivery, outcome string) {
	c.o.Metrics.Callback(d.event, outcome)
	if d.done != nil {
		close(d.done)
	}
	if c.pending.Add(-1) == 0 {
		select {
		case c.idle <- struct{}{}:
		default:
		}
	}
}

func (c *Callbacks) send(d *delivery) {
	if d.after != nil {
		// The queue keeps order, so the earlier event is being sent by now, and that ends.
		<-d.after
		d.after = nil
	}
	d.tries++
	err := c.put(d)
	switch {
	case err == nil:
		c.settle(d, "delivered")
	case d.event != eventFinished || d.tries >= c.o.Tries || c.ctx.Err() != nil:
		c.o.Logger.Warn("a callback failed", "token", d.s.Token, "event", d.event, "tries", d.tries, "error", err)
		c.settle(d, "failed")
	default:
		c.o.Metrics.Callback(d.event, "retried")
		// No sender waits for this. After Stop the queue is not read any more, and has room still.
		time.AfterFunc(c.o.Backoff(d.tries), func() { c.queue <- d })
	}
}

func (c *Callbacks) put(d *delivery) error {
	language, _ := c.o.Languages.Get(d.s.LanguageID)
	body, err := d.s.Render(d.fields, true, language)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(c.ctx, http.MethodPut, *d.s.CallbackURL, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sandgate")
	response, err := c.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	// A short answer is read to its end so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %s", response.Status)
	}
	return nil
}

// withoutURL takes the address out of an error: it may hold a secret.
func withoutURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
