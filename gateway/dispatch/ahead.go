package dispatch

import (
	"context"

	"github.com/sandgate/sandgate/gateway/submission"
)

// storing is a write to the store that is under way, of a submission that the pool may have already.
type storing struct {
	done chan struct{} // closed when it has ended
	ok   bool          // what was written; set before done is closed
}

// Ahead takes over a submission for which room was reserved and that is about to be stored, so that the pool has it
// meanwhile: who waits for its result waits for the slower of both, not for one after the other. Nothing that the pool
// says of it is recorded or announced before the caller tells that it is stored. One that could not be is forgotten;
// the pool ran it for nothing. (So does one whose gateway is killed in between. Nobody was told of either.)
//
// It gives nil where the submission is better stored first.
func (d *Dispatcher) Ahead(sub *submission.Submission) (stored func(ok bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unstored || !d.fits(sub) {
		return nil
	}
	write := &storing{done: make(chan struct{})}
	e := d.enqueue(sub, d.Now())
	e.storing = write
	d.signal(1)
	return func(ok bool) {
		if ok {
			d.announceQueued(sub)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		e.storing = nil
		if !ok {
			d.drop(e)
		}
		if d.pending[e.token] != "" {
			d.recordSoon()
		}
		d.unstored = !ok
		write.ok = ok
		close(write.done)
	}
}

// stored waits until a submission is in the store; ErrNotFound: it could not be stored.
func (d *Dispatcher) stored(ctx context.Context, token string) error {
	d.mu.Lock()
	var write *storing
	if e := d.entries[token]; e != nil {
		write = e.storing
	}
	d.mu.Unlock()
	if write == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.CallTimeout)
	defer cancel()
	select {
	case <-write.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !write.ok {
		return submission.ErrNotFound
	}
	return nil
}
