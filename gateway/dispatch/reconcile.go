package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

const (
	pageSize = 500   // of the store's unfinished submissions
	askMost  = 1_000 // submissions that one round asks after
	// stuckMost is how many times a submission may hang in Processing before it ends as Internal
	// Error.
	stuckMost = 3
	// patience is what a run may take on top of its own limits: unpacking, compiling, recording.
	patience = 3 * time.Minute
	// overlooked is how long a submission may be in the queue of a pool that has nothing to do, and
	// overtaken by how much a later one that was run may be younger, before it counts as lost there.
	overlooked = 30 * time.Second
	overtaken  = 10 * time.Minute
)

// takeUp reads from the store what is unfinished and not in memory: at the start, and of what an
// earlier round saw as well, later on. (Between being stored and being handed to Dispatch, a
// submission is in the store only.)
func (d *Dispatcher) takeUp(ctx context.Context) error {
	start := d.stop == nil
	suspects, found := map[string]bool{}, 0
	err := d.unfinished(ctx, func(page []submission.Pending) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, p := range page {
			switch {
			case d.entries[p.Token] != nil:
			case !start && !d.suspects[p.Token]:
				suspects[p.Token] = true
			case d.carry(p):
				found++
			}
		}
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.suspects = suspects
	d.mu.Unlock()
	if found > 0 {
		d.Log.Info("unfinished submissions were taken up", "count", found)
		d.signal(d.Forwarders)
	}
	return nil
}

func (d *Dispatcher) reconcileAll(ctx context.Context) {
	tick := time.NewTicker(d.ReconcileEvery)
	defer tick.Stop()
	swept := d.Now()
	for {
		if err := d.Reconcile(ctx); err != nil && ctx.Err() == nil {
			d.Log.Warn("quiet submissions could not be asked after", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := d.Now(); now.Sub(swept) >= d.SweepEvery {
			swept = now
			if err := d.takeUp(ctx); err != nil && ctx.Err() == nil {
				d.Log.Error("unfinished submissions could not be taken up", "error", err)
			}
		}
	}
}

// Reconcile asks once after every submission that has been quiet for too long: the store first, since
// another gateway may have taken in its result, then the pool, and has those forwarded again that the
// pool does not know.
func (d *Dispatcher) Reconcile(ctx context.Context) error {
	quiet := d.quietOnes()
	for chunk := range slices.Chunk(quiet, d.maxBatch()) {
		open, err := d.stillOpen(ctx, chunk)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			continue
		}
		if err := d.ask(ctx, open); err != nil {
			return err
		}
	}
	return nil
}

// inquiry is an entry that the pool is asked after, by the engine token that it had then.
type inquiry struct {
	*entry
	asked  string
	stored *submission.Submission
}

// stillOpen gives those of quiet that the store has as unfinished and this gateway's, and forgets the
// others.
func (d *Dispatcher) stillOpen(ctx context.Context, quiet []inquiry) ([]inquiry, error) {
	tokens := make([]string, len(quiet))
	for i, q := range quiet {
		tokens[i] = q.token
	}
	stored, err := d.Store.Load(ctx, tokens...)
	if err != nil {
		return nil, fmt.Errorf("read quiet submissions: %w", err)
	}
	var open []inquiry
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, q := range quiet {
		q.stored = stored[q.token]
		if q.stored == nil || q.stored.State == submission.Finished || q.stored.Owner != d.Instance {
			d.drop(q.entry)
			continue
		}
		open = append(open, q)
	}
	return open, nil
}

func (d *Dispatcher) quietOnes() []inquiry {
	now := d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	var quiet []inquiry
	again := 0
	for _, e := range d.entries {
		switch {
		case e.queued() || e.flight || e.storing != nil || e.due.After(now):
		case e.engineToken == "":
			again++
			d.requeue(e)
		case len(quiet) < askMost:
			quiet = append(quiet, inquiry{entry: e, asked: e.engineToken})
		}
	}
	if again > 0 {
		d.signal(d.Forwarders)
	}
	return quiet
}

func (d *Dispatcher) ask(ctx context.Context, quiet []inquiry) error {
	engineTokens := make([]string, len(quiet))
	for i, q := range quiet {
		engineTokens[i] = q.asked
	}
	call, cancel := context.WithTimeout(ctx, d.CallTimeout)
	answers, err := d.Engine.Results(call, engineTokens)
	cancel()
	switch {
	case err != nil && len(quiet) > 1:
		// One of them may be what can't be told: it must not hide the others.
		for i := range quiet {
			if err := d.ask(ctx, quiet[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		d.mu.Lock()
		quiet[0].due = d.Now().Add(d.Grace) // the next round asks after others first
		d.mu.Unlock()
		return err
	}
	var faults []error
	for i, q := range quiet {
		if err := d.apply(ctx, q, answers[i]); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", q.token, err))
		}
	}
	return errors.Join(faults...)
}

// apply acts on what the pool says of a quiet submission; nil: it does not know it.
func (d *Dispatcher) apply(ctx context.Context, q inquiry, answer *api.Answer) error {
	switch {
	case answer == nil:
		d.again(q, "lost", "the engine does not know a submission that it took; it gets it again")
		return nil
	case answer.Status == api.InQueue:
		d.queuedThere(q)
		return nil
	}
	sub := q.stored
	if api.Finished(answer.Status) {
		_, err := d.finish(ctx, sub.Ended(*answer, d.Now()))
		return err
	}
	if err := d.begin(ctx, sub, *answer); err != nil {
		return err
	}
	return d.unstick(ctx, q, sub)
}

// queuedThere notes that a submission is in the pool's queue, unless it has been there for so long that
// the pool must have lost it from there: stock Judge0 does, with its Redis, and tells it as In Queue for
// ever.
func (d *Dispatcher) queuedThere(q inquiry) {
	now := d.Now()
	pool, err := d.Catalogue.Pool()
	d.mu.Lock()
	q.due = now.Add(d.Grace)
	if q.sent.IsZero() {
		q.sent = now // it was taken up: since when it is there is not known
	}
	lost := err == nil && pool.Idle && now.Sub(q.sent) > overlooked || d.passed.Sub(q.sent) > overtaken
	d.mu.Unlock()
	if lost {
		d.again(q, "lost", "a submission stays in the engine's queue; the engine gets it again")
	}
}

// unstick has a submission run again that is Processing for longer than its limits allow: its
// worker died, and this pool does not see to that by itself.
func (d *Dispatcher) unstick(ctx context.Context, q inquiry, sub *submission.Submission) error {
	most := time.Duration((sub.WallTimeLimit+sub.CPUExtraTime)*float64(max(1, sub.NumberOfRuns))*float64(time.Second)) + patience
	d.mu.Lock()
	over := !q.gone && d.Now().Sub(q.begun) > most
	if over {
		q.stuck++
	}
	stuck := q.stuck
	d.mu.Unlock()
	switch {
	case !over:
		return nil
	case stuck >= stuckMost:
		_, err := d.finish(ctx, sub.Failed("the engine began this submission several times and never ended it", d.Now()))
		return err
	}
	d.again(q, "stuck", "a submission is stuck in the engine; it gets it again")
	return nil
}

func (d *Dispatcher) again(q inquiry, outcome, message string) {
	d.mu.Lock()
	same := !q.gone && q.engineToken == q.asked
	if same {
		d.requeue(q.entry)
	}
	d.mu.Unlock()
	if same {
		d.Observer.Dispatched(outcome, 1)
		d.Log.Warn(message, "token", q.token)
		d.signal(1)
	}
}
