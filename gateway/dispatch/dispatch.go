// Package dispatch carries submissions to the pool, stored or being stored, and brings their results back.
//
// It promises that every stored submission ends, whatever fails in between: what the pool can't
// take waits, in order; what went quiet is asked after; what the pool has lost is forwarded again;
// what a stopped gateway left unfinished is taken up at the next start, or by another gateway on the
// same store. A result is recorded once, by the store's compare-and-set, and announced after it is
// recorded. What the pool breaks on time and again, while it takes others, ends as Internal Error and
// holds nobody up. Accounts take turns: what one of them has waiting does not hold up another's. The
// pool may run a program twice where a call broke off halfway and the engine does not honour
// idempotency keys.
//
// Checking and storing submissions is left to package submission, delivering results to clients to
// packages live and webhook.
package dispatch

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// Store is what a Dispatcher keeps its work in.
type Store interface {
	// Load gives those of tokens that exist.
	Load(ctx context.Context, tokens ...string) (map[string]*submission.Submission, error)
	// Forwarded notes engine tokens by token, but for submissions that have ended.
	Forwarded(ctx context.Context, engineTokens map[string]string) error
	// Begin notes that a submission is Processing; false if that was known, or it has ended.
	Begin(ctx context.Context, sub *submission.Submission) (bool, error)
	// Finish stores a result durably; false if there is one already. What the client is owed, a call of its
	// callback_url, is stored in the same write.
	Finish(ctx context.Context, sub *submission.Submission) (bool, error)
	// Unfinished lists what has not ended of an owner, in the order of Seq and Token, after the given one.
	Unfinished(ctx context.Context, owner string, after submission.Pending, limit int) ([]submission.Pending, error)
	// Alive says that a gateway is alive until then.
	Alive(ctx context.Context, gateway string, until time.Time) error
	// Adopt makes gateway the owner of what has not ended and whose owner is not alive, and lists it:
	// each is given to one gateway only.
	Adopt(ctx context.Context, gateway string, now time.Time, limit int) ([]submission.Pending, error)
	// Leave says that a gateway is gone: its work may be adopted at once.
	Leave(ctx context.Context, gateway string) error
}

// Publisher announces new states.
type Publisher interface {
	Publish(submission.Event)
}

// Observer counts what a Dispatcher does.
type Observer interface {
	Dispatched(outcome string, n int) // taken, refused, full, down, unsure, lost, stuck
	Callback(outcome string)          // started, finished, duplicate, forged, unknown, failed
}

// Options are the parts and bounds of a Dispatcher. Zero durations and numbers get defaults.
type Options struct {
	Store        Store
	Engine       submission.Engine
	Catalogue    submission.Catalogue
	Bus          Publisher
	Observer     Observer
	Finished     func(*submission.Submission) // called once for each result, after it is recorded
	Instance     string                       // the name of this gateway among those of the store: the Owner of its submissions
	CallbackBase string                       // the URL under which the engine reaches this gateway
	Key          []byte                       // of the HMAC in callback addresses
	Log          *slog.Logger
	Now          func() time.Time

	// QueueLimit is how many submissions may wait for the pool; 10,000. The last tenth of it is kept for
	// accounts that have less than a hundredth of it waiting.
	QueueLimit int
	// PoolWindow is how many submissions the pool may have at most; 1,000. Within that bound, and that
	// of the pool's own queue, as many are sent ahead as the pool ends in about half a second.
	PoolWindow int
	// WindowLeast is how many are sent ahead in any case; 8 for each worker of the pool.
	WindowLeast int
	// AccountInFlight is how many of them may be of one account; 0: three quarters of what the pool is
	// sent at present.
	AccountInFlight int

	Forwarders     int           // calls to the pool at once; 8
	BatchBytes     int           // programs of a batch, in bytes; 4 MiB
	MemoryBytes    int           // programs kept in memory until they end, in bytes; 256 MiB
	CallTimeout    time.Duration // of handing over; 20 s
	BackoffFirst   time.Duration // 50 ms
	BackoffMost    time.Duration // 3 s
	Grace          time.Duration // silence after which the pool is asked; 10 s
	UnsureGrace    time.Duration // silence after which a broken-off call is repeated; 10 s
	ReconcileEvery time.Duration // 2 s
	SweepEvery     time.Duration // how often the store is searched for what memory lacks; 30 s
	AliveFor       time.Duration // without a sign of life, others adopt what this gateway carries; 30 s
}

func (o *Options) setDefaults() {
	number := func(n *int, fallback int) {
		if *n == 0 {
			*n = fallback
		}
	}
	duration := func(d *time.Duration, fallback time.Duration) {
		if *d == 0 {
			*d = fallback
		}
	}
	number(&o.QueueLimit, 10_000)
	number(&o.PoolWindow, 1_000)
	number(&o.Forwarders, 8)
	number(&o.BatchBytes, 4<<20)
	number(&o.MemoryBytes, 256<<20)
	duration(&o.CallTimeout, 20*time.Second)
	duration(&o.BackoffFirst, 50*time.Millisecond)
	duration(&o.BackoffMost, 3*time.Second)
	duration(&o.Grace, 10*time.Second)
	duration(&o.UnsureGrace, 10*time.Second)
	duration(&o.ReconcileEvery, 2*time.Second)
	duration(&o.SweepEvery, 30*time.Second)
	duration(&o.AliveFor, 30*time.Second)
	if o.Instance == "" {
		o.Instance = "standalone"
	}
	o.CallbackBase = strings.TrimRight(o.CallbackBase, "/")
}

// Dispatcher is the submission.Dispatcher. Make it with New, run it between Start and Stop.
type Dispatcher struct {
	Options

	wake     chan struct{} // a forwarder is wanted
	record   chan struct{} // engine tokens wait to be stored
	stop     context.CancelFunc
	calling  context.Context // ends later than the forwarders: a call that is cut off may have been taken
	endCalls context.CancelFunc
	owned    sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	entries  map[string]*entry // all that this gateway carries
	queue    queue             // those of them that wait for the pool
	next     int64             // the number of the next entry
	held     int               // bytes of programs in memory
	batchCap int               // how many to hand over at once; less after the pool was full
	failures int               // calls that failed since the last that went well
	resume   time.Time         // no call before that while failures > 0
	took     int               // calls that went well
	probing  bool              // one forwarder tries whether the pool is back
	pending  map[string]string // engine tokens to store, by token
	suspects map[string]bool   // what the last sweep found and memory lacked
	alive    time.Time         // until when others know this gateway to be alive
	passed   time.Time         // when the latest was sent of what the pool has begun or ended
	unstored bool              // the last that was sent ahead could not be stored
}

// New makes a Dispatcher.
func New(options Options) *Dispatcher {
	options.setDefaults()
	calling, endCalls := context.WithCancel(context.Background())
	return &Dispatcher{
		calling: calling, endCalls: endCalls,
		Options: options,
		wake:    make(chan struct{}, options.Forwarders), record: make(chan struct{}, 1),
		entries: map[string]*entry{}, pending: map[string]string{}, suspects: map[string]bool{},
		batchCap: 1 << 20, queue: queue{lines: map[string]*line{}},
	}
}

// Owner names this gateway.
func (d *Dispatcher) Owner() string { return d.Instance }

// Start takes up what is unfinished in the store, and begins to forward.
func (d *Dispatcher) Start(ctx context.Context) error {
	if err := d.stayAlive(ctx); err != nil {
		return err
	}
	if err := d.takeUp(ctx); err != nil {
		return err
	}
	if err := d.adopt(ctx); err != nil {
		return err
	}
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	for range d.Forwarders {
		d.owned.Go(func() { d.forwardAll(ctx) })
	}
	d.owned.Go(func() { d.recordAll(ctx) })
	d.owned.Go(func() { d.reconcileAll(ctx) })
	d.owned.Go(func() { d.stayAliveAndAdopt(ctx) })
	d.signal(d.Forwarders)
	return nil
}

// Close refuses new submissions from now on.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// endCallsAfter is how long calls to the pool may go on after Stop.
const endCallsAfter = 3 * time.Second

// Stop ends forwarding and stores what it knows. What has not ended is taken up at the next start, or
// by another gateway.
func (d *Dispatcher) Stop() {
	d.Close()
	d.stop()
	calls := time.AfterFunc(endCallsAfter, d.endCalls)
	d.owned.Wait()
	calls.Stop()
	d.endCalls()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d.storeTokens(ctx)
	if err := d.Store.Leave(ctx, d.Instance); err != nil {
		d.Log.Warn("other gateways were not told that this one is gone; they will notice", "error", err)
	}
}

// Stats tells how much work there is.
type Stats struct {
	Waiting    int           // for the pool
	Unfinished int           // waiting, and in the pool
	InPool     int           // handed to the pool
	Window     int           // the most that it is handed at present
	Oldest     time.Duration // since the intake of the oldest that waits
	PoolAway   bool          // the last call to the pool failed
}

// Stats may be called at any time.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Waiting: d.queue.waiting, Unfinished: len(d.entries), InPool: d.queue.inPool, Window: d.queue.window, PoolAway: d.failures > 0}
	if since := d.queue.oldest(); !since.IsZero() {
		s.Oldest = d.Now().Sub(since)
	}
	return s
}

// Reserve makes room for n submissions of an account, or gives an error with the code QueueFull.
func (d *Dispatcher) Reserve(account string, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &submission.Error{Code: submission.Unavailable, Message: "the gateway is shutting down", RetryAfter: 5 * time.Second}
	}
	most, l := d.QueueLimit, d.queue.line(account)
	if l.waiting+n > d.QueueLimit/100 {
		most -= d.QueueLimit / 10
	}
	if d.queue.waiting+n > most {
		d.queue.tidy(l)
		return &submission.Error{Code: submission.QueueFull, Message: "queue is full", RetryAfter: 2 * time.Second}
	}
	d.queue.wait(l, n)
	return nil
}

// Release gives room back.
func (d *Dispatcher) Release(account string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue.wait(d.queue.line(account), -n)
}

// Dispatch takes over stored submissions for which room was reserved.
func (d *Dispatcher) Dispatch(subs ...*submission.Submission) {
	// Before the pool can have it, so that no later state is announced before this one.
	for _, sub := range subs {
		d.announceQueued(sub)
	}
	now := d.Now()
	d.mu.Lock()
	d.unstored = false
	for _, sub := range subs {
		d.enqueue(sub, now)
	}
	d.mu.Unlock()
	d.signal(1)
}

func (d *Dispatcher) announceQueued(sub *submission.Submission) {
	d.Bus.Publish(submission.Event{Token: sub.Token, Account: sub.Account, State: submission.Queued, Submission: sub})
}

// The methods from here on until forwardAll need d.mu.

func (d *Dispatcher) add(token, account string, now time.Time) *entry {
	e := &entry{seq: d.next, token: token, line: d.queue.line(account), index: -1, since: now}
	d.next++
	d.entries[token] = e
	return e
}

// enqueue has the pool get a submission that came in, for which room was reserved.
func (d *Dispatcher) enqueue(sub *submission.Submission, now time.Time) *entry {
	e := d.add(sub.Token, sub.Account, now)
	e.waits = true
	if d.fits(sub) {
		e.sub, e.held = sub, sub.Size()
		d.held += e.held
	}
	d.push(e)
	return e
}

// fits tells whether memory has room for a program.
func (d *Dispatcher) fits(sub *submission.Submission) bool { return d.held+sub.Size() <= d.MemoryBytes }

func (d *Dispatcher) push(e *entry) {
	e.state = submission.Queued
	d.queue.push(e)
	d.leave(e)
}

// leave notes that the pool does not have e.
func (d *Dispatcher) leave(e *entry) {
	if d.queue.leave(e) {
		d.signal(1)
	}
}

// requeue has the pool get e again, before what its account sent after it.
func (d *Dispatcher) requeue(e *entry) {
	if e.gone || e.queued() || e.flight {
		return
	}
	if !e.waits {
		e.waits = true
		d.queue.wait(e.line, 1)
	}
	e.engineToken, e.sent, e.begun = "", time.Time{}, time.Time{}
	delete(d.pending, e.token)
	d.push(e)
}

// settle notes that e does not wait for the pool any more.
func (d *Dispatcher) settle(e *entry) {
	if e.waits {
		e.waits = false
		d.queue.wait(e.line, -1)
	}
}

func (d *Dispatcher) drop(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	d.queue.remove(e)
	d.settle(e)
	d.leave(e)
	d.held -= e.held
	e.sub, e.held = nil, 0
	delete(d.entries, e.token)
	delete(d.pending, e.token)
}

var _ submission.Dispatcher = (*Dispatcher)(nil)
