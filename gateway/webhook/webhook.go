// Package webhook calls clients back: a signed PUT of the result to the callback_url of a submission.
//
// It promises that a result which is stored is delivered at least once, or given up and listed as such
// after a day of attempts, whatever restarts come in between; that of several gateways on a store one
// makes an attempt; that no request goes to a private, loopback or link-local address, checked when the
// connection is made so that a name can't resolve to something else afterwards; that redirects are not
// followed; and that a slow or dead receiver holds up no result and no other receiver.
//
// Deliveries come to be with results, in the store. A receiver gets one twice where it took the first
// and the gateway died before it had noted that.
package webhook

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// The headers by which a receiver knows that a call is genuine: see Sign.
const (
	TimestampHeader = "X-Sandgate-Timestamp"
	SignatureHeader = "X-Sandgate-Signature"
)

// Options are the parts and bounds of a Sender. Zero durations and numbers get defaults.
type Options struct {
	Store        Store
	Key          []byte // the secrets of accounts are derived from it
	AllowPrivate bool   // let deliveries go to any address: for tests and closed networks
	Log          *slog.Logger
	Now          func() time.Time
	Observe      func(outcome string) // delivered, retried, failed, deferred

	Timeout     time.Duration // of one call; 5 s
	Attempts    int           // before a delivery is given up; 10
	Backoff     time.Duration // after the first attempt; 10 s. It triples with each
	BackoffMost time.Duration // 12 h
	Poll        time.Duration // how often the store is searched for what is due; 1 s
	Lease       time.Duration // after which a delivery that was taken and not noted is due again; 1 min
	AtOnce      int           // calls at once; 256
	PerHost     int           // of them to one host; 4
	PerAccount  int           // deliveries of one account in memory; 128
}

func (o *Options) setDefaults() {
	for n, fallback := range map[*int]int{&o.Attempts: 10, &o.AtOnce: 256, &o.PerHost: 4, &o.PerAccount: 128} {
		if *n == 0 {
			*n = fallback
		}
	}
	for d, fallback := range map[*time.Duration]time.Duration{
		&o.Timeout: 5 * time.Second, &o.Backoff: 10 * time.Second, &o.BackoffMost: 12 * time.Hour, &o.Poll: time.Second, &o.Lease: time.Minute,
	} {
		if *d == 0 {
			*d = fallback
		}
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
}

const (
	// takenMost bounds the deliveries in memory.
	takenMost = 512
	// hostQueue bounds those of them that wait for one host.
	hostQueue = 64
	// deadAfter is how many calls in a row a host leaves without an answer before it counts as dead:
	// for a while, attempts then fail without a call.
	deadAfter = 3
	deadFor   = 15 * time.Second
	// A delivery whose host or account has too many in memory is looked at again when it can be expected
	// to have its turn, within these bounds.
	deferLeast = 500 * time.Millisecond
	deferMost  = 30 * time.Second
)

// Sender makes deliveries. Make it with New and end it with Stop.
type Sender struct {
	Options
	client  *http.Client
	wake    chan struct{}
	places  chan struct{} // calls at once
	taking  context.Context
	endTake context.CancelFunc
	calling context.Context
	endCall context.CancelFunc
	owned   sync.WaitGroup

	mu       sync.Mutex
	taken    int // deliveries in memory
	accounts map[string]int
	hosts    map[string]*host
}

// host is a receiver's machine that has deliveries in memory, or counts as dead.
type host struct {
	calls   int
	waiting []delivery
	put     int           // deliveries that were put off since none waited
	took    time.Duration // of a call, on average
	silent  int           // calls in a row that got no answer
	dead    time.Time
}

// delivery is a Due that was taken until a moment.
type delivery struct {
	Due
	host  string
	until time.Time
}

// New makes a Sender and starts to deliver.
func New(o Options) *Sender {
	o.setDefaults()
	dialer := &net.Dialer{Timeout: o.Timeout}
	if !o.AllowPrivate {
		dialer.Control = refusePrivate
	}
	s := &Sender{
		Options: o, wake: make(chan struct{}, 1), places: make(chan struct{}, o.AtOnce), accounts: map[string]int{}, hosts: map[string]*host{},
		client: &http.Client{
			Timeout: o.Timeout,
			// No proxy: behind one, the address that is dialled would not be the receiver's.
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSHandshakeTimeout: o.Timeout,
				MaxIdleConns: 64, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.taking, s.endTake = context.WithCancel(context.Background())
	s.calling, s.endCall = context.WithCancel(context.Background())
	s.owned.Go(s.run)
	return s
}

// Finished has the result of sub delivered at once, if its client asked for that: the store has the
// delivery already.
func (s *Sender) Finished(sub *submission.Submission) {
	if sub.CallbackURL != nil {
		s.look()
	}
}

func (s *Sender) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Deliveries lists those of an account.
func (s *Sender) Deliveries(ctx context.Context, account string, state DeliveryState, cursor string, limit int) ([]Delivery, string, error) {
	return s.Store.Deliveries(ctx, account, state, cursor, limit)
}

// Redeliver has a delivery made once more that was made or given up; one that is pending stays as it is.
func (s *Sender) Redeliver(ctx context.Context, account, token string) (Delivery, error) {
	d, err := s.Store.Redeliver(ctx, account, token, s.Now())
	if err == nil {
		s.look()
	}
	return d, err
}

// Backlog is what waits to be delivered.
type Backlog struct {
	Pending float64
	Late    time.Duration // how long the one has been due that is due longest
}

// Backlog asks the store; a store that can't tell shows no backlog here, and fails elsewhere.
func (s *Sender) Backlog() Backlog {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	now := s.Now()
	pending, oldest, err := s.Store.Backlog(ctx, now)
	switch {
	case err != nil:
		return Backlog{}
	case oldest.IsZero():
		return Backlog{Pending: float64(pending)}
	}
	return Backlog{float64(pending), now.Sub(oldest)}
}

// Secret gives the secret with which deliveries to an account are signed.
func (s *Sender) Secret(account string) string {
	key, err := hkdf.Key(sha256.New, s.Key, nil, "sandgate webhooks of "+account, sha256.Size)
	if err != nil {
		panic(err) // only for lengths that no digest has
	}
	return "whsec_" + hex.EncodeToString(key)
}

// Sign gives the values of the two headers for a body: the time in seconds since 1970, and "v1=" with
// the HMAC-SHA256 in hex of the timestamp, a dot and the body, keyed by the secret as it is shown.
func Sign(secret string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return timestamp, "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Stop takes nothing on any more, lets calls that are under way end until ctx does, and gives back what
// waits.
func (s *Sender) Stop(ctx context.Context) {
	s.endTake()
	ended := context.AfterFunc(ctx, s.endCall)
	s.owned.Wait()
	ended()
	s.endCall()
	s.client.CloseIdleConnections()
}

func (s *Sender) run() {
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	for {
		if err := s.take(); err != nil && s.taking.Err() == nil {
			s.Log.Error("deliveries that are due could not be read", "error", err)
		}
		select {
		case <-s.wake:
		case <-tick.C:
		case <-s.taking.Done():
			return
		}
	}
}

// take takes on what is due, as far as there is room.
func (s *Sender) take() error {
	const page = 100
	for s.taking.Err() == nil {
		s.mu.Lock()
		room := min(page, takenMost-s.taken)
		s.mu.Unlock()
		if room <= 0 {
			return nil
		}
		now := s.Now()
		until := now.Add(s.Lease)
		due, err := s.Store.TakeDue(s.taking, now, until, room)
		if err != nil {
			return err
		}
		for _, d := range due {
			s.admit(delivery{Due: d, host: hostOf(d.URL), until: until})
		}
		if len(due) < room {
			return nil
		}
	}
	return nil
}

// hostOf gives the name by which a receiver is told from others.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return strings.ToLower(u.Hostname())
	}
	return ""
}

// admit has d delivered now or when its host has a place, puts it off if its host or account has too
// many in memory, and counts it as failed if the host is dead.
func (s *Sender) admit(d delivery) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[d.host]
	if h == nil {
		h = &host{took: 100 * time.Millisecond}
		s.hosts[d.host] = h
	}
	s.taken++
	s.accounts[d.Account]++
	switch {
	case s.accounts[d.Account] > s.PerAccount || len(h.waiting) >= hostQueue:
		h.put++
		turn := time.Duration(len(h.waiting)+h.put) * h.took / time.Duration(s.PerHost)
		s.owned.Go(func() { s.putOff(d, now.Add(min(max(turn, deferLeast), deferMost))) })
	case now.Before(h.dead):
		s.owned.Go(func() { s.settle(d, 0, errDead) })
	case h.calls < s.PerHost:
		h.calls++
		s.owned.Go(func() { s.deliver(d) })
	default:
		h.waiting = append(h.waiting, d)
	}
}

// deliver makes d, and after it what waits for the same host.
func (s *Sender) deliver(d delivery) {
	for more := true; more; d, more = s.next(d.host) {
		s.places <- struct{}{}
		now := s.Now()
		switch {
		case s.taking.Err() != nil:
			s.putOff(d, now)
		case s.isDead(d.host):
			s.settle(d, 0, errDead)
		case now.Add(s.Timeout).After(d.until):
			s.release(d) // it is due again before this call ends: whoever takes it then makes it
		default:
			status, err := s.put(s.calling, d, now)
			s.heard(d.host, s.Now().Sub(now), status, err)
			if s.calling.Err() != nil && err != nil {
				s.putOff(d, now)
			} else {
				s.settle(d, status, err)
			}
		}
		<-s.places
	}
}

// next gives what waits for a host, or gives its place back.
func (s *Sender) next(name string) (d delivery, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[name]
	if len(h.waiting) > 0 {
		d, h.waiting = h.waiting[0], h.waiting[1:]
		return d, true
	}
	h.calls--
	h.put = 0
	if h.calls == 0 && h.silent == 0 {
		delete(s.hosts, name)
	}
	return d, false
}

var errDead = errors.New("not tried: the receiver's host left the last calls without an answer")

func (s *Sender) isDead(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Now().Before(s.hosts[name].dead)
}

// heard notes whether a host answered.
func (s *Sender) heard(name string, took time.Duration, status int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[name]
	h.took += (took - h.took) / 8
	if err == nil || status != 0 || errors.Is(err, errPrivate) || errors.Is(err, errAddress) || s.calling.Err() != nil {
		h.silent = 0
		return
	}
	if h.silent++; h.silent >= deadAfter {
		h.dead = s.Now().Add(deadFor)
	}
}

// release forgets a delivery in memory.
func (s *Sender) release(d delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.accounts[d.Account]--; s.accounts[d.Account] == 0 {
		delete(s.accounts, d.Account)
	}
	now := s.Now()
	if len(s.hosts) > takenMost {
		for name, h := range s.hosts { // those that were dead once and are not asked for any more
			if h.calls == 0 && !now.Before(h.dead) {
				delete(s.hosts, name)
			}
		}
	}
}

// putOff gives a delivery back that was not tried.
func (s *Sender) putOff(d delivery, due time.Time) {
	d.DueAt = due
	s.Observe("deferred")
	s.note(d)
}

// settle notes how an attempt went, and when the next is due.
func (s *Sender) settle(d delivery, status int, err error) {
	now := s.Now()
	d.Attempts++
	d.LastStatus, d.LastError, d.UpdatedAt = status, "", now
	outcome := "delivered"
	switch {
	case err == nil:
		d.State = Delivered
	case d.Attempts >= s.Attempts || errors.Is(err, errPrivate) || errors.Is(err, errAddress) || errors.Is(err, errGone):
		d.State, outcome = GivenUp, "failed"
		s.Log.Warn("a webhook could not be delivered", "token", d.Token, "attempts", d.Attempts, "error", err)
	default:
		d.DueAt, outcome = now.Add(s.pause(d.Attempts)), "retried"
	}
	if err != nil {
		d.LastError = plain(err)
	}
	s.note(d)
	s.Observe(outcome)
}

// pause is the time after an attempt, with jitter so that what failed together does not come back as one.
func (s *Sender) pause(attempts int) time.Duration {
	pause := s.Backoff
	for range attempts - 1 {
		pause = min(3*pause, s.BackoffMost)
	}
	return pause*4/5 + rand.N(pause*2/5+1)
}

// note stores what became of a delivery. If that fails it is due again when the lease ends.
func (s *Sender) note(d delivery) {
	defer s.release(d)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Store.Note(ctx, d.Delivery); err != nil {
		s.Log.Error("a delivery could not be noted; it will be made again", "token", d.Token, "error", err)
	}
}

var errGone = errors.New("the submission is gone")

// put makes an attempt. It gives the receiver's status; 0: there was no answer.
func (s *Sender) put(ctx context.Context, d delivery, now time.Time) (int, error) {
	if d.Submission == nil {
		return 0, errGone
	}
	body, err := d.Submission.Render(api.DefaultFields(), true, api.Language{})
	if err != nil {
		return 0, fmt.Errorf("write the result: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, d.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errAddress
	}
	timestamp, signature := Sign(s.Secret(d.Account), now, body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sandgate")
	request.Header.Set(TimestampHeader, timestamp)
	request.Header.Set(SignatureHeader, signature)
	response, err := s.client.Do(request)
	if err != nil {
		return 0, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return response.StatusCode, refusal(response.StatusCode)
	}
	return response.StatusCode, nil
}
