package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
)

// orders are what a gateway in a process of its own is told, by an environment variable.
type orders struct {
	DataDir, EngineURL, EngineToken string
	Step                            string // at which the process kills itself; "": none
}

const ordersVariable = "SANDGATE_TEST_GATEWAY"

// TestMain runs a gateway instead of the tests where it is told so.
func TestMain(m *testing.M) {
	if text := os.Getenv(ordersVariable); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serve(text string) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	c := config.Default()
	c.Port, c.BootstrapKey, c.AllowPrivateCallbacks = 0, firstKey, true
	c.DataDir, c.EngineURL, c.EngineToken = o.DataDir, o.EngineURL, o.EngineToken
	g := gateway.New(gateway.Options{
		Config: c,
		Log:    slog.New(slog.DiscardHandler),
		Dispatch: func(d *dispatch.Options) {
			d.BackoffFirst, d.BackoffMost, d.ReconcileEvery = time.Millisecond, 10*time.Millisecond, 5*time.Millisecond
			d.Grace, d.UnsureGrace = 50*time.Millisecond, 50*time.Millisecond
		},
		Webhooks: func(w *webhook.Options) {
			w.Poll, w.Lease, w.Timeout = 10*time.Millisecond, 3*time.Second, 2*time.Second
		},
		Store: func(s gateway.Store) gateway.Store { return &fatal{s, o.Step} },
	})
	if err := g.Start(context.Background()); err != nil {
		return err
	}
	for g.Ready(context.Background()) != nil {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(g.URL())
	// The parent ends this process: by closing its input, or otherwise.
	_, _ = io.Copy(io.Discard, os.Stdin)
	return g.Stop(context.Background())
}

// fatal is a store whose caller dies at a step, as by a power cut.
type fatal struct {
	gateway.Store
	step string
}

func (f *fatal) at(step string) {
	if f.step == step {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (f *fatal) InsertOnce(ctx context.Context, once submission.Once, since time.Time, subs ...*submission.Submission) (*submission.Once, error) {
	f.at("before it is stored")
	before, err := f.Store.InsertOnce(ctx, once, since, subs...)
	f.at("stored, not dispatched")
	return before, err
}

func (f *fatal) Forwarded(ctx context.Context, engineTokens map[string]string) error {
	f.at("forwarded, not recorded")
	err := f.Store.Forwarded(ctx, engineTokens)
	f.at("forwarded")
	return err
}

func (f *fatal) Finish(ctx context.Context, sub *submission.Submission) (bool, error) {
	f.at("ended, not stored")
	first, err := f.Store.Finish(ctx, sub)
	f.at("result stored, not announced")
	return first, err
}

func (f *fatal) TakeDue(ctx context.Context, now, until time.Time, limit int) ([]webhook.Due, error) {
	due, err := f.Store.TakeDue(ctx, now, until, limit)
	if len(due) > 0 {
		f.at("webhook taken, not called")
	}
	return due, err
}

func (f *fatal) Note(ctx context.Context, d webhook.Delivery) error {
	f.at("webhook called, not noted")
	return f.Store.Note(ctx, d)
}

// process starts a gateway in a process of its own, and gives its URL; ended is closed when it has ended.
func process(t *testing.T, o orders) (url string, ended <-chan struct{}) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env, c.Stderr = append(os.Environ(), ordersVariable+"="+string(text)), os.Stderr
	input, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	lines := bufio.NewReader(output)
	first, err := lines.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		_ = c.Wait()
		close(over)
	}()
	t.Cleanup(func() {
		_ = input.Close()
		<-over
	})
	if err != nil {
		t.Fatal("the gateway did not start")
	}
	return strings.TrimSpace(first), over
}

// ask sends a request to a gateway that may die meanwhile.
func ask(method, url, body string) (int, map[string]any) {
	request, _ := http.NewRequest(method, url, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", firstKey)
	request.Header.Set("Idempotency-Key", "the only one")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	var object map[string]any
	if err := json.NewDecoder(response.Body).Decode(&object); err != nil {
		return 0, nil
	}
	return response.StatusCode, object
}

// TestTheGatewayIsKilledAtAnyStep kills a gateway's process at each step of a submission's way, starts
// it again on the same files, and repeats the request as a client does that got no answer: one
// submission comes of it, it ends, and its client is called.
func TestTheGatewayIsKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		"before it is stored", "stored, not dispatched", "forwarded, not recorded", "forwarded", "ended, not stored", "result stored, not announced",
		"webhook taken, not called", "webhook called, not noted",
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			e := startEngine(t)
			e.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
			var calls atomic.Int32
			client := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
			t.Cleanup(client.Close)
			o := orders{DataDir: t.TempDir(), EngineURL: e.url(), EngineToken: e.token, Step: step}
			body := fmt.Sprintf(`{"source_code":"x","language_id":71,"callback_url":%q}`, client.URL)

			if strings.HasPrefix(step, "forwarded") { // a result that is faster needs no record
				e.script(func(e *scriptedEngine) { e.next = nil })
			}
			url, killed := process(t, o)
			_, before := ask("POST", url+"/submissions", body)
			<-killed
			e.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
			for len(e.took) > 0 {
				e.end(<-e.took)
			}
			o.Step = ""
			url, _ = process(t, o)
			status, after := ask("POST", url+"/submissions", body)
			if status != 201 || before != nil && before["token"] != after["token"] {
				t.Fatalf("got %d %v, before that %v", status, after, before)
			}
			b := &bundle{t: t}
			b.await("the end", func() bool {
				_, sub := ask("GET", url+"/submissions/"+after["token"].(string)+"?fields=status_id,stdout", "")
				return sub["status_id"] == 3.0 && sub["stdout"] == "x"
			})
			b.await("the call", func() bool { return calls.Load() > 0 })
			if _, list := ask("GET", url+"/submissions", ""); list["meta"].(map[string]any)["total_count"] != 1.0 {
				t.Errorf("there are others: %v", list)
			}
			b.await("the delivery to be noted", func() bool {
				_, page := ask("GET", url+"/api/v1/webhooks?state=delivered", "")
				list, _ := page["deliveries"].([]any)
				return len(list) == 1
			})
			if n := calls.Load(); n > 1 && step != "webhook called, not noted" {
				t.Errorf("the client was called %d times", n)
			}
		})
	}
}
