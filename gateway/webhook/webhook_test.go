package webhook

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false,
		"fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false,
		"64:ff9b::a00:1": false, "2002:7f00:1::": false, "ff02::1": false, "::ffff:0:127.0.0.1": false, "5f00::1": false, "3fff::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %v", address, got)
		}
	}
}

type bundle struct {
	sender   *Sender
	outcomes chan string
}

func start(t *testing.T, private bool) bundle {
	b := bundle{outcomes: make(chan string, 16)}
	b.sender = New(Options{AllowPrivate: private, Backoff: time.Millisecond, Log: slog.New(slog.DiscardHandler), Observe: func(s string) { b.outcomes <- s }})
	t.Cleanup(func() { b.sender.Stop(context.Background()) })
	return b
}

func (b bundle) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, outcome := range want {
		if got := <-b.outcomes; got != outcome {
			t.Fatalf("%s, want %s", got, outcome)
		}
	}
}

func finished(url string) *submission.Submission {
	out := "hello\n"
	return &submission.Submission{Submission: api.Submission{Token: "t", CallbackURL: &url, Result: api.Result{Status: api.Accepted, Stdout: &out}}}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		body, _ := io.ReadAll(r.Body)
		bodies <- r.Method + " " + string(body)
	}))
	t.Cleanup(server.Close)
	b := start(t, true)
	b.sender.Send(finished(server.URL))
	b.expect(t, "retried", "delivered")
	if body := <-bodies; !strings.HasPrefix(body, "PUT {") || !strings.Contains(body, `"stdout":"aGVsbG8K\n"`) {
		t.Errorf("unexpected delivery %s", body)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inner" {
			reached.Store(true)
			return
		}
		http.Redirect(w, r, "/inner", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	b := start(t, true)
	b.sender.Send(finished(server.URL))
	b.expect(t, "retried", "retried", "failed")
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}

func TestAddressesAreNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	outcomes := make(chan string, 16)
	sender := New(Options{Tries: 1, Log: slog.New(slog.NewTextHandler(&log, nil)), Observe: func(s string) { outcomes <- s }})
	for _, url := range []string{"http://127.0.0.1:1/hook?key=s3cret", "http://s3cret:s3cret@localhost/", "http://s3cret/%zz", "http://x/\x00s3cret"} {
		sender.Send(finished(url))
		if outcome := <-outcomes; outcome != "failed" {
			t.Errorf("%s: %s", url, outcome)
		}
	}
	sender.Stop(t.Context())
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "not a public one") {
		t.Errorf("logged:\n%s", text)
	}
}

func TestPrivateAddressesAreNotDialled(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(server.Close)
	b := start(t, false)
	b.sender.Send(finished(server.URL))
	b.expect(t, "failed")
	b.sender.Send(finished(strings.Replace(server.URL, "127.0.0.1", "localhost", 1)))
	b.expect(t, "failed")
	if reached.Load() {
		t.Error("a loopback address was called")
	}
}
