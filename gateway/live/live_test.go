package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// bench is a hub over submissions in memory, behind a real HTTP server. Everybody is the account that
// they name.
type bench struct {
	t   testing.TB
	bus *Bus
	*Hub
	server *httptest.Server

	mu      sync.Mutex
	subs    map[string]*submission.Submission
	all     bool // Changed knows everything
	revoked bool
	refused map[string]int
	dropped map[string]int
}

func newBench(t testing.TB, most, mostOfAccount int) *bench {
	b := &bench{t: t, bus: NewBus(), subs: map[string]*submission.Submission{}, all: true, refused: map[string]int{}, dropped: map[string]int{}}
	b.Hub = NewHub(Options{
		Bus: b.bus, Observer: b, Log: slog.New(slog.DiscardHandler),
		Connections: NewConnections(Limits{Most: most, MostOfAccount: mostOfAccount, CheckEvery: time.Hour, Check: b.check, Observer: b}),
		Job:         func(sub *submission.Submission) any { return map[string]any{"jobId": sub.Token, "output": sub.Stdout} },
		Get:         b.get, Changed: b.changed,
		Authenticate: func(ctx context.Context, credentials Credentials, token string) (string, Credentials, error) {
			if token == "" || strings.HasPrefix(token, "bad") {
				return "", "", submission.Errorf(submission.Unauthenticated, "a valid API key is needed")
			}
			return token, Credentials(token), nil
		},
	})
	mux := http.NewServeMux()
	serve := func(path string, handle func(w http.ResponseWriter, r *http.Request, visitor Visitor) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			account := r.URL.Query().Get("account")
			w.Header().Set("X-Other", "kept")
			if err := handle(w, r, Visitor{account, Credentials(account)}); err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
			}
		})
	}
	serve("/jobs/{token}", func(w http.ResponseWriter, r *http.Request, visitor Visitor) error {
		return b.StreamJob(w, r, visitor, r.PathValue("token"))
	})
	serve("/events", func(w http.ResponseWriter, r *http.Request, visitor Visitor) error {
		return b.StreamAccount(w, r, visitor, r.Header.Get("Last-Event-ID"))
	})
	mux.HandleFunc("/socket.io/", func(w http.ResponseWriter, r *http.Request) { b.ServeSocket(w, r, "") })
	b.server = httptest.NewUnstartedServer(mux)
	b.server.Listener = smallBuffers{b.server.Listener}
	b.server.Start()
	t.Cleanup(func() {
		b.Stop()
		b.server.Close()
		// What the server no longer holds takes its leave in a goroutine of its own.
		left := func() (int, int) {
			return b.Connections.Open(Stream) + b.Connections.Open(Socket), int(b.bus.Listeners())
		}
		for until := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			connections, listeners := left()
			if connections+listeners == 0 {
				break
			}
			if time.Now().After(until) {
				t.Errorf("%d connections and %d listeners are left", connections, listeners)
				break
			}
		}
	})
	return b
}

// smallBuffers has the system keep little of what is written and not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return conn, err
}

func (b *bench) Refused(what string)     { b.mu.Lock(); defer b.mu.Unlock(); b.refused[what]++ }
func (b *bench) Dropped(why string)      { b.mu.Lock(); defer b.mu.Unlock(); b.dropped[why]++ }
func (b *bench) Delivered(time.Duration) {}

func (b *bench) count(of map[string]int, what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return of[what]
}

func (b *bench) check(context.Context, Credentials) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.revoked {
		return submission.Errorf(submission.Unauthenticated, "revoked")
	}
	return errors.New("it can't be said now")
}

func (b *bench) get(_ context.Context, account, token string) (*submission.Submission, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sub := b.subs[token]; sub != nil && sub.Account == account {
		return sub, nil
	}
	return nil, submission.ErrNotFound
}

func (b *bench) changed(_ context.Context, account string, since time.Time) (subs []*submission.Submission, all bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, sub := range b.subs {
		if sub.Account == account && (sub.UpdatedAt == nil || !sub.UpdatedAt.Before(since)) {
			subs = append(subs, sub)
		}
	}
	slices.SortFunc(subs, func(a, b *submission.Submission) int { return strings.Compare(a.Token, b.Token) })
	return subs, b.all, nil
}

// put stores a submission in a state without saying so.
func (b *bench) put(account, token string, state submission.State) *submission.Submission {
	sub := &submission.Submission{Submission: api.Submission{Token: token, Result: api.Result{Status: api.InQueue}}, Account: account}
	now := time.Now()
	switch state {
	case submission.Processing:
		sub = sub.Begun(api.Answer{}, now)
	case submission.Finished:
		text := "output of " + token
		sub = sub.Ended(api.Answer{Result: api.Result{Status: api.Accepted, Stdout: &text}}, now)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs[token] = sub
	return sub
}

// say stores a state and announces it.
func (b *bench) say(account, token string, state submission.State) {
	sub := b.put(account, token, state)
	b.bus.Publish(submission.Event{Token: token, Account: account, State: state, Submission: sub})
}

func (b *bench) await(what string, holds func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s did not come", what)
		}
	}
}

// client is an open stream.
type client struct {
	t        testing.TB
	response *http.Response
	lines    *bufio.Reader
}

func (b *bench) open(path, last string) *client {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, b.server.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = response.Body.Close() })
	return &client{b.t, response, bufio.NewReader(response.Body)}
}

type sse struct{ id, name, data string }

// next gives the next event; the zero one at the end. Signs of life are events named "alive".
func (c *client) next() (e sse) {
	c.t.Helper()
	for {
		line, err := c.lines.ReadString('\n')
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return sse{}
		}
		if err != nil {
			c.t.Fatal(err)
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if value != "" {
				e.name = value
				continue
			}
			return e
		}
	}
}

func (c *client) expect(name, in string) sse {
	c.t.Helper()
	e := c.next()
	if e.name != name || !strings.Contains(e.data, in) {
		c.t.Fatalf("got %+v instead of %s with %s", e, name, in)
	}
	return e
}

func TestStreamOfAJob(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 10)
	b.put("a", "j", submission.Queued)
	c := b.open("/jobs/j?account=a", "")
	if got := c.response; got.StatusCode != 200 || got.Header.Get("X-Other") != "kept" || got.Header.Get("Content-Type") != "text/event-stream" || !got.Close {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	if e := c.expect("status", "In Queue"); e.id != "0" {
		t.Errorf("got %+v", e)
	}
	b.beat(time.Now())
	b.beat(time.Now().Add(keepAlive))
	c.expect("alive", "")
	b.bus.Publish(submission.Event{Token: "j", State: submission.Forwarded})  // nothing new to a client
	b.bus.Publish(submission.Event{Token: "j", State: submission.Processing}) // of another gateway
	c.expect("status", "Processing")
	b.put("a", "j", submission.Finished)
	b.bus.missed()
	if e := c.expect("result", "output of j"); e.id != "3" {
		t.Errorf("got %+v", e)
	}
	if e := c.next(); e != (sse{}) {
		t.Errorf("got %+v after the result", e)
	}
	b.await("the end", func() bool { return b.Connections.Open(Stream) == 0 })
	if late := b.open("/jobs/j?account=a", ""); late.expect("result", "output of j").id != "3" || late.next() != (sse{}) {
		t.Error("who came late was told something else")
	}
	for _, path := range []string{"/jobs/j?account=other", "/jobs/none?account=a"} {
		if c := b.open(path, ""); c.response.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d", path, c.response.StatusCode)
		}
	}
}

func TestStreamsWithoutAConnectionAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1, 1)
	b.put("a", "j", submission.Queued)
	w := httptest.NewRecorder()
	err := b.StreamJob(w, httptest.NewRequest(http.MethodGet, "/", nil), Visitor{Account: "a"}, "j")
	var fault *submission.Error
	if !errors.As(err, &fault) || fault.Code != submission.Malformed || len(w.Header()) != 0 {
		t.Errorf("got %v and %v", err, w.Header())
	}
}

func TestBoundsOfConnections(t *testing.T) {
	t.Parallel()
	b := newBench(t, 3, 2)
	b.put("a", "j", submission.Queued)
	b.put("b", "k", submission.Queued)
	one := b.open("/jobs/j?account=a", "")
	b.open("/events?account=a", "")
	refused := func(path, why string) {
		t.Helper()
		c := b.open(path, "")
		if body, _ := io.ReadAll(c.lines); c.response.StatusCode != http.StatusTeapot || !strings.Contains(string(body), why) {
			t.Errorf("%s: %d %s", path, c.response.StatusCode, body)
		}
	}
	refused("/jobs/j?account=a", "this account has too many")
	b.open("/jobs/k?account=b", "")
	refused("/events?account=b", "too many live connections are open")
	_ = one.response.Body.Close()
	b.await("a place", func() bool { return b.Connections.Open(Stream) == 2 })
	b.open("/events?account=a", "").expect("ready", "")
	if b.count(b.refused, "full") != 1 || b.count(b.refused, "account-full") != 1 {
		t.Errorf("got %v", b.refused)
	}
	b.Connections.check(context.Background())
	if n := b.Connections.Open(Stream); n != 3 {
		t.Errorf("%d are open while nothing is known of their keys", n)
	}
	b.mu.Lock()
	b.revoked = true
	b.mu.Unlock()
	b.Connections.check(context.Background())
	if n := b.Connections.Open(Stream); n != 0 || b.count(b.dropped, "revoked") != 3 {
		t.Errorf("%d are open after their keys were revoked, %v", n, b.dropped)
	}
	b.Connections.Stop()
	refused("/events?account=a", "shutting down")
}

// TestClientsThatGo has clients leave at once and at each state.
func TestClientsThatGo(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1000, 1000)
	var crew sync.WaitGroup
	for i := range 60 {
		crew.Go(func() {
			job := fmt.Sprint("j", i)
			b.put("a", job, submission.Queued)
			path := "/jobs/" + job + "?account=a"
			if i%2 == 0 {
				path = "/events?account=a"
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+path, nil)
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Error(err)
				return
			}
			if i%3 == 0 {
				b.say("a", job, submission.Processing)
			}
			if i%5 == 0 {
				b.say("a", job, submission.Finished)
			}
			_ = response.Body.Close()
		})
	}
	crew.Wait()
	b.await("the end", func() bool { return b.Connections.Open(Stream) == 0 })
}

// TestClientThatNeverReads: it is dropped, and nobody waits for it.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	b := newBench(t, 10, 10)
	large := strings.Repeat("x", 16<<10)
	slow := b.open("/events?account=a", "")
	slow.expect("ready", "")
	quick := b.open("/events?account=a", "")
	quick.expect("ready", "")
	var got atomic.Int64
	read := make(chan struct{})
	go func() {
		defer close(read)
		for quick.next().name == "result" {
			got.Add(1)
		}
	}()
	const many = 400
	for i := range many {
		sub := b.put("a", fmt.Sprint("j", i), submission.Finished)
		sub.Stdout = &large
		b.bus.Publish(submission.Event{Token: sub.Token, Account: "a", State: submission.Finished, Submission: sub})
		// The quick one is to keep up.
		b.await("reading", func() bool { return got.Load() >= int64(i-accountLetters/2) })
	}
	b.await("the drop", func() bool { return b.count(b.dropped, "slow") > 0 && b.Connections.Open(Stream) == 1 })
	b.await("the rest", func() bool { return got.Load() == many })
	b.Connections.Stop()
	<-read
}

func TestStreamOfAnAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t, 20, 20)
	c := b.open("/events?account=a", "")
	first := c.expect("ready", "{}")
	b.say("a", "j", submission.Queued)
	b.say("other", "x", submission.Finished)
	b.say("a", "j", submission.Processing)
	c.expect("status", "In Queue")
	second := c.expect("status", "Processing")
	b.say("a", "j", submission.Finished)
	b.put("a", "k", submission.Finished)
	b.bus.Publish(submission.Event{Token: "k", Account: "a", State: submission.Finished}) // of another gateway
	b.bus.Publish(submission.Event{Token: "gone", Account: "a", State: submission.Finished})
	c.expect("result", "output of j")
	third := c.expect("result", "output of k")

	// From memory, exactly.
	again := b.open("/events?account=a", second.id)
	again.expect("result", "output of j")
	if e := again.expect("result", "output of k"); e.id != third.id {
		t.Errorf("got %+v and %+v", third, e)
	}
	if e := again.expect("ready", ""); !strings.HasPrefix(e.id, first.id[:10]) {
		t.Errorf("got %+v", e)
	}
	b.say("a", "l", submission.Queued)
	again.expect("status", `"jobId":"l"`)
	if all := b.open("/events?account=a", first.id); all.expect("status", "In Queue").id == "" || all.expect("status", "Processing").id != second.id {
		t.Error("not all was told again")
	}
	// From the store, where the gateway knows nothing of the id.
	past := fmt.Sprintf("ANOTHER-7-%d", time.Now().Add(-time.Hour).UnixMilli())
	other := b.open("/events?account=a", past)
	j, k := other.expect("result", "output of j"), other.expect("result", "output of k")
	other.expect("status", `"jobId":"l"`)
	other.expect("ready", "")
	if e := b.open("/events?account=a", j.id).expect("result", ""); e.id != j.id && e.id != k.id {
		t.Errorf("an id of the store leads to %+v", e)
	}
	b.mu.Lock()
	b.all = false
	b.mu.Unlock()
	b.open("/events?account=a", past).expect("reset", "list of submissions")
	for _, bad := range []string{"7", "a-b-c", "a-1", "a--1-5", strings.Repeat("x", 40) + "-1-1"} {
		if c := b.open("/events?account=a", bad); c.response.StatusCode != http.StatusTeapot {
			t.Errorf("%q: %d", bad, c.response.StatusCode)
		}
	}
}

// TestMissedEvents: after a gap between gateways, streams are told from the store.
func TestMissedEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t, 20, 20)
	c := b.open("/events?account=a", "")
	ready := c.expect("ready", "")
	b.put("a", "j", submission.Finished)
	b.bus.missed()
	c.expect("result", "output of j")
	if e := c.expect("ready", ""); e.id[:10] == ready.id[:10] {
		t.Errorf("numbers go on: %+v, %+v", ready, e)
	}
	b.say("a", "k", submission.Finished)
	c.expect("result", "output of k")
}

func TestJournals(t *testing.T) {
	t.Parallel()
	b := newBench(t, 20, 20)
	c := b.open("/events?account=a", "")
	first := c.expect("ready", "")
	for range journalMost + 10 {
		b.say("a", "j", submission.Processing)
		c.expect("status", "")
	}
	own := b.bus.journals.of["a"]
	own.mu.Lock()
	n := len(own.entries)
	own.mu.Unlock()
	if n > journalMost || n < journalMost/2 {
		t.Errorf("%d events are kept", n)
	}
	b.open("/events?account=a", first.id).expect("status", "") // from the store
	b.bus.journals.forget(time.Now().Add(2 * journalKeep))
	if len(b.bus.journals.of) != 1 {
		t.Error("a journal that is in use was forgotten")
	}
	b.Connections.Stop()
	b.await("the end", func() bool { return b.Connections.Open(Stream) == 0 })
	b.bus.journals.forget(time.Now().Add(journalKeep / 2))
	if len(b.bus.journals.of) != 1 {
		t.Error("a journal was forgotten too soon")
	}
	b.bus.journals.forget(time.Now().Add(2 * journalKeep))
	if len(b.bus.journals.of) != 0 {
		t.Error("a journal was not forgotten")
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	b := NewBus()
	one, two, other := b.Subscribe("a"), b.Subscribe("a"), b.Subscribe("b")
	b.Publish(submission.Event{Token: "a", State: submission.Finished})
	for _, l := range []submission.Subscription{one, two} {
		if e := <-l.Events(); e.State != submission.Finished {
			t.Errorf("got %+v", e)
		}
	}
	other.Close()
	if _, open := <-other.Events(); open {
		t.Error("an event of another token came")
	}
	one.Close()
	one.Close()
	for range buffer + 2 {
		b.Publish(submission.Event{Token: "a"})
	}
	n := 0
	for range two.Events() {
		n++
	}
	if n != buffer || b.Dropped() != 1 {
		t.Errorf("%d events, %d dropped", n, b.Dropped())
	}
	two.Close()
	if b.Listeners() != 0 {
		t.Errorf("%d listeners are left", b.Listeners())
	}
	var crew sync.WaitGroup
	for i := range 200 {
		token := string(rune('a' + i%20))
		crew.Go(func() {
			l := b.Subscribe(token)
			b.Publish(submission.Event{Token: token})
			<-l.Events()
			l.Close()
		})
	}
	crew.Wait()
	if b.Listeners() != 0 {
		t.Errorf("%d listeners are left", b.Listeners())
	}
}
