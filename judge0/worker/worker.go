// Package worker takes submissions from the queue, has them run, and records, announces and calls
// back what came out.
//
// It promises that a submission it took either gets a result in the store or stays without one
// there, to be recovered at the next start: a failing store is tried again, a panic in a run ends
// as Internal Error. How a program is run and kept in is the Runner's business.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/store"
)

// Runner runs one submission. It gives an error only when ctx ended before there was a result;
// whatever the program does, and whatever fails in running it, is a result.
type Runner interface {
	Run(ctx context.Context, s *api.Submission) (api.Result, error)
}

// Queue is where submissions come from. Done ends what Pop gave, Return gives it back for another
// worker to take.
type Queue interface {
	Pop(ctx context.Context) (queue.Item, error)
	Done(item queue.Item)
	Return(item queue.Item)
}

// Store is where submissions are, and where results go.
type Store interface {
	Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error)
	Start(ctx context.Context, token string, lease store.Lease, at time.Time) (bool, error)
	Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (bool, error)
	Release(ctx context.Context, token, lease string) error
	Lose(ctx context.Context, token string, at time.Time) (ended bool, err error)
}

// Announcer tells those who wait for a result.
type Announcer interface{ Announce(s *api.Submission) }

// Notifier calls clients back. Started tells of a run that starts, and gives what tells of its end.
// Neither may wait for anything.
type Notifier interface {
	Started(s *api.Submission) (finished func(s *api.Submission))
}

// Options are the parts of a Pool. Slots is how many submissions run at a time, Host the
// execution_host of what is run here.
type Options struct {
	Slots     int
	Host      string
	Queue     Queue
	Store     Store
	Runner    Runner
	Results   Announcer
	Callbacks Notifier
	Metrics   *metrics.Metrics
	Logger    *slog.Logger
	Now       func() time.Time
	// Backoff is how long to wait before the try after n failed ones.
	Backoff func(n int) time.Duration
}

// Pool runs as many submissions at a time as it has slots. While the result of one is recorded, its slot runs
// the next.
type Pool struct {
	o       Options
	slots   chan struct{} // as many as are taken, by runs and by those who wait for one
	working atomic.Int64  // slots in which something runs
	failed  atomic.Int64

	popping  context.Context // ends when no more work is to be taken
	stopPops context.CancelFunc
	running  context.Context // ends when runs are to be given up
	stopRuns context.CancelFunc
	hands    sync.WaitGroup
}

// New makes a pool that does nothing until Start.
func New(o Options) *Pool {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Backoff == nil {
		o.Backoff = func(n int) time.Duration { return min(5*time.Second, 50*time.Millisecond<<min(n, 10)) }
	}
	p := &Pool{o: o, slots: make(chan struct{}, o.Slots)}
	p.popping, p.stopPops = context.WithCancel(context.Background())
	p.running, p.stopRuns = context.WithCancel(context.Background())
	return p
}

// Start begins to take submissions.
func (p *Pool) Start() {
	// Each takes one submission from the queue to its end: where all of them wait for the store, no more are taken.
	for range 2 * p.o.Slots {
		p.hands.Go(p.work)
	}
}

// Stop takes no more submissions and waits for those that run. When ctx ends first, it gives them
// up and returns its error: they stay without a result in the store.
func (p *Pool) Stop(ctx context.Context) error {
	p.stopPops()
	ended := make(chan struct{})
	go func() { p.hands.Wait(); close(ended) }()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("runs were given up: %w", ctx.Err())
	}
	p.stopRuns()
	<-ended
	return err
}

// State tells how many slots there are and work, and how many runs ended as Internal Error.
func (p *Pool) State() (slots, working, failed int) {
	return p.o.Slots, int(p.working.Load()), int(p.failed.Load())
}

func (p *Pool) work() {
	for {
		select {
		case p.slots <- struct{}{}:
		case <-p.popping.Done():
			return
		}
		item, err := p.o.Queue.Pop(p.popping)
		if err != nil {
			<-p.slots
			if p.popping.Err() != nil {
				return
			}
			p.o.Logger.Error("take a submission from the queue", "error", err)
			if p.pause(p.popping, 0) != nil {
				return
			}
			continue
		}
		p.working.Add(1)
		leave := sync.OnceFunc(func() {
			p.working.Add(-1)
			p.o.Metrics.SlotLeft()
			<-p.slots
		})
		p.handle(item, leave)
		leave()
	}
}

// handle takes a submission to its end. It leaves the slot once the program has run.
func (p *Pool) handle(item queue.Item, leave func()) {
	log := p.o.Logger.With("token", item.Token)
	begun := p.o.Now()
	p.o.Metrics.RunBegan(begun.Sub(item.Since))
	language, status := 0, 0
	defer func() { p.o.Metrics.RunEnded(language, status, p.o.Now().Sub(begun)) }()

	lease := store.Lease{ID: rand.Text(), Host: p.o.Host}
	s, err := p.start(item, lease, log)
	switch {
	case err != nil:
		p.giveBack(item, lease, log)
		return
	case s == nil:
		p.o.Queue.Done(item)
		return
	}
	finished := p.o.Callbacks.Started(s)
	if api.Finished(s.Status) { // it ended without a run: too many workers were lost with it
		language, status = s.LanguageID, s.Status
		p.end(item, s, finished, log)
		return
	}
	result, err := p.run(s, item.Revoked, log)
	leave()
	switch {
	case errors.Is(err, errRevoked):
		log.Warn("the run was given up: another worker took the submission over")
		return
	case err != nil:
		log.Warn("the run was given up; it is taken up again", "error", err)
		p.giveBack(item, lease, log)
		return
	}
	done := *s
	done.Result = result
	at := p.o.Now().UTC()
	done.FinishedAt, done.UpdatedAt = &at, &at
	recorded := false
	if err := p.persist(log, "record a result", func() (err error) {
		recorded, err = p.o.Store.Finish(p.running, done.Token, lease.ID, result, at)
		return err
	}); err != nil {
		p.giveBack(item, lease, log)
		return
	}
	language, status = done.LanguageID, result.Status
	if !recorded {
		log.Warn("there was a result already; this one is dropped")
		p.o.Queue.Done(item)
		return
	}
	p.end(item, &done, finished, log)
}

// end tells of what was recorded.
func (p *Pool) end(item queue.Item, done *api.Submission, finished func(*api.Submission), log *slog.Logger) {
	if done.Status == api.InternalError {
		p.failed.Add(1)
	}
	p.o.Results.Announce(done)
	finished(done)
	p.o.Queue.Done(item)
	var took time.Duration
	if done.StartedAt != nil {
		took = done.FinishedAt.Sub(*done.StartedAt)
	}
	log.Info("submission finished", "language", done.LanguageID, "status", done.Status, "took", took)
}

// releaseTime is how long handing a submission back may take: the program is about to end.
const releaseTime = time.Second

// giveBack hands a submission back, so that giving it up does not count as the death of a worker.
func (p *Pool) giveBack(item queue.Item, lease store.Lease, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	item.Again = false
	if err := p.o.Store.Release(ctx, item.Token, lease.ID); err != nil {
		log.Error("hand a submission back", "error", err)
		item.Again = true // it may be Processing still
	}
	p.o.Queue.Return(item)
}

// start claims the submission; nil without an error means that there is nothing to run, and one that
// has ended that it was lost too often.
func (p *Pool) start(item queue.Item, lease store.Lease, log *slog.Logger) (*api.Submission, error) {
	at := p.o.Now().UTC()
	again, claimed, ended := item.Again, false, false
	var stored *api.Submission
	err := p.persist(log, "start a submission", func() (err error) {
		if again {
			if ended, err = p.o.Store.Lose(p.running, item.Token, at); err != nil {
				return err
			}
			again = false
		}
		if !claimed && !ended {
			if claimed, err = p.o.Store.Start(p.running, item.Token, lease, at); err != nil || !claimed {
				return err
			}
		}
		if stored = item.Submission; stored == nil || ended {
			found, err := p.o.Store.Get(p.running, []string{item.Token}, true)
			if err != nil {
				return err
			}
			stored = found[item.Token]
		}
		return nil
	})
	if err != nil || stored == nil {
		if err == nil {
			log.Debug("the submission is not queued any more")
		}
		return nil, err
	}
	s := *stored
	if ended {
		log.Error("the submission ends: too many workers were lost while they ran it")
		p.o.Metrics.LostTooOften()
		return &s, nil
	}
	s.Status, s.StartedAt, s.UpdatedAt, s.ExecutionHost = api.Processing, &at, &at, &p.o.Host
	return &s, nil
}

// errRevoked ends a run whose submission another worker has taken over.
var errRevoked = errors.New("the lease was lost")

func (p *Pool) run(s *api.Submission, revoked <-chan struct{}, log *slog.Logger) (result api.Result, err error) {
	running, cancel := context.WithCancelCause(p.running)
	defer cancel(nil)
	if revoked != nil {
		watched := make(chan struct{})
		defer func() { <-watched }()
		defer cancel(nil)
		go func() {
			defer close(watched)
			select {
			case <-revoked:
				cancel(errRevoked)
			case <-running.Done():
			}
		}()
	}
	defer func() {
		if cause := recover(); cause != nil {
			log.Error("a run panicked", "panic", cause, "stack", string(debug.Stack()))
			result, err = internalError("the runner failed"), nil
		}
	}()
	result, err = p.o.Runner.Run(running, s)
	switch {
	case err != nil && running.Err() != nil:
		return result, context.Cause(running)
	case err != nil:
		log.Error("run a submission", "error", err)
		return internalError(err.Error()), nil
	case !api.Finished(result.Status) || result.Status > api.ExecFormatError:
		log.Error("a run ended without a final status", "status", result.Status)
		return internalError("the runner gave no result"), nil
	}
	return result, nil
}

func internalError(message string) api.Result {
	return api.Result{Status: api.InternalError, Message: &message}
}

// persist tries until f succeeds. It fails only when runs are to be given up.
func (p *Pool) persist(log *slog.Logger, what string, f func() error) error {
	for n := 0; ; n++ {
		err := f()
		if err == nil {
			return nil
		}
		if p.running.Err() == nil {
			log.Error(what, "error", err, "tries", n+1)
		}
		if p.pause(p.running, n) != nil {
			return errors.Join(err, p.running.Err())
		}
	}
}

func (p *Pool) pause(ctx context.Context, n int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(p.o.Backoff(n))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
