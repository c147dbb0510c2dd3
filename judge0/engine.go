// Package judge0 is the engine: a server that speaks the Judge0 API, a queue, and workers that run
// what comes in, in one process or as a cluster. This package only puts the parts together and starts
// and stops them in order; each part is in a folder of its own.
package judge0

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/server"
	"github.com/sandgate/sandgate/judge0/worker"
)

// maxWaiting is how many requests with wait=true may wait at a time.
const maxWaiting = 10_000

// Options say what an engine is made of. By its role it must be given Runner and Languages (all but
// a server), DataDir (the whole), and where PostgreSQL and Redis are (server and worker).
type Options struct {
	Role Role
	Cluster
	Retention time.Duration // after which finished submissions are deleted; 0: never

	Config    api.Config
	Access    server.Access
	Runner    worker.Runner
	Languages api.Languages
	DataDir   string // the folder of the database
	LazyStore bool   // whoever submits would do so again for what a crash of the machine undoes: the store need not wait for the disk

	Addr     string               // to listen on, as host:port; port 0 takes any; "": 127.0.0.1:2358
	CPURate  float64              // share of a core that a program may use, for Isolate; 0: no limit
	Workers  int                  // submissions that run at a time; 0: the number of cores, at least 2
	Host     string               // queue_host and execution_host; "": the name of the machine
	Check    func() error         // why the runner can't run anything now, or nil; may be nil
	Holds    string               // what holds the programs, in words, from Isolate
	Sandbox  *metrics.Sandbox     // the sandbox's metrics, from Isolate; may be nil
	About    server.About         //
	Registry *prometheus.Registry // for the metrics; nil: one of its own, with those of the process
	Logger   *slog.Logger         // nil: none

	wrapStore func(worker.Store) worker.Store // for tests
}

// Engine is an engine that was made by New. Start and Stop are called once each.
type Engine struct {
	o Options
	*backend
	callbacks *worker.Callbacks // of those that run submissions
	workers   *worker.Pool      // of those too
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
	switch {
	case o.Role != ServerRole && o.Runner == nil:
		return nil, errors.New("an engine needs a runner")
	case o.Role == Whole && o.DataDir == "":
		return nil, errors.New("an engine needs a folder for its data")
	case o.Role != Whole && (o.Postgres == "" || o.Redis == ""):
		return nil, errors.New("a cluster needs PostgreSQL and Redis")
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
	if o.Config.AllowEnableNetwork || o.Config.EnableNetwork {
		o.Logger.Warn("programs get no network here: ALLOW_ENABLE_NETWORK and ENABLE_NETWORK have no effect")
		o.Config.AllowEnableNetwork, o.Config.EnableNetwork = false, false
	}
	m := metrics.New(o.Registry)
	if o.Sandbox != nil {
		o.Registry.MustRegister(o.Sandbox)
	}
	e := &Engine{o: o, failed: make(chan error, 1)}
	var err error
	if o.Role == Whole {
		e.backend, err = embedded(o, m)
	} else {
		e.backend, err = shared(o, m)
	}
	if err != nil {
		return nil, err
	}
	serverOptions := server.Options{
		Config: o.Config, Access: o.Access, Catalogue: e.languages, Host: o.Host, Store: e.store, Queue: e.queue, Results: e.results,
		Ready: e.Ready, About: o.About, Isolation: func() string { return cmp.Or(o.Holds, "unknown") }, Gatherer: promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}), Metrics: m, Logger: o.Logger,
	}
	if o.Role == ServerRole {
		serverOptions.Workers, serverOptions.Isolation = e.fleet, e.fleet.Isolation
	} else {
		e.makeWorkers(m)
		serverOptions.Workers = e.workers
	}
	if o.Role == WorkerRole {
		e.server = server.NewHealth(serverOptions)
	} else {
		e.server = server.New(serverOptions)
		m.Gauge("judge0_queue_depth", "Submissions that wait for a worker.", func() float64 { return float64(e.queue.Len()) })
		m.Gauge("judge0_queue_oldest_seconds", "How long the oldest submission in the queue has waited.", func() float64 {
			if since, ok := e.queue.Oldest(); ok {
				return time.Since(since).Seconds()
			}
			return 0
		})
		m.Gauge("judge0_waiting_requests", "Requests that wait for a result.", func() float64 { return float64(e.results.Len()) })
	}
	e.http = e.server.HTTPServer()
	return e, nil
}

func (e *Engine) makeWorkers(m *metrics.Metrics) {
	o := e.o
	e.callbacks = worker.NewCallbacks(worker.CallbackOptions{Tries: o.Config.CallbacksMaxTries, Timeout: o.Config.CallbackTimeout(), Languages: o.Languages, Metrics: m, Logger: o.Logger})
	var s worker.Store = e.store
	if o.wrapStore != nil {
		s = o.wrapStore(s)
	}
	e.workers = worker.New(worker.Options{Slots: o.Workers, Host: o.Host, Queue: e.queue, Store: s, Runner: o.Runner, Results: e.results, Callbacks: e.callbacks, Metrics: m, Logger: o.Logger})
	m.Gauge("judge0_slots", "Submissions that can run at a time.", func() float64 { return float64(o.Workers) })
	m.Gauge("judge0_callbacks_pending", "Callbacks that wait to be sent or sent again.", func() float64 { return float64(e.callbacks.Pending()) })
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
	if err := e.start(ctx, e); err != nil {
		return err
	}
	var err error
	if e.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", e.o.Addr); err != nil {
		return err
	}
	// A worker serves its health and metrics alone.
	if at, ok := e.listener.Addr().(*net.TCPAddr); e.o.Role != WorkerRole && len(e.o.Access.AuthnTokens) == 0 && !(ok && at.IP.IsLoopback()) {
		e.o.Logger.Warn("whoever reaches this address may run programs and read those of others: AUTHN_TOKEN is not set", "address", e.listener.Addr().String())
	}
	if e.workers != nil {
		e.callbacks.Start()
		e.workers.Start()
	}
	e.serving.Store(true)
	go func() {
		if err := e.http.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			e.serving.Store(false)
			e.failed <- fmt.Errorf("serve: %w", err)
		}
	}()
	e.o.Logger.Info("engine started", "url", e.URL(), "workers", e.o.Workers, "languages", len(e.languages().Active()))
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
	if err := e.ready(); err != nil {
		return err
	}
	if len(e.languages().Active()) == 0 {
		if e.o.Role == ServerRole {
			return errors.New("no worker has told yet which languages it has")
		}
		return errors.New("no language is installed")
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
// callbacks, and closes the store. When ctx ends, runs are given up; they are taken up by other
// workers of the cluster, or with what is queued at the next start.
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

	if e.workers != nil {
		errs = append(errs, e.workers.Stop(ctx))
	}
	e.queue.Close()
	e.server.StopWaiting()
	timer := time.AfterFunc(stopTime, cancelHTTP)
	defer timer.Stop()
	if err := <-httpEnded; err != nil {
		errs = append(errs, fmt.Errorf("requests were cut off: %w", err), e.http.Close())
	}
	e.stopTasks()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if e.workers != nil {
		e.leave(last)
		errs = append(errs, e.callbacks.Stop(last))
	}
	return errors.Join(append(errs, e.close())...)
}
