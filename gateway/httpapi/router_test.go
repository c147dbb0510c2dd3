package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/metrics"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
)

// openRoutes need no key: Judge0's read-only information, health, and what the engine calls, which
// has a check of its own.
var openRoutes = map[string]bool{
	"GET /languages": true, "GET /languages/all": true, "GET /languages/:id": true, "GET /statuses": true,
	"GET /about": true, "GET /version": true, "GET /license": true, "GET /config_info": true,
	"GET /api/v1/languages": true, "GET /healthz": true, "GET /readyz": true,
	"PUT /internal/callbacks/:token/:mac": true,
}

func router(t *testing.T) (*gin.Engine, *auth.Keys) {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	keys := auth.NewKeys(store, time.Now)
	return New(Options{Keys: keys, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler), Now: time.Now, MaxBody: 1 << 20}).(*gin.Engine), keys
}

func TestEveryRouteRefusesTheUnauthenticated(t *testing.T) {
	t.Parallel()
	r, keys := router(t)
	if _, err := keys.Bootstrap(context.Background(), "a-key-that-is-good"); err != nil {
		t.Fatal(err)
	}
	attempts := map[string]func(*http.Request){
		"nothing":   func(*http.Request) {},
		"header":    func(r *http.Request) { r.Header.Set("X-Auth-Token", "bad") },
		"bearer":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer bad") },
		"basic":     func(r *http.Request) { r.Header.Set("Authorization", "Basic a-key-that-is-good") },
		"rapidapi":  func(r *http.Request) { r.Header.Set("X-RapidAPI-Key", "bad") },
		"query":     func(r *http.Request) { r.URL.RawQuery = "X-Auth-Token=bad" },
		"key twice": func(r *http.Request) { r.URL.RawQuery = "X-Auth-Token=bad&X-Auth-Token=a-key-that-is-good" },
	}
	guarded := 0
	for _, route := range r.Routes() {
		if openRoutes[route.Method+" "+strings.TrimSuffix(route.Path, "/")] {
			continue
		}
		guarded++
		for name, attempt := range attempts {
			path := strings.NewReplacer(":token", "d85cd024-1548-4165-96c7-7bc88673f194", ":id", "71").Replace(route.Path)
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
		case strings.HasSuffix(path, "/"), strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/internal/"), path == "/healthz", path == "/readyz", path == "/metrics":
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

func TestMetaOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ page, per, total, pages, next, previous int }{
		{1, 20, 0, 1, 0, 0}, {1, 20, 20, 1, 0, 0}, {1, 20, 21, 2, 2, 0}, {2, 20, 41, 3, 3, 1}, {3, 20, 41, 3, 0, 2}, {9, 20, 41, 3, 0, 8},
	} {
		meta := metaOf(tc.page, tc.per, tc.total)
		or0 := func(n *int) int {
			if n == nil {
				return 0
			}
			return *n
		}
		if meta.TotalPages != tc.pages || or0(meta.NextPage) != tc.next || or0(meta.PrevPage) != tc.previous {
			t.Errorf("%+v: got %+v", tc, meta)
		}
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
