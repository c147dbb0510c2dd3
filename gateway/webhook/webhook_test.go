package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/judge0/api"
)

// clock is a time that a test moves.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time       { return time.UnixMicro(c.now.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.now.Add(d.Microseconds()) }

type bundle struct {
	*webhook.Sender
	clock
	store    *sqlite.Store
	options  webhook.Options
	outcomes chan string
	log      bytes.Buffer
	made     int
}

// prepare makes a store with no Sender yet.
func prepare(t *testing.T) *bundle {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bundle{store: store, outcomes: make(chan string, 10_000)}
	b.now.Store(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC).UnixMicro())
	b.options = webhook.Options{
		Store: store, Key: []byte("key"), AllowPrivate: true, Log: slog.New(slog.NewTextHandler(&b.log, nil)), Now: b.Now,
		Observe: func(s string) { b.outcomes <- s }, Poll: time.Millisecond,
	}
	return b
}

func (b *bundle) start(t *testing.T) *bundle {
	b.Sender = webhook.New(b.options)
	t.Cleanup(func() { b.Stop(context.Background()) })
	return b
}

// owe stores a result whose client is owed a call of url.
func (b *bundle) owe(t *testing.T, account, url string) (token string) {
	t.Helper()
	b.made++
	token = fmt.Sprintf("t%04d", b.made)
	out := "hello\n"
	sub := &submission.Submission{Account: account, Submission: api.Submission{Token: token, CallbackURL: &url, CreatedAt: b.Now()}}
	ended := sub.Ended(api.Answer{Result: api.Result{Status: api.Accepted, Stdout: &out}}, b.Now())
	if err := b.store.Insert(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	if first, err := b.store.Finish(t.Context(), ended); err != nil || !first {
		t.Fatal(first, err)
	}
	if b.Sender != nil {
		b.Finished(ended)
	}
	return token
}

func (b *bundle) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, outcome := range want {
		if got := <-b.outcomes; got != outcome {
			t.Fatalf("%s, want %s", got, outcome)
		}
	}
}

// delivery gives the only delivery of the account "me".
func (b *bundle) delivery(t *testing.T) webhook.Delivery {
	t.Helper()
	page, _, err := b.Deliveries(t.Context(), "me", "", "", 10)
	if err != nil || len(page) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	return page[0]
}

// receiver answers with the statuses given, then with 200.
func receiver(t *testing.T, got func(*http.Request, []byte), statuses ...int) *httptest.Server {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got != nil {
			got(r, body)
		}
		if n := int(calls.Add(1)); n <= len(statuses) {
			w.WriteHeader(statuses[n-1])
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	b := prepare(t).start(t)
	type call struct {
		*http.Request
		body []byte
	}
	calls := make(chan call, 2)
	server := receiver(t, func(r *http.Request, body []byte) { calls <- call{r, body} }, 502)
	token := b.owe(t, "me", server.URL)
	b.expect(t, "retried")
	<-calls
	if d := b.delivery(t); d.State != webhook.Pending || d.Attempts != 1 || d.LastStatus != 502 || d.LastError != "the receiver answered 502" ||
		d.DueAt.Sub(b.Now()) < 8*time.Second || d.DueAt.Sub(b.Now()) > 12*time.Second {
		t.Errorf("after the first attempt: %+v", d)
	}
	b.pass(12 * time.Second)
	b.expect(t, "delivered")
	c := <-calls
	if c.Method != "PUT" || c.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(c.body), `"stdout":"aGVsbG8K\n"`) || !strings.Contains(string(c.body), token) {
		t.Errorf("unexpected delivery %s %s", c.Method, c.body)
	}
	mac := hmac.New(sha256.New, []byte(b.Secret("me")))
	fmt.Fprintf(mac, "%d.%s", b.Now().Unix(), c.body)
	if c.Header.Get("X-Sandgate-Timestamp") != fmt.Sprint(b.Now().Unix()) || c.Header.Get("X-Sandgate-Signature") != "v1="+hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signed as %v", c.Header)
	}
	if b.Secret("me") == b.Secret("other") || !strings.HasPrefix(b.Secret("me"), "whsec_") {
		t.Error("the secrets of accounts are not their own")
	}
	if d := b.delivery(t); d.State != webhook.Delivered || d.Attempts != 2 || d.LastStatus != 200 || d.LastError != "" {
		t.Errorf("at the end: %+v", d)
	}
	// Once more, on request.
	if d, err := b.Redeliver(t.Context(), "me", token); err != nil || d.State != webhook.Pending || d.Attempts != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	b.expect(t, "delivered")
	if _, err := b.Redeliver(t.Context(), "other", token); !errors.Is(err, submission.ErrNotFound) {
		t.Errorf("another account's: %v", err)
	}
}

func TestADeliveryIsGivenUpAfterADay(t *testing.T) {
	t.Parallel()
	b := prepare(t).start(t)
	b.owe(t, "me", receiver(t, nil, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500).URL)
	began := b.Now()
	for range 9 {
		b.expect(t, "retried")
		b.now.Store(b.delivery(t).DueAt.UnixMicro())
	}
	b.expect(t, "failed")
	if d := b.delivery(t); d.State != webhook.GivenUp || d.Attempts != 10 {
		t.Errorf("at the end: %+v", d)
	}
	if took := b.Now().Sub(began); took < 12*time.Hour || took > 30*time.Hour {
		t.Errorf("it took %v", took)
	}
}

func TestDeliveriesOutliveTheSender(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	calls := make(chan string, 10)
	server := receiver(t, func(*http.Request, []byte) { calls <- "" })
	b.owe(t, "me", server.URL)
	// Another gateway has taken it, and dies.
	if due, err := b.store.TakeDue(t.Context(), b.Now(), b.Now().Add(time.Minute), 10); err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	b.start(t)
	if backlog := b.Backlog(); backlog.Pending != 1 || backlog.Late != 0 {
		t.Errorf("%+v", backlog)
	}
	b.pass(59 * time.Second)
	for range 20 {
		if err := b.store.Ping(t.Context()); err != nil { // the polls in between take nothing
			t.Fatal(err)
		}
	}
	if len(calls) != 0 {
		t.Fatal("it was made while another had it")
	}
	b.pass(2 * time.Second)
	b.expect(t, "delivered")
}

// TestOfSeveralOneDelivers has three Senders on a store make each delivery once.
func TestOfSeveralOneDelivers(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	const n = 200
	var mu sync.Mutex
	calls := map[string]int{}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		calls[string(body)]++
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	server.URL = fmt.Sprintf("http://0.0.0.0:%d", listener.Addr().(*net.TCPAddr).Port)
	t.Cleanup(server.Close)
	b.options.PerHost, b.options.PerAccount = 8, n
	for i := range n {
		// The hosts are told apart by name: all of 127/8 is this machine.
		b.owe(t, "me", strings.Replace(server.URL, "0.0.0.0", fmt.Sprintf("127.0.0.%d", 1+i%20), 1))
	}
	for range 3 {
		sender := webhook.New(b.options)
		t.Cleanup(func() { sender.Stop(context.Background()) })
	}
	for delivered := 0; delivered < n; {
		if <-b.outcomes == "delivered" {
			delivered++
		}
		b.pass(time.Second / 10)
	}
	for body, times := range calls {
		if times != 1 {
			t.Errorf("%d times: %s", times, body)
		}
	}
	if len(calls) != n {
		t.Errorf("%d of %d", len(calls), n)
	}
}

// TestADeadHostHoldsNobodyUp has one receiver hang in every call and the other get all of its own.
func TestADeadHostHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	hang := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(func() { close(hang); dead.Close() })
	got := make(chan struct{}, 100)
	alive := receiver(t, func(*http.Request, []byte) { got <- struct{}{} })
	for range 150 {
		b.owe(t, "heavy", dead.URL)
	}
	for range 30 {
		b.owe(t, "light", strings.Replace(alive.URL, "127.0.0.1", "localhost", 1))
	}
	b.options.Timeout = 20 * time.Second // longer than the test takes
	b.start(t)
	for range 30 {
		<-got
	}
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	b.Stop(stop)
	// What waited or hung was given back, and no attempt counted.
	pending, _, err := b.Deliveries(t.Context(), "heavy", webhook.Pending, "", 1000)
	if err != nil || len(pending) != 150 {
		t.Fatalf("%d are pending, %v", len(pending), err)
	}
	for _, d := range pending {
		if d.Attempts != 0 {
			t.Errorf("%+v", d)
		}
	}
}

func TestAHostThatAnswersNobodyIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = connection.Close()
		}
	}))
	t.Cleanup(server.Close)
	b.options.PerHost = 1
	for range 20 {
		b.owe(t, "me", server.URL)
	}
	b.start(t)
	for range 20 {
		b.expect(t, "retried")
	}
	if n := reached.Load(); n != 3 {
		t.Errorf("it was called %d times", n)
	}
	b.pass(16 * time.Second) // all are due, and the host gets another chance
	for range 20 {
		b.expect(t, "retried")
	}
	if n := reached.Load(); n != 4 {
		t.Errorf("it was called %d times", n)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	b := prepare(t).start(t)
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inner" {
			reached.Store(true)
			return
		}
		http.Redirect(w, r, "/inner", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	b.owe(t, "me", server.URL)
	b.expect(t, "retried")
	if reached.Load() || b.delivery(t).LastStatus != http.StatusTemporaryRedirect {
		t.Error("the redirect was followed")
	}
}

func TestAddressesAreNotLogged(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.options.AllowPrivate, b.options.Attempts = false, 1
	b.start(t)
	for _, url := range []string{"http://127.0.0.1:1/hook?key=s3cret", "http://s3cret:s3cret@localhost/", "http://s3cret/%zz", "http://x/\x00s3cret"} {
		b.owe(t, "me", url)
		b.expect(t, "failed")
	}
	b.Stop(t.Context())
	if text := b.log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "not a public one") {
		t.Errorf("logged:\n%s", text)
	}
}

func TestPrivateAddressesAreNotDialled(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.options.AllowPrivate = false
	b.start(t)
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(server.Close)
	b.owe(t, "me", server.URL)
	b.expect(t, "failed")
	if d := b.delivery(t); d.State != webhook.GivenUp || d.LastError != "the address is not a public one" {
		t.Errorf("%+v", d)
	}
	b.owe(t, "me", strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
	b.expect(t, "failed")
	if reached.Load() {
		t.Error("a loopback address was called")
	}
}
