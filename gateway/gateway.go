// Package gateway is the whole API gateway: New takes its settings, Start boots it, Stop drains it.
// A test or a program that holds more than the gateway boots it on a port of its own with Port 0.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/check"
	"github.com/sandgate/sandgate/gateway/clientip"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/engine"
	"github.com/sandgate/sandgate/gateway/httpapi"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/live"
	"github.com/sandgate/sandgate/gateway/metrics"
	"github.com/sandgate/sandgate/gateway/retention"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/internal/profiling"
	"github.com/sandgate/sandgate/judge0/api"
)

// The names of what the store keeps besides submissions and keys.
const (
	callbackKey = "callback_key"
	webhookKey  = "webhook_key"
	catalogue   = "catalogue"
)

const (
	refreshCatalogue = 5 * time.Second
	flushKeys        = 15 * time.Second
	checkConnections = 30 * time.Second // how long a connection may outlive its key, besides what package auth remembers
)

// Options are what a Gateway is made of. Config comes from config.Load or config.Default.
type Options struct {
	Config   config.Config
	Log      *slog.Logger
	Now      func() time.Time          // nil: time.Now
	Dispatch func(*dispatch.Options)   // may change bounds of the dispatcher: for tests
	Webhooks func(*webhook.Options)    // may change bounds of deliveries: for tests
	Waits    func(*submission.Options) // may change bounds of waiting clients: for tests
	Store    func(Store) Store         // may stand before the store: for tests
}

// Gateway is a running gateway between Start and Stop.
type Gateway struct {
	Options

	store      Store
	keys       *auth.Keys
	client     *engine.Client
	catalogue  *engine.Catalogue
	dispatcher *dispatch.Dispatcher
	hub        *live.Hub
	relay      *live.Relay // nil: no other gateway
	webhooks   *webhook.Sender
	metrics    *metrics.Metrics
	redis      *limit.Redis // nil: limits are counted in memory
	quotas     *limit.Quotas
	server     *http.Server
	listener   net.Listener
	firstKey   string

	cancel      context.CancelFunc // ends what runs in the background
	endWaits    context.CancelFunc // ends requests that wait for a result
	endProfiles func()
	owned       sync.WaitGroup
	served      chan error
	closeOnce   sync.Once
}

// New makes a gateway that was not started.
func New(options Options) *Gateway {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Gateway{Options: options, served: make(chan error, 1)}
}

// Start opens the store, takes up what is unfinished, and serves. It does not wait for the engine:
// see Ready. After an error nothing is left open.
func (g *Gateway) Start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			_ = g.release()
		}
	}()
	g.metrics = metrics.New()
	opened, err := openStore(ctx, g.Config, g.metrics.Store)
	if err != nil {
		return err
	}
	if g.store = opened; g.Store != nil {
		g.store = g.Store(opened)
	}
	g.keys = auth.NewKeys(g.store, g.Now)
	g.keys.Address = clientip.New(g.Config.TrustedProxies, g.Config.ClientIPHeader).Of
	g.keys.Failures = g.Config.FailedAttempts
	if g.Config.JWTIssuer != "" {
		g.keys.Issuer = auth.NewIssuer(auth.IssuerOptions{
			URL: g.Config.JWTIssuer, Audiences: g.Config.JWTAudiences, Parties: g.Config.JWTParties, KeysURL: g.Config.JWTKeysURL, Now: g.Now, Log: g.Log,
		})
	}
	g.firstKey, err = g.keys.Bootstrap(ctx, g.Config.BootstrapKey)
	if errors.Is(err, auth.ErrBootstrapRevoked) {
		g.Log.Warn("the bootstrap key is refused", "error", err)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("make the first API key: %w", err)
	}
	if g.Config.WebKey != "" {
		if err := g.keys.KeepKey(ctx, "web client", "web", g.Config.WebKey, auth.Submit, auth.Read, auth.Delete, auth.Act); err != nil {
			return fmt.Errorf("keep the web client's API key: %w", err)
		}
	}
	var secrets secrets
	if secrets.callbacks, err = g.secret(ctx, callbackKey); err != nil {
		return err
	}
	if secrets.webhooks, err = g.secret(ctx, webhookKey); err != nil {
		return err
	}
	if g.Config.Profiles != "" {
		if g.endProfiles, err = profiling.Serve(g.Config.Profiles, g.Log); err != nil {
			return err
		}
	}
	address := net.JoinHostPort(g.Config.Host, strconv.Itoa(g.Config.Port))
	if g.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := g.assemble(secrets); err != nil {
		return err
	}
	if err := g.catalogue.Recall(ctx); err != nil {
		g.Log.Warn("the catalogue of the last run is not used", "error", err)
	}
	var background context.Context
	background, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := g.dispatcher.Start(ctx); err != nil {
		return err
	}
	g.owned.Go(func() { g.catalogue.Keep(background, refreshCatalogue) })
	g.owned.Go(func() { g.flushKeys(background) })
	g.owned.Go(func() { g.hub.Keep(background) })
	g.owned.Go(func() { g.hub.Connections.Watch(background) })
	g.quotas.Start()
	sweeper := retention.New(retention.Options{
		Store: g.store, Keep: g.Config.Retention, Audit: g.Config.AuditRetention, Usage: g.Config.UsageRetention, Now: g.Now, Log: g.Log, Removed: g.metrics.Expired, Failed: g.metrics.SweepFailed,
	})
	g.owned.Go(func() { sweeper.Run(background) })
	if issuer := g.keys.Issuer; issuer != nil {
		g.owned.Go(func() { issuer.Keep(background) })
	}
	g.owned.Go(func() { g.served <- g.server.Serve(g.listener) })
	g.Log.Info("the gateway listens", "url", g.URL(), "engine", g.Config.EngineURL)
	return nil
}

// secrets are keys that the store keeps and nobody sees.
type secrets struct{ callbacks, webhooks []byte }

func (g *Gateway) secret(ctx context.Context, name string) ([]byte, error) {
	secret, err := g.store.Setting(ctx, name, func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", name, err)
	}
	return secret, nil
}

// assemble puts the parts together.
func (g *Gateway) assemble(secrets secrets) error {
	count := g.metrics
	local := live.NewBus()
	var bus submission.Bus = local
	if g.Config.RedisURL != "" {
		relay, err := live.NewRelay(local, g.Config.RedisURL, g.Log)
		if err != nil {
			return err
		}
		g.relay, bus = relay, relay
		count.Gauge("live_redis_away", "1 while other gateways can't be heard because Redis is away.", func() float64 {
			if relay.Away() {
				return 1
			}
			return 0
		})
	}
	buckets, err := g.buckets()
	if err != nil {
		return err
	}
	g.quotas = limit.NewQuotas(limit.QuotaOptions{
		Store: g.store, Bounds: func(ctx context.Context, _ string) limit.Bounds { return g.bounds(ctx) },
		Refused: count.QuotaRefused, Now: g.Now, Log: g.Log,
	})
	g.client = engine.New(engine.Options{URL: g.Config.EngineURL, Token: g.Config.EngineToken, Timeout: g.Config.EngineTimeout})
	g.catalogue = engine.NewCatalogue(g.client, engine.Memory{
		Load: func(ctx context.Context) ([]byte, error) {
			return g.store.Setting(ctx, catalogue, func() ([]byte, error) { return []byte{}, nil })
		},
		Save: func(ctx context.Context, text []byte) error { return g.store.SetSetting(ctx, catalogue, text) },
	}, g.Log)
	hooks := webhook.Options{
		Store: g.store, Key: secrets.webhooks, AllowPrivate: g.Config.AllowPrivateCallbacks, Log: g.Log, Now: g.Now, Observe: count.Webhook,
	}
	if g.Webhooks != nil {
		g.Webhooks(&hooks)
	}
	g.webhooks = webhook.New(hooks)
	if g.Config.CalledElsewhere() {
		g.Log.Warn("the engine can't call back from elsewhere at the address that it is given, so results are asked for, and come late: set callback_url", "address", g.callbackBase())
	}
	bounds := dispatch.Options{
		Store: g.store, Instance: instance(g.Config), Engine: g.client, Catalogue: g.catalogue, Bus: bus, Observer: count, Log: g.Log, Now: g.Now,
		Key: secrets.callbacks, CallbackBase: g.callbackBase(),
		QueueLimit: g.Config.QueueLimit, PoolWindow: g.Config.PoolWindow, AccountInFlight: g.Config.AccountInFlight,
		Finished: func(sub *submission.Submission) {
			count.Result(api.StatusOf(sub.Status).Description)
			g.quotas.Ended(sub)
			g.webhooks.Finished(sub)
		},
	}
	if g.Dispatch != nil {
		g.Dispatch(&bounds)
	}
	g.dispatcher = dispatch.New(bounds)
	if g.relay != nil {
		g.relay.Start(g.dispatcher.Heard)
	}
	policies := check.NewPolicies(g.policy, g.Now)
	waits := submission.Options{
		Store: g.store, Records: g.store, Catalogue: g.catalogue, Dispatcher: g.dispatcher, Quotas: g.quotas, Bus: bus, Now: g.Now,
		NewToken: uuid.NewString, WaitLimit: g.Config.WaitTimeout, Review: policies.Review,
	}
	if g.Waits != nil {
		g.Waits(&waits)
	}
	service := submission.NewService(waits)
	g.hub = live.NewHub(live.Options{
		Bus: local, Observer: count, Log: g.Log,
		Connections: live.NewConnections(live.Limits{
			Most: g.Config.MaxStreams, MostOfAccount: g.Config.MaxStreamsPerAccount, CheckEvery: checkConnections,
			Check: httpapi.CheckCredentials(g.keys), Observer: count,
		}),
		Job: func(sub *submission.Submission) any { return httpapi.NewJob(sub, g.catalogue) },
		Get: func(ctx context.Context, account, token string) (*submission.Submission, error) {
			return service.Get(ctx, account, token, submission.Outcome)
		},
		Changed:      service.Changed,
		Authenticate: httpapi.AuthenticateSocket(g.keys),
	})
	count.Gauge("waiting", "Submissions that wait for the engine.", func() float64 { return float64(g.dispatcher.Stats().Waiting) })
	count.Gauge("unfinished", "Submissions that have not ended.", func() float64 { return float64(g.dispatcher.Stats().Unfinished) })
	count.Gauge("oldest_waiting_seconds", "Age of the submission that waits longest for the engine.", func() float64 { return g.dispatcher.Stats().Oldest.Seconds() })
	count.LiveConnections(g.hub.Connections.Open)
	count.Gauge("live_waiting", "Requests and connections that listen for a submission.", func() float64 { return float64(local.Listeners()) })
	count.Gauge("in_pool", "Submissions that the engine was handed and has not ended.", func() float64 { return float64(g.dispatcher.Stats().InPool) })
	count.Gauge("pool_window", "The most submissions that the engine is handed at present.", func() float64 { return float64(g.dispatcher.Stats().Window) })
	count.Gauge("webhooks_pending", "Deliveries to clients that were neither made nor given up.", func() float64 { return g.webhooks.Backlog().Pending })
	count.Gauge("webhooks_late_seconds", "For how long the delivery has been due that is due longest.", func() float64 { return g.webhooks.Backlog().Late.Seconds() })

	if issuer := g.keys.Issuer; issuer != nil {
		count.Gauge("jwt_keys_age_seconds", "Age of the keys of the JWT issuer; 0 while there are none.", func() float64 { return issuer.Age().Seconds() })
	}

	handler := httpapi.New(httpapi.Options{
		Submissions: service, Webhooks: g.webhooks, Records: g.store, Usage: g.quotas,
		Limits: httpapi.Limits{
			Buckets: buckets, Address: g.Config.Address, Key: g.Config.Key, Bounds: g.bounds, Refused: count.Limited,
		},
		Keys: g.keys, Directory: g.keys, Address: g.keys.Address, Catalogue: g.catalogue, Pool: g.client, Callbacks: g.dispatcher, Live: g.hub,
		Policies: policies, Checker: check.NewChecker(check.Options{Pool: g.client, Catalogue: g.catalogue, NewToken: uuid.NewString, Now: g.Now, Quotas: g.quotas, Observe: count.Checked}),
		Metrics: count, MetricsOpen: g.Config.MetricsOpen, Ready: g.Ready, Log: g.Log, Now: g.Now, MaxBody: g.Config.MaxBodyBytes,
	})
	base, endWaits := context.WithCancel(context.Background())
	g.endWaits = endWaits
	g.server = &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute, // what waits or streams sets its own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
	}
	return nil
}

// buckets are where requests are counted: here, or in the Redis that gateways share.
func (g *Gateway) buckets() (limit.Buckets, error) {
	local := limit.NewMemory(g.Now)
	if g.Config.RedisURL == "" {
		return local, nil
	}
	var err error
	g.redis, err = limit.NewRedis(limit.RedisOptions{URL: g.Config.RedisURL, Fallback: local, FellBack: g.metrics.LimitFellBack, Log: g.Log})
	if err != nil {
		return nil, err
	}
	g.metrics.Gauge("limit_redis_away", "1 while each gateway limits for itself because Redis is away.", func() float64 {
		if g.redis.Away() {
			return 1
		}
		return 0
	})
	return g.redis, nil
}

// bounds are those of the account that makes a request.
func (g *Gateway) bounds(ctx context.Context) limit.Bounds {
	account, _ := auth.AccountOf(ctx)
	general := g.Config.Accounts
	if account.Person {
		general = g.Config.Users
	}
	l := account.Limits
	own := limit.Bounds{
		Rate:             limit.Rate{PerSecond: l.Rate, Burst: l.Burst},
		DailySubmissions: int64(l.DailySubmissions), DailyCPU: time.Duration(l.DailyCPU * float64(time.Second)),
	}
	return own.Over(general)
}

// policy gives the policy of an account, as it is stored.
func (g *Gateway) policy(ctx context.Context, account string) (string, error) {
	record, err := g.store.Account(ctx, account)
	if err != nil || record == nil {
		return "", err
	}
	return record.Policy, nil
}

// callbackBase is where the engine finds this gateway.
func (g *Gateway) callbackBase() string {
	if g.Config.CallbackURL != "" {
		return g.Config.CallbackURL
	}
	return g.URL()
}

// URL is where the gateway answers, after Start.
func (g *Gateway) URL() string {
	address := g.listener.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(address.Port))
}

// Ready tells why a submission can't be run now: the store is not writable, or the engine can't be
// reached, has no worker, or can't build sandboxes.
func (g *Gateway) Ready(ctx context.Context) error {
	if err := g.store.Ping(ctx); err != nil {
		return fmt.Errorf("the store can't be written: %w", err)
	}
	return g.catalogue.Ready()
}

// FirstKey gives the API key that the first start made, to be shown to the operator once; "" where
// none was made.
func (g *Gateway) FirstKey() string { return g.firstKey }

// EnsureKey makes a fresh API key of that name for an account; the one of that name before stops
// working.
func (g *Gateway) EnsureKey(ctx context.Context, name, account string, scopes ...auth.Scope) (string, error) {
	return g.keys.EnsureKey(ctx, name, account, scopes...)
}

// Done gives the reason should the server end by itself.
func (g *Gateway) Done() <-chan error { return g.served }

// Stop refuses new submissions, ends live streams, lets requests end until ShutdownTimeout has
// passed or ctx ends, and closes the store. What has not ended by then is taken up at the next
// start.
func (g *Gateway) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.Config.ShutdownTimeout)
	defer cancel()
	var err error
	g.closeOnce.Do(func() {
		g.dispatcher.Close()
		g.hub.Stop()
		if err = g.server.Shutdown(ctx); err != nil {
			// Those who still wait get their submission as it is.
			g.endWaits()
			grace, end := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer end()
			if err = g.server.Shutdown(grace); err != nil {
				err = errors.Join(fmt.Errorf("requests did not end in time: %w", err), g.server.Close())
			}
		}
		g.dispatcher.Stop()
		g.webhooks.Stop(ctx)
		if g.relay != nil {
			g.relay.Stop()
			g.relay = nil
		}
		g.cancel()
		g.owned.Wait()
		flush, end := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer end()
		err = errors.Join(err, g.keys.Flush(flush), g.quotas.Stop(flush), g.release())
	})
	return err
}

// release closes what Start opened.
func (g *Gateway) release() error {
	var errs []error
	if g.cancel != nil {
		g.cancel()
	}
	if g.endWaits != nil {
		g.endWaits()
	}
	if g.listener != nil {
		_ = g.listener.Close()
	}
	if g.endProfiles != nil {
		g.endProfiles()
	}
	if g.webhooks != nil {
		ended, end := context.WithCancel(context.Background())
		end()
		g.webhooks.Stop(ended)
	}
	if g.relay != nil {
		g.relay.Stop()
	}
	if g.client != nil {
		g.client.Close()
	}
	if g.redis != nil {
		errs = append(errs, g.redis.Close())
	}
	if g.store != nil {
		errs = append(errs, g.store.Close())
	}
	return errors.Join(errs...)
}

func (g *Gateway) flushKeys(ctx context.Context) {
	tick := time.NewTicker(flushKeys)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := g.keys.Flush(ctx); err != nil {
				g.Log.Warn("the last use of keys was not stored", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
