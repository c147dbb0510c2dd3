// Package dispatch carries stored submissions to the pool and brings their results back.
//
// It promises that every stored submission ends, whatever fails in between: what the pool can't
// take waits, in order; what went quiet is asked after; what the pool has lost is forwarded again;
// what a stopped gateway left unfinished is taken up at the next start. A result is recorded once,
// by the store's compare-and-set, and announced after it is recorded. What the pool breaks on time
// and again, while it takes others, ends as Internal Error and holds nobody up. The pool may run a program
// twice where a call broke off halfway and the engine does not honour idempotency keys.
//
// Checking and storing submissions is left to package submission, delivering results to clients to
// packages live and webhook.
package dispatch

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/requestid"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
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
	// Unfinished lists what a gateway carries and has not ended, in the order (Seq, Token), after the given one.
	Unfinished(ctx context.Context, owner string, after submission.Pending, limit int) ([]submission.Pending, error)
	// Alive says that a gateway is alive until then.
	Alive(ctx context.Context, gateway string, until time.Time) error
	// Adopt makes gateway the owner of submissions that have not ended and whose owner is not alive any
	// more, or unknown, and lists them in the order (Seq, Token). Each goes to one gateway only.
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
	Instance     string // the name of this gateway among those of the store: the Owner of its submissions
	Engine       submission.Engine
	Catalogue    submission.Catalogue
	Bus          Publisher
	Observer     Observer
	Finished     func(*submission.Submission) // called once for each result, after it is recorded
	CallbackBase string                       // the URL under which the engine reaches this gateway
	Key          []byte                       // of the HMAC in callback addresses
	Log          *slog.Logger
	Now          func() time.Time

	QueueLimit     int           // submissions that wait for the pool; 10,000
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
	o.CallbackBase = strings.TrimRight(o.CallbackBase, "/")
}

// Dispatcher is the submission.Dispatcher. Make it with New, run it between Start and Stop.
type Dispatcher struct {
	Options

	wake   chan struct{} // a forwarder is wanted
	record chan struct{} // engine tokens wait to be stored
	stop   context.CancelFunc
	owned  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	entries  map[string]*entry // all that has not ended
	queue    byIntake          // those that no forwarder has and the pool is to get
	next     int64             // the number of the next entry
	waiting  int               // reserved, queued or being forwarded
	held     int               // bytes of programs in memory
	batchCap int               // how many to hand over at once; less after the pool was full
	failures int               // calls that failed since the last that went well
	resume   time.Time         // no call before that while failures > 0
	took     int               // calls that went well
	probing  bool              // one forwarder tries whether the pool is back
	pending  map[string]string // engine tokens to store, by token
	suspects map[string]bool   // what the last sweep found and memory lacked
}

// entry is a submission that has not ended.
type entry struct {
	seq         int64
	token       string
	sub         *submission.Submission // nil: in the store only
	held        int
	since       time.Time
	state       submission.State
	queued      bool
	flight      bool // a forwarder has it
	gone        bool // it has ended
	waits       bool // counted in waiting
	engineToken string
	due         time.Time // when the pool is asked, or gets it again
	begun       time.Time // since when it is Processing
	alone       bool      // it goes out alone: a call that it was part of broke off
	broken      int       // calls that broke off with it alone, while the pool took others
	tookThen    int       // took, when the last of them did
	stuck       int       // times that it was Processing for longer than it can be
}

// New makes a Dispatcher.
func New(options Options) *Dispatcher {
	options.setDefaults()
	return &Dispatcher{
		Options: options,
		wake:    make(chan struct{}, options.Forwarders), record: make(chan struct{}, 1),
		entries: map[string]*entry{}, pending: map[string]string{}, suspects: map[string]bool{},
		batchCap: 1 << 20,
	}
}

// Start takes up what is unfinished in the store, and begins to forward.
func (d *Dispatcher) Start(ctx context.Context) error {
	if err := d.takeUp(ctx); err != nil {
		return err
	}
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	for range d.Forwarders {
		d.owned.Go(func() { d.forwardAll(ctx) })
	}
	d.owned.Go(func() { d.recordAll(ctx) })
	d.owned.Go(func() { d.reconcileAll(ctx) })
	d.signal(d.Forwarders)
	return nil
}

// Close refuses new submissions from now on.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// Stop ends forwarding and stores what it knows. What has not ended is taken up at the next start.
func (d *Dispatcher) Stop() {
	d.Close()
	d.stop()
	d.owned.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d.storeTokens(ctx)
}

// Stats tells how much work there is.
type Stats struct {
	Waiting    int           // for the pool
	Unfinished int           // waiting, and in the pool
	Oldest     time.Duration // since the intake of the oldest that waits
	PoolAway   bool          // the last call to the pool failed
}

// Stats may be called at any time.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{Waiting: d.waiting, Unfinished: len(d.entries), PoolAway: d.failures > 0}
	if len(d.queue) > 0 {
		s.Oldest = d.Now().Sub(d.queue[0].since)
	}
	return s
}

// Reserve makes room for n submissions, or gives an error with the code QueueFull.
func (d *Dispatcher) Reserve(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &submission.Error{Code: submission.Unavailable, Message: "the gateway is shutting down", RetryAfter: 5 * time.Second}
	}
	if d.waiting+n > d.QueueLimit {
		return &submission.Error{Code: submission.QueueFull, Message: "queue is full", RetryAfter: 2 * time.Second}
	}
	d.waiting += n
	return nil
}

// Release gives room back.
func (d *Dispatcher) Release(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting -= n
}

// Dispatch takes over stored submissions for which room was reserved.
func (d *Dispatcher) Dispatch(subs ...*submission.Submission) {
	// Before the pool can have it, so that no later state is announced before this one.
	for _, sub := range subs {
		d.Bus.Publish(submission.Event{Token: sub.Token, Account: sub.Account, State: submission.Queued, Submission: sub})
	}
	now := d.Now()
	d.mu.Lock()
	for _, sub := range subs {
		e := d.add(sub.Token, now)
		e.waits = true
		if size := sub.Size(); d.held+size <= d.MemoryBytes {
			e.sub, e.held = sub, size
			d.held += size
		}
		d.push(e)
	}
	d.mu.Unlock()
	d.signal(1)
}

// The methods from here on until forwardAll need d.mu.

func (d *Dispatcher) add(token string, now time.Time) *entry {
	e := &entry{seq: d.next, token: token, since: now}
	d.next++
	d.entries[token] = e
	return e
}

func (d *Dispatcher) push(e *entry) {
	e.queued, e.state = true, submission.Queued
	heap.Push(&d.queue, e)
}

// requeue has the pool get e again, before what came in after it.
func (d *Dispatcher) requeue(e *entry) {
	if e.gone || e.queued || e.flight {
		return
	}
	if !e.waits {
		e.waits = true
		d.waiting++
	}
	e.engineToken, e.begun = "", time.Time{}
	delete(d.pending, e.token)
	d.push(e)
}

// settle notes that e does not wait for the pool any more.
func (d *Dispatcher) settle(e *entry) {
	if e.waits {
		e.waits = false
		d.waiting--
	}
}

func (d *Dispatcher) drop(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	d.settle(e)
	d.held -= e.held
	e.sub, e.held = nil, 0
	d.unqueue(e)
	delete(d.entries, e.token)
	delete(d.pending, e.token)
}

func (d *Dispatcher) unqueue(e *entry) {
	if !e.queued {
		return
	}
	e.queued = false
	for i, other := range d.queue {
		if other == e {
			heap.Remove(&d.queue, i)
			return
		}
	}
}

// take gives the next batch to forward. Without one, it tells how long to pause; 0: until woken.
func (d *Dispatcher) take() (batch []*entry, pause time.Duration) {
	most := d.maxBatch()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return nil, 0
	}
	if d.failures > 0 {
		if d.probing {
			return nil, 0
		}
		if pause := d.resume.Sub(d.Now()); pause > 0 {
			return nil, pause
		}
		d.probing = true
	}
	for bytes := 0; len(d.queue) > 0 && len(batch) < min(most, d.batchCap); {
		next := d.queue[0]
		if bytes += next.held; len(batch) > 0 && (bytes > d.BatchBytes || next.alone || batch[0].alone) {
			break
		}
		heap.Pop(&d.queue)
		next.queued, next.flight = false, true
		batch = append(batch, next)
	}
	if len(d.queue) > 0 && d.failures == 0 {
		d.signal(1)
	}
	return batch, 0
}

func (d *Dispatcher) maxBatch() int {
	if pool, err := d.Catalogue.Pool(); err == nil && pool.Config.EnableBatchedSubmissions {
		return max(1, pool.Config.MaxSubmissionBatchSize)
	}
	return 1
}

// signal wakes up to n forwarders.
func (d *Dispatcher) signal(n int) {
	for range n {
		select {
		case d.wake <- struct{}{}:
		default:
			return
		}
	}
}

func (d *Dispatcher) forwardAll(ctx context.Context) {
	for ctx.Err() == nil {
		batch, pause := d.take()
		switch {
		case batch != nil:
			d.forward(ctx, batch)
		case pause > 0:
			t := time.NewTimer(pause)
			select {
			case <-t.C:
			case <-ctx.Done():
			}
			t.Stop()
		default:
			select {
			case <-d.wake:
			case <-ctx.Done():
			}
		}
	}
}

func (d *Dispatcher) forward(ctx context.Context, batch []*entry) {
	handovers, batch, err := d.handovers(ctx, batch)
	if err != nil {
		d.Log.Error("submissions could not be read from the store", "count", len(batch), "error", err)
		d.failed(ctx, batch, nil, err)
		return
	}
	if len(batch) == 0 {
		d.recovered()
		return
	}
	call, cancel := context.WithTimeout(requestid.With(ctx, requestOf(handovers)), d.CallTimeout)
	receipts, err := d.Engine.Create(call, handovers)
	cancel()
	switch {
	case err == nil:
		d.taken(ctx, batch, handovers, receipts)
	case errors.Is(err, submission.ErrPoolRefused) && len(batch) > 1:
		// One of them may be what is wrong with all: none was taken.
		for _, e := range batch {
			d.forward(ctx, []*entry{e})
		}
	case errors.Is(err, submission.ErrPoolRefused):
		refused := []submission.Receipt{{Refused: err.Error()}}
		d.taken(ctx, batch, handovers, refused)
	default:
		d.failed(ctx, batch, handovers, err)
	}
}

// requestOf gives the id of the request that all of a batch came with. Where they came with several, the
// engine names its own.
func requestOf(batch []submission.Handover) string {
	for _, h := range batch[1:] {
		if h.RequestID != batch[0].RequestID {
			return ""
		}
	}
	return batch[0].RequestID
}

// handovers makes what goes to the pool, and reads from the store what memory does not hold.
// Entries that have ended meanwhile are left out.
func (d *Dispatcher) handovers(ctx context.Context, batch []*entry) ([]submission.Handover, []*entry, error) {
	subs := make(map[string]*submission.Submission, len(batch))
	var missing []string
	d.mu.Lock()
	for _, e := range batch {
		if e.gone {
			continue
		}
		if subs[e.token] = e.sub; e.sub == nil {
			missing = append(missing, e.token)
		}
	}
	d.mu.Unlock()
	if len(missing) > 0 {
		loaded, err := d.Store.Load(ctx, missing...)
		if err != nil {
			return nil, batch, err
		}
		for _, token := range missing {
			subs[token] = loaded[token]
		}
	}
	callbacks := true
	if pool, err := d.Catalogue.Pool(); err == nil {
		callbacks = pool.Config.EnableCallbacks
	}
	handovers, rest := make([]submission.Handover, 0, len(batch)), batch[:0:0]
	for _, e := range batch {
		sub := subs[e.token]
		if sub == nil || sub.State == submission.Finished {
			d.mu.Lock()
			d.drop(e)
			d.mu.Unlock()
			continue
		}
		h := submission.Handover{Submission: sub}
		if callbacks {
			h.CallbackURL = d.callbackURL(sub)
		}
		handovers, rest = append(handovers, h), append(rest, e)
	}
	return handovers, rest, nil
}

// taken notes what the pool answered to a batch that it took.
func (d *Dispatcher) taken(ctx context.Context, batch []*entry, handovers []submission.Handover, receipts []submission.Receipt) {
	d.recovered()
	now := d.Now()
	var refused []int
	d.mu.Lock()
	d.took++
	for i, e := range batch {
		e.flight, e.alone = false, false
		if e.gone {
			continue // its result was faster than the answer
		}
		if receipts[i].Refused != "" {
			refused = append(refused, i)
			e.due = now.Add(d.Grace)
			continue
		}
		d.settle(e)
		e.engineToken = receipts[i].EngineToken
		e.state = max(e.state, submission.Forwarded)
		e.due = now.Add(d.quiet(handovers[i]))
		d.pending[e.token] = e.engineToken
	}
	d.mu.Unlock()
	select {
	case d.record <- struct{}{}:
	default:
	}
	d.Observer.Dispatched("taken", len(batch)-len(refused))
	for _, i := range refused {
		d.Observer.Dispatched("refused", 1)
		d.Log.Warn("the engine refused a submission", "token", batch[i].token, "reason", receipts[i].Refused)
		if _, err := d.finish(ctx, handovers[i].Failed(receipts[i].Refused, now)); err != nil {
			d.Log.Error("a result could not be stored", "token", batch[i].token, "error", err)
		}
	}
}

// quiet is how long the pool may say nothing of a submission before it is asked.
func (d *Dispatcher) quiet(h submission.Handover) time.Duration {
	if h.CallbackURL == "" {
		return min(d.Grace, d.ReconcileEvery)
	}
	return d.Grace
}

func (d *Dispatcher) recovered() {
	d.mu.Lock()
	away := d.failures
	d.failures, d.probing = 0, false
	d.batchCap = min(2*d.batchCap, 1<<20)
	d.mu.Unlock()
	if away > 0 {
		d.Log.Info("the engine takes submissions again", "failed_calls", away)
		d.signal(d.Forwarders)
	}
}

// brokenMost is how many calls may break off with one submission, while the pool takes others,
// before it ends as Internal Error.
const brokenMost = 5

// failed puts a batch back that the pool did not take, or has it repeated later, one by one, if the
// pool may have taken it, and slows down.
func (d *Dispatcher) failed(ctx context.Context, batch []*entry, handovers []submission.Handover, err error) {
	full, unsure := errors.Is(err, submission.ErrPoolFull), errors.Is(err, submission.ErrPoolUnsure)
	outcome := "down"
	switch {
	case full:
		outcome = "full"
	case unsure:
		outcome = "unsure"
	}
	d.Observer.Dispatched(outcome, len(batch))
	now := d.Now()
	hopeless := -1
	d.mu.Lock()
	for i, e := range batch {
		e.flight = false
		switch {
		case e.gone:
		case unsure:
			d.settle(e)
			e.state, e.due = submission.Forwarded, now.Add(d.UnsureGrace)
			if e.alone && d.took > e.tookThen {
				e.broken++
			}
			if e.broken >= brokenMost {
				hopeless = i
			}
			e.alone, e.tookThen = true, d.took
		default:
			d.push(e)
		}
	}
	first := d.failures == 0
	d.failures++
	d.probing = false
	if full {
		// Room for one may come before room for many.
		d.batchCap = max(1, min(d.batchCap, len(batch))/2)
	}
	d.resume = now.Add(d.backoff(full))
	d.mu.Unlock()
	if hopeless >= 0 {
		e := batch[hopeless]
		d.Log.Warn("the engine breaks on a submission", "token", e.token, "error", err)
		if _, err := d.finish(ctx, handovers[hopeless].Failed("the engine failed every time that it was given this submission", now)); err != nil {
			d.Log.Error("a result could not be stored", "token", e.token, "error", err)
		}
	}
	if first && !full {
		d.Log.Warn("the engine does not take submissions; they wait", "error", err)
	}
	d.signal(1)
}

// backoff doubles with each failure, with jitter so that many gateways do not come back as one. A
// pool that is only full is asked sooner.
func (d *Dispatcher) backoff(full bool) time.Duration {
	most := d.BackoffMost
	if full {
		most /= 6
	}
	wait := most
	if shift := d.failures - 1; shift < 16 {
		wait = min(most, d.BackoffFirst<<shift)
	}
	return wait/2 + rand.N(wait/2+1)
}

// recordAll stores engine tokens, several at a time and off the path of any result: what ends
// sooner needs no record.
func (d *Dispatcher) recordAll(ctx context.Context) {
	const gather = 20 * time.Millisecond
	for {
		select {
		case <-d.record:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(gather):
		case <-ctx.Done():
			return // Stop stores the rest
		}
		d.storeTokens(ctx)
	}
}

func (d *Dispatcher) storeTokens(ctx context.Context) {
	d.mu.Lock()
	tokens := d.pending
	d.pending = map[string]string{}
	d.mu.Unlock()
	if len(tokens) == 0 {
		return
	}
	if err := d.Store.Forwarded(ctx, tokens); err != nil {
		// After a restart the pool would get these again, which is what idempotency keys are for.
		d.Log.Error("engine tokens could not be stored", "count", len(tokens), "error", err)
	}
}

// finish records a result, and announces it if it is the first.
func (d *Dispatcher) finish(ctx context.Context, sub *submission.Submission) (first bool, err error) {
	first, err = d.Store.Finish(ctx, sub)
	if err != nil {
		return false, err
	}
	d.mu.Lock()
	if e := d.entries[sub.Token]; e != nil {
		d.drop(e)
	}
	d.mu.Unlock()
	if first {
		d.Bus.Publish(submission.Event{Token: sub.Token, Account: sub.Account, State: submission.Finished, Submission: sub})
		d.Finished(sub)
	}
	return first, nil
}

// begin records that a worker runs a submission, and announces it if that is new.
func (d *Dispatcher) begin(ctx context.Context, sub *submission.Submission, answer api.Answer) error {
	now := d.Now()
	begun := sub.Begun(answer, now)
	changed, err := d.Store.Begin(ctx, begun)
	if err != nil {
		return err
	}
	d.mu.Lock()
	if e := d.entries[sub.Token]; e != nil {
		if e.sub != nil {
			e.sub = begun
		}
		if e.begun.IsZero() {
			e.begun = now
		}
		d.unqueue(e) // it was to go out once more after a call that broke off
		d.settle(e)
		e.state, e.engineToken, e.due = submission.Processing, begun.EngineToken, now.Add(d.Grace)
	}
	d.mu.Unlock()
	if changed {
		d.Bus.Publish(submission.Event{Token: sub.Token, Account: sub.Account, State: submission.Processing, Submission: begun})
	}
	return nil
}

// byIntake is a heap of entries, the oldest first.
type byIntake []*entry

func (q byIntake) Len() int           { return len(q) }
func (q byIntake) Less(i, j int) bool { return q[i].seq < q[j].seq }
func (q byIntake) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *byIntake) Push(x any)        { *q = append(*q, x.(*entry)) }
func (q *byIntake) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}

var _ submission.Dispatcher = (*Dispatcher)(nil)
