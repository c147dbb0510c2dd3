package judge0

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
)

// runnerFunc is a runner for tests.
type runnerFunc func(ctx context.Context, s *api.Submission) (api.Result, error)

func (f runnerFunc) Run(ctx context.Context, s *api.Submission) (api.Result, error) {
	return f(ctx, s)
}

func accepted(output string) api.Result {
	code, seconds, kb := 0, 0.01, 1024
	return api.Result{Status: api.Accepted, Stdout: api.TextOrNil(output), ExitCode: &code, Time: &seconds, WallTime: &seconds, Memory: &kb}
}

// echo prints the source.
func echo(_ context.Context, s *api.Submission) (api.Result, error) {
	return accepted(*s.SourceCode), nil
}

var testLanguages = api.NewLanguages([]api.Language{{ID: 71, Name: "Python (3.11.2)", SourceFile: "script.py", RunCmd: "python3 script.py"}})

func start(t testing.TB, runner runnerFunc, change ...func(*Options)) *Engine {
	t.Helper()
	o := Options{Config: api.DefaultConfig(), Runner: runner, Languages: testLanguages, DataDir: t.TempDir(), Addr: "127.0.0.1:0", Workers: 4, Logger: slog.New(slog.DiscardHandler)}
	o.Config.MaxQueueSize = 10_000
	for _, f := range change {
		f(&o)
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whatever a test left running is given up
		_ = e.Stop(ctx)
	})
	if err := e.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e
}

func request(t testing.TB, method, url string, body any, headers ...string) (int, []byte) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequest(method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, answer
}

type answer struct {
	Token    string
	Stdout   *string
	Message  *string
	StatusID int `json:"status_id"`
	Status   api.Status
}

func submit(t testing.TB, e *Engine, query, source string, headers ...string) answer {
	t.Helper()
	status, body := request(t, "POST", e.URL()+"/submissions?"+query, map[string]any{"source_code": source, "language_id": 71}, headers...)
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || status != http.StatusCreated {
		t.Errorf("%d %s", status, body)
	}
	return a
}

func wait(t testing.TB, e *Engine, token string) answer {
	t.Helper()
	for {
		_, body := request(t, "GET", e.URL()+"/submissions/"+token, nil)
		var a answer
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if api.Finished(a.Status.ID) {
			return a
		}
	}
}

func TestManyAtOnceFinishOnceEach(t *testing.T) {
	t.Parallel()
	var runs sync.Map
	e := start(t, func(ctx context.Context, s *api.Submission) (api.Result, error) {
		n, _ := runs.LoadOrStore(s.Token, new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
		return echo(ctx, s)
	})
	const n = 200
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			source := fmt.Sprint("print ", i)
			var a answer
			if i%2 == 0 {
				a = submit(t, e, "wait=true", source)
			} else {
				a = wait(t, e, submit(t, e, "", source).Token)
			}
			if a.Stdout == nil || *a.Stdout != source || a.Status.ID != api.Accepted {
				t.Errorf("submission %d: %+v", i, a)
			}
			if count, ok := runs.Load(a.Token); !ok || count.(*atomic.Int32).Load() != 1 {
				t.Errorf("submission %d was not run once", i)
			}
		})
	}
	group.Wait()
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	e := start(t, func(ctx context.Context, s *api.Submission) (api.Result, error) {
		runs.Add(1)
		return echo(ctx, s)
	})
	first := submit(t, e, "wait=true", "x", "Idempotency-Key", "k1")
	for _, query := range []string{"", "wait=true"} {
		if again := submit(t, e, query, "x", "Idempotency-Key", "k1"); again.Token != first.Token {
			t.Errorf("%q: another submission %s for the same key", query, again.Token)
		}
	}
	status, body := request(t, "POST", e.URL()+"/submissions/batch", map[string]any{"submissions": []any{
		map[string]any{"source_code": "x", "language_id": 71, "idempotency_key": "k1"},
		map[string]any{"source_code": "y", "language_id": 71, "idempotency_key": "k2"},
		map[string]any{"source_code": "y", "language_id": 71, "idempotency_key": "k2"},
		map[string]any{"source_code": "y", "language_id": 71, "idempotency_key": strings.Repeat("k", 201)},
	}})
	var batch []map[string]any
	if err := json.Unmarshal(body, &batch); err != nil || status != 201 || batch[0]["token"] != first.Token || batch[1]["token"] != batch[2]["token"] {
		t.Fatalf("%d %s", status, body)
	}
	if fault := fmt.Sprint(batch[3]["idempotency_key"]); fault != "[is too long (maximum is 200 characters)]" {
		t.Errorf("got %s", fault)
	}
	wait(t, e, batch[1]["token"].(string))
	if runs.Load() != 2 {
		t.Errorf("%d runs, want 2", runs.Load())
	}
}

// gate lets runs through only when it is told.
type gate struct {
	entered chan string
	open    chan struct{}
}

func newGate() gate { return gate{make(chan string, 1000), make(chan struct{})} }

func (g gate) run(ctx context.Context, s *api.Submission) (api.Result, error) {
	g.entered <- s.Token
	select {
	case <-g.open:
		return echo(ctx, s)
	case <-ctx.Done():
		return api.Result{}, ctx.Err()
	}
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	g := newGate()
	e := start(t, g.run, func(o *Options) { o.Config.MaxQueueSize = 2; o.Workers = 1 })
	running := submit(t, e, "", "0")
	<-g.entered
	queued := submit(t, e, "", "1", "Idempotency-Key", "k")
	submit(t, e, "", "2")
	one := map[string]any{"source_code": "3", "language_id": 71}
	for path, body := range map[string]any{"/submissions": one, "/submissions?wait=true": one, "/submissions/batch": map[string]any{"submissions": []any{one}}} {
		if status, body := request(t, "POST", e.URL()+path, body); status != 503 || string(body) != `{"error":"queue is full"}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if again := submit(t, e, "", "1", "Idempotency-Key", "k"); again.Token != queued.Token {
		t.Errorf("a known key got %s", again.Token)
	}
	close(g.open)
	wait(t, e, running.Token)
	if a := wait(t, e, queued.Token); *a.Stdout != "1" {
		t.Errorf("got %+v", a)
	}
	submit(t, e, "wait=true", "4")
}

// What was queued or running when a process died is run by the next one, and what had finished is not.
func TestRecoveryAfterKill(t *testing.T) {
	t.Parallel()
	g := newGate()
	old := start(t, func(ctx context.Context, s *api.Submission) (api.Result, error) {
		if *s.SourceCode == "done" {
			return echo(ctx, s)
		}
		return g.run(ctx, s)
	}, func(o *Options) { o.Workers = 1 })
	done := submit(t, old, "wait=true", "done")
	var tokens []string
	for i := range 5 {
		tokens = append(tokens, submit(t, old, "", fmt.Sprint(i)).Token)
	}
	<-g.entered // the first is running, the others wait

	// The files as they are now are what a killed process leaves.
	folder := t.TempDir()
	for _, name := range []string{"judge0.db", "judge0.db-wal"} {
		data, err := os.ReadFile(filepath.Join(old.o.DataDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var order []string
	e := start(t, func(ctx context.Context, s *api.Submission) (api.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, s.Token)
		return echo(ctx, s)
	}, func(o *Options) { o.DataDir = folder; o.Workers = 1 })
	for i, token := range tokens {
		if a := wait(t, e, token); *a.Stdout != fmt.Sprint(i) {
			t.Errorf("got %+v", a)
		}
	}
	if a := wait(t, e, done.Token); *a.Stdout != "done" || !slices.Equal(order, tokens) {
		t.Errorf("ran %v, want %v", order, tokens)
	}
}

func TestStopFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	g := newGate()
	folder := t.TempDir()
	e := start(t, g.run, func(o *Options) { o.DataDir = folder; o.Workers = 1 })
	answers := make(chan answer, 2)
	go func() { answers <- submit(t, e, "wait=true", "running") }()
	<-g.entered
	go func() { answers <- submit(t, e, "wait=true", "queued") }()
	for e.queue.Len() == 0 {
		runtime.Gosched()
	}
	stopped := make(chan error)
	go func() { stopped <- e.Stop(context.Background()) }()
	for e.Ready() == nil {
		runtime.Gosched()
	}
	close(g.open)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	byStatus := map[int]answer{}
	for range 2 {
		a := <-answers
		byStatus[a.Status.ID] = a
	}
	if a := byStatus[api.Accepted]; a.Stdout == nil || *a.Stdout != "running" {
		t.Errorf("the running submission was answered with %+v", byStatus)
	}
	queued, ok := byStatus[api.InQueue]
	if !ok {
		t.Fatalf("the queued submission was answered with %+v", byStatus)
	}
	e = start(t, echo, func(o *Options) { o.DataDir = folder })
	if a := wait(t, e, queued.Token); *a.Stdout != "queued" {
		t.Errorf("got %+v", a)
	}
}

func TestStopGivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	g := newGate()
	folder := t.TempDir()
	e := start(t, g.run, func(o *Options) { o.DataDir = folder })
	token := submit(t, e, "", "x").Token
	<-g.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	e = start(t, echo, func(o *Options) { o.DataDir = folder })
	if a := wait(t, e, token); *a.Stdout != "x" {
		t.Errorf("got %+v", a)
	}
}

func TestFaultyRunner(t *testing.T) {
	t.Parallel()
	e := start(t, func(_ context.Context, s *api.Submission) (api.Result, error) {
		switch *s.SourceCode {
		case "panic":
			panic("ouch")
		case "error":
			return api.Result{}, errors.New("no box")
		}
		return api.Result{Status: api.Processing}, nil
	})
	for source, message := range map[string]string{"panic": "the runner failed", "error": "no box", "endless": "the runner gave no result"} {
		if a := submit(t, e, "wait=true", source); a.Status.ID != api.InternalError || *a.Message != message {
			t.Errorf("%s: %+v", source, a)
		}
	}
	if _, body := request(t, "GET", e.URL()+"/workers", nil); !strings.Contains(string(body), `"failed":3`) {
		t.Errorf("got %s", body)
	}
}

type callback struct {
	path string
	body map[string]any
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	calls := make(chan callback, 100)
	var failures atomic.Int32
	failures.Store(2)
	slow := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPut || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", r.Method, err)
		}
		switch r.URL.Path {
		case "/slow":
			<-slow
		case "/flaky":
			if failures.Add(-1) >= 0 {
				w.WriteHeader(http.StatusBadGateway)
			}
		case "/moved":
			http.Redirect(w, r, "/never", http.StatusTemporaryRedirect)
		}
		calls <- callback{r.URL.Path, body}
	}))
	defer receiver.Close()
	defer close(slow)
	e := start(t, echo, func(o *Options) { o.Config.CallbacksMaxTries = 3 })
	post := func(path string) string {
		status, body := request(t, "POST", e.URL()+"/submissions?wait=true&fields=token", map[string]any{"source_code": "héllo", "language_id": 71, "callback_url": receiver.URL + path})
		var a answer
		if err := json.Unmarshal(body, &a); err != nil || status != 201 {
			t.Fatalf("%d %s", status, body)
		}
		return a.Token
	}
	statusOf := func(c callback) float64 { return c.body["status"].(map[string]any)["id"].(float64) }

	// A receiver that does not answer holds no slot: there are four.
	for range 8 {
		post("/slow")
	}
	token := post("/plain")
	c := <-calls
	if c.path != "/plain" || c.body["token"] != token || c.body["stdout"] != "aMOpbGxv\n" || statusOf(c) != 3 || len(c.body) != len(api.DefaultFields()) {
		t.Errorf("got %+v", c)
	}
	post("/flaky")
	for i := range 3 {
		if c := <-calls; c.path != "/flaky" || statusOf(c) != 3 {
			t.Errorf("try %d: %+v", i, c)
		}
	}
	for range 20 {
		token := post("/events?judge0_fields=token,status,exit_code,created_at&judge0_events=started")
		first, second := <-calls, <-calls
		if statusOf(first) != api.Processing || statusOf(second) != api.Accepted || first.body["token"] != token || second.body["token"] != token || len(first.body) != 4 || len(second.body) != 4 {
			t.Errorf("got %+v, then %+v", first, second)
		}
	}
	const soon, late = "&judge0_events=started&judge0_started_after=1", "&judge0_events=started&judge0_started_after=60000"
	post("/late?judge0_fields=status" + late)
	if c := <-calls; c.path != "/late" || statusOf(c) != api.Accepted {
		t.Errorf("got %+v", c)
	}
	for range 20 { // the end and the news of the start race: in order, or the end alone
		post("/soon?judge0_fields=status" + soon)
		c := <-calls
		if statusOf(c) == api.Processing {
			c = <-calls
		}
		if statusOf(c) != api.Accepted {
			t.Errorf("got %+v", c)
		}
	}
	post("/moved")
	for range 3 {
		if c := <-calls; c.path != "/moved" {
			t.Errorf("got %+v", c)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	lookup := func(env map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	}
	s, err := SettingsFromEnv(Whole, lookup(map[string]string{"COUNT": "3", "PORT": "80", "LISTEN": "::", "AUTHN_TOKEN": " a  b ", "ALLOW_IP": "10.0.0.0/8 ::1", "LOG_FORMAT": "text", "REDIS_HOST": "x"}))
	if err != nil || s.Workers != 3 || s.Addr != "[::]:80" || !slices.Equal(s.Access.AuthnTokens, []string{"a", "b"}) || len(s.Access.AllowIP) != 2 || s.LogFormat != "text" {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err = SettingsFromEnv(Whole, lookup(nil)); err != nil || s.Addr != "127.0.0.1:2358" || s.DataDir != "data" {
		t.Errorf("got %+v, %v", s, err)
	}
	_, err = SettingsFromEnv(Whole, lookup(map[string]string{"COUNT": "0", "PORT": "x", "ALLOW_IP": "1.2.3", "LOG_FORMAT": "xml", "LOG_LEVEL": "loud", "MEMORY_LIMIT": "much"}))
	for _, name := range []string{"COUNT", "PORT", "ALLOW_IP", "LOG_FORMAT", "LOG_LEVEL", "MEMORY_LIMIT"} {
		if err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
}

func TestSettingsOfACluster(t *testing.T) {
	t.Parallel()
	lookup := func(env map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	}
	parts := map[string]string{"POSTGRES_HOST": "db", "POSTGRES_DB": "judge0", "POSTGRES_USER": "judge0", "POSTGRES_PASSWORD": "a b/c", "REDIS_HOST": "redis", "REDIS_PASSWORD": "x@y",
		"RETENTION": "720h", "LEASE": "10s", "POSTGRES_CONNECTIONS": "5", "PORT": "80", "WORKER_PORT": "81"}
	s, err := SettingsFromEnv(WorkerRole, lookup(parts))
	if err != nil || s.Postgres != "postgres://judge0:a%20b%2Fc@db:5432/judge0" || s.Redis != "redis://:x%40y@redis:6379/" || s.Lease != 10*time.Second || s.Retention != 720*time.Hour ||
		s.Connections != 5 || s.Addr != "127.0.0.1:81" {
		t.Errorf("got %+v, %v", s, err)
	}
	urls := map[string]string{"DATABASE_URL": "postgres://u:p@h/d?sslmode=require", "REDIS_URL": "rediss://h:1/2"}
	if s, err = SettingsFromEnv(ServerRole, lookup(urls)); err != nil || s.Postgres != urls["DATABASE_URL"] || s.Redis != urls["REDIS_URL"] || s.Addr != "127.0.0.1:2358" || s.Lease != 30*time.Second || s.Retention != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err = SettingsFromEnv(WorkerRole, lookup(urls)); err != nil || s.Addr != "127.0.0.1:2359" {
		t.Errorf("got %+v, %v", s, err)
	}
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "90m": 90 * time.Minute, "d": 0, "-1d": 0, "1.5d": 0, "65535d": 0, "65536d": 0, "30": 0} {
		urls["RETENTION"] = text
		if s, err := SettingsFromEnv(ServerRole, lookup(urls)); (err == nil) != (want > 0) || err == nil && s.Retention != want {
			t.Errorf("RETENTION %s: %v, %v", text, s.Retention, err)
		}
	}
	_, err = SettingsFromEnv(ServerRole, lookup(map[string]string{"RETENTION": "30", "LEASE": "1ms", "POSTGRES_CONNECTIONS": "3", "DATABASE_URL": "secret", "REDIS_PASSWORD": "secret"}))
	for _, name := range []string{"RETENTION", "LEASE", "POSTGRES_CONNECTIONS", "DATABASE_URL", "REDIS_HOST"} {
		if err == nil || !strings.Contains(err.Error(), name+":") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s is not named in %v, or a secret is", name, err)
		}
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	e := start(t, echo, func(o *Options) {
		o.Check = func() error {
			if broken.Load() {
				return errors.New("no cgroups")
			}
			return nil
		}
		o.Access.AuthnTokens = []string{"secret"}
	})
	if status, _ := request(t, "GET", e.URL()+"/readyz", nil); status != 200 {
		t.Errorf("got %d", status)
	}
	broken.Store(true)
	if status, body := request(t, "GET", e.URL()+"/readyz", nil); status != 503 || !strings.Contains(string(body), "no cgroups") {
		t.Errorf("got %d %s", status, body)
	}
	if status, _ := request(t, "GET", e.URL()+"/healthz", nil); status != 200 {
		t.Errorf("got %d", status)
	}
	if status, _ := request(t, "GET", e.URL()+"/metrics", nil); status != 401 {
		t.Errorf("metrics without a token: %d", status)
	}
	for token, want := range map[string]int{"secret": 200, "wrong": 401} {
		// As Prometheus sends it.
		if status, _ := request(t, "GET", e.URL()+"/metrics", nil, "Authorization", "Bearer "+token); status != want {
			t.Errorf("metrics with the bearer %q: %d", token, status)
		}
	}
	if status, body := request(t, "GET", e.URL()+"/metrics?X-Auth-Token=secret", nil); status != 200 || !strings.Contains(string(body), "judge0_queue_depth 0") || !strings.Contains(string(body), `judge0_http_requests_total{method="GET",route="/readyz",status="503"} 1`) {
		t.Errorf("got %d %s", status, body)
	}
}

// BenchmarkWait measures what the engine adds to a run that takes no time.
func BenchmarkWait(b *testing.B) {
	e := start(b, echo)
	times := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begun := time.Now()
		submit(b, e, "wait=true", "print(1)")
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

func BenchmarkThroughput(b *testing.B) {
	e := start(b, echo)
	transport := http.DefaultTransport.(*http.Transport)
	transport.MaxIdleConnsPerHost = 64
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		group.Go(func() {
			for next.Add(1) <= int64(b.N) {
				submit(b, e, "wait=true", "print(1)")
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submissions/s")
}
