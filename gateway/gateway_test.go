package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/judge0/api"
)

const firstKey = "first-key-of-the-tests"

// bundle is a gateway in front of a scripted engine.
type bundle struct {
	t      testing.TB
	engine *scriptedEngine
	config config.Config
	bounds func(*dispatch.Options)
	hooks  func(*webhook.Options)
	waits  func(*submission.Options)
	before func(gateway.Store) gateway.Store
	*gateway.Gateway
}

func prepare(t testing.TB) *bundle { return prepareWith(t, startEngine(t)) }

func prepareWith(t testing.TB, engine *scriptedEngine) *bundle {
	b := &bundle{t: t, engine: engine, config: config.Default()}
	b.config.Port, b.config.DataDir, b.config.BootstrapKey = 0, t.TempDir(), firstKey
	b.config.EngineURL, b.config.EngineToken = b.engine.url(), b.engine.token
	b.config.ShutdownTimeout = 5 * time.Second
	b.bounds = func(o *dispatch.Options) {
		o.BackoffFirst, o.BackoffMost, o.ReconcileEvery = time.Millisecond, 10*time.Millisecond, 5*time.Millisecond
	}
	return b
}

// start boots the gateway and waits until it is ready.
func (b *bundle) start() *bundle {
	b.boot()
	b.await("readiness", func() bool { return b.Ready(context.Background()) == nil })
	return b
}

func (b *bundle) boot() {
	b.t.Helper()
	b.Gateway = gateway.New(gateway.Options{Config: b.config, Log: slog.New(slog.DiscardHandler), Dispatch: b.bounds, Webhooks: b.hooks, Waits: b.waits, Store: b.before})
	if err := b.Start(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = b.Stop(context.Background()) })
}

// await polls for what has no signal of its own; it fails after a time that only a fault can take.
func (b *bundle) await(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s did not come", what)
		}
	}
}

type reply struct {
	status int
	body   string
	header http.Header
}

func (r reply) object(t testing.TB) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(r.body), &object); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return object
}

func (b *bundle) call(method, path, body string, key string) reply {
	b.t.Helper()
	request, err := http.NewRequest(method, b.URL()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("X-Auth-Token", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{response.StatusCode, string(text), response.Header}
}

func (b *bundle) get(path string) reply { b.t.Helper(); return b.call("GET", path, "", firstKey) }
func (b *bundle) post(path, body string) reply {
	b.t.Helper()
	return b.call("POST", path, body, firstKey)
}

func python(source string) string {
	return fmt.Sprintf(`{"source_code":%q,"language_id":71}`, source)
}

// submit makes a submission and gives its token.
func (b *bundle) submit(source string) string {
	b.t.Helper()
	r := b.post("/submissions", python(source))
	token, _ := r.object(b.t)["token"].(string)
	if r.status != 201 || token == "" {
		b.t.Fatalf("got %d %s", r.status, r.body)
	}
	return token
}

// status asks for a submission's status.
func (b *bundle) status(token string) int {
	b.t.Helper()
	r := b.get("/submissions/" + token + "?fields=status_id")
	if r.status != 200 {
		b.t.Fatalf("got %d %s", r.status, r.body)
	}
	return int(r.object(b.t)["status_id"].(float64))
}

func (b *bundle) awaitStatus(token string, status int) {
	b.t.Helper()
	b.await(fmt.Sprintf("status %d", status), func() bool { return b.status(token) == status })
}

func TestWait(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(fmt.Sprintf("modern=%v", modern), func(t *testing.T) {
			t.Parallel()
			b := prepare(t).start()
			b.engine.script(func(e *scriptedEngine) { e.modern, e.next = modern, func(s *scripted) { e.begin(s); e.end(s) } })
			r := b.post("/submissions?wait=true&fields=*", python("hello\n"))
			got := r.object(t)
			if r.status != 201 || got["stdout"] != "hello\n" || got["status_id"] != 3.0 || got["exit_code"] != 0.0 || got["time"] != "0.012" || got["source_code"] != "hello\n" {
				t.Fatalf("got %d %s", r.status, r.body)
			}
			s := <-b.engine.took
			if s.key != got["token"] || s.Token == got["token"] {
				t.Errorf("the engine's token %s, the client's %v, the idempotency key %s", s.Token, got["token"], s.key)
			}
			if strings.Contains(s.calls, "judge0_events") || !strings.Contains(s.calls, "judge0_fields=*") {
				t.Errorf("unexpected callback address %s", s.calls)
			}
			r = b.get("/submissions/" + got["token"].(string) + "/?base64_encoded=true")
			if r.status != 200 || r.object(t)["stdout"] != "aGVsbG8K\n" {
				t.Errorf("got %d %s", r.status, r.body)
			}
		})
	}
}

func TestWaitGivesUpInTime(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.WaitTimeout = 20 * time.Millisecond
	b.start()
	r := b.post("/submissions?wait=true", python("x"))
	if r.status != 201 || r.object(t)["status"].(map[string]any)["id"] != 1.0 {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestBatchOfValidAndInvalid(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	r := b.post("/submissions/batch", `{"submissions":[`+python("1")+`,{"language_id":71},`+python("3")+`]}`)
	var list []map[string]any
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || r.status != 201 || len(list) != 3 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	if !reflect.DeepEqual(list[1], map[string]any{"source_code": []any{"can't be blank"}}) {
		t.Errorf("got %v", list[1])
	}
	first, third := list[0]["token"].(string), list[2]["token"].(string)
	b.awaitStatus(first, api.Accepted)
	b.awaitStatus(third, api.Accepted)
	r = b.get("/submissions/batch?fields=stdout&tokens=" + third + ",junk," + first)
	if r.status != 200 || r.body != `{"submissions":[{"stdout":"3"},null,{"stdout":"1"}]}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := b.post("/submissions/batch", `{"submissions":[{},{}]}`); r.status != 422 || !strings.HasPrefix(r.body, "[{") {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestSubmissionsWaitForAPoolThatIsDown(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.down()
	// Of a call on a connection that just broke it is not known whether it arrived: that is sent again later than others.
	b.await("the news that the engine is away", func() bool { return b.Ready(t.Context()) != nil })
	var tokens, want []string
	for i := range 50 {
		want = append(want, fmt.Sprint(i))
		tokens = append(tokens, b.submit(want[i]))
	}
	if got := b.status(tokens[0]); got != api.InQueue {
		t.Fatalf("status %d with no engine", got)
	}
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	b.engine.up()
	for _, token := range tokens {
		b.awaitStatus(token, api.Accepted)
	}
	b.engine.mu.Lock()
	defer b.engine.mu.Unlock()
	first := b.engine.posts[0]
	if len(b.engine.posts) > 40 || len(first) < 2 {
		t.Errorf("%d calls for 50 submissions that waited", len(b.engine.posts))
	}
	if !slices.Equal(first, want[:len(first)]) {
		t.Errorf("the first to go out were %v", first)
	}
}

func TestSubmissionsWaitForAPoolThatIsFull(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.status, e.next = 503, func(s *scripted) { e.end(s) } })
	token := b.submit("x")
	other := b.submit("y")
	b.await("a call that was refused", func() bool {
		return strings.Contains(b.get("/metrics").body, `dispatched_total{outcome="full"}`)
	})
	b.engine.script(func(e *scriptedEngine) { e.status = 0 })
	b.awaitStatus(token, api.Accepted)
	b.awaitStatus(other, api.Accepted)
}

func TestIntakeIsBounded(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.QueueLimit = 2
	b.start()
	b.engine.down()
	b.submit("1")
	b.submit("2")
	r := b.post("/submissions", python("3"))
	if r.status != 503 || r.body != `{"error":"queue is full"}` || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s %v", r.status, r.body, r.header)
	}
	r = b.post("/api/v1/run", `{"code":"x","language":"python"}`)
	if r.status != 503 || !strings.Contains(r.body, `"type":"urn:sandgate:problem:queue-full"`) || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %v", r.status, r.body, r.header)
	}
}

func TestRefusedByTheEngine(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	r := b.post("/submissions?wait=true&fields=status_id,message", python("refuse me"))
	if got := r.object(t); got["status_id"] != 13.0 || !strings.Contains(fmt.Sprint(got["message"]), "is refused") {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestDuplicateAndForgedCallbacks(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	var results int
	b.bounds = func(o *dispatch.Options) {
		finished := o.Finished
		o.Finished = func(s *submission.Submission) { results++; finished(s) }
	}
	b.start()
	token := b.submit("x")
	s := <-b.engine.took
	forged := strings.Replace(s.calls, token+"/", token+"/00", 1)
	for url, want := range map[string]int{forged: 404, strings.Replace(s.calls, token, "d85cd024-1548-4165-96c7-7bc88673f194", 1): 404} {
		if got := b.engine.put(url, `{"status":{"id":3}}`); got != want {
			t.Errorf("a forged callback got %d", got)
		}
	}
	if got := b.engine.put(s.calls, `{`); got != 400 {
		t.Errorf("a callback that is no JSON got %d", got)
	}
	if got := b.status(token); got != api.InQueue {
		t.Fatalf("status %d after forged callbacks", got)
	}
	if got := b.engine.end(s); got != 204 {
		t.Fatalf("the callback got %d", got)
	}
	b.engine.script(func(*scriptedEngine) { other := "other"; s.Stdout = &other })
	if got := b.engine.call(s); got != 204 {
		t.Errorf("the duplicate got %d", got)
	}
	// A start that comes late changes nothing either.
	b.engine.script(func(*scriptedEngine) { s.Status = api.Processing })
	b.engine.call(s)
	if r := b.get("/submissions/" + token); r.object(t)["stdout"] != "x" || results != 1 {
		t.Errorf("%d results; now %s", results, r.body)
	}
}

func TestResultWhoseRestCantBeFetched(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	token := b.submit("x")
	s := <-b.engine.took
	b.engine.finish(s)
	b.engine.down()
	if got := b.engine.call(s); got != 503 {
		t.Errorf("the callback got %d while the engine was away", got)
	}
	b.engine.up()
	b.awaitStatus(token, api.Accepted)
}

func TestQuietSubmissionsAreAskedAfter(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	tuned := b.bounds
	b.bounds = func(o *dispatch.Options) { tuned(o); o.Grace = 5 * time.Millisecond }
	b.start()
	token := b.submit("x")
	s := <-b.engine.took
	b.engine.begin(s) // stock Judge0: nobody is told
	b.awaitStatus(token, api.Processing)
	b.engine.forget(s)
	again := <-b.engine.took
	if again.key != token || again.Token == s.Token {
		t.Fatalf("got %+v", again)
	}
	b.engine.finish(again)
	b.awaitStatus(token, api.Accepted)
}

func TestQuietSubmissionsAreAskedAfterWithoutBatches(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.engine.config.EnableBatchedSubmissions = false
	tuned := b.bounds
	b.bounds = func(o *dispatch.Options) { tuned(o); o.Grace = 5 * time.Millisecond }
	b.start()
	token := b.submit("x")
	b.engine.finish(<-b.engine.took)
	b.awaitStatus(token, api.Accepted)
}

func TestCallThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	tuned := b.bounds
	b.bounds = func(o *dispatch.Options) { tuned(o); o.UnsureGrace = time.Millisecond }
	b.start()
	b.engine.script(func(e *scriptedEngine) { e.hangUp = true })
	token := b.submit("x")
	lost := <-b.engine.took
	b.engine.script(func(e *scriptedEngine) { e.hangUp = false })
	again := <-b.engine.took // stock Judge0 has it twice now
	for again.key != token {
		again = <-b.engine.took
	}
	if got := b.engine.end(lost); got != 204 {
		t.Errorf("got %d", got)
	}
	b.awaitStatus(token, api.Accepted)
	if got := b.engine.end(again); got != 204 {
		t.Errorf("got %d", got)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	forwarded := b.submit("forwarded")
	first := <-b.engine.took
	lost := b.submit("lost")
	second := <-b.engine.took
	b.engine.down()
	queued := b.submit("queued")
	if err := b.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	// While the gateway is away one ends, and one is lost.
	b.engine.finish(first)
	b.engine.forget(second)
	b.boot()
	if r := b.post("/submissions", python("taken in by the catalogue of the last run")); r.status != 201 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	b.engine.up()
	for _, token := range []string{forwarded, lost, queued} {
		b.awaitStatus(token, api.Accepted)
	}
	for len(b.engine.took) > 0 {
		if s := <-b.engine.took; s.key == forwarded {
			t.Error("what the engine had was run again")
		}
	}
}

// TestNothingIsLostUnderLoad takes the engine away and back while many clients submit.
func TestNothingIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	tuned := b.bounds
	b.bounds = func(o *dispatch.Options) {
		tuned(o)
		o.Grace, o.UnsureGrace = 50*time.Millisecond, 50*time.Millisecond
	}
	b.start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s); <-e.took } })
	const clients, each = 10, 30
	tokens := make(chan string, clients*each)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				tokens <- b.submit(fmt.Sprint(c, " ", i))
			}
		})
	}
	for range 3 {
		for n := len(tokens); len(tokens) < min(n+50, clients*each); {
			time.Sleep(time.Millisecond) // the load is what is waited for
		}
		b.engine.down()
		for n := len(tokens); len(tokens) < min(n+20, clients*each); {
			time.Sleep(time.Millisecond)
		}
		b.engine.up()
	}
	wg.Wait()
	close(tokens)
	for token := range tokens {
		b.awaitStatus(token, api.Accepted)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.engine.script(func(e *scriptedEngine) { e.idle = 0 })
	b.boot()
	if r := b.call("GET", "/healthz", "", ""); r.status != 200 {
		t.Errorf("got %d", r.status)
	}
	b.await("the reason", func() bool {
		r := b.call("GET", "/readyz", "", "")
		return r.status == 503 && strings.Contains(r.body, "it has no worker")
	})
	b.engine.script(func(e *scriptedEngine) { e.idle = 1 })
	b.await("readiness", func() bool { return b.call("GET", "/readyz", "", "").status == 200 })
}

// Readiness says no while the engine answers but can't run anything, and what comes in meanwhile is kept.
func TestReadinessSeesASandboxThatDoesNotWork(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.engine.script(func(e *scriptedEngine) { e.modern, e.broken = true, true })
	b.boot()
	probe := func(status int) reply {
		var r reply
		b.await(fmt.Sprint("readiness ", status), func() bool { r = b.call("GET", "/readyz", "", ""); return r.status == status })
		return r
	}
	b.await("the pool's own words", func() bool { return strings.Contains(probe(503).body, "no cgroup") })
	token := b.submit("x")
	b.engine.script(func(e *scriptedEngine) { e.broken = false })
	probe(200)
	b.engine.end(<-b.engine.took)
	b.awaitStatus(token, api.Accepted)
	b.engine.script(func(e *scriptedEngine) { e.broken = true })
	probe(503)
}

func TestWithoutAnEngineNothingIsTakenIn(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.engine.down()
	b.boot()
	if r := b.post("/submissions", python("x")); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := b.get("/languages"); r.status != 503 {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	token := b.submit("x")
	b.awaitStatus(token, api.Accepted)
	other, err := b.EnsureKey(context.Background(), "other", "other", auth.AllScopes()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ method, path string }{
		{"GET", "/submissions/" + token}, {"GET", "/submissions/" + token + "/"}, {"DELETE", "/submissions/" + token},
		{"GET", "/api/v1/submissions/" + token}, {"GET", "/api/v1/submissions/" + token + "/events"},
	} {
		if r := b.call(tc.method, tc.path, "", other); r.status != 404 {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, r.status, r.body)
		}
	}
	if r := b.call("GET", "/submissions/batch?tokens="+token, "", other); r.body != `{"submissions":[null]}` {
		t.Errorf("got %s", r.body)
	}
	if r := b.call("GET", "/submissions", "", other); !strings.Contains(r.body, `"total_count":0`) {
		t.Errorf("got %s", r.body)
	}
	if r := b.get("/submissions?fields=token"); !strings.Contains(r.body, token) || !strings.Contains(r.body, `"total_count":1`) {
		t.Errorf("got %s", r.body)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	reader, err := b.EnsureKey(context.Background(), "reader", "admin", auth.Read)
	if err != nil {
		t.Fatal(err)
	}
	token := b.submit("x")
	for _, tc := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/submissions/" + token, "", 200},
		{"POST", "/authenticate", "", 200}, {"POST", "/authorize", "", 403},
		{"POST", "/submissions", python("x"), 403}, {"POST", "/submissions/batch", "{}", 403},
		{"POST", "/api/v1/run", "{}", 403}, {"DELETE", "/submissions/" + token, "", 403},
	} {
		if r := b.call(tc.method, tc.path, tc.body, reader); r.status != tc.want {
			t.Errorf("%s %s: %d", tc.method, tc.path, r.status)
		}
	}
	fresh, err := b.EnsureKey(context.Background(), "reader", "admin", auth.Read)
	if err != nil {
		t.Fatal(err)
	}
	if b.call("POST", "/authenticate", "", reader).status != 401 || b.call("POST", "/authenticate", "", fresh).status != 200 {
		t.Error("a key that was replaced still works, or the new one does not")
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	token := b.submit("x")
	r := b.call("DELETE", "/submissions/"+token, "", firstKey)
	if r.status != 400 || r.body != `{"error":"submission cannot be deleted because its status is 1 (In Queue)"}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
	b.engine.end(<-b.engine.took)
	if r = b.call("DELETE", "/submissions/"+token+"?fields=stdout", "", firstKey); r.status != 200 || r.body != `{"stdout":"eA==\n"}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r = b.get("/submissions/" + token); r.status != 404 || r.body != "" {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestOutputThatIsNoText(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) {
		e.next = func(s *scripted) { e.script(func(*scriptedEngine) { s.SourceCode = ptr("\xff") }); e.end(s) }
	})
	const message = `"error":"some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter"`
	r := b.post("/submissions?wait=true", python("x"))
	token, _ := r.object(t)["token"].(string)
	if r.status != 201 || token == "" || !strings.Contains(r.body, message) {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r = b.get("/submissions/" + token); r.status != 400 || r.body != "{"+message+"}" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r = b.get("/submissions/" + token + "?base64_encoded=true&fields=stdout"); r.body != `{"stdout":"/w==\n"}` {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r = b.get("/api/v1/submissions/" + token); r.object(t)["output"] != "\uFFFD" {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func ptr[T any](v T) *T { return &v }

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.MaxBodyBytes = 2048
	b.start()
	if r := b.post("/submissions", python(strings.Repeat("x", 4096))); r.status != 413 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	chunked := io.MultiReader(strings.NewReader(python(strings.Repeat("x", 4096))))
	request, _ := http.NewRequest("POST", b.URL()+"/submissions", chunked)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+firstKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != 413 {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.AllowPrivateCallbacks = true
	b.start()
	bodies := make(chan string, 1)
	client := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.Method + string(body)
	}))
	t.Cleanup(client.Close)
	token := b.post("/submissions", `{"source_code":"x","language_id":71,"callback_url":"`+client.URL+`"}`).object(t)["token"].(string)
	b.engine.end(<-b.engine.took)
	if got := <-bodies; !strings.HasPrefix(got, "PUT{") || !strings.Contains(got, token) || !strings.Contains(got, `"stdout":"eA==\n"`) {
		t.Errorf("got %s", got)
	}
}

// events reads a stream to its end, and gives the lines that are not empty.
func (b *bundle) events(token string, each func(line string)) []string {
	b.t.Helper()
	request, _ := http.NewRequest("GET", b.URL()+"/api/v1/submissions/"+token+"/events?X-Auth-Token="+firstKey, nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		b.t.Fatalf("got %d %s", response.StatusCode, got)
	}
	var lines []string
	scanner := bufio.NewScanner(response.Body)
	for scanner.Scan() {
		if line := scanner.Text(); line != "" {
			lines = append(lines, line)
			if each != nil {
				each(line)
			}
		}
	}
	if err := scanner.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		b.t.Error(err)
	}
	return lines
}

func TestEvents(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	b.engine.script(func(e *scriptedEngine) { e.modern = true })
	r := b.post("/api/v1/run", `{"code":"hello","language":"python"}`)
	token, _ := r.object(t)["jobId"].(string)
	if r.status != 202 || token == "" || r.header.Get("Location") != "/api/v1/submissions/"+token {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	s := <-b.engine.took
	if !strings.Contains(s.calls, "judge0_events=started") {
		t.Errorf("unexpected callback address %s", s.calls)
	}
	lines := b.events(token, func(line string) {
		switch {
		case strings.Contains(line, `"In Queue"`):
			go b.engine.begin(s)
		case strings.Contains(line, `"Processing"`):
			go b.engine.end(s)
		}
	})
	if len(lines) != 9 {
		t.Fatalf("got %q", lines)
	}
	want := []string{
		"id: 0", "event: status", `data: {"jobId":"` + token + `","status":{"id":1,"description":"In Queue"}}`,
		"id: 2", "event: status", `data: {"jobId":"` + token + `","status":{"id":2,"description":"Processing"}}`,
		"id: 3", "event: result",
	}
	if !slices.Equal(lines[:8], want) {
		t.Errorf("got %q", lines)
	}
	if job := lines[8]; !strings.Contains(job, `"output":"hello","error":null`) || !strings.Contains(job, `"time":0.012`) || !strings.Contains(job, `"language":{"id":71,"name":"Python (3.11.2)"}`) {
		t.Errorf("got %s", job)
	}
	if late := b.events(token, nil); len(late) != 3 || late[1] != "event: result" || late[2] != lines[8] {
		t.Errorf("who came late got %q", late)
	}
	if job := b.get("/api/v1/submissions/" + token); "data: "+job.body != lines[8] {
		t.Errorf("got %s", job.body)
	}
}

func TestStreamsAreBoundedAndEndWithTheGateway(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.MaxStreams = 1
	b.start()
	token := b.submit("x")
	opened := make(chan struct{})
	ended := make(chan []string)
	go func() {
		ended <- b.events(token, func(line string) {
			if line == "id: 0" {
				close(opened)
			}
		})
	}()
	<-opened
	if r := b.get("/api/v1/submissions/" + token + "/events"); r.status != 503 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if err := b.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	<-ended
}

func TestStopEndsWaits(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.ShutdownTimeout = 20 * time.Millisecond
	b.start()
	waited := make(chan reply)
	go func() { waited <- b.post("/submissions?wait=true", python("x")) }()
	<-b.engine.took
	if err := b.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if r := <-waited; r.status != 201 || r.object(t)["token"] == "" {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestV1(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	var languages struct {
		Languages []struct {
			ID                        int
			Key, Name, Label, Version string
		}
	}
	if err := json.Unmarshal([]byte(b.call("GET", "/api/v1/languages", "", "").body), &languages); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(languages.Languages); got != "[{50 c C (GCC 12.2.0) C GCC 12.2.0} {54 cpp C++ (GCC 12.2.0) C++ GCC 12.2.0} {89 multi-file Multi-file program Multi-file program } {71 python Python (3.11.2) Python 3.11.2}]" {
		t.Errorf("got %s", got)
	}
	for _, tc := range []struct {
		body string
		want int
		text string
	}{
		{`{"code":"x","language":"cobol"}`, 422, `"language":["\"cobol\" is not known; known are c, cpp, multi-file, python"]`},
		{`{"code":"","language":"python"}`, 422, `"code":["can't be blank"]`},
		{`{"code":"x","language":"python","frobnicate":1}`, 422, `"frobnicate":["is not known"]`},
		{`{"code":"x","language":"python","compilerOptions":"-O2"}`, 422, `"compilerOptions":["setting compiler options`},
		{`{"code":"x","language":"c","limits":{"cpuTime":99}}`, 422, `"limits.cpuTime":["must be less`},
		{`[1]`, 400, `"detail":"the body is no JSON object"`},
		{`{"code":"x","language":71,"stdin":"in","limits":{"cpuTime":1}}`, 202, `"jobId"`},
		{`{"code":"x","language":"C++","compilerOptions":"-O2"}`, 202, `"jobId"`},
	} {
		if r := b.post("/api/v1/run", tc.body); r.status != tc.want || !strings.Contains(r.body, tc.text) {
			t.Errorf("%s: %d %s", tc.body, r.status, r.body)
		}
	}
}

func TestFirstKey(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.BootstrapKey = ""
	b.start()
	key := b.FirstKey()
	if !strings.HasPrefix(key, "sg_") || b.call("POST", "/authorize", "", key).status != 200 {
		t.Fatalf("the first key %q does not work", key)
	}
	if err := b.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.config.BootstrapKey = "another-key-of-the-operator"
	b.start()
	if b.FirstKey() != "" || b.call("POST", "/authorize", "", key).status != 200 || b.call("POST", "/authorize", "", b.config.BootstrapKey).status != 200 {
		t.Error("at the second start the keys are not those of before and the one that was added")
	}
}

func TestInformation(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	for path, want := range map[string]string{
		"/version": "1.13.1", "/license": "/license", "/isolate": "/isolate", "/statistics?invalidate_cache=true": `{"page":"/statistics"}` + "\n",
		"/languages":    `[{"id":75,"name":"C (Clang 14.0.6)"},{"id":50,"name":"C (GCC 12.2.0)"},{"id":54,"name":"C++ (GCC 12.2.0)"},{"id":89,"name":"Multi-file program"},{"id":70,"name":"Python (2.7.18)"},{"id":71,"name":"Python (3.11.2)"}]`,
		"/languages/71": `{"compile_cmd":null,"id":71,"is_archived":false,"name":"Python (3.11.2)","run_cmd":"/usr/bin/python3 script.py","source_file":"script.py"}`,
		"/languages/4/": `{"id":4,"name":"C (gcc 7.2.0)","is_archived":true}` + "\n",
	} {
		if r := b.get(path); r.status != 200 || r.body != want {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	for _, path := range []string{"/nope", "/languages/9999", "/languages/abc", "/submissions/nope"} {
		if r := b.get(path); r.status != 404 || r.body != "" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	for path, want := range map[string]string{
		"/submissions?page=-4": `{"error":"invalid page: -4"}`, "/submissions?per_page=-2": `{"error":"invalid per_page: -2"}`,
		"/submissions?fields=nope,token,bad": `{"error":"invalid fields: [nope, bad]"}`, "/submissions/batch": `{"error":"there should be at least one submission in a batch"}`,
	} {
		if r := b.get(path); r.status != 400 || r.body != want {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// BenchmarkWait measures what the gateway adds to an engine that answers at once.
func BenchmarkWait(b *testing.B) {
	bundle := prepare(b)
	bundle.config.LogLevel = slog.LevelError
	bundle.start()
	bundle.engine.script(func(e *scriptedEngine) { e.modern, e.next = true, func(s *scripted) { e.end(s); <-e.took } })
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		if r := bundle.post("/submissions?wait=true", python("x")); r.status != 201 {
			b.Fatal(r.body)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
}

// BenchmarkAccept measures how many submissions are taken in by many clients at once.
func BenchmarkAccept(b *testing.B) {
	bundle := prepare(b)
	bundle.config.QueueLimit = 10_000_000
	bundle.start()
	bundle.engine.script(func(e *scriptedEngine) { e.modern, e.next = true, func(s *scripted) { e.end(s); <-e.took } })
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			bundle.submit("x")
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
}
