package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sandgate/sandgate/internal/testservers"
	"github.com/sandgate/sandgate/judge0/sandboxtest"
)

// folder is for the programs in bin/, as an image has them, and beside it what earlier tests compiled.
var folder string

var built = sync.OnceValue(func() error {
	programs := filepath.Join(folder, "bin")
	build := exec.Command("go", "build", "-o", programs+"/", "./cmd/judge0")
	build.Dir = sandboxtest.Root()
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	if _, err := sandboxtest.BuildInit(programs); err != nil {
		return err
	}
	cache := filepath.Join(sandboxtest.Root(), "bin", "cache")
	return errors.Join(os.MkdirAll(cache, 0o755), os.Symlink(cache, filepath.Join(folder, "cache")))
})

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "judge0-test-*"); err != nil {
			fmt.Println("FAIL:", err)
			return 1
		}
		defer func() { _ = os.RemoveAll(folder) }()
		return m.Run()
	}())
}

// cluster is servers and workers as an operator starts them, on a PostgreSQL and a Redis of their own.
type cluster struct {
	t        *testing.T
	postgres string
	env      []string
}

// patience is for a busy machine; nothing here takes more than a few seconds.
const patience = 2 * time.Minute

func newCluster(t *testing.T) *cluster {
	t.Helper()
	postgres, redis := testservers.For(t, testservers.StartPostgres), testservers.For(t, testservers.StartRedis)
	url, err := postgres.Database(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := built(); err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, postgres: url}
	c.env = append(os.Environ(), "DATABASE_URL="+url, "REDIS_URL="+redis.Database(), "DATA_DIR="+folder, "LEASE=1s", "COUNT=2", "LOG_FORMAT=text")
	return c
}

// process is a server or a worker.
type process struct {
	*exec.Cmd
	url    string
	ended  chan struct{}
	output bytes.Buffer
}

func (c *cluster) start(role string) *process {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	p := &process{Cmd: exec.Command(filepath.Join(folder, "bin", "judge0"), role), url: "http://127.0.0.1:" + port, ended: make(chan struct{})}
	p.Env = append(c.env, "PORT="+port)
	p.Stdout, p.Stderr = &p.output, &p.output
	if err := p.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { _ = p.Wait(); close(p.ended) }()
	c.t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if c.t.Failed() {
			c.t.Logf("%s:\n%s", role, &p.output)
		}
	})
	path := "/healthz" // a server is not ready before a worker is
	if role == "worker" {
		path = "/readyz"
	}
	c.eventually(role+" is there", func() bool { return status(p.url+path) == http.StatusOK })
	return p
}

func (p *process) end(signal syscall.Signal) (code int) {
	_ = p.Process.Signal(signal)
	<-p.ended
	return p.ProcessState.ExitCode()
}

func status(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (c *cluster) eventually(what string, f func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

type answer struct {
	Token  string
	Stdout *string
	Status struct{ ID int }
}

func (a answer) String() string {
	if a.Stdout == nil {
		return fmt.Sprint(a.Status.ID)
	}
	return fmt.Sprintf("%d %q", a.Status.ID, *a.Stdout)
}

// send sends a submission, or asks for one where body is nil.
func send(url string, body map[string]any, header ...string) (a answer, err error) {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		text, _ := json.Marshal(body)
		method, reader = http.MethodPost, bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, url, reader)
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return a, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		return a, errors.New(response.Status)
	}
	return a, json.NewDecoder(response.Body).Decode(&a)
}

// result waits for the end of a submission.
func (c *cluster) result(server *process, token string) (a answer) {
	c.t.Helper()
	c.eventually(token+" ends", func() bool {
		var err error
		a, err = send(server.url+"/submissions/"+token, nil)
		return err == nil && a.Status.ID > 2
	})
	return a
}

func (c *cluster) count(query string, args ...any) (n int) {
	c.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.postgres)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, query, args...).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// running counts the processes of this machine that have a name, those in boxes among them.
func running(name string) (n int) {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		if text, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(text), name) {
			n++
		}
	}
	return n
}

// slow is a command that takes a while under a name.
func slow(name string) string { return "(exec -a " + name + " sleep 3)\n" }

func archive(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// Real workers with real programs in their boxes: one that is killed takes the programs with it, and
// another takes over what it had, wherever it had come to.
func TestAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	server := c.start("server")
	worker := c.start("worker")
	c.eventually("the server knows the languages", func() bool { return status(server.url+"/readyz") == http.StatusOK })
	mark := fmt.Sprintf("judge0-test-%d-", os.Getpid())
	for _, tc := range []struct {
		moment string
		body   map[string]any
		lost   int
	}{
		{"queued", map[string]any{"language_id": 46, "source_code": "echo done"}, 0},
		{"compiling", map[string]any{"language_id": 89, "additional_files": archive(t, map[string]string{"compile": slow(mark + "compiling"), "run": "echo done"})}, 1},
		{"running", map[string]any{"language_id": 46, "source_code": slow(mark+"running") + "echo done"}, 1},
	} {
		name := mark + tc.moment
		if tc.moment == "queued" {
			worker.end(syscall.SIGKILL)
		}
		sent, err := send(server.url+"/submissions", tc.body)
		if err != nil {
			t.Fatal(err)
		}
		if tc.moment != "queued" {
			c.eventually(name, func() bool { return running(name) == 1 })
			worker.end(syscall.SIGKILL)
			c.eventually("the program ends with its worker", func() bool { return running(name) == 0 })
		}
		worker = c.start("worker")
		if a := c.result(server, sent.Token); a.String() != `3 "done\n"` {
			t.Errorf("%s: %v", tc.moment, a)
		}
		if lost := c.count(`SELECT lost FROM submissions WHERE token = $1`, sent.Token); lost != tc.lost {
			t.Errorf("%s: %d workers count as lost", tc.moment, lost)
		}
	}

	// One that is told to stop ends what it runs, and nothing more; the rest is left to others.
	var tokens []string
	for i := range 4 { // there are two slots
		sent, err := send(server.url+"/submissions", map[string]any{"language_id": 46, "source_code": slow(mark+"stopping") + fmt.Sprint("echo ", i)})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, sent.Token)
	}
	c.eventually("two run", func() bool { return running(mark+"stopping") == 2 })
	if code := worker.end(syscall.SIGTERM); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if n := c.count(`SELECT count(*) FROM submissions WHERE status = 3 AND token = ANY($1)`, tokens); n != 2 {
		t.Errorf("%d of the 2 that ran have a result", n)
	}
	if n := c.count(`SELECT count(*) FROM submissions WHERE status = 1`); n != 2 {
		t.Errorf("%d of the 2 that waited do still", n)
	}
	c.start("worker")
	for i, token := range tokens {
		if a := c.result(server, token); a.String() != fmt.Sprintf("3 \"%d\\n\"", i) {
			t.Errorf("got %v", a)
		}
	}
	if n := c.count(`SELECT count(*) FROM submissions WHERE lost > 0`); n != 2 {
		t.Errorf("%d submissions lost a worker", n)
	}
}

// What real servers, workers and sandboxes log of programs that end in all ways, at the level that says
// most: the tokens, and nothing of what clients sent or got.
func TestNothingOfAProgramIsLogged(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.env = append(c.env, "LOG_LEVEL=debug", "CALLBACKS_MAX_TRIES=1", "AUTHN_TOKEN=prIvate-token")
	server, worker := c.start("server"), c.start("worker")
	c.eventually("the server knows the languages", func() bool { return status(server.url+"/readyz") == http.StatusOK })
	const private = "prIvate"
	programs := []map[string]any{
		{"language_id": 46, "source_code": "echo " + private + "; cat; echo " + private + " >&2; exit 3"},
		{"language_id": 46, "source_code": ": " + private + "; kill -SEGV $$"},
		{"language_id": 46, "source_code": ": " + private + "; sleep 100", "wall_time_limit": 1},
		{"language_id": 46, "source_code": "a=" + private + "; while :; do a=$a$a; done", "memory_limit": 20000},
		{"language_id": 44, "source_code": private},
		{"language_id": 89, "additional_files": archive(t, map[string]string{"compile": "echo " + private + "; exit 1", private: private})},
		{"language_id": 89, "additional_files": base64.StdEncoding.EncodeToString([]byte(private))},
		{"language_id": 46, "source_code": "echo x", "callback_url": "http://127.0.0.1:1/" + private + "?" + private},
	}
	var tokens []string
	for _, body := range programs {
		body["stdin"], body["expected_output"], body["command_line_arguments"] = private, private, private
		a, err := send(server.url+"/submissions?wait=true&fields=token,status&stdin="+private, body, "X-Auth-Token", "prIvate-token", "Idempotency-Key", fmt.Sprint(private, len(tokens)))
		if err != nil || a.Status.ID < 3 {
			t.Fatalf("%v, %v", a, err)
		}
		tokens = append(tokens, a.Token)
	}
	for _, body := range []map[string]any{{"language_id": private, "source_code": private}, {"language_id": 71, "source_code": private, "cpu_time_limit": private}} {
		if _, err := send(server.url+"/submissions", body, "X-Auth-Token", "prIvate-token"); err == nil {
			t.Error("a wrong submission was taken")
		}
	}
	for name, p := range map[string]*process{"server": server, "worker": worker} {
		p.end(syscall.SIGTERM)
		log := p.output.String()
		if at := strings.Index(log, private); at >= 0 {
			t.Errorf("the %s logs what is private: %.300s", name, log[max(0, at-200):])
		}
		for i, token := range tokens {
			if !strings.Contains(log, token) {
				t.Errorf("the %s says nothing of submission %d", name, i)
			}
		}
		if !strings.Contains(log, "level=DEBUG") {
			t.Errorf("the %s logs nothing at the level debug", name)
		}
	}
}

// Who waits at a server that dies asks another one, and gets the result of what was sent first.
func TestAServerIsKilledWithThoseWhoWait(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first, second := c.start("server"), c.start("server")
	c.start("worker")
	for _, server := range []*process{first, second} {
		c.eventually("a server knows the languages", func() bool { return status(server.url+"/readyz") == http.StatusOK })
	}
	mark := fmt.Sprintf("judge0-test-%d-waiting", os.Getpid())
	body := func(i int) map[string]any {
		return map[string]any{"language_id": 46, "source_code": slow(mark) + fmt.Sprint("echo ", i)}
	}
	key := func(i int) string { return fmt.Sprint("key ", i) }
	const n = 4
	var waiting sync.WaitGroup
	for i := range n {
		waiting.Go(func() {
			if a, err := send(first.url+"/submissions?wait=true", body(i), "Idempotency-Key", key(i)); err == nil {
				t.Errorf("a server that was killed answered %v", a)
			}
		})
	}
	c.eventually("all are stored", func() bool { return c.count(`SELECT count(*) FROM submissions`) == n })
	first.end(syscall.SIGKILL)
	waiting.Wait()
	for i := range n {
		waiting.Go(func() {
			if a, err := send(second.url+"/submissions?wait=true", body(i), "Idempotency-Key", key(i)); err != nil || a.String() != fmt.Sprintf("3 \"%d\\n\"", i) {
				t.Errorf("got %v, %v", a, err)
			}
		})
	}
	waiting.Wait()
	if stored := c.count(`SELECT count(*) FROM submissions`); stored != n {
		t.Errorf("%d submissions are stored, want %d", stored, n)
	}

	// One that is told to stop answers with what there is.
	answered := make(chan answer, 1)
	go func() {
		a, err := send(second.url+"/submissions?wait=true", body(n), "Idempotency-Key", key(n))
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	c.eventually("it runs", func() bool { return running(mark) == 1 })
	if code := second.end(syscall.SIGTERM); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	a := <-answered
	if a.Status.ID != 2 || a.Token == "" {
		t.Errorf("got %v", a)
	}
	third := c.start("server")
	if a := c.result(third, a.Token); a.String() != fmt.Sprintf("3 \"%d\\n\"", n) {
		t.Errorf("got %v", a)
	}
}
