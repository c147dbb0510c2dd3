// Package judge0 is the engine: a server that speaks the Judge0 API, a queue, and workers that run
// what comes in, in one process. This package only puts the parts together and starts and stops
// them in order; each part is in a folder of its own.
package judge0

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sandgate/sandgate/internal/sqlitedb"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/queue/memory"
	"github.com/sandgate/sandgate/judge0/server"
	"github.com/sandgate/sandgate/judge0/store/sqlite"
	"github.com/sandgate/sandgate/judge0/worker"
)

// maxWaiting is how many requests with wait=true may wait at a time.
const maxWaiting = 10_000

// Options say what an engine is made of. Runner, Languages and DataDir must be given.
type Options struct {
	Config    api.Config
	Access    server.Access
	Runner    worker.Runner
	Languages api.Languages
	DataDir   string // the folder of the database

	Addr     string               // to listen on, as host:port; port 0 takes any; "": 127.0.0.1:2358
	Workers  int                  // submissions that run at a time; 0: the number of cores, at least 2
	Host     string               // queue_host and execution_host; "": the name of the machine
	Check    func() error         // why the runner can't run anything now, or nil; may be nil
	Isolate  func() string        // the answer of GET /isolate; may be nil
	About    server.About         //
	Registry *prometheus.Registry // for the metrics; nil: one of its own, with those of the process
	Logger   *slog.Logger         // nil: none
}

// Engine is an engine that was made by New. Start and Stop are called once each.
type Engine struct {
	o         Options
	store     *sqlite.Store
	queue     *memory.Queue
	callbacks *worker.Callbacks
	workers   *worker.Pool
	server    *server.Server
	http      *http.Server

	listener net.Listener
	failed   chan error
	serving  atomic.Bool
	stopOnce sync.Once
	stopErr  error
}

// New opens the store and makes the parts. Nothing runs before Start; Stop must be called in any
// case.
func New(o Options) (*Engine, error) {
	if o.Runner == nil || o.DataDir == "" {
		return nil, errors.New("an engine needs a runner and a folder for its data")
	}
	if o.Addr == "" {
		o.Addr = net.JoinHostPort(defaultHost, defaultPort)
	}
	o.Workers = slots(o.Workers)
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
		o.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	if o.About == (server.About{}) {
		o.About = defaultAbout
	}
	m := metrics.New(o.Registry)
	e := &Engine{o: o, failed: make(chan error, 1)}
	var err error
	if e.store, err = sqlite.Open(filepath.Join(o.DataDir, "judge0.db"), sqlitedb.Options{Observe: func(c sqlitedb.Commit) { m.Commit(c.Took) }}); err != nil {
		return nil, err
	}
	e.queue = memory.NewQueue(o.Config.MaxQueueSize)
	hub := memory.NewHub(maxWaiting)
	e.callbacks = worker.NewCallbacks(worker.CallbackOptions{Tries: o.Config.CallbacksMaxTries, Timeout: o.Config.CallbackTimeout(), Languages: o.Languages, Metrics: m, Logger: o.Logger})
	e.workers = worker.New(worker.Options{Slots: o.Workers, Host: o.Host, Queue: e.queue, Store: e.store, Runner: o.Runner, Results: hub, Callbacks: e.callbacks, Metrics: m, Logger: o.Logger})
	e.server = server.New(server.Options{
		Config: o.Config, Access: o.Access, Languages: o.Languages, Host: o.Host, Store: e.store, Queue: e.queue, Results: hub, Workers: e.workers,
		Ready: e.Ready, About: o.About, Isolate: o.Isolate, Gatherer: promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}), Metrics: m, Logger: o.Logger,
	})
	e.http = e.server.HTTPServer()

	m.Gauge("judge0_queue_depth", "Submissions that wait for a worker.", func() float64 { return float64(e.queue.Len()) })
	m.Gauge("judge0_queue_oldest_seconds", "How long the oldest submission in the queue has waited.", func() float64 {
		if since, ok := e.queue.Oldest(); ok {
			return time.Since(since).Seconds()
		}
		return 0
	})
	m.Gauge("judge0_slots", "Submissions that can run at a time.", func() float64 { return float64(o.Workers) })
	m.Gauge("judge0_callbacks_pending", "Callbacks that wait to be sent or sent again.", func() float64 { return float64(e.callbacks.Pending()) })
	m.Gauge("judge0_waiting_requests", "Requests that wait for a result.", func() float64 { return float64(hub.Len()) })
	return e, nil
}

// slots is how many submissions run at a time where asked for n.
func slots(n int) int {
	if n > 0 {
		return n
	}
	return max(2, runtime.NumCPU())
}

// Start takes up what an earlier process left without a result, begins to run, and listens. ctx
// bounds the start only.
func (e *Engine) Start(ctx context.Context) error {
	tokens, err := e.store.Recover(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, token := range tokens {
		e.queue.Push(0, queue.Item{Token: token, Since: now})
	}
	if e.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", e.o.Addr); err != nil {
		return err
	}
	e.callbacks.Start()
	e.workers.Start()
	e.serving.Store(true)
	go func() {
		if err := e.http.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			e.serving.Store(false)
			e.failed <- fmt.Errorf("serve: %w", err)
		}
	}()
	e.o.Logger.Info("engine started", "url", e.URL(), "workers", e.o.Workers, "languages", len(e.o.Languages.Active()), "recovered", len(tokens))
	return nil
}

// URL is where a started engine answers, for clients on this machine.
func (e *Engine) URL() string {
	if e.listener == nil {
		return ""
	}
	host, port, _ := net.SplitHostPort(e.listener.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Failed gets the error if serving ends other than by Stop.
func (e *Engine) Failed() <-chan error { return e.failed }

// Ready tells why no submission can be run now; nil if one can.
func (e *Engine) Ready() error {
	if !e.serving.Load() {
		return errors.New("the engine is not running")
	}
	if len(e.o.Languages.Active()) == 0 {
		return errors.New("no language is installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := e.store.Ping(ctx); err != nil {
		return fmt.Errorf("the store does not answer: %w", err)
	}
	if e.o.Check != nil {
		if err := e.o.Check(); err != nil {
			return fmt.Errorf("the sandbox does not work: %w", err)
		}
	}
	return nil
}

// stopTime is what Stop grants, beyond its context, to those that only have to say goodbye.
const stopTime = 2 * time.Second

// Stop takes no more requests and no more submissions, lets what runs come to its end, sends the
// callbacks, and closes the store. When ctx ends, runs are given up; they, and what is queued, are
// taken up at the next start.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopOnce.Do(func() { e.stopErr = e.shutDown(ctx) })
	return e.stopErr
}

func (e *Engine) shutDown(ctx context.Context) error {
	e.serving.Store(false)
	var errs []error
	httpEnded := make(chan error, 1)
	httpContext, cancelHTTP := context.WithCancel(context.Background())
	defer cancelHTTP()
	go func() { httpEnded <- e.http.Shutdown(httpContext) }()

	errs = append(errs, e.workers.Stop(ctx))
	e.server.StopWaiting()
	timer := time.AfterFunc(stopTime, cancelHTTP)
	defer timer.Stop()
	if err := <-httpEnded; err != nil {
		errs = append(errs, fmt.Errorf("requests were cut off: %w", err), e.http.Close())
	}
	callbackContext, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	errs = append(errs, e.callbacks.Stop(callbackContext), e.store.Close())
	return errors.Join(errs...)
}
