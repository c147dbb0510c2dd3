package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/testservers"
)

const adminKey = "the-administrator-of-the-drill"

// site is an installation under test: its parts, the wires between them, and the ways in.
type site struct {
	name     string
	dir      string
	parts    []part
	wires    map[string]*wire
	doors    []door
	disks    map[string]string // by part: where a small file system is mounted for what it writes
	engineDB string            // URL of PostgreSQL, or file of SQLite
	redis    func(command ...any) error
	works    map[string]func() error // by database: an error if it can't be used
	cleanup  []func()
}

// door is a way in: a gateway with a store that it shares with nobody.
type door struct {
	wire    *wire
	direct  string // the gateway's own URL
	store   string // file of its SQLite store
	clients []*client
}

func (s *site) part(name string) part {
	for _, p := range s.parts {
		if p.Name() == name {
			return p
		}
	}
	panic("no part is called " + name)
}

// close ends everything, the parts in the reverse order, and tells of those that ended badly.
func (s *site) close() error {
	var errs []error
	for i := len(s.parts) - 1; i >= 0; i-- {
		if _, ours := s.parts[i].(*process); ours {
			errs = append(errs, s.parts[i].Stop())
		}
	}
	for _, w := range s.wires {
		w.close()
	}
	return errors.Join(errs...)
}

// remove deletes what close left: the stores.
func (s *site) remove() {
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		s.cleanup[i]()
	}
}

func (s *site) wire(name string, ends ...string) (*wire, error) {
	w, err := newWire(ends...)
	if err == nil {
		s.wires[name] = w
	}
	return w, err
}

// disk mounts a small file system in memory over the folder of a part, where that is allowed.
func (s *site) disk(part, dir string, megabytes int) {
	// PostgreSQL's user must be able to enter.
	if syscall.Mount("drill", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=711", megabytes)) == nil {
		s.disks[part] = dir
		s.cleanup = append(s.cleanup, func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
}

// backend starts a server with its data on a small disk.
func (s *site) backend(name string, megabytes int, start func() error) error {
	dir, err := os.MkdirTemp("", "sandgate-drill-"+name+"-*")
	if err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() { _ = os.RemoveAll(dir) })
	s.disk(name, dir, megabytes)
	before := os.Getenv("TMPDIR")
	defer func() { _ = os.Setenv("TMPDIR", before) }() // empty is as good as none
	return errors.Join(os.Setenv("TMPDIR", dir), start())
}

// programs are where the programs of the project lie.
type programs struct{ bin string }

func (p programs) path(name string) string { return filepath.Join(p.bin, name) }

func newSite(name, dir string) *site {
	return &site{name: name, dir: dir, wires: map[string]*wire{}, disks: map[string]string{}}
}

// newStandalone starts the whole as one process, with its data in a folder of its own, on a disk of so many
// megabytes; 0: on that of dir.
func newStandalone(bin programs, dir string, megabytes int) (*site, error) {
	s := newSite("standalone", dir)
	data, err := folder(dir, "data")
	if err != nil {
		return s, err
	}
	if megabytes > 0 {
		s.disk("sandgate", data, megabytes)
	}
	if err := linkCache(bin, data); err != nil {
		return s, err
	}
	port, err := freePort()
	if err != nil {
		return s, err
	}
	direct := "http://127.0.0.1:" + port
	p := &process{
		name: "sandgate", program: bin.path("sandgate"), log: filepath.Join(dir, "sandgate.log"), ready: direct + "/readyz",
		env: []string{"SANDGATE_PORT=" + port, "SANDGATE_DATA_DIR=" + data, "SANDGATE_BOOTSTRAP_KEY=" + adminKey, "SANDGATE_ALLOW_PRIVATE_CALLBACKS=true"},
	}
	s.parts = append(s.parts, p)
	if err := p.Start(); err != nil {
		return s, err
	}
	w, err := s.wire("client to gateway", "127.0.0.1:"+port)
	if err != nil {
		return s, err
	}
	s.doors = []door{{wire: w, direct: direct, store: filepath.Join(data, "gateway.db")}}
	s.engineDB = filepath.Join(data, "engine", "judge0.db")
	return s, nil
}

// linkCache gives a data folder what earlier starts prepared, such as Go's compiled library.
func linkCache(bin programs, data string) error {
	cache, err := filepath.Abs(filepath.Join(bin.bin, "cache"))
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(cache, 0o755), os.MkdirAll(data, 0o700), os.Symlink(cache, filepath.Join(data, "cache")))
}

// lease is in what time a lost worker's submissions are taken over.
const lease = 5 * time.Second

// newCluster starts the parts of a cluster as processes: two gateways, each with a store of its own, two
// servers of the engine behind a balancer, two workers, PostgreSQL and Redis, with a wire between any
// two of them.
func newCluster(bin programs, dir string) (s *site, err error) {
	s = newSite("cluster", dir)
	var postgres *testservers.Postgres
	if err := s.backend("postgres", 512, func() (err error) {
		postgres, err = testservers.StartDurablePostgres()
		return err
	}); err != nil {
		return s, err
	}
	s.cleanup = append(s.cleanup, postgres.Remove)
	var redis *testservers.Redis
	if err := s.backend("redis", 256, func() (err error) {
		redis, err = testservers.StartRedis()
		return err
	}); err != nil {
		return s, err
	}
	s.cleanup = append(s.cleanup, redis.Remove)
	s.parts = append(s.parts, &backend{"postgres", postgres}, &backend{"redis", redis})
	if s.engineDB, err = postgres.Database(context.Background()); err != nil {
		return s, err
	}
	toPostgres, err := s.wire("engine to postgres", addressOf(s.engineDB))
	if err != nil {
		return s, err
	}
	queue := redis.Database()
	options, err := goredis.ParseURL(queue)
	if err != nil {
		return s, err
	}
	s.redis = func(command ...any) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		client := goredis.NewClient(options)
		defer func() { _ = client.Close() }()
		return client.Do(ctx, command...).Err()
	}
	s.works = map[string]func() error{
		"postgres": func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			conn, err := pgx.Connect(ctx, s.engineDB)
			if err == nil {
				err = conn.Close(ctx)
			}
			return err
		},
		"redis": func() error { return s.redis("DEL", "nothing") },
	}
	toRedis, err := s.wire("engine to redis", addressOf(queue))
	if err != nil {
		return s, err
	}
	const token = "the-engine-of-the-drill"
	common := []string{
		"AUTHN_TOKEN=" + token, "LOG_LEVEL=warn", "LEASE=" + lease.String(),
		"DATABASE_URL=" + strings.Replace(s.engineDB, addressOf(s.engineDB), toPostgres.address(), 1),
		"REDIS_URL=" + strings.Replace(queue, addressOf(queue), toRedis.address(), 1),
	}
	var servers []string
	for _, name := range []string{"server-1", "server-2"} {
		port, err := freePort()
		if err != nil {
			return s, err
		}
		p := &process{name: name, program: bin.path("judge0"), args: []string{"server"}, log: filepath.Join(dir, name+".log"), ready: "http://127.0.0.1:" + port + "/healthz"}
		p.env = append([]string{"PORT=" + port}, common...)
		s.parts = append(s.parts, p)
		if err := p.Start(); err != nil {
			return s, err
		}
		servers = append(servers, "127.0.0.1:"+port)
	}
	for _, name := range []string{"worker-1", "worker-2"} {
		port, err := freePort()
		if err != nil {
			return s, err
		}
		data, err := folder(dir, name)
		if err != nil {
			return s, err
		}
		s.disk(name, data, 64)
		if err := linkCache(bin, data); err != nil {
			return s, err
		}
		p := &process{name: name, program: bin.path("judge0"), args: []string{"worker"}, log: filepath.Join(dir, name+".log"), ready: "http://127.0.0.1:" + port + "/readyz"}
		p.env = append([]string{"WORKER_PORT=" + port, "COUNT=2", "DATA_DIR=" + data, "TMPDIR=" + data}, common...)
		s.parts = append(s.parts, p)
		if err := p.Start(); err != nil {
			return s, err
		}
	}
	toEngine, err := s.wire("gateway to engine", servers...)
	if err != nil {
		return s, err
	}
	limits := redis.Database()
	gatewayToRedis, err := s.wire("gateway to redis", addressOf(limits))
	if err != nil {
		return s, err
	}
	for i, name := range []string{"gateway-1", "gateway-2"} {
		port, err := freePort()
		if err != nil {
			return s, err
		}
		calls, err := s.wire(fmt.Sprintf("engine to gateway %d", i+1), "127.0.0.1:"+port)
		if err != nil {
			return s, err
		}
		data, err := folder(dir, name)
		if err != nil {
			return s, err
		}
		s.disk(name, data, 64)
		direct := "http://127.0.0.1:" + port
		p := &process{name: name, program: bin.path("gateway"), log: filepath.Join(dir, name+".log"), ready: direct + "/readyz"}
		p.env = []string{
			"SANDGATE_PORT=" + port, "SANDGATE_DATA_DIR=" + data, "SANDGATE_BOOTSTRAP_KEY=" + adminKey, "SANDGATE_ALLOW_PRIVATE_CALLBACKS=true",
			"SANDGATE_ENGINE_URL=" + toEngine.url(), "SANDGATE_ENGINE_TOKEN=" + token, "SANDGATE_ENGINE_TIMEOUT=5s", "SANDGATE_CALLBACK_URL=" + calls.url(),
			"SANDGATE_REDIS_URL=" + strings.Replace(limits, addressOf(limits), gatewayToRedis.address(), 1), "SANDGATE_LOG_LEVEL=warn", "SANDGATE_SHUTDOWN_TIMEOUT=5s",
		}
		s.parts = append(s.parts, p)
		if err := p.Start(); err != nil {
			return s, err
		}
		w, err := s.wire(fmt.Sprintf("client to gateway %d", i+1), "127.0.0.1:"+port)
		if err != nil {
			return s, err
		}
		s.doors = append(s.doors, door{wire: w, direct: direct, store: filepath.Join(data, "gateway.db")})
	}
	return s, nil
}

// addressOf gives host and port of a URL.
func addressOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	rest, _, _ = strings.Cut(rest, "/")
	return rest[strings.LastIndex(rest, "@")+1:]
}

// crowd makes accounts, each with a key, and clients of them at all doors.
func (s *site) crowd(l *ledger, hook string, accounts, each int) (clients []*client, err error) {
	for d := range s.doors {
		at := &s.doors[d]
		for a := range accounts {
			account := fmt.Sprintf("drill-%d-%d", d+1, a+1)
			key, err := makeKey(at.direct, account)
			if err != nil {
				return nil, err
			}
			for i := range each {
				c := &client{
					name: fmt.Sprintf("%s-d%da%dc%d", s.name, d+1, a+1, i+1), account: account, key: key, ledger: l, hook: hook, site: s, http: newHTTP(),
					url: at.wire.url,
				}
				at.clients = append(at.clients, c)
				clients = append(clients, c)
			}
		}
	}
	return clients, nil
}

// makeKey makes an account, and gives a key of it.
func makeKey(url, account string) (string, error) {
	send := func(method, path string, body any) ([]byte, error) {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		request, err := http.NewRequest(method, url+path, bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		request.Header.Set("X-Auth-Token", adminKey)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }()
		answer, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode >= 300 {
			err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
		}
		return answer, err
	}
	text, err := send(http.MethodPost, "/api/v1/accounts/"+account+"/keys", map[string]any{"name": "drill", "scopes": []string{"submit", "read"}})
	if err != nil {
		return "", err
	}
	var made struct {
		Secret string `json:"secret"`
	}
	return made.Secret, json.Unmarshal(text, &made)
}
