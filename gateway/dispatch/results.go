package dispatch

import (
	"context"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// finish records a result, and announces it if it is the first.
func (d *Dispatcher) finish(ctx context.Context, sub *submission.Submission) (first bool, err error) {
	if err := d.stored(ctx, sub.Token); err != nil {
		return false, err
	}
	first, err = d.Store.Finish(ctx, sub)
	if err != nil {
		return false, err
	}
	d.ended(sub.Token)
	if first {
		d.Bus.Publish(submission.Event{Token: sub.Token, Account: sub.Account, State: submission.Finished, Submission: sub})
		d.Finished(sub)
	}
	return first, nil
}

// begin records that a worker runs a submission, and announces it if that is new.
func (d *Dispatcher) begin(ctx context.Context, sub *submission.Submission, answer api.Answer) error {
	if err := d.stored(ctx, sub.Token); err != nil {
		return err
	}
	begun := sub.Begun(answer, d.Now())
	changed, err := d.Store.Begin(ctx, begun)
	if err != nil {
		return err
	}
	d.began(begun)
	if changed {
		d.Bus.Publish(submission.Event{Token: sub.Token, Account: sub.Account, State: submission.Processing, Submission: begun})
	}
	return nil
}

// began notes that a worker runs a submission.
func (d *Dispatcher) began(sub *submission.Submission) {
	now := d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.entries[sub.Token]
	if e == nil {
		return
	}
	if e.sub != nil {
		e.sub = sub
	}
	if e.begun.IsZero() {
		e.begun = now
		d.passes(e)
	}
	d.queue.enter(e)
	d.queue.remove(e) // it was to go out once more after a call that broke off
	d.settle(e)
	e.state, e.engineToken, e.due = submission.Processing, sub.EngineToken, now.Add(d.Grace)
}

// passes notes that the pool has come to e. It needs d.mu.
func (d *Dispatcher) passes(e *entry) {
	if e.sent.After(d.passed) {
		d.passed = e.sent
	}
}

// Heard takes in what another gateway has recorded and announced, so that what this one carries makes room at once
// and is not asked after.
func (d *Dispatcher) Heard(event submission.Event) {
	if event.State == submission.Finished {
		d.ended(event.Token)
	}
}

// ended forgets a submission whose result is recorded.
func (d *Dispatcher) ended(token string) {
	bounds, now := d.bounds(), d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.entries[token]; e != nil {
		d.pace(bounds, e, now)
		d.passes(e)
		d.drop(e)
	}
}
