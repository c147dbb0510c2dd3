package judge0

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/sqlitedb"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/cluster"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/queue/memory"
	"github.com/sandgate/sandgate/judge0/queue/redis"
	"github.com/sandgate/sandgate/judge0/server"
	"github.com/sandgate/sandgate/judge0/store"
	"github.com/sandgate/sandgate/judge0/store/postgres"
	"github.com/sandgate/sandgate/judge0/store/sqlite"
	"github.com/sandgate/sandgate/judge0/worker"
)

// Role is the part that an engine plays.
type Role int

const (
	// Whole is server and workers in one process, with a store and a queue of its own.
	Whole Role = iota
	// ServerRole serves the API of a cluster.
	ServerRole
	// WorkerRole runs the submissions of a cluster.
	WorkerRole
)

// Cluster says what the servers and workers of a cluster share.
type Cluster struct {
	Postgres    string        // its URL
	Connections int           // to PostgreSQL; 0: 10 of a server, and 2 more than run at a time of a worker
	Redis       string        // its URL
	Lease       time.Duration // in which others take over from a lost worker; 0: 30 s
	lookEvery   time.Duration // for workers; 0: the usual
}

const defaultLease = 30 * time.Second

// backend is the store and the queue between server and workers, and what keeps them going.
type backend struct {
	store interface {
		server.Store
		worker.Store
		cluster.SweepStore
		Ping(ctx context.Context) error
		Close() error
	}
	queue interface {
		server.Queue
		worker.Queue
		Oldest() (time.Time, bool)
		Close()
	}
	results interface {
		server.Results
		worker.Announcer
		Len() int
	}
	fleet *cluster.Fleet // of a server in a cluster
	tasks []interface{ Stop() }

	start func(ctx context.Context, e *Engine) error
	ping  func(ctx context.Context) error
	leave func(ctx context.Context) // tells the others that this worker has stopped
	close func() error
}

// embedded has its data in one folder.
func embedded(o Options, m *metrics.Metrics) (*backend, error) {
	s, err := sqlite.Open(filepath.Join(o.DataDir, "judge0.db"), sqlitedb.Options{Lazy: o.LazyStore, Observe: func(c sqlitedb.Commit) { m.Commit(c.Took) }})
	if err != nil {
		return nil, err
	}
	q := memory.NewQueue(o.Config.MaxQueueSize)
	b := &backend{store: s, queue: q, results: memory.NewHub(maxWaiting), ping: s.Ping, leave: func(context.Context) {}, close: s.Close}
	b.start = func(ctx context.Context, _ *Engine) error {
		now := time.Now()
		tokens, err := s.Recover(ctx, now)
		if err != nil {
			return err
		}
		for _, token := range tokens {
			q.Push(0, queue.Item{Token: token, Since: now})
		}
		o.Logger.Info("submissions were taken up again", "submissions", len(tokens))
		b.sweep(o, m)
		return nil
	}
	return b, nil
}

// shared has its data in PostgreSQL and its queue in Redis.
func shared(o Options, m *metrics.Metrics) (*backend, error) {
	if o.Connections <= 0 {
		o.Connections = 10
		if o.Role == WorkerRole {
			o.Connections = o.Workers + 2
		}
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	id := o.Host + "-" + rand.Text()[:10]
	s, err := postgres.New(postgres.Options{URL: o.Postgres, MaxConnections: o.Connections, Observe: func(took time.Duration, err error) {
		m.Commit(took)
		if err != nil {
			m.Fault("postgres")
		}
	}})
	if err != nil {
		return nil, err
	}
	client, err := redis.Connect(o.Redis, o.Workers+16)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	redisFailed := func(error) { m.Fault("redis") }
	q := redis.NewQueue(client, redis.Options{Consumer: id, Limit: o.Config.MaxQueueSize, Lease: o.Lease, Logger: o.Logger,
		Counts: redis.Counts{Failed: redisFailed, Reclaimed: m.Reclaimed}})
	hub := redis.NewHub(client, redis.HubOptions{Limit: maxWaiting, Store: s, Failed: redisFailed, Logger: o.Logger})
	b := &backend{store: s, queue: q, results: hub}
	b.ping = func(ctx context.Context) error { return errors.Join(s.Ping(ctx), q.Ping(ctx)) }
	b.leave = func(ctx context.Context) {
		if err := s.Leave(ctx, id); err != nil && o.Role == WorkerRole {
			o.Logger.Warn("take leave", "error", err)
		}
	}
	b.close = func() error { return closeShared(hub, s, client) }
	if o.Role == ServerRole {
		b.fleet = cluster.NewFleet(s, o.lookEvery, o.Logger)
	}
	b.start = func(ctx context.Context, e *Engine) error {
		if err := s.Migrate(ctx); err != nil {
			return err
		}
		if o.Role == WorkerRole {
			b.run(cluster.NewReporter(s, store.Worker{ID: id, Host: o.Host, Isolation: o.Holds, Languages: o.Languages.All()}, e.workers, o.Logger))
			return nil
		}
		if err := b.fleet.Read(ctx, s); err != nil {
			return err
		}
		hub.Start()
		b.run(b.fleet)
		b.run(cluster.NewRequeuer(s, q, o.Lease, m, o.Logger))
		b.sweep(o, m)
		return nil
	}
	return b, nil
}

func closeShared(hub *redis.Hub, s *postgres.Store, client *goredis.Client) error {
	hub.Close()
	return errors.Join(s.Close(), client.Close())
}

type task interface {
	Start()
	Stop()
}

func (b *backend) run(t task) {
	t.Start()
	b.tasks = append(b.tasks, t)
}

func (b *backend) sweep(o Options, m *metrics.Metrics) {
	if o.Retention > 0 {
		b.run(cluster.NewSweeper(b.store, o.Retention, m, o.Logger))
	}
}

func (b *backend) stopTasks() {
	for _, t := range b.tasks {
		t.Stop()
	}
}

// languages are those that a submission may name now.
func (e *Engine) languages() api.Languages {
	if e.fleet != nil {
		return e.fleet.Languages()
	}
	return e.o.Languages
}

// ready tells why the store or the queue can't be used.
func (b *backend) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := b.ping(ctx); err != nil {
		return fmt.Errorf("the store or the queue does not answer: %w", err)
	}
	return nil
}
