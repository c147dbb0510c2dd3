package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// stayAlive tells the other gateways on the store that this one carries its submissions on.
func (d *Dispatcher) stayAlive(ctx context.Context) error {
	now := d.Now()
	until := now.Add(d.AliveFor)
	if err := d.Store.Alive(ctx, d.Instance, until); err != nil {
		return fmt.Errorf("tell that this gateway is alive: %w", err)
	}
	d.mu.Lock()
	lapsed := !d.alive.IsZero() && now.After(d.alive)
	d.alive = until
	d.mu.Unlock()
	if lapsed {
		d.Log.Warn("this gateway was taken for dead; others may have adopted what it carried")
		return d.yield(ctx)
	}
	return nil
}

// yield forgets what others have adopted.
func (d *Dispatcher) yield(ctx context.Context) error {
	d.mu.Lock()
	before := d.next
	d.mu.Unlock()
	mine := map[string]bool{}
	err := d.unfinished(ctx, func(page []submission.Pending) {
		for _, p := range page {
			mine[p.Token] = true
		}
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for token, e := range d.entries {
		if e.seq < before && e.storing == nil && !mine[token] {
			d.drop(e)
		}
	}
	return nil
}

// adopt takes up what gateways have left that are gone.
func (d *Dispatcher) adopt(ctx context.Context) error {
	for {
		page, err := d.Store.Adopt(ctx, d.Instance, d.Now(), pageSize)
		if err != nil {
			return fmt.Errorf("adopt submissions of gateways that are gone: %w", err)
		}
		if len(page) > 0 {
			d.mu.Lock()
			for _, p := range page {
				d.carry(p)
			}
			d.mu.Unlock()
			d.Log.Info("submissions of gateways that are gone were adopted", "count", len(page))
			d.signal(d.Forwarders)
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

func (d *Dispatcher) stayAliveAndAdopt(ctx context.Context) {
	tick := time.NewTicker(d.AliveFor / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := d.stayAlive(ctx)
		if err == nil {
			err = d.adopt(ctx)
		}
		if err != nil && ctx.Err() == nil {
			d.Log.Error("the work of gateways could not be shared out", "error", err)
		}
	}
}

// carry has this gateway see to a submission that the store knows and memory does not. It needs d.mu.
func (d *Dispatcher) carry(p submission.Pending) bool {
	if d.entries[p.Token] != nil {
		return false
	}
	now := d.Now()
	e := d.add(p.Token, p.Account, now)
	e.state, e.engineToken, e.due = p.State, p.EngineToken, now
	if p.EngineToken == "" {
		d.requeue(e)
	} else {
		d.queue.enter(e)
	}
	return true
}

// unfinished reads all of this gateway's submissions that have not ended, page by page.
func (d *Dispatcher) unfinished(ctx context.Context, each func([]submission.Pending)) error {
	for after := (submission.Pending{}); ; {
		page, err := d.Store.Unfinished(ctx, d.Instance, after, pageSize)
		if err != nil {
			return fmt.Errorf("read unfinished submissions: %w", err)
		}
		each(page)
		if len(page) < pageSize {
			return nil
		}
		after = page[len(page)-1]
	}
}
