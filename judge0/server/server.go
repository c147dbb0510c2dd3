// Package server is the engine's HTTP API: Judge0's, to the letter of its contract, and health and
// metrics beside it.
//
// It promises that a token it has answered is in the store and in the queue, that wait=true is
// answered the moment the result is recorded, and that no request makes it answer 500. It runs
// nothing itself: what it queues, workers take.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/metrics"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/store"
)

// Gin's mode belongs to the whole process; setting it later would race with other servers in it.
func init() { gin.SetMode(gin.ReleaseMode) }

// Store is where submissions are kept.
type Store interface {
	Create(ctx context.Context, list []store.New) ([]string, error)
	Tokens(ctx context.Context, keys []string) (map[string]string, error)
	Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error)
	List(ctx context.Context, page, perPage int, program bool) (store.Page, error)
	Delete(ctx context.Context, token string) (*api.Submission, error)
	Statistics(ctx context.Context, now time.Time) (store.Statistics, error)
}

// Queue is where submissions wait for a worker. Room for them is reserved before they are stored.
type Queue interface {
	Reserve(n int) error
	Push(reserved int, items ...queue.Item)
	Len() int
}

// Results tells when a submission finishes.
type Results interface {
	Subscribe(token string) (finished <-chan *api.Submission, leave func(), err error)
}

// Workers are those who run what is queued.
type Workers interface {
	State() (slots, working, failed int)
}

// Access says who may use the API. No AuthnTokens let everybody in; no AuthzTokens let nobody do
// what needs authorization. Addresses and origins are allowed unless a list says otherwise.
type Access struct {
	AuthnHeader, AuthzHeader      string // default X-Auth-Token, X-Auth-User
	AuthnTokens, AuthzTokens      []string
	AllowIP, DisallowIP           []netip.Prefix
	AllowOrigins, DisallowOrigins []string
}

// Options are the parts of a Server.
type Options struct {
	Config     api.Config
	Access     Access
	Languages  api.Languages
	Catalogue  func() api.Languages // in place of Languages where these change; may be nil
	Host       string               // the queue_host of what comes in here
	Store      Store
	Queue      Queue
	Results    Results
	Workers    Workers
	Ready      func() error      // why no submission can be run now, or nil
	About      About             //
	Isolation  func() string     // what holds the programs, in words; for GET /isolate and /system_info
	Gatherer   http.Handler      // the answer of GET /metrics; nil: 404
	Metrics    *metrics.Metrics  //
	Logger     *slog.Logger      //
	MaxBody    int64             // bytes of a request's body; 0: 32 MiB
	BodyTime   time.Duration     // in which a request's body must arrive; 0: one minute
	AnswerTime time.Duration     // in which a client must take an answer in; 0: two minutes
	Now        func() time.Time  // nil: time.Now
	NewToken   func() string     // nil: a random UUID
	System     func() SystemInfo // the answer of GET /system_info; nil: read from /proc
}

// About is what GET /about and GET /license say of this program.
type About struct{ Homepage, SourceCode, Maintainer, License string }

// Server answers the API. Its methods may be called from any goroutine.
type Server struct {
	o       Options
	authn   tokens
	authz   tokens
	router  *gin.Engine
	handler http.Handler

	stopping   context.Context
	stop       context.CancelFunc
	statistics statisticsCache
}

// New makes a server; Handler is to be served.
func New(o Options) *Server {
	if o.MaxBody <= 0 {
		o.MaxBody = 32 << 20
	}
	if o.BodyTime <= 0 {
		o.BodyTime = time.Minute
	}
	if o.AnswerTime <= 0 {
		o.AnswerTime = 2 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewToken == nil {
		o.NewToken = newToken
	}
	if o.System == nil {
		o.System = sync.OnceValue(readSystemInfo)
	}
	if o.Isolation == nil {
		o.Isolation = func() string { return "unknown" }
	}
	o.Access.AuthnHeader = orDefault(o.Access.AuthnHeader, "X-Auth-Token")
	o.Access.AuthzHeader = orDefault(o.Access.AuthzHeader, "X-Auth-User")
	s := &Server{o: o, authn: hashAll(o.Access.AuthnTokens), authz: hashAll(o.Access.AuthzTokens)}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.serve(s.routes())
	return s
}

func (s *Server) serve(router *gin.Engine) {
	s.router, s.handler = router, withoutTrailingSlash(router)
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (s *Server) languages() api.Languages {
	if s.o.Catalogue != nil {
		return s.o.Catalogue()
	}
	return s.o.Languages
}

// NewHealth makes a server of health and metrics alone, for a program that serves nothing else. Of
// the options it needs Access, Ready, Gatherer and Logger.
func NewHealth(o Options) *Server {
	s := New(o)
	s.serve(s.healthRoutes())
	return s
}

// Handler serves the API.
func (s *Server) Handler() http.Handler { return s.handler }

// Routes lists what is served.
func (s *Server) Routes() gin.RoutesInfo { return s.router.Routes() }

// StopWaiting answers those who wait for results with what there is. It comes before the shutdown
// of the HTTP server, which waits for all answers.
func (s *Server) StopWaiting() { s.stop() }

// routes lists the API.
func (s *Server) routes() *gin.Engine {
	router := s.healthRoutes()
	get := func(path string, handlers ...gin.HandlerFunc) {
		router.GET(path, handlers...)
		router.HEAD(path, handlers...)
	}
	get("/about", s.authenticate, s.about)
	get("/version", s.authenticate, s.version)
	get("/license", s.authenticate, s.license)
	get("/isolate", s.authenticate, s.isolate)
	get("/statuses", s.authenticate, s.listStatuses)
	get("/languages", s.authenticate, s.listLanguages)
	get("/languages/all", s.authenticate, s.listAllLanguages)
	get("/languages/:id", s.authenticate, s.getLanguage)
	get("/config_info", s.authenticate, s.configInfo)
	get("/system_info", s.authenticate, s.systemInfo)
	get("/statistics", s.authenticate, s.getStatistics)
	get("/workers", s.authenticate, s.listWorkers)
	router.POST("/authenticate", s.authenticate, s.ok)
	router.POST("/authorize", s.authenticate, s.authorize, s.ok)

	router.POST("/submissions", s.authenticate, s.createSubmission)
	router.POST("/submissions/batch", s.authenticate, s.createBatch)
	get("/submissions/batch", s.authenticate, s.getBatch)
	get("/submissions/:token", s.authenticate, s.getSubmission)
	get("/submissions", s.authenticate, s.authorize, s.listSubmissions)
	router.DELETE("/submissions/:token", s.authenticate, s.authorize, s.deleteSubmission)
	return router
}

func (s *Server) healthRoutes() *gin.Engine {
	router := gin.New()
	router.RedirectTrailingSlash = false
	router.RedirectFixedPath = false
	router.HandleMethodNotAllowed = false
	router.UseRawPath = false
	// Addresses come from the connection: whoever may set a header must not choose its own.
	_ = router.SetTrustedProxies(nil)
	router.Use(s.observe, s.recover, s.checkAddress, s.checkOrigin)
	router.NoRoute(func(c *gin.Context) { c.AbortWithStatus(http.StatusNotFound) })

	get := func(path string, handlers ...gin.HandlerFunc) {
		router.GET(path, handlers...)
		router.HEAD(path, handlers...)
	}
	get("/healthz", s.healthz)
	get("/readyz", s.readyz)

	get("/metrics", s.authenticateScraper, s.metrics)
	return router
}

// withoutTrailingSlash serves /submissions/ as /submissions: client libraries send either, and don't
// follow redirects.
func withoutTrailingSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; len(path) > 1 && strings.HasSuffix(path, "/") {
			trimmed, u := *r, *r.URL
			u.Path, u.RawPath = strings.TrimSuffix(path, "/"), strings.TrimSuffix(u.RawPath, "/")
			trimmed.URL = &u
			r = &trimmed
		}
		next.ServeHTTP(w, r)
	})
}

// HTTPServer makes the server that keeps slow and oversized requests out. What waits for a result
// lifts its limits for that time.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: min(10*time.Second, s.o.BodyTime),
		ReadTimeout:       s.o.BodyTime,
		WriteTimeout:      s.o.AnswerTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
}

// fail answers with what Judge0 says, or for a fault of our own with 503: the submission may be
// sent again.
func (s *Server) fail(c *gin.Context, err error) {
	switch {
	case errors.Is(err, queue.ErrFull), errors.Is(err, queue.ErrTooManySubscribers):
		c.Header("Retry-After", "1")
		s.refuse(c, http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, api.ErrNotUTF8), errors.Is(err, api.ErrSomeNotUTF8):
		s.refuse(c, http.StatusBadRequest, err.Error())
	case errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil:
		c.AbortWithStatus(499) // the client has left
	default:
		s.log(c).Error("answer a request", "error", err)
		c.Header("Retry-After", "1")
		s.refuse(c, http.StatusServiceUnavailable, "the service is temporarily unavailable")
	}
}

func (s *Server) refuse(c *gin.Context, status int, message string) {
	c.AbortWithStatusJSON(status, gin.H{"error": message})
}

// ParsePrefixes reads a list of addresses and networks, separated by white space.
func ParsePrefixes(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	var faults []error
	for _, field := range strings.Fields(text) {
		prefix, err := netip.ParsePrefix(field)
		if err != nil {
			address, addressErr := netip.ParseAddr(field)
			if addressErr != nil {
				faults = append(faults, fmt.Errorf("%q is neither an address nor a network", field))
				continue
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		list = append(list, prefix.Masked())
	}
	return list, errors.Join(faults...)
}

func remoteAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
