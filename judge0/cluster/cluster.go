// Package cluster holds what keeps servers and workers together that share a store and a queue:
// submissions that the queue forgot are queued again, old ones are deleted, and the servers know
// which workers there are and what languages these have.
//
// Each part has a Start and a Stop, and works at its own pace in between; what fails is tried again
// the next time.
package cluster

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/store"
)

// Task does one thing again and again. Several processes are kept from doing it at the same moment
// by chance, and by the store where it matters.
type Task struct {
	every   time.Duration
	once    func(ctx context.Context)
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newTask(every time.Duration, once func(ctx context.Context)) *Task {
	t := &Task{every: every, once: once}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// Start does it for the first time and goes on.
func (t *Task) Start() {
	t.running.Go(func() {
		for {
			t.once(t.ctx)
			timer := time.NewTimer(t.every*9/10 + rand.N(t.every/5+1))
			select {
			case <-timer.C:
			case <-t.ctx.Done():
				timer.Stop()
				return
			}
		}
	})
}

// Stop ends it, halfway if need be.
func (t *Task) Stop() {
	t.stop()
	t.running.Wait()
}

// Exclusive runs f in one process at a time.
type Exclusive interface {
	Exclusive(ctx context.Context, what string, f func(context.Context) error) (ran bool, err error)
}

// SweepStore is where old submissions are.
type SweepStore interface {
	Exclusive
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// Old submissions are deleted so many at a time, and with a pause: nobody should notice.
const (
	sweepBatch = 500
	sweepPause = 50 * time.Millisecond
)

// NewSweeper makes a task that deletes what finished longer than retention ago.
func NewSweeper(s SweepStore, retention time.Duration, m *metrics.Metrics, log *slog.Logger) *Task {
	return newTask(min(time.Hour, max(time.Second, retention/10)), func(ctx context.Context) {
		total := 0
		_, err := s.Exclusive(ctx, "sweep", func(ctx context.Context) error {
			for {
				n, err := s.Sweep(ctx, time.Now().Add(-retention), sweepBatch)
				total += n
				m.Swept(n)
				if err != nil || n < sweepBatch {
					return err
				}
				select {
				case <-time.After(sweepPause):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
		if err != nil && ctx.Err() == nil {
			log.Warn("delete old submissions", "error", err)
		}
		if total > 0 {
			log.Info("old submissions were deleted", "submissions", total)
		}
	})
}

// RequeueStore is where all submissions are.
type RequeueStore interface {
	Exclusive
	Unfinished(ctx context.Context, since time.Time, limit int) ([]store.Unfinished, error)
}

// RequeueQueue is what may have forgotten some.
type RequeueQueue interface {
	Tokens(ctx context.Context) (map[string]bool, error)
	Add(items ...queue.Item) error
}

// requeueLimit is how many unfinished submissions are looked at: more never wait at a time.
const requeueLimit = 100_000

// NewRequeuer makes a task that queues again what has no result and is not in the queue. lease is
// that of the queue: it sets the pace.
func NewRequeuer(s RequeueStore, q RequeueQueue, lease time.Duration, m *metrics.Metrics, log *slog.Logger) *Task {
	r := &requeuer{store: s, queue: q, grace: min(5*time.Second, lease/6), metrics: m, log: log}
	return newTask(lease/3, func(ctx context.Context) {
		if _, err := s.Exclusive(ctx, "requeue", r.once); err != nil && ctx.Err() == nil {
			log.Warn("look for submissions that the queue lacks", "error", err)
		}
	})
}

type requeuer struct {
	store   RequeueStore
	queue   RequeueQueue
	grace   time.Duration // in which what was just stored gets into the queue by itself
	missing map[string]bool
	metrics *metrics.Metrics
	log     *slog.Logger
}

func (r *requeuer) once(ctx context.Context) error {
	// The store first: what ends in between is then in neither, or is queued in vain.
	unfinished, err := r.store.Unfinished(ctx, time.Now().Add(-r.grace), requeueLimit)
	if err != nil {
		return err
	}
	queued, err := r.queue.Tokens(ctx)
	if err != nil {
		return err
	}
	var items []queue.Item
	missing := map[string]bool{}
	for _, u := range unfinished {
		if queued[u.Token] {
			continue
		}
		// What is Processing may be run by a worker that has yet to tell Redis so: it has until the
		// next look.
		if u.Status == api.Processing && !r.missing[u.Token] {
			missing[u.Token] = true
			continue
		}
		items = append(items, queue.Item{Token: u.Token, Since: u.UpdatedAt, Again: u.Status == api.Processing})
	}
	r.missing = missing
	for some := range slices.Chunk(items, 500) {
		if err := r.queue.Add(some...); err != nil {
			return err
		}
		r.metrics.Requeued(len(some))
		r.log.Warn("submissions that the queue lacked were queued again", "submissions", len(some))
	}
	return nil
}

// State tells how busy a pool of workers is.
type State interface {
	State() (slots, working, failed int)
}

// Reports is where workers tell of themselves.
type Reports interface {
	Report(ctx context.Context, w store.Worker) error
}

// reportEvery is how often a worker tells of itself, and a server reads it. A worker that was not
// seen for three times as long counts as gone.
const reportEvery = 5 * time.Second

// NewReporter makes a task that tells of a worker: what w says, and how busy it is.
func NewReporter(r Reports, w store.Worker, state State, log *slog.Logger) *Task {
	return newTask(reportEvery, func(ctx context.Context) {
		w.Slots, w.Working, w.Failed = state.State()
		if err := r.Report(ctx, w); err != nil && ctx.Err() == nil {
			log.Warn("report this worker", "error", err)
		}
	})
}

// Directory is where a server reads of the workers.
type Directory interface {
	Workers(ctx context.Context) (list []store.Worker, now time.Time, err error)
}

// Fleet is what a server knows of the workers.
type Fleet struct {
	*Task
	mu        sync.RWMutex
	workers   []store.Worker // that are there
	languages api.Languages
}

// NewFleet makes a task that reads of the workers. With a short period it is for tests.
func NewFleet(d Directory, every time.Duration, log *slog.Logger) *Fleet {
	if every <= 0 {
		every = reportEvery
	}
	f := &Fleet{}
	f.Task = newTask(every, func(ctx context.Context) {
		if err := f.Read(ctx, d); err != nil && ctx.Err() == nil {
			log.Warn("read which workers there are", "error", err)
		}
	})
	return f
}

// Read reads of the workers now.
func (f *Fleet) Read(ctx context.Context, d Directory) error {
	list, now, err := d.Workers(ctx)
	if err != nil {
		return err
	}
	var present []store.Worker
	for _, w := range list {
		if now.Sub(w.SeenAt) < 3*reportEvery {
			present = append(present, w)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers = present
	switch {
	case len(present) > 0:
		f.languages = common(present)
	case len(list) > 0: // none is there: what the last one had is still served, and waits for the next
		f.languages = common(list[:1])
	}
	return nil
}

// common gives the languages that all workers have, by the names of the first, and the others as
// archived: any worker may take any submission.
func common(workers []store.Worker) api.Languages {
	count := map[int]int{}
	for _, w := range workers {
		for _, language := range w.Languages {
			if !language.IsArchived {
				count[language.ID]++
			}
		}
	}
	var list []api.Language
	for _, language := range workers[0].Languages {
		language.IsArchived = count[language.ID] < len(workers)
		list = append(list, language)
	}
	return api.NewLanguages(list)
}

// Languages gives those that a submission may name.
func (f *Fleet) Languages() api.Languages {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.languages
}

// Isolation tells what holds the programs, each kind once.
func (f *Fleet) Isolation() string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	kinds := map[string]bool{}
	for _, w := range f.workers {
		if w.Isolation != "" {
			kinds[w.Isolation] = true
		}
	}
	if len(kinds) == 0 {
		return "unknown: no worker has told"
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), "; ")
}

// State sums up the workers that are there.
func (f *Fleet) State() (slots, working, failed int) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, w := range f.workers {
		slots, working, failed = slots+w.Slots, working+w.Working, failed+w.Failed
	}
	return slots, working, failed
}
