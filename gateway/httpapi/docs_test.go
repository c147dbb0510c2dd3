package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/check"
	"github.com/sandgate/sandgate/gateway/diagnose"
	"github.com/sandgate/sandgate/gateway/httpapi/docs"
	"github.com/sandgate/sandgate/gateway/metrics"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/judge0/api"
)

// undocumented routes are for the engine alone.
var undocumented = []string{"PUT /internal/callbacks/{token}/{mac}"}

// ours is the OpenAPI document, which must be valid, with its examples, and a finder of operations.
func ours(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	found, err := readOurs()
	if err != nil {
		t.Fatal(err)
	}
	return found.document, found.find
}

type described struct {
	document *openapi3.T
	find     routers.Router
}

var readOurs = sync.OnceValues(func() (described, error) {
	d, err := docs.Load()
	if err != nil {
		return described{}, err
	}
	var strict any
	if err := json.Unmarshal(d.JSON, &strict); err != nil {
		return described{}, err
	}
	closed(strict)
	text, err := json.Marshal(strict)
	if err != nil {
		return described{}, err
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err == nil {
		err = document.Validate(context.Background())
	}
	if err != nil {
		return described{}, err
	}
	find, err := gorillamux.NewRouter(document)
	return described{document, find}, err
})

// closed makes schemas of objects refuse what they don't name: clients may meet more one day, and the
// document must not be behind what there is today.
func closed(part any) {
	switch part := part.(type) {
	case []any:
		for _, each := range part {
			closed(each)
		}
	case map[string]any:
		_, object := part["properties"].(map[string]any)
		if _, said := part["additionalProperties"]; object && !said {
			part["additionalProperties"] = false
		}
		for _, each := range part {
			closed(each)
		}
	}
}

// The YAML says what the JSON says.
func TestFormsOfTheDocumentAgree(t *testing.T) {
	t.Parallel()
	d, err := docs.Load()
	if err != nil {
		t.Fatal(err)
	}
	of := func(text []byte) string {
		document, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		return string(again)
	}
	if of(d.JSON) != of(d.YAML) {
		t.Error("the two forms differ")
	}
}

var ginParameter = regexp.MustCompile(`[:*](\w+)`)

// The routes and the document name the same operations, and the same scopes: a route that the document
// calls open is one that needs no key.
func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	document, _ := ours(t)
	documented := map[string]bool{} // whether it is open
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			name := method + " " + path
			documented[name] = operation.Security != nil && len(*operation.Security) == 0
			if operation.OperationID == "" || operation.Summary == "" || operation.Responses.Len() == 0 {
				t.Errorf("%s lacks an id, a summary or answers", name)
			}
		}
	}
	r, _ := router(t)
	routes := map[string]bool{}
	for _, route := range r.Routes() {
		path := ginParameter.ReplaceAllString(route.Path, "{$1}")
		if trimmed := strings.TrimSuffix(path, "/"); trimmed != "" && !documentedAs(documented, route.Method+" "+path) {
			path = trimmed
		}
		name := route.Method + " " + path
		routes[name] = true
		open, known := documented[name]
		switch {
		case slices.Contains(undocumented, name):
		case !known:
			t.Errorf("%s is not in the document", name)
		case open != openRoutes[route.Method+" "+strings.TrimSuffix(route.Path, "/")]:
			t.Errorf("%s: the document says open: %t", name, open)
		}
	}
	for name := range documented {
		if !routes[name] {
			t.Errorf("%s is in the document only", name)
		}
	}
}

func documentedAs(documented map[string]bool, name string) bool {
	_, known := documented[name]
	return known
}

// match checks an answer by the document.
func match(t *testing.T, find routers.Router, request *http.Request, status int, header http.Header, answer string) {
	t.Helper()
	request.URL.Path = "/" + strings.Trim(request.URL.Path, "/")
	route, parameters, err := find.FindRoute(request)
	if err != nil {
		t.Errorf("%s %s: %v", request.Method, request.URL, err)
		return
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(strings.NewReader(answer)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: answer == ""},
	})
	if err != nil {
		t.Errorf("%s %s: %d %.200s: %v", request.Method, request.URL, status, answer, err)
	}
}

// What the handlers answer has the form that the document says.
func TestAnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	_, find := ours(t)
	r := fake(t)
	for _, tc := range []struct{ method, target, body string }{
		{"GET", "/api/v1/languages", ""},
		{"POST", "/api/v1/run", `{"language":"python","code":"print(1)"}`},
		{"POST", "/api/v1/run", `{"language":"python","code":"print(1)","check":"report"}`},
		{"POST", "/api/v1/run", `{"language":"python","code":"import os","check":"enforce"}`},
		{"POST", "/api/v1/run", `{"language":"klingon"}`},
		{"POST", "/api/v1/run", `{`},
		{"POST", "/api/v1/check", `{"language":"python","code":"import os"}`},
		{"GET", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194", ""},
		{"GET", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194?program=true", ""},
		{"DELETE", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194", ""},
		{"GET", "/api/v1/submissions?language=python&status=3", ""},
		{"GET", "/api/v1/submissions?limit=0", ""},
		{"POST", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194/share", ""},
		{"DELETE", "/api/v1/submissions/d85cd024-1548-4165-96c7-7bc88673f194/share", ""},
		{"GET", "/api/v1/shared/x", ""},
		{"GET", "/api/v1/usage", ""},
		{"GET", "/api/v1/usage?from=x", ""},
		{"GET", "/api/v1/me", ""},
		{"POST", "/api/v1/keys", `{"name":"k","scopes":["submit"],"expiresAt":"2099-01-31T00:00:00Z"}`},
		{"POST", "/api/v1/keys", `{"scopes":["everything"]}`},
		{"POST", "/api/v1/keys", `{"colour":1}`},
		{"GET", "/api/v1/keys", ""},
		{"DELETE", "/api/v1/keys/x", ""},
		{"PUT", "/api/v1/accounts/shop", `{"name":"Shop","policy":{"languages":{"c":{}}}}`},
		{"PUT", "/api/v1/accounts/shop", `{"policy":{"mode":"strict"}}`},
		{"GET", "/api/v1/accounts", ""},
		{"GET", "/api/v1/accounts/shop", ""},
		{"POST", "/api/v1/accounts/shop/keys", `{"name":"k","scopes":["read"]}`},
		{"GET", "/api/v1/accounts/shop/keys", ""},
		{"GET", "/api/v1/audit", ""},
		{"DELETE", "/api/v1/accounts/shop", ""},
		{"GET", "/api/v1/accounts/shop", ""},
		{"POST", "/submissions", `{"language_id":71,"source_code":"x"}`},
		{"POST", "/submissions", `{"language_id":7100}`},
		{"POST", "/submissions", `{`},
		{"POST", "/submissions?wait=true&fields=*", `{"language_id":71,"source_code":"x"}`},
		{"POST", "/submissions/batch", `{"submissions":[{"language_id":71,"source_code":"x"},{}]}`},
		{"POST", "/submissions/batch", `{"submissions":[{}]}`},
		{"GET", "/submissions", ""},
		{"GET", "/submissions?page=0", ""},
		{"GET", "/submissions/batch?tokens=a,b", ""},
		{"GET", "/submissions/d85cd024-1548-4165-96c7-7bc88673f194?fields=*", ""},
		{"GET", "/submissions/d85cd024-1548-4165-96c7-7bc88673f194?fields=nope", ""},
		{"DELETE", "/submissions/d85cd024-1548-4165-96c7-7bc88673f194", ""},
		{"GET", "/languages", ""},
		{"GET", "/languages/all", ""},
		{"GET", "/languages/71", ""},
		{"GET", "/languages/7100", ""},
		{"GET", "/statuses", ""},
		{"GET", "/about", ""},
		{"GET", "/version", ""},
		{"POST", "/authenticate", ""},
		{"GET", "/openapi.json", ""},
		{"GET", "/healthz", ""},
		{"GET", "/readyz", ""},
	} {
		request := httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body))
		if tc.body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, request)
		match(t, find, request, answer.Code, answer.Header(), answer.Body.String())
	}
}

// What a Judge0 of the recorded version answered has the form that the document says, too.
func TestRecordedAnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	_, find := ours(t)
	text, err := os.ReadFile("../../judge0/conformance/testdata/exchanges.json")
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []struct {
		Name    string
		Request struct {
			Method, Path string
			Body         json.RawMessage
		}
		Response struct {
			Status int
			Type   string
			JSON   json.RawMessage
			Text   *string
		}
	}
	if err := json.Unmarshal(text, &exchanges); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, e := range exchanges {
		if string(e.Response.JSON) == "null" || len(e.Response.JSON) == 0 || !strings.HasPrefix(e.Response.Type, "application/json") {
			continue
		}
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(e.Request.Path, "d85cd024-1548-4165-96c7-7bc88673f194")
		path = strings.ReplaceAll(strings.ReplaceAll(strings.Replace(path, "/?", "?", 1), " ", "%20"), `"`, "%22")
		checked++
		match(t, find, httptest.NewRequest(e.Request.Method, path, nil), e.Response.Status, http.Header{"Content-Type": {"application/json"}}, string(e.Response.JSON))
	}
	if checked < 50 {
		t.Errorf("only %d were checked", checked)
	}
}

// The page loads nothing but what is ours, and its own policy allows all that it has.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	r := fake(t)
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, httptest.NewRequest("GET", "/docs", nil))
	page := answer.Body.String()
	for _, attribute := range regexp.MustCompile(`(?:src|href|srcset|action)="([^"#][^"]*)"`).FindAllStringSubmatch(page, -1) {
		other := httptest.NewRecorder()
		if attribute[1] == "data:," { // no icon
			continue
		}
		if r.ServeHTTP(other, httptest.NewRequest("GET", attribute[1], nil)); other.Code != 200 || !strings.HasPrefix(attribute[1], "/") {
			t.Errorf("%s: %d", attribute[1], other.Code)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("the id %q is there twice", id[1])
		}
		ids[id[1]] = true
	}
	for _, anchor := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ids[anchor[1]] {
			t.Errorf("#%s leads nowhere", anchor[1])
		}
	}
	if inline := regexp.MustCompile(`<script[^>]*>[^<]|<style|\bstyle=|\son\w+=`).FindString(page); inline != "" {
		t.Errorf("the page has %q within it", inline)
	}
	if policy := answer.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	request := httptest.NewRequest("GET", "/docs", nil)
	request.Header.Set("If-None-Match", answer.Header().Get("ETag"))
	again := httptest.NewRecorder()
	if r.ServeHTTP(again, request); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("asked again: %d", again.Code)
	}
}

// fake is the API with nothing behind it: a checker that warns, and a policy that forbids an import.
func fake(t *testing.T) http.Handler {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	keys := auth.NewKeys(store, time.Now)
	var a anything
	return New(Options{
		Submissions: a, Records: a, Usage: a, Limits: Limits{Bounds: a.bounds}, Keys: a, Directory: keys, Address: keys.Address, Catalogue: a, Pool: a, Callbacks: a, Policies: a, Checker: a,
		Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler), Now: time.Now, MaxBody: 1 << 20, Ready: func(context.Context) error { return nil },
	})
}

func (anything) Policy(context.Context, string) (*check.Policy, error) {
	return check.ParsePolicy(`{"mode":"enforce","languages":{"python":{"imports":[{"name":"os"}]}}}`)
}

func (anything) Check(context.Context, string, *api.Submission) (check.Result, error) {
	return check.Result{Tool: "python3 py_compile", Diagnostics: []diagnose.Diagnostic{{File: "script.py", Line: 1, Severity: diagnose.Warning, Message: "doubtful"}}}, nil
}
