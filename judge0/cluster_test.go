package judge0

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/badrequest"
	"github.com/sandgate/sandgate/internal/testservers"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/server"
	"github.com/sandgate/sandgate/judge0/store"
	"github.com/sandgate/sandgate/judge0/worker"
)

// testLease is short, so that lost workers are soon replaced.
const testLease = 1200 * time.Millisecond

var postgresServer = sync.OnceValues(testservers.StartPostgres)

func TestMain(m *testing.M) {
	if os.Getenv("TEST_WORKER") != "" {
		os.Exit(testWorker())
	}
	code := m.Run()
	if p, err := postgresServer(); err == nil {
		p.Remove()
	}
	os.Exit(code)
}

// testWorker is a worker process that tests may kill. HOLD names the moment at which it stops going
// on: take (it has taken the submission off the queue, and nobody else knows), run, record (before it),
// recorded. It tells of what it does on its standard output.
func testWorker() int {
	hold := os.Getenv("HOLD")
	tell := func(what, token string) { fmt.Println(what, token) }
	runner := runnerFunc(func(ctx context.Context, s *api.Submission) (api.Result, error) {
		tell("run", s.Token)
		if hold == "run" {
			<-ctx.Done()
			return api.Result{}, ctx.Err()
		}
		return mixed(ctx, s)
	})
	e, err := New(Options{Role: WorkerRole, Cluster: Cluster{Postgres: os.Getenv("DATABASE_URL"), Redis: os.Getenv("REDIS_URL"), Lease: testLease},
		Config: api.DefaultConfig(), Runner: runner, Languages: testLanguages, Addr: "127.0.0.1:0", Workers: 4, Host: os.Getenv("TEST_WORKER"),
		wrapStore: func(s worker.Store) worker.Store { return holdingStore{s, hold, tell} }})
	if err == nil {
		err = e.Start(context.Background())
	}
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	tell("ready", "-")
	<-stop
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_ = e.Stop(ctx)
	return 0
}

type holdingStore struct {
	worker.Store
	hold string
	tell func(what, token string)
}

func (h holdingStore) Start(ctx context.Context, token string, lease store.Lease, at time.Time) (bool, error) {
	if h.hold == "take" {
		h.tell("take", token)
		select {}
	}
	return h.Store.Start(ctx, token, lease, at)
}

func (h holdingStore) Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (bool, error) {
	if h.hold == "record" {
		h.tell("record", token)
		select {}
	}
	did, err := h.Store.Finish(ctx, token, lease, r, at)
	if h.hold == "recorded" {
		h.tell("recorded", token)
		select {}
	}
	return did, err
}

// mixed takes a few milliseconds, and ends in different ways.
func mixed(_ context.Context, s *api.Submission) (api.Result, error) {
	n, _ := strconv.Atoi(strings.TrimPrefix(*s.SourceCode, "mixed "))
	time.Sleep(time.Duration(n%20) * time.Millisecond)
	result := accepted(*s.SourceCode)
	result.Status = []int{api.Accepted, api.Accepted, api.RuntimeErrorNZEC, api.CompilationError, api.TimeLimitExceeded}[n%5]
	return result, nil
}

// commune is what the parts of a cluster under test share.
type commune struct {
	t        testing.TB
	postgres string
	redis    *testservers.Redis
	redisURL string
}

func newCommune(t testing.TB) *commune {
	t.Helper()
	p, err := postgresServer()
	if errors.Is(err, testservers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	url, err := p.Database(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return newCommuneOn(t, url)
}

func newCommuneOn(t testing.TB, postgresURL string) *commune {
	t.Helper()
	r := testservers.For(t, testservers.StartRedis)
	return &commune{t, postgresURL, r, r.Database()}
}

func (c *commune) engine(role Role, runner runnerFunc, change ...func(*Options)) *Engine {
	c.t.Helper()
	return start(c.t, runner, append([]func(*Options){func(o *Options) {
		o.Role, o.Cluster = role, Cluster{Postgres: c.postgres, Redis: c.redisURL, Lease: testLease, lookEvery: 50 * time.Millisecond}
		if role == ServerRole {
			o.Runner, o.Languages = nil, api.Languages{}
		}
	}}, change...)...)
}

// server starts a server and waits until it knows a language.
func (c *commune) server() *Engine {
	c.t.Helper()
	c.knowLanguages()
	e := c.engine(ServerRole, nil)
	for e.Ready() != nil {
		time.Sleep(10 * time.Millisecond)
	}
	return e
}

// knowLanguages has a worker report and leave.
func (c *commune) knowLanguages() {
	c.t.Helper()
	e := c.engine(WorkerRole, echo)
	c.eventually("a worker reported", func() bool {
		var n int
		c.query(&n, `SELECT count(*) FROM workers`)
		return n > 0
	})
	if err := e.Stop(context.Background()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *commune) query(dest any, query string, args ...any) {
	c.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.postgres)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if dest == nil {
		_, err = conn.Exec(ctx, query, args...)
	} else {
		err = conn.QueryRow(ctx, query, args...).Scan(dest)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// audit makes the database note each time that a result is written.
func (c *commune) audit() {
	c.t.Helper()
	c.query(nil, `CREATE TABLE audit (token text);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (NEW.token); RETURN NEW; END $$;
		CREATE TRIGGER note AFTER UPDATE ON submissions FOR EACH ROW WHEN (NEW.status > 2 OR OLD.status > 2) EXECUTE FUNCTION note()`)
}

// recordedOnce checks that so many submissions have a result that was written once.
func (c *commune) recordedOnce(want int) {
	c.t.Helper()
	var rows, tokens, finished int
	c.query(&rows, `SELECT count(*) FROM audit`)
	c.query(&tokens, `SELECT count(DISTINCT token) FROM audit`)
	c.query(&finished, `SELECT count(*) FROM submissions WHERE status > 2`)
	if rows != want || tokens != want || finished != want {
		c.t.Errorf("%d results were written, of %d submissions, %d have ended; want %d", rows, tokens, finished, want)
	}
}

func (c *commune) eventually(what string, f func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// process is a worker in a process of its own.
type process struct {
	*exec.Cmd
	events chan string
	ended  chan struct{}
}

func (c *commune) process(hold string) *process {
	c.t.Helper()
	p := &process{exec.Command(os.Args[0]), make(chan string, 10_000), make(chan struct{})}
	p.Env = append(os.Environ(), "TEST_WORKER=process", "HOLD="+hold, "DATABASE_URL="+c.postgres, "REDIS_URL="+c.redisURL)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			p.events <- lines.Text()
		}
		_ = p.Wait()
		close(p.ended)
	}()
	c.t.Cleanup(p.kill)
	p.await(c.t, "ready")
	return p
}

// await waits for an event and gives its token.
func (p *process) await(t testing.TB, what string) string {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line := <-p.events:
			if name, token, _ := strings.Cut(line, " "); name == what {
				return token
			} else if name == "failed" {
				t.Fatal(line)
			}
		case <-timeout:
			t.Fatalf("a worker did not %s within 20 s", what)
		}
	}
}

func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

func TestClusterAnswersOnWhicheverServer(t *testing.T) {
	t.Parallel()
	c := newCommune(t)
	a, b := c.server(), c.server()
	c.audit()
	c.engine(WorkerRole, mixed)
	c.engine(WorkerRole, mixed)
	var group sync.WaitGroup
	const n = 100
	for i := range n {
		group.Go(func() {
			source := fmt.Sprint("mixed ", i)
			if got := submit(t, []*Engine{a, b}[i%2], "wait=true", source); got.Stdout == nil || *got.Stdout != source {
				t.Errorf("got %+v", got)
			}
		})
	}
	group.Wait()
	// The same key on both at the same time is one submission.
	var tokens [2]string
	for i, e := range []*Engine{a, b} {
		group.Go(func() { tokens[i] = submit(t, e, "wait=true", "mixed 0", "Idempotency-Key", "k").Token })
	}
	group.Wait()
	if tokens[0] != tokens[1] {
		t.Errorf("two submissions for one key: %v", tokens)
	}
	status, body := request(t, "POST", a.URL()+"/submissions/batch", map[string]any{"submissions": []any{
		map[string]any{"source_code": "mixed 1", "language_id": 71}, map[string]any{"source_code": "mixed 2", "language_id": 71}}})
	var batch []answer
	if err := json.Unmarshal(body, &batch); err != nil || status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	for i, entry := range batch {
		if got := wait(t, b, entry.Token); *got.Stdout != fmt.Sprint("mixed ", i+1) {
			t.Errorf("got %+v", got)
		}
	}
	c.recordedOnce(n + 3)
	c.eventually("the workers are shown", func() bool {
		_, body := request(t, "GET", a.URL()+"/workers", nil)
		return strings.Contains(string(body), `"available":8`)
	})
}

// A worker that is killed at any point loses nothing, and no result is written twice.
func TestClusterWorkerKilled(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"take", "run", "record", "recorded"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			c := newCommune(t)
			e := c.server()
			c.audit()
			first := c.process(moment)
			got := make(chan answer, 1)
			go func() { got <- submit(t, e, "wait=true", "mixed 1") }()
			first.await(t, moment)
			first.kill()
			c.process("")
			begun := time.Now()
			if a := <-got; a.Status.ID != api.Accepted || *a.Stdout != "mixed 1" {
				t.Errorf("got %+v", a)
			}
			// Half a second stands for a slow machine.
			if took := time.Since(begun); moment != "recorded" && took > testLease+500*time.Millisecond {
				t.Errorf("taken over after %v", took)
			}
			c.recordedOnce(1)
			q, _ := goredis.ParseURL(c.redisURL)
			client := goredis.NewClient(q)
			defer func() { _ = client.Close() }()
			c.eventually("the queue is empty", func() bool { return client.XLen(context.Background(), "{sandgate}:queue").Val() == 0 })
		})
	}
}

func TestClusterGivesUpOnWhatKillsItsWorkers(t *testing.T) {
	t.Parallel()
	c := newCommune(t)
	e := c.server()
	c.audit()
	got := make(chan answer, 1)
	go func() { got <- submit(t, e, "wait=true", "mixed 1") }()
	for range store.MaxLost {
		p := c.process("run")
		p.await(t, "run")
		p.kill()
	}
	c.process("run")
	if a := <-got; a.Status.ID != api.InternalError || a.Message == nil || *a.Message != store.LostMessage {
		t.Errorf("got %+v", a)
	}
	c.recordedOnce(1)
}

// A worker that is told to stop hands back what it can't finish in time, and it counts as no loss.
func TestClusterDrain(t *testing.T) {
	t.Parallel()
	c := newCommune(t)
	e := c.server()
	c.audit()
	p := c.process("run")
	got := make(chan answer, 1)
	go func() { got <- submit(t, e, "wait=true", "mixed 1") }()
	p.await(t, "run")
	c.process("")
	_ = p.Process.Signal(syscall.SIGTERM)
	<-p.ended
	begun := time.Now()
	if a := <-got; a.Status.ID != api.Accepted {
		t.Errorf("got %+v", a)
	}
	if took := time.Since(begun); took > testLease/2 {
		t.Errorf("taken up again after %v", took)
	}
	var lost int
	if c.query(&lost, `SELECT lost FROM submissions`); lost != 0 {
		t.Errorf("%d workers count as lost", lost)
	}
	c.recordedOnce(1)
}

func TestClusterRedisForgets(t *testing.T) {
	t.Parallel()
	c := newCommune(t)
	a, b := c.server(), c.server()
	c.audit()
	options, err := goredis.ParseURL(c.redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	flush := func() {
		if err := client.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var tokens []string
	for i := range 20 {
		tokens = append(tokens, submit(t, a, "", fmt.Sprint("mixed ", i)).Token)
	}
	flush()
	g := newGate()
	var runs atomic.Int32
	w := c.engine(WorkerRole, func(ctx context.Context, s *api.Submission) (api.Result, error) {
		runs.Add(1)
		if *s.SourceCode == "gate" {
			return g.run(ctx, s)
		}
		return mixed(ctx, s)
	})
	for _, token := range tokens {
		wait(t, b, token)
	}
	// What is being run meanwhile is not run again.
	got := make(chan answer, 1)
	go func() { got <- submit(t, b, "wait=true", "gate") }()
	<-g.entered
	flush()
	time.Sleep(2 * testLease)
	if n := runs.Load(); n != 21 {
		t.Errorf("%d runs, want 21", n)
	}
	close(g.open)
	if a := <-got; a.Status.ID != api.Accepted {
		t.Errorf("got %+v", a)
	}

	// While Redis answers nothing, nothing is accepted, and nobody waits for long.
	c.redis.Pause()
	for path, body := range map[string]any{
		"/submissions":           map[string]any{"source_code": "mixed 1", "language_id": 71},
		"/submissions?wait=true": map[string]any{"source_code": "mixed 1", "language_id": 71},
		"/submissions/batch":     map[string]any{"submissions": []any{map[string]any{"source_code": "mixed 1", "language_id": 71}}},
	} {
		begun := time.Now()
		if status, body := request(t, "POST", a.URL()+path, body); status != 503 || time.Since(begun) > 15*time.Second {
			t.Errorf("%s while Redis hangs: %d %s after %v", path, status, body, time.Since(begun))
		}
	}
	if status, _ := request(t, "GET", a.URL()+"/submissions/"+tokens[0], nil); status != 200 {
		t.Errorf("a result while Redis hangs: %d", status)
	}
	c.redis.Resume()
	c.eventually("the cluster is ready after the pause", func() bool { return a.Ready() == nil && w.Ready() == nil })

	// Without Redis nothing is accepted, and nothing is lost when it comes back.
	c.redis.Kill()
	status, body := request(t, "POST", a.URL()+"/submissions", map[string]any{"source_code": "mixed 1", "language_id": 71})
	if status != 503 || a.Ready() == nil {
		t.Errorf("without Redis: %d %s, ready: %v", status, body, a.Ready())
	}
	if err := c.redis.Start(); err != nil {
		t.Fatal(err)
	}
	c.eventually("the cluster is ready again", func() bool { return a.Ready() == nil && w.Ready() == nil })
	if got := submit(t, a, "wait=true", "mixed 5"); got.Status.ID != api.Accepted {
		t.Errorf("got %+v", got)
	}
	c.recordedOnce(22)
}

func TestClusterPostgresAway(t *testing.T) {
	t.Parallel()
	own := testservers.For(t, testservers.StartPostgres)
	url, err := own.Database(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := newCommuneOn(t, url)
	e := c.server()
	c.audit()
	g := newGate()
	var runs atomic.Int32
	c.engine(WorkerRole, func(ctx context.Context, s *api.Submission) (api.Result, error) {
		runs.Add(1)
		if *s.SourceCode == "gate" {
			return g.run(ctx, s)
		}
		return mixed(ctx, s)
	})
	token := submit(t, e, "", "gate").Token
	<-g.entered

	// Load goes on all the time; what got a token must end.
	stopped := make(chan struct{})
	var accepted, refused atomic.Int32
	var load sync.WaitGroup
	for i := range 4 {
		load.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stopped:
					return
				case <-time.After(5 * time.Millisecond):
				}
				body := strings.NewReader(fmt.Sprintf(`{"language_id": 71, "source_code": "mixed %d"}`, n))
				response, err := http.Post(e.URL()+"/submissions", "application/json", body)
				if err != nil {
					t.Error(err)
					return
				}
				text, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				switch {
				case response.StatusCode == 201:
					accepted.Add(1)
				case response.StatusCode == 503 && response.Header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("%d %s", response.StatusCode, text)
				}
			}
		})
	}
	c.eventually("some are accepted", func() bool { return accepted.Load() > 50 })
	own.Stop()
	c.eventually("some are refused", func() bool { return refused.Load() > 10 })
	close(g.open) // its result comes while there is no database
	time.Sleep(200 * time.Millisecond)
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	before := accepted.Load()
	c.eventually("some are accepted again", func() bool { return accepted.Load() > before+20 })
	close(stopped)
	load.Wait()
	if a := wait(t, e, token); a.Status.ID != api.Accepted {
		t.Errorf("got %+v", a)
	}
	// The database may have stored what it had no time to confirm: that ends as well.
	c.eventually("all have ended", func() bool {
		var n int
		c.query(&n, `SELECT count(*) FROM submissions WHERE status <= 2`)
		return n == 0
	})
	var total int
	c.query(&total, `SELECT count(*) FROM submissions`)
	if total < int(accepted.Load())+1 {
		t.Errorf("%d submissions are stored, %d were accepted", total, accepted.Load()+1)
	}
	c.recordedOnce(total)
	t.Logf("%d accepted, %d refused, %d stored, %d runs", accepted.Load()+1, refused.Load(), total, runs.Load())
}

func TestClusterLosesWorkersAllTheTime(t *testing.T) {
	t.Parallel()
	const n = 1000
	c := newCommune(t)
	servers := []*Engine{c.server(), c.server()}
	c.audit()
	done := make(chan struct{})
	var killers sync.WaitGroup
	var killed atomic.Int32
	for range 2 {
		killers.Go(func() {
			for {
				p := c.process("")
				select {
				case <-time.After(400 * time.Millisecond):
					p.kill()
					killed.Add(1)
				case <-done:
					return
				}
			}
		})
	}
	var clients sync.WaitGroup
	var unlucky atomic.Int32 // which lost one worker after the other
	for i := range 20 {
		clients.Go(func() {
			for j := range n / 20 {
				e, source := servers[(i+j)%2], fmt.Sprint("mixed ", i*n/20+j)
				var a answer
				if j%2 == 0 {
					a = submit(t, e, "wait=true", source)
				} else {
					token := submit(t, e, "", source).Token
					for !api.Finished(a.Status.ID) && !t.Failed() {
						time.Sleep(20 * time.Millisecond)
						_, body := request(t, "GET", e.URL()+"/submissions/"+token, nil)
						_ = json.Unmarshal(body, &a)
					}
				}
				if a.Message != nil && *a.Message == store.LostMessage {
					unlucky.Add(1)
				} else if a.Status.ID == api.InternalError || a.Stdout == nil || *a.Stdout != source {
					t.Errorf("%s: %+v", source, a)
				}
			}
		})
	}
	clients.Wait()
	close(done)
	killers.Wait()
	var lost int
	c.query(&lost, `SELECT count(*) FROM submissions WHERE lost > 0`)
	t.Logf("%d workers were killed, %d submissions lost one, %d lost %d", killed.Load(), lost, unlucky.Load(), store.MaxLost)
	if killed.Load() < 3 || unlucky.Load() > n/100 {
		t.Errorf("%d workers were killed, %d submissions were given up", killed.Load(), unlucky.Load())
	}
	c.recordedOnce(n)
}

// The same for a server whose store and queue are others: what SQLite takes PostgreSQL need not.
func TestClusterBadRequests(t *testing.T) {
	t.Parallel()
	c := newCommune(t)
	c.knowLanguages()
	faults := &badrequest.Faults{}
	e := c.engine(ServerRole, nil, func(o *Options) {
		o.Logger = faults.Logger()
		o.Access = server.Access{AuthnTokens: []string{"authn"}, AuthzTokens: []string{"authz"}}
		o.Config.EnableSubmissionDelete = true
		o.Config.CallbacksMaxTries = 1
	})
	c.engine(WorkerRole, echo, func(o *Options) { o.Logger, o.Config.CallbacksMaxTries = faults.Logger(), 1 })
	c.eventually("the server is ready", func() bool { return e.Ready() == nil })
	client := roughOn(t, e)
	var group sync.WaitGroup
	for i := range uint64(4) {
		group.Go(func() {
			for seed := i; seed < 2000; seed += 4 {
				if err := client.Send(seed, []byte("\x00{\xff}")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, line := range faults.Take() {
		t.Error(line)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	isSwept(t, start(t, echo, func(o *Options) { o.Retention = 100 * time.Millisecond }))
}

// With as few connections as may be set, what holds one to be the only sweeper still gets another.
func TestClusterRetentionWithFewConnections(t *testing.T) {
	t.Parallel()
	c := newCommune(t)
	c.knowLanguages()
	c.engine(WorkerRole, echo)
	e := c.engine(ServerRole, nil, func(o *Options) { o.Retention, o.Connections = 100*time.Millisecond, leastConnections })
	c.eventually("it is ready", func() bool { return e.Ready() == nil })
	isSwept(t, e)
}

func isSwept(t *testing.T, e *Engine) {
	t.Helper()
	token := submit(t, e, "wait=true", "x").Token
	for {
		if status, _ := request(t, "GET", e.URL()+"/submissions/"+token, nil); status == 404 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func BenchmarkCluster(b *testing.B) {
	c := newCommune(b)
	e := c.server()
	c.engine(WorkerRole, echo, func(o *Options) { o.Workers = 16 })
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	for _, query := range []string{"wait=true", ""} { // the second leaves a queue behind
		for _, clients := range []int{1, 32} {
			b.Run(fmt.Sprintf("%q by %d", query, clients), func(b *testing.B) {
				var next atomic.Int64
				var group sync.WaitGroup
				for range clients {
					group.Go(func() {
						for next.Add(1) <= int64(b.N) {
							submit(b, e, query, "print(1)")
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submissions/s")
			})
		}
	}
}
