// Package httpapi is the gateway's HTTP face: Judge0's routes at the root, our own under /api/v1,
// live streams, health, metrics, and the callbacks of the engine.
//
// It turns requests into calls of the domain and outcomes into answers; one middleware turns errors
// into the form that the route's clients expect. It keeps no state of its own but a short cache of
// the pool's read-only pages.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/check"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/engine"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// Submissions is what the handlers need of the domain.
type Submissions interface {
	Create(ctx context.Context, account string, request submission.Request) (*submission.Submission, error)
	Run(ctx context.Context, account string, request submission.Request) (*submission.Submission, error)
	CreateMany(ctx context.Context, account string, requests []submission.Request, key string) ([]submission.Created, error)
	Get(ctx context.Context, account, token string, what submission.Part) (*submission.Submission, error)
	GetMany(ctx context.Context, account string, tokens []string, what submission.Part) ([]*submission.Submission, error)
	List(ctx context.Context, account string, offset, limit int, what submission.Part) ([]*submission.Submission, int, error)
	Delete(ctx context.Context, account, token string) (*submission.Submission, error)
}

// Authenticator tells who makes a request.
type Authenticator interface {
	Authenticate(r *http.Request) (auth.Account, error)
	// Authorize gives the account with a scope that it lacks, if the request carries more that gives it.
	Authorize(r *http.Request, account auth.Account, scope auth.Scope) (auth.Account, error)
}

// Records keeps what accounts ask of their submissions beyond the single one.
type Records interface {
	History(ctx context.Context, account string, filter submission.Filter) (page []*submission.Submission, next string, err error)
	AddShare(ctx context.Context, share submission.Share) (submission.Share, error)
	Share(ctx context.Context, id string) (submission.Share, error)
	RemoveShare(ctx context.Context, account, token string) error
}

// Pool gives the engine's read-only pages.
type Pool interface {
	Page(ctx context.Context, path, query string) (engine.Page, error)
}

// Callbacks takes in what the engine says of submissions.
type Callbacks interface {
	Verify(token, mac string) bool
	Callback(ctx context.Context, token string, body []byte) error
}

// Policies gives what the programs of an account may not have.
type Policies interface {
	Policy(ctx context.Context, account string) (*check.Policy, error)
}

// Checker runs the checker of a program's language.
type Checker interface {
	Check(ctx context.Context, account string, program *api.Submission) (check.Result, error)
}

// Recorder counts requests.
type Recorder interface {
	Begin()
	End(method, route string, status int, took time.Duration)
	Intake(n int)
	Handler() http.Handler
}

// Options are the parts of the API; all are needed.
type Options struct {
	Submissions Submissions
	Webhooks    Webhooks
	Records     Records
	Usage       Usage
	Limits      Limits
	Keys        Authenticator
	Directory   Directory
	Address     func(*http.Request) netip.Addr // of the client
	Catalogue   submission.Catalogue
	Pool        Pool
	Callbacks   Callbacks
	Policies    Policies
	Checker     Checker
	Live        Live
	Metrics     Recorder
	MetricsOpen bool
	Ready       func(context.Context) error // why no submission can be run now
	Log         *slog.Logger
	Now         func() time.Time
	MaxBody     int64 // bytes

	room *room // nil: the usual bounds
}

func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleMethodNotAllowed = false
	// An account's id may hold a slash, which is escaped in a path.
	r.UseRawPath = true
	return r
}

// Administration makes a handler of the routes of keys, accounts and the audit log alone. Whoever can
// call it is by: it is for programs that work on the store themselves.
func Administration(directory Directory, by auth.Account) http.Handler {
	r := newEngine()
	r.Use(answerErrors(slog.New(slog.DiscardHandler)))
	administer(r, &door{always(by), &Limits{}}, directory, func(*http.Request) netip.Addr { return netip.Addr{} })
	return r
}

// New makes the handler of all routes.
func New(o Options) http.Handler {
	r := newEngine()

	o.Limits.address = o.Address
	door := &door{o.Keys, &o.Limits}
	open := o.Limits.open
	read, submit, remove, admin := door.needs(auth.Read), door.needs(auth.Submit), door.needs(auth.Delete), door.needs(auth.Admin)
	known := door.needs("")
	room := o.room
	if room == nil {
		room = newRoom()
	}
	j := &judge0{submissions: o.Submissions, catalogue: o.Catalogue, metrics: o.Metrics, room: room}
	pool := &pages{pool: o.Pool, now: o.Now, kept: map[string]keptPage{}, busy: make(chan struct{}, pagesAtOnce)}
	v1 := &v1{submissions: o.Submissions, catalogue: o.Catalogue, metrics: o.Metrics, policies: o.Policies, checker: o.Checker}
	hooks := &webhooks{o.Webhooks}
	kept := &history{submissions: o.Submissions, records: o.Records, catalogue: o.Catalogue, room: room}
	shared := &shares{records: o.Records, submissions: o.Submissions, catalogue: o.Catalogue, now: o.Now}
	used := &usage{used: o.Usage, bounds: o.Limits.Bounds, now: o.Now}
	push := &liveRoutes{o.Live}
	ops := &operations{ready: o.Ready, now: o.Now, callbacks: o.Callbacks}

	r.Use(observe(o.Metrics, o.Log, o.Now), allowOrigins, answerErrors(o.Log), bound(o.MaxBody, semaphore.NewWeighted(bodiesAll)))

	// Judge0's clients don't follow redirects: each of its routes answers with a slash as well.
	both := func(method, path string, handlers ...gin.HandlerFunc) {
		r.Handle(method, path, handlers...)
		r.Handle(method, path+"/", handlers...)
	}
	both("POST", "/submissions", submit, j.create)
	both("GET", "/submissions", read, j.list)
	both("POST", "/submissions/batch", submit, j.createBatch)
	both("GET", "/submissions/batch", read, j.getBatch)
	both("GET", "/submissions/:token", read, j.get)
	both("DELETE", "/submissions/:token", remove, j.delete)
	both("GET", "/languages", open, j.languages)
	both("GET", "/languages/all", open, j.allLanguages)
	both("GET", "/languages/:id", open, j.language, pool.language)
	both("GET", "/statuses", open, j.statuses)
	both("GET", "/about", open, j.about)
	both("GET", "/version", open, j.version)
	both("GET", "/license", open, pool.open("/license"))
	both("GET", "/config_info", open, pool.open("/config_info"))
	both("GET", "/isolate", known, pool.open("/isolate"))
	both("GET", "/system_info", known, pool.open("/system_info"))
	both("GET", "/statistics", known, pool.statistics)
	both("GET", "/workers", known, pool.open("/workers"))
	both("POST", "/authenticate", known, nothing)
	both("POST", "/authorize", remove, nothing)

	r.GET("/api/v1/languages", open, v1.languages)
	r.POST("/api/v1/run", submit, v1.run)
	r.POST("/api/v1/check", submit, v1.check)
	r.GET("/api/v1/submissions", read, kept.list)
	r.GET("/api/v1/submissions/:token", read, kept.get)
	r.DELETE("/api/v1/submissions/:token", remove, kept.delete)
	r.GET("/api/v1/submissions/:token/events", read, push.job)
	r.GET("/api/v1/events", read, push.account)
	r.GET("/socket.io/", push.socket)
	r.POST("/socket.io/", push.socket)

	r.GET("/api/v1/webhooks", read, hooks.list)
	r.GET("/api/v1/webhooks/secret", door.managesKeys, hooks.secret)
	r.POST("/api/v1/webhooks/:token/redeliver", submit, hooks.redeliver)
	r.POST("/api/v1/submissions/:token/share", submit, shared.add)
	r.DELETE("/api/v1/submissions/:token/share", submit, shared.remove)
	r.GET("/api/v1/shared/:id", open, shared.get)
	r.GET("/api/v1/usage", read, used.get)
	r.GET("/api/v1/me", known, me)
	administer(r, door, o.Directory, o.Address)

	r.PUT(dispatch.CallbackPath+"/:token/:mac", ops.callback)
	documents(r, open)
	r.GET("/healthz", nothing)
	r.GET("/readyz", ops.readyz)
	metrics := gin.WrapH(o.Metrics.Handler())
	if o.MetricsOpen {
		r.GET("/metrics", metrics)
	} else {
		r.GET("/metrics", admin, metrics)
	}
	r.NoRoute(open, func(c *gin.Context) {
		_ = c.Error(submission.Errorf(submission.NotFound, "there is nothing at this address"))
	})
	return r
}

// administer adds the routes of keys, accounts and the audit log.
func administer(r gin.IRoutes, door *door, directory Directory, address func(*http.Request) netip.Addr) {
	mine := &keys{directory: directory, address: address, owner: func(c *gin.Context) (string, string) { return account(c), c.Param("id") }}
	theirs := &keys{directory: directory, address: address, owner: func(c *gin.Context) (string, string) { return c.Param("id"), c.Param("key") }}
	accounts := &accounts{directory: directory, address: address}
	admin := door.needs(auth.Admin)
	routes := func(all, one string, may gin.HandlerFunc, k *keys) {
		r.GET(all, may, k.list)
		r.POST(all, may, k.create)
		r.PATCH(one, may, k.change)
		r.DELETE(one, may, k.revoke)
		r.POST(one+"/rotate", may, k.rotate)
	}
	routes("/api/v1/keys", "/api/v1/keys/:id", door.managesKeys, mine)
	routes("/api/v1/accounts/:id/keys", "/api/v1/accounts/:id/keys/:key", admin, theirs)
	r.GET("/api/v1/accounts", admin, accounts.list)
	r.GET("/api/v1/accounts/:id", admin, accounts.get)
	r.PUT("/api/v1/accounts/:id", admin, accounts.set)
	r.DELETE("/api/v1/accounts/:id", admin, accounts.remove)
	r.GET("/api/v1/audit", admin, accounts.audit)
}

// nothing answers 200 with an empty body.
func nothing(c *gin.Context) { c.Status(http.StatusOK) }
