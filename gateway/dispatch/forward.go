package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/sandgate/sandgate/gateway/requestid"
	"github.com/sandgate/sandgate/gateway/submission"
)

// ahead is how long the pool may work on what it was sent.
const ahead = 500 * time.Millisecond

// take gives the next batch to forward. Without one, it tells how long to pause; 0: until woken.
func (d *Dispatcher) take() (batch []*entry, pause time.Duration) {
	most, bounds, now := d.maxBatch(), d.bounds(), d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setWindow(bounds, d.queue.window)
	if d.queue.peek() == nil {
		return nil, 0
	}
	if d.failures > 0 {
		if d.probing {
			return nil, 0
		}
		if pause := d.resume.Sub(now); pause > 0 {
			return nil, pause
		}
		d.probing = true
	}
	for bytes := 0; len(batch) < min(most, d.batchCap); {
		next := d.queue.peek()
		if next == nil {
			break
		}
		if bytes += next.held; len(batch) > 0 && (bytes > d.BatchBytes || next.alone || batch[0].alone) {
			break
		}
		d.queue.pop()
		next.flight, next.sent = true, now
		batch = append(batch, next)
	}
	if d.failures == 0 && d.queue.peek() != nil {
		d.signal(1)
	}
	return batch, 0
}

// bounds are those of the window, as the pool's settings have them.
type bounds struct {
	least, most int
	target      time.Duration // how long what is sent ahead may take to end
}

func (d *Dispatcher) bounds() bounds {
	b := bounds{least: d.WindowLeast, most: d.PoolWindow, target: ahead}
	pool, err := d.Catalogue.Pool()
	if err == nil && pool.Config.MaxQueueSize > 0 {
		b.most = min(b.most, pool.Config.MaxQueueSize+pool.Workers)
	}
	if err == nil && !pool.Config.EnableCallbacks {
		b.target = 3 * d.ReconcileEvery // ends are seen late
	}
	if b.least == 0 {
		b.least = 8 * max(2, pool.Workers)
	}
	b.least = max(1, min(b.least, b.most))
	return b
}

// setWindow bounds what the pool is sent. It needs d.mu.
func (d *Dispatcher) setWindow(b bounds, window int) {
	d.queue.window = max(b.least, min(window, b.most))
	d.queue.each = d.queue.window * 3 / 4
	if d.AccountInFlight > 0 {
		d.queue.each = min(d.AccountInFlight, d.queue.window)
	}
	d.queue.each = max(1, d.queue.each)
}

// pace makes the window fit the pool, by how long it took to end e: sending more ahead than it ends
// soon gains nothing, and holds up accounts that come later. It needs d.mu.
func (d *Dispatcher) pace(b bounds, e *entry, now time.Time) {
	if e.sent.IsZero() {
		return
	}
	switch took := now.Sub(e.sent); {
	case took > 2*b.target:
		d.setWindow(b, d.queue.window-1)
	case took < b.target && d.queue.size > 0:
		d.setWindow(b, d.queue.window+1)
	}
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
			d.forward(d.calling, batch)
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
		// Nobody asked the pool: whether it is back is still to be tried.
		d.mu.Lock()
		d.probing = false
		d.mu.Unlock()
		d.signal(1)
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
	d.recordSoon()
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

func (d *Dispatcher) recordSoon() {
	select {
	case d.record <- struct{}{}:
	default:
	}
}

// recordAll stores engine tokens, several at a time and off the path of any result: what ends
// sooner needs no record. Most runs do, so that their results do not wait for a commit of this.
func (d *Dispatcher) recordAll(ctx context.Context) {
	const gather = 200 * time.Millisecond
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
	for token, engineToken := range tokens {
		if e := d.entries[token]; e != nil && e.storing != nil {
			delete(tokens, token)
			d.pending[token] = engineToken
		}
	}
	d.mu.Unlock()
	if len(tokens) == 0 {
		return
	}
	if err := d.Store.Forwarded(ctx, tokens); err != nil {
		// After a restart the pool would get these again, which is what idempotency keys are for.
		d.Log.Error("engine tokens could not be stored", "count", len(tokens), "error", err)
		d.mu.Lock()
		for token, engineToken := range tokens {
			if e := d.entries[token]; e != nil && e.engineToken == engineToken {
				d.pending[token] = engineToken // with the next ones
			}
		}
		d.mu.Unlock()
	}
}
