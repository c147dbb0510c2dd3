package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/judge0/api"
)

var errKilled = errors.New("the gateway was killed")

// mortal is one gateway's view of a store that several have. Once it is killed the gateway changes and
// learns nothing any more, as if its process were gone.
type mortal struct {
	gateway.Store
	killed  atomic.Bool
	mu      sync.Mutex
	first   map[string]int  // results that this gateway was the first to record, by token
	unnoted map[string]bool // deliveries that it made and could not note
}

func newMortal(shared gateway.Store) *mortal {
	return &mortal{Store: shared, first: map[string]int{}, unnoted: map[string]bool{}}
}

func (m *mortal) alive() error {
	if m.killed.Load() {
		return errKilled
	}
	return nil
}

func (m *mortal) Close() error { return nil } // the test closes it

func (m *mortal) Insert(ctx context.Context, subs ...*submission.Submission) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Store.Insert(ctx, subs...)
}

func (m *mortal) Load(ctx context.Context, tokens ...string) (found map[string]*submission.Submission, err error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Load(ctx, tokens...)
}

func (m *mortal) Forwarded(ctx context.Context, engineTokens map[string]string) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Store.Forwarded(ctx, engineTokens)
}

func (m *mortal) Begin(ctx context.Context, sub *submission.Submission) (bool, error) {
	if err := m.alive(); err != nil {
		return false, err
	}
	return m.Store.Begin(ctx, sub)
}

func (m *mortal) Finish(ctx context.Context, sub *submission.Submission) (bool, error) {
	if err := m.alive(); err != nil {
		return false, err
	}
	first, err := m.Store.Finish(ctx, sub)
	if first {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.first[sub.Token]++
	}
	return first, err
}

func (m *mortal) Alive(ctx context.Context, name string, until time.Time) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Store.Alive(ctx, name, until)
}

func (m *mortal) Adopt(ctx context.Context, name string, now time.Time, limit int) ([]submission.Pending, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.Adopt(ctx, name, now, limit)
}

func (m *mortal) Leave(ctx context.Context, name string) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Store.Leave(ctx, name)
}

func (m *mortal) TakeDue(ctx context.Context, now, until time.Time, limit int) ([]webhook.Due, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Store.TakeDue(ctx, now, until, limit)
}

func (m *mortal) Note(ctx context.Context, d webhook.Delivery) error {
	if err := m.alive(); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.unnoted[d.Token] = true
		return err
	}
	return m.Store.Note(ctx, d)
}

// cluster makes gateways on one store and one engine; callbacks come to any of them.
func cluster(t *testing.T, n int, tune func(*bundle)) (gateways []*bundle, views []*mortal) {
	shared, err := sqlite.Open(filepath.Join(t.TempDir(), "shared.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shared.Close() })
	e := startEngine(t)
	for i := range n {
		b, view := prepareWith(t, e), newMortal(shared)
		b.config.AllowPrivateCallbacks, b.config.ShutdownTimeout = true, time.Second
		b.before = func(own gateway.Store) gateway.Store { _ = own.Close(); return view }
		b.bounds = func(o *dispatch.Options) {
			o.Instance = fmt.Sprintf("gateway-%d", i)
			o.BackoffFirst, o.BackoffMost, o.ReconcileEvery, o.SweepEvery = time.Millisecond, 10*time.Millisecond, 5*time.Millisecond, 50*time.Millisecond
			o.Grace, o.UnsureGrace, o.AliveFor = 100*time.Millisecond, 100*time.Millisecond, 2*time.Second
		}
		b.hooks = func(o *webhook.Options) {
			o.Poll, o.Lease, o.Timeout, o.Backoff = 20*time.Millisecond, 4*time.Second, 2*time.Second, 20*time.Millisecond
		}
		if tune != nil {
			tune(b)
		}
		gateways, views = append(gateways, b.start()), append(views, view)
	}
	return gateways, views
}

// elsewhere gives a callback address at another gateway.
func elsewhere(t *testing.T, address string, b *bundle) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Error(err)
	}
	at, _ := url.Parse(b.URL())
	u.Host = at.Host
	return u.String()
}

// TestAGatewayIsKilledUnderLoad has two gateways take in submissions on one store, with callbacks that
// come to either, get lost or come twice, and kills one of them in the middle.
func TestAGatewayIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	gateways, views := cluster(t, 2, nil)
	e := gateways[0].engine
	e.script(func(e *scriptedEngine) {
		e.next = func(s *scripted) {
			<-e.took
			e.finish(s)
			at := gateways[rand.N(2)]
			if views[0].killed.Load() {
				at = gateways[1]
			}
			switch rand.N(10) {
			case 0: // lost
			case 1:
				e.put(elsewhere(t, s.calls, gateways[1]), e.told(s))
				fallthrough
			default:
				e.put(elsewhere(t, s.calls, at), e.told(s))
			}
		}
	})
	var mu sync.Mutex
	called := map[string]int{}
	tokenOf := regexp.MustCompile(`"token":"([^"]+)"`)
	client := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		called[tokenOf.FindStringSubmatch(string(body))[1]]++
	}))
	t.Cleanup(client.Close)

	const clients, each = 8, 25
	tokens := make(chan string, clients*each)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				body := fmt.Sprintf(`{"source_code":"%d %d","language_id":71,"callback_url":%q}`, c, i, client.URL)
				r := gateways[(c+i)%2].post("/submissions", body)
				if r.status != 201 { // as a load balancer does
					if r.status != 503 || r.header.Get("Retry-After") == "" {
						t.Errorf("got %d %s", r.status, r.body)
					}
					r = gateways[1].post("/submissions", body)
				}
				token, _ := r.object(t)["token"].(string)
				tokens <- token
				if len(tokens) == clients*each/2 {
					views[0].killed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	close(tokens)
	all := 0
	for token := range tokens {
		all++
		gateways[1].awaitStatus(token, api.Accepted)
		gateways[1].await("the call of "+token, func() bool { mu.Lock(); defer mu.Unlock(); return called[token] > 0 })
		views[0].mu.Lock()
		views[1].mu.Lock()
		mu.Lock()
		if n := views[0].first[token] + views[1].first[token]; n != 1 {
			t.Errorf("%s has %d results", token, n)
		}
		if called[token] > 1 && !views[0].unnoted[token] {
			t.Errorf("%s was delivered %d times", token, called[token])
		}
		mu.Unlock()
		views[1].mu.Unlock()
		views[0].mu.Unlock()
	}
	if all != clients*each {
		t.Errorf("%d tokens", all)
	}
}

// TestGatewaysShareTheirClients has each client wait at one gateway for what the engine tells the other.
func TestGatewaysShareTheirClients(t *testing.T) {
	t.Parallel()
	gateways, _ := cluster(t, 2, nil)
	e := gateways[0].engine
	e.script(func(e *scriptedEngine) {
		e.next = func(s *scripted) { e.finish(s); e.put(elsewhere(t, s.calls, gateways[1]), e.told(s)) }
	})
	r := gateways[0].post("/submissions?wait=true", python("hello"))
	if got := r.object(t); r.status != 201 || got["stdout"] != "hello" {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	gateways[0].await("the owner to know", func() bool { return gaugeOf(gateways[0], "unfinished") == "0" })
	// What one has taken in, another goes on with once the first has left.
	e.script(func(e *scriptedEngine) { e.next = nil })
	token := gateways[0].submit("x")
	s := <-e.took
	for s.key != token {
		s = <-e.took
	}
	if err := gateways[0].Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(e.took) != 0 {
		t.Error("the engine got it twice")
	}
	e.finish(s)
	gateways[1].awaitStatus(token, api.Accepted)
}

func gaugeOf(b *bundle, name string) string {
	found := regexp.MustCompile(`(?m)^sandgate_gateway_` + name + ` (.*)$`).FindStringSubmatch(b.get("/metrics").body)
	if found == nil {
		return ""
	}
	return found[1]
}
