package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/submission"
)

// once posts under an idempotency key.
func (b *bundle) once(idempotencyKey, path, body string) reply {
	b.t.Helper()
	request, err := http.NewRequest("POST", b.URL()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", firstKey)
	request.Header.Set("Idempotency-Key", idempotencyKey)
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

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	batch := `{"submissions":[` + python("1") + `,{"language_id":71},` + python("3") + `]}`
	for _, tc := range []struct{ name, path, body, other string }{
		{"one", "/submissions", python("x"), python("y")},
		{"batch", "/submissions/batch", batch, strings.Replace(batch, `"3"`, `"4"`, 1)},
		{"run", "/api/v1/run", `{"code":"x","language":"python"}`, `{"code":"x","language":"python","stdin":"in"}`},
	} {
		first := b.once(tc.name, tc.path, tc.body)
		if first.status != 201 && first.status != 202 || first.header.Get("Idempotent-Replayed") != "" {
			t.Fatalf("%s: %d %s", tc.name, first.status, first.body)
		}
		again := b.once(tc.name, tc.path, tc.body)
		if again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s, again: %d %s, first %s", tc.name, again.status, again.body, first.body)
		}
		other := b.once(tc.name, tc.path, tc.other)
		if other.status != 422 || !strings.Contains(other.body, "this Idempotency-Key was used for another request") {
			t.Errorf("%s, another: %d %s", tc.name, other.status, other.body)
		}
		if fresh := b.once(tc.name+"2", tc.path, tc.body); fresh.status != first.status || fresh.body == first.body {
			t.Errorf("%s, another key: %d %s", tc.name, fresh.status, fresh.body)
		}
	}
	for _, bad := range []string{strings.Repeat("k", 256), "k\u00e9"} {
		if r := b.once(bad, "/submissions", python("x")); r.status != 400 {
			t.Errorf("%q: %d %s", bad, r.status, r.body)
		}
	}
	// The key may be an attribute; the header counts more.
	attribute := `{"language_id":71,"source_code":"x","idempotency_key":"one"}`
	if first, again := b.call("POST", "/submissions", python("x"), firstKey), b.call("POST", "/submissions", attribute, firstKey); first.status != 201 || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %d, %d %s", first.status, again.status, again.body)
	}
	if other := b.once("new", "/submissions", attribute); other.status != 201 || other.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("got %d %s", other.status, other.body)
	}
	if got := gaugeOf(b, "submissions_total"); got != "10" {
		t.Errorf("%s submissions were counted", got)
	}
}

// choosy is a store that refuses some submissions for what they are.
type choosy struct{ gateway.Store }

func (c choosy) Insert(context.Context, ...*submission.Submission) error {
	return &submission.Error{Code: submission.TooLarge, Message: "a submission of this size can't be stored"}
}

// TestWhatTheStoreRefuses: the client is told what is wrong, and not to try again.
func TestWhatTheStoreRefuses(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.before = func(s gateway.Store) gateway.Store { return choosy{s} }
	b.start()
	if r := b.call("POST", "/submissions", python("x"), firstKey); r.status != 413 || r.header.Get("Retry-After") != "" {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

// TestIdempotentWaits has many send the same at once and wait: one submission comes of it, and all get
// its result.
func TestIdempotentWaits(t *testing.T) {
	t.Parallel()
	b := prepare(t).start()
	const n = 10
	answers := make(chan reply, n)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { answers <- b.once("k", "/submissions?wait=true", python("x")) })
	}
	s := <-b.engine.took
	b.engine.end(s)
	wg.Wait()
	close(answers)
	for r := range answers {
		if got := r.object(t); r.status != 201 || got["stdout"] != "x" || got["token"] != s.key {
			t.Errorf("got %d %s", r.status, r.body)
		}
	}
	if len(b.engine.took) != 0 {
		t.Error("it was run more than once")
	}
}

// TestTheStoreFailsAtIntake: the client is told to come back, and nothing is left behind.
func TestTheStoreFailsAtIntake(t *testing.T) {
	t.Parallel()
	gateways, views := cluster(t, 1, nil)
	b := gateways[0]
	views[0].killed.Store(true)
	for path, body := range map[string]string{"/submissions": python("x"), "/submissions/batch": `{"submissions":[` + python("x") + `]}`, "/api/v1/run": `{"code":"x","language":"python"}`} {
		if r := b.post(path, body); r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if got := gaugeOf(b, "waiting"); got != "0" {
		t.Errorf("%s are said to wait", got)
	}
}

// TestTheEngineIsAwayForAMinute runs with all times a hundredth of what they are in service: for a
// minute of such time the engine is gone while clients submit, and again once it has taken something.
func TestTheEngineIsAwayForAMinute(t *testing.T) {
	t.Parallel()
	const minute = time.Minute / 100
	b := prepare(t)
	b.bounds = func(o *dispatch.Options) {
		for span, real := range map[*time.Duration]time.Duration{
			&o.BackoffFirst: 50 * time.Millisecond, &o.BackoffMost: 3 * time.Second, &o.Grace: 10 * time.Second, &o.UnsureGrace: 10 * time.Second,
			&o.ReconcileEvery: 2 * time.Second, &o.SweepEvery: 30 * time.Second,
		} {
			*span = real / 100
		}
	}
	b.start()
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s); <-e.took } })
	tokens := make(chan string, 100_000)
	over := make(chan struct{})
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
					tokens <- b.submit(fmt.Sprint(c, " ", i))
				}
			}
		})
	}
	for range 2 {
		for n := len(tokens); len(tokens) < n+20; {
			time.Sleep(time.Millisecond) // the load is what is waited for
		}
		b.engine.down()
		<-time.After(minute)
		b.engine.up()
	}
	close(over)
	wg.Wait()
	close(tokens)
	n := len(tokens)
	for token := range tokens {
		b.awaitStatus(token, 3)
	}
	t.Logf("%d submissions ended", n)
}
