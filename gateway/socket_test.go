package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
)

// driver is a process of Node.js that holds real clients of Socket.IO.
type driver struct {
	t       testing.TB
	mu      sync.Mutex
	in      *json.Encoder
	clients map[string]chan said
}

// said is what a client tells.
type said struct {
	Client string `json:"client"`
	Event  string `json:"event"`
	Args   []any  `json:"args"`
}

func startDriver(t testing.TB) *driver {
	t.Helper()
	dir := filepath.Join("testdata", "socketio")
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Skip("socket.io-client is not installed: npm ci in gateway/" + dir)
	}
	command := exec.Command("node", "driver.mjs")
	command.Dir, command.Stderr = dir, os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	d := &driver{t: t, in: json.NewEncoder(in), clients: map[string]chan said{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var s said
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				t.Errorf("%s: %v", lines.Text(), err)
				continue
			}
			d.client(s.Client) <- s
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-read
		_ = command.Wait()
	})
	return d
}

func (d *driver) client(name string) chan said {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clients[name] == nil {
		d.clients[name] = make(chan said, 1000)
	}
	return d.clients[name]
}

func (d *driver) do(command map[string]any) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.in.Encode(command); err != nil {
		d.t.Fatal(err)
	}
}

// open connects a client that gives a token.
func (d *driver) open(name, url, token string, transports ...string) {
	d.t.Helper()
	d.do(map[string]any{"do": "open", "client": name, "url": url, "options": map[string]any{"auth": map[string]any{"token": token}, "transports": transports}})
}

func (d *driver) emit(name string, args ...any) {
	d.t.Helper()
	d.do(map[string]any{"do": "emit", "client": name, "args": args})
}

// next gives what a client tells next.
func (d *driver) next(name string) said {
	d.t.Helper()
	select {
	case s := <-d.client(name):
		return s
	case <-time.After(30 * time.Second):
		d.t.Fatalf("%s says nothing", name)
		return said{}
	}
}

func (d *driver) expect(name, event string) []any {
	d.t.Helper()
	s := d.next(name)
	if s.Event != event {
		d.t.Fatalf("%s: got %s %v instead of %s", name, s.Event, s.Args, event)
	}
	return s.Args
}

// join joins a job, and gives the answer.
func (d *driver) join(name, job string) map[string]any {
	d.t.Helper()
	d.emit(name, "join", job)
	answer, _ := d.expect(name, "ack")[0].(map[string]any)
	return answer
}

func (d *driver) status(name, job string, status float64) {
	d.t.Helper()
	got := d.expect(name, "status")[0].(map[string]any)
	if got["jobId"] != job || got["status"].(map[string]any)["id"] != status {
		d.t.Fatalf("%s: got %v", name, got)
	}
}

func (b *bundle) run(code string) string {
	b.t.Helper()
	r := b.post("/api/v1/run", fmt.Sprintf(`{"code":%q,"language":"python"}`, code))
	job, _ := r.object(b.t)["jobId"].(string)
	if r.status != 202 || job == "" {
		b.t.Fatalf("got %d %s", r.status, r.body)
	}
	return job
}

// TestSocketIO has the real client hear of a job over each transport.
func TestSocketIO(t *testing.T) {
	t.Parallel()
	d := startDriver(t)
	for name, transports := range map[string][]string{"websocket": {"websocket"}, "polling": {"polling"}, "upgrade": {"polling", "websocket"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t).start()
			b.engine.script(func(e *scriptedEngine) { e.modern = true })
			d.open(name, b.URL(), firstKey, transports...)
			d.expect(name, "connect")
			d.do(map[string]any{"do": "transport", "client": name, "name": transports[len(transports)-1]})
			d.expect(name, "transport")
			job := b.run("hello")
			run := <-b.engine.took
			answer := d.join(name, job)
			if answer["ok"] != true || answer["room"] != "job:"+job || answer["done"] != false {
				t.Fatalf("got %v", answer)
			}
			d.status(name, job, 1)
			b.engine.begin(run)
			d.status(name, job, 2)
			b.engine.end(run)
			result, _ := d.expect(name, "result")[0].(map[string]any)
			if result["jobId"] != job || result["output"] != "hello" || result["error"] != nil {
				t.Errorf("got %v", result)
			}
			if shown := b.get("/api/v1/submissions/" + job).object(t); !reflect.DeepEqual(shown, result) {
				t.Errorf("got %v and %v", result, shown)
			}
			// Who comes late is told at once, by the name of the room as well.
			late := name + " late"
			d.open(late, b.URL(), firstKey, transports...)
			d.expect(late, "connect")
			if answer := d.join(late, "job:"+job); answer["ok"] != true || answer["done"] != true {
				t.Errorf("got %v", answer)
			}
			if got := d.expect(late, "result")[0]; !reflect.DeepEqual(got, any(result)) {
				t.Errorf("got %v", got)
			}
			// What is left is not heard of any more.
			job = b.run("again")
			run = <-b.engine.took
			d.join(name, job)
			d.status(name, job, 1)
			d.emit(name, "leave", job)
			d.expect(name, "ack")
			b.engine.end(run)
			b.awaitStatus(job, 3)
			d.emit(name, "leave", "nothing")
			d.expect(name, "ack")
			d.do(map[string]any{"do": "close", "client": name})
		})
	}
}

func TestSocketIORefuses(t *testing.T) {
	t.Parallel()
	d := startDriver(t)
	b := prepare(t)
	b.config.MaxStreamsPerAccount = 2
	b.config.MaxStreams = 3
	b.start()
	ctx := context.Background()
	other, err := b.EnsureKey(ctx, "other", "other", auth.Read)
	if err != nil {
		t.Fatal(err)
	}
	blind, err := b.EnsureKey(ctx, "blind", "other", auth.Submit)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, code, message string) {
		t.Helper()
		got := d.expect(name, "connect_error")
		data, _ := got[1].(map[string]any)
		if !strings.Contains(got[0].(string), message) || data["code"] != code {
			t.Errorf("%s: got %v", name, got)
		}
	}
	for _, transport := range []string{"websocket", "polling"} {
		d.open("nobody", b.URL(), "", transport)
		refused("nobody", "unauthenticated", "key is needed")
		d.open("wrong", b.URL(), "wrong", transport)
		refused("wrong", "unauthenticated", "key is needed")
		d.open("blind", b.URL(), blind, transport)
		refused("blind", "forbidden", "scope")
	}
	job := b.run("secret")
	d.open("other", b.URL(), other, "websocket")
	d.expect("other", "connect")
	for _, name := range []any{job, "job:" + job, "nothing", "", 7, nil, map[string]any{"jobId": job}} {
		d.emit("other", "join", name)
		answer := d.expect("other", "ack")[0].(map[string]any)
		if answer["ok"] != false || answer["error"] == "" {
			t.Errorf("%v: got %v", name, answer)
		}
	}
	b.engine.end(<-b.engine.took)
	b.awaitStatus(job, 3)
	if answer := d.join("other", job); answer["ok"] != false || answer["code"] != "not-found" {
		t.Errorf("got %v", answer)
	}
	// Headers and the query say who connects as well.
	d.do(map[string]any{"do": "open", "client": "one", "url": b.URL(), "options": map[string]any{"extraHeaders": map[string]any{"X-Auth-Token": firstKey}}})
	d.expect("one", "connect")
	d.do(map[string]any{"do": "open", "client": "two", "url": b.URL(), "options": map[string]any{"query": map[string]any{"X-Auth-Token": firstKey}, "transports": []string{"websocket"}}})
	d.expect("two", "connect")
	d.open("three", b.URL(), firstKey, "websocket")
	refused("three", "unavailable", "this account has too many live connections")
	third, err := b.EnsureKey(ctx, "third", "third", auth.Read)
	if err != nil {
		t.Fatal(err)
	}
	d.open("four", b.URL(), third, "websocket")
	refused("four", "unavailable", "too many live connections are open")
	d.do(map[string]any{"do": "close", "client": "two"})
	b.await("a place", func() bool {
		d.open("five", b.URL(), firstKey, "websocket")
		return slices.Contains([]string{"connect"}, d.next("five").Event)
	})
	figures := b.get("/metrics").body
	for _, want := range []string{`live_refused_total{reason="unauthenticated"} 6`, `live_refused_total{reason="full"} `, `live_connections{kind="socket"} 3`} {
		if !strings.Contains(figures, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if err := b.Stop(ctx); err != nil {
		t.Error(err)
	}
	// "one" may be about to go over from polling; it finds out by its heartbeat then.
	for _, name := range []string{"other", "five"} {
		if reason := d.expect(name, "disconnect")[0]; reason != "transport close" && reason != "transport error" {
			t.Errorf("%s: %v, after which clients don't come back", name, reason)
		}
	}
}
