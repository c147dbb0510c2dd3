package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/engine"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/metrics"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/judge0/api"
)

// openRoutes need no key: Judge0's read-only information, health, and what the engine calls, which
// has a check of its own.
var openRoutes = map[string]bool{
	"GET /languages": true, "GET /languages/all": true, "GET /languages/:id": true, "GET /statuses": true,
	"GET /about": true, "GET /version": true, "GET /license": true, "GET /config_info": true,
	"GET /api/v1/languages": true, "GET /api/v1/shared/:id": true, "GET /healthz": true, "GET /readyz": true,
	"PUT /internal/callbacks/:token/:mac": true,
	"GET /socket.io":                      true, "POST /socket.io": true, // Socket.IO says who connects after the connection is made
	"GET /docs": true, "GET /docs/docs.css": true, "GET /docs/docs.js": true, "GET /openapi.json": true, "GET /openapi.yaml": true,
}

func router(t *testing.T) (*gin.Engine, *auth.Keys) {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	keys := auth.NewKeys(store, time.Now)
	return New(Options{Keys: keys, Directory: keys, Address: keys.Address, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler), Now: time.Now, MaxBody: 1 << 20}).(*gin.Engine), keys
}

func TestEveryRouteRefusesTheUnauthenticated(t *testing.T) {
	t.Parallel()
	r, keys := router(t)
	if _, err := keys.Bootstrap(context.Background(), "a-key-that-is-good"); err != nil {
		t.Fatal(err)
	}
	attempts := map[string]func(*http.Request){
		"nothing":           func(*http.Request) {},
		"header":            func(r *http.Request) { r.Header.Set("X-Auth-Token", "bad") },
		"bearer":            func(r *http.Request) { r.Header.Set("Authorization", "Bearer bad") },
		"basic":             func(r *http.Request) { r.Header.Set("Authorization", "Basic a-key-that-is-good") },
		"rapidapi":          func(r *http.Request) { r.Header.Set("X-RapidAPI-Key", "bad") },
		"query":             func(r *http.Request) { r.URL.RawQuery = "X-Auth-Token=bad" },
		"key twice":         func(r *http.Request) { r.URL.RawQuery = "X-Auth-Token=bad&X-Auth-Token=a-key-that-is-good" },
		"no JWT":            func(r *http.Request) { r.Header.Set("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.") },
		"a user":            func(r *http.Request) { r.Header.Set(auth.UserHeader, "alice") },
		"X-Auth-User alone": func(r *http.Request) { r.Header.Set("X-Auth-User", "a-key-that-is-good") },
	}
	guarded, open := 0, map[string]bool{}
	for _, route := range r.Routes() {
		if name := route.Method + " " + strings.TrimSuffix(route.Path, "/"); openRoutes[name] {
			open[name] = true
			continue
		}
		guarded++
		for name, attempt := range attempts {
			path := strings.NewReplacer(":token", "d85cd024-1548-4165-96c7-7bc88673f194", ":id", "71", ":key", "k").Replace(route.Path)
			request := httptest.NewRequest(route.Method, path, nil)
			attempt(request)
			answer := httptest.NewRecorder()
			r.ServeHTTP(answer, request)
			if answer.Code != http.StatusUnauthorized {
				t.Errorf("%s %s with %s: %d", route.Method, path, name, answer.Code)
			}
			if problem := strings.HasPrefix(path, "/api/"); problem != strings.Contains(answer.Body.String(), "urn:sandgate:problem:unauthenticated") {
				t.Errorf("%s %s: unexpected form %q", route.Method, path, answer.Body)
			}
		}
	}
	if guarded < 20 {
		t.Errorf("only %d routes are guarded", guarded)
	}
	if !maps.Equal(open, openRoutes) {
		t.Errorf("listed as open and not there: %d of %v", len(openRoutes)-len(open), openRoutes)
	}
}

func TestEveryFormOfAKeyIsTaken(t *testing.T) {
	t.Parallel()
	r, keys := router(t)
	if _, err := keys.Bootstrap(context.Background(), "a-key-that-is-good"); err != nil {
		t.Fatal(err)
	}
	for name, attempt := range map[string]func(*http.Request){
		"header":   func(r *http.Request) { r.Header.Set("x-auth-token", "a-key-that-is-good") },
		"bearer":   func(r *http.Request) { r.Header.Set("Authorization", "bearer a-key-that-is-good") },
		"rapidapi": func(r *http.Request) { r.Header.Set("X-RapidAPI-Key", "a-key-that-is-good") },
		"query":    func(r *http.Request) { r.URL.RawQuery = "x-auth-token=a-key-that-is-good" },
		"queried":  func(r *http.Request) { r.URL.RawQuery = "X-Auth-Token=a-key-that-is-good&x=1" },
	} {
		request := httptest.NewRequest("POST", "/authorize", nil)
		attempt(request)
		answer := httptest.NewRecorder()
		if r.ServeHTTP(answer, request); answer.Code != 200 || answer.Body.Len() != 0 {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
}

func TestJudge0RoutesAnswerWithASlashAsWell(t *testing.T) {
	t.Parallel()
	r, _ := router(t)
	there := map[string]bool{}
	for _, route := range r.Routes() {
		there[route.Method+" "+route.Path] = true
	}
	for _, route := range r.Routes() {
		switch path := route.Path; {
		case strings.HasSuffix(path, "/"), strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/internal/"), strings.HasPrefix(path, "/docs"), strings.HasPrefix(path, "/openapi."), path == "/healthz", path == "/readyz", path == "/metrics":
		case !there[route.Method+" "+path+"/"]:
			t.Errorf("%s %s/ is missing", route.Method, path)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	r, _ := router(t)
	request := httptest.NewRequest("OPTIONS", "/submissions", nil)
	request.Header.Set("Origin", "https://example.org")
	request.Header.Set("Access-Control-Request-Method", "POST")
	answer := httptest.NewRecorder()
	if r.ServeHTTP(answer, request); answer.Code != 204 || answer.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %d %v", answer.Code, answer.Header())
	}
}

// anything answers for what is behind the handlers.
type anything struct{ Submissions }

func (anything) Authenticate(*http.Request) (auth.Account, error) {
	return auth.Account{ID: "a", Scopes: auth.AllScopes()}, nil
}

func (anything) Authorize(_ *http.Request, account auth.Account, _ auth.Scope) (auth.Account, error) {
	return account, nil
}

func (anything) Pool() (submission.Pool, error) {
	return submission.Pool{Config: api.DefaultConfig(), Languages: api.NewLanguages([]api.Language{{ID: 71, Name: "Python (3.11.2)", RunCmd: "python3"}})}, nil
}

func (a anything) Create(_ context.Context, account string, request submission.Request) (*submission.Submission, error) {
	pool, _ := a.Pool()
	sub, faults := api.NewSubmission(request.Params, request.Base64, pool.Config, pool.Languages)
	if faults != nil {
		return nil, &submission.Error{Code: submission.Invalid, Fields: faults}
	}
	return &submission.Submission{Submission: *sub, Account: account}, nil
}

func (a anything) Run(ctx context.Context, account string, request submission.Request) (*submission.Submission, error) {
	return a.Create(ctx, account, request)
}

func (a anything) CreateMany(ctx context.Context, account string, requests []submission.Request, _ string) ([]submission.Created, error) {
	created := make([]submission.Created, len(requests))
	for i, request := range requests {
		var err error
		if created[i].Submission, err = a.Create(ctx, account, request); err != nil {
			created[i].Errors = err.(*submission.Error).Fields
		}
	}
	return created, nil
}

func (anything) Get(_ context.Context, _, token string, _ submission.Part) (*submission.Submission, error) {
	return &submission.Submission{Submission: api.Submission{Token: token, Result: api.Result{Status: api.Accepted, Stdout: &token}}}, nil
}

func (a anything) GetMany(_ context.Context, _ string, tokens []string, _ submission.Part) ([]*submission.Submission, error) {
	return make([]*submission.Submission, len(tokens)), nil
}

func (anything) List(_ context.Context, _ string, offset, limit int, _ submission.Part) ([]*submission.Submission, int, error) {
	if offset < 0 || offset > 1_000_000*perPageMost || limit < 1 || limit > perPageMost {
		return nil, 0, fmt.Errorf("%d after %d", limit, offset)
	}
	return nil, offset, nil
}

func (anything) Delete(context.Context, string, string) (*submission.Submission, error) {
	return nil, submission.Errorf(submission.Conflict, "it has not ended")
}

func (anything) History(context.Context, string, submission.Filter) ([]*submission.Submission, string, error) {
	return nil, "", nil
}

func (anything) AddShare(_ context.Context, share submission.Share) (submission.Share, error) {
	return share, nil
}
func (anything) Share(context.Context, string) (submission.Share, error) {
	return submission.Share{}, nil
}
func (anything) RemoveShare(context.Context, string, string) error { return nil }
func (anything) Usage(context.Context, string, time.Time, time.Time) ([]limit.Usage, error) {
	return nil, nil
}
func (anything) bounds(context.Context) limit.Bounds { return limit.Bounds{} }

func (anything) Verify(token, mac string) bool                  { return token == mac }
func (anything) Callback(context.Context, string, []byte) error { return nil }
func (anything) Deliveries(context.Context, string, webhook.DeliveryState, string, int) ([]webhook.Delivery, string, error) {
	return []webhook.Delivery{{State: webhook.Pending}, {State: webhook.GivenUp, LastStatus: 500, LastError: "x"}}, "next", nil
}
func (anything) Redeliver(context.Context, string, string) (webhook.Delivery, error) {
	return webhook.Delivery{}, submission.ErrNotFound
}
func (anything) Secret(string) string { return "secret" }
func (anything) Page(context.Context, string, string) (engine.Page, error) {
	return engine.Page{Status: 200}, nil
}

func FuzzRequest(f *testing.F) {
	var a anything
	store, err := sqlite.Open(filepath.Join(f.TempDir(), "gateway.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = store.Close() })
	keys := auth.NewKeys(store, time.Now)
	handler := New(Options{
		Submissions: a, Webhooks: a, Records: a, Usage: a, Limits: Limits{Bounds: a.bounds}, Keys: a, Directory: keys, Address: keys.Address, Catalogue: a, Pool: a, Callbacks: a, Policies: a, Checker: a, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler), Now: time.Now, MaxBody: 1 << 20,
		Ready: func(context.Context) error { return nil },
	})
	const good = `{"source_code":"print(1)","language_id":71}`
	f.Add("POST", "/submissions", "wait=true&fields=*", "application/json", []byte(good))
	f.Add("POST", "/submissions/batch", "base64_encoded=true", "application/json", []byte(`{"submissions":[`+good+`,[],7,null]}`))
	f.Add("POST", "/submissions/", "source_code=%FF&language_id=71&stdin[]=1", "application/x-www-form-urlencoded", []byte("a=%zz;b"))
	f.Add("POST", "/submissions", "", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"source_code\"\r\n\r\nx\r\n--x--"))
	f.Add("POST", "/api/v1/run", "", "application/json", []byte(`{"code":"print(1)","language":"python","limits":{"cpuTime":1e999},"x":[]}`))
	f.Add("GET", "/submissions", "page=-99999999999999999999&per_page=1e9", "", []byte{})
	f.Add("GET", "/submissions/batch", "tokens=a,,%00,%FF&fields=token,*", "", []byte{})
	f.Add("GET", "/submissions/\xff\x00", "base64_encoded=false", "", []byte{})
	f.Add("GET", "/api/v1/webhooks", "state=givenUp&limit=x", "", []byte{})
	f.Add("GET", "/api/v1/submissions", "language=python,71&status=3&since=2026-01-01T00:00:00Z&limit=5&cursor=x", "", []byte{})
	f.Add("GET", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194", "program=true", "", []byte{})
	f.Add("DELETE", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194", "", "", []byte{})
	f.Add("GET", "/api/v1/usage", "from=0001-01-01&to=9999-12-31", "", []byte{})
	f.Add("GET", "/api/v1/shared/x", "", "", []byte{})
	f.Add("POST", "/api/v1/keys", "", "application/json", []byte(`{"name":"x","scopes":["read",7],"expiresAt":"2030-01-01T00:00:00Z"}`))
	f.Add("PATCH", "/api/v1/keys/x", "", "", []byte(`{"name":null,"expiresAt":7}`))
	f.Add("POST", "/api/v1/accounts/a/keys/x/rotate", "", "", []byte(`{"overlapSeconds":9223372036854775807}`))
	f.Add("PUT", "/api/v1/accounts/a\x00", "", "", []byte(`{"retentionSeconds":-9223372036854775808,"limits":{"rate":1e308},"policy":[}`))
	f.Add("GET", "/api/v1/audit", "cursor=%00&limit=1e9", "", []byte{})
	f.Add("PUT", "/internal/callbacks/a/a", "", "", []byte("{"))
	f.Fuzz(func(t *testing.T, method, path, query, kind string, body []byte) {
		if strings.HasSuffix(path, "/events") {
			return // needs a connection
		}
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestPagesOfASlowPoolAreBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var asked atomic.Int32
	p := &pages{now: time.Now, kept: map[string]keptPage{}, busy: make(chan struct{}, pagesAtOnce), pool: poolFunc(func(ctx context.Context) (engine.Page, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the pool may take for ever")
		}
		asked.Add(1)
		<-release
		return engine.Page{Status: 200}, nil
	})}
	var wg sync.WaitGroup
	var refused atomic.Int32
	for range 3 * pagesAtOnce {
		wg.Go(func() {
			if _, err := p.page(t.Context(), "/license", ""); err != nil {
				if refused.Add(1) == 2*pagesAtOnce {
					close(release)
				}
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n != pagesAtOnce {
		t.Errorf("the pool was asked %d times at once", n)
	}
}

type poolFunc func(context.Context) (engine.Page, error)

func (f poolFunc) Page(ctx context.Context, _, _ string) (engine.Page, error) { return f(ctx) }

func TestProbesShareAnOutcome(t *testing.T) {
	t.Parallel()
	clock, calls := time.Unix(1, 0), 0
	o := &operations{now: func() time.Time { return clock }, ready: func(ctx context.Context) error {
		calls++
		clock = clock.Add(2 * time.Second) // as long as a probe may take
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.New("the disk is full")
	}}
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 100 {
		if err := o.probe(gone); err == nil || errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	if calls != 1 {
		t.Errorf("%d probes for requests that came at once", calls)
	}
	clock = clock.Add(keepReady)
	if _ = o.probe(gone); calls != 2 {
		t.Error("the outcome is kept for too long")
	}
}

func TestWhatClientsMakeUpIsNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := New(Options{Keys: auth.NewKeys(nil, time.Now), Metrics: metrics.New(), Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now, MaxBody: 1 << 20})
	for _, path := range []string{
		"/submissions/" + strings.Repeat("madeup", 1000), "/submissions/madeup%0Alevel=ERROR", "/submissions/d85cd024-1548-4165-96c7-7bc88673f194?X-Auth-Token=",
		"/nowhere/madeup",
	} {
		request := httptest.NewRequest("GET", path, nil)
		request.Header.Set(requestIDHeader, "madeup id")
		r.ServeHTTP(httptest.NewRecorder(), request)
	}
	if text := log.String(); strings.Contains(text, "madeup") || strings.Count(text, "token=d85cd024-1548-4165-96c7-7bc88673f194") != 1 {
		t.Errorf("logged %.1000s", text)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 7, "3": 3, "-4": -4, "3x": 3, "x": 0, "-": 0} {
		if got := number(text, 7); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}
