// Package testservers starts PostgreSQL, Redis, nginx and a stand-in for MongoDB for tests: private ones, each in a folder of its own
// and on a free port, that end with the process that started them. They can be stopped, killed and
// started again, to see what becomes of those who use them.
//
// They are those of this host, or others that the environment names: TEST_POSTGRES is a folder with
// initdb and postgres, TEST_REDIS a redis-server.
package testservers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// ErrMissing says that a server is not installed here.
var ErrMissing = errors.New("not installed")

// startTime is how long a server may take to answer.
const startTime = 30 * time.Second

// server is a program that is run again and again with the same data.
type server struct {
	dir     string
	program string
	args    []string
	as      *syscall.Credential
	orphan  syscall.Signal // what it gets when the test ends without ending it; 0: SIGKILL
	ping    func(ctx context.Context) error
	command *exec.Cmd
	ended   chan struct{}
}

func newServer(name string) (*server, int, error) {
	dir, err := os.MkdirTemp("", "sandgate-"+name+"-*")
	if err != nil {
		return nil, 0, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = listener.Close() }()
	return &server{dir: dir}, listener.Addr().(*net.TCPAddr).Port, nil
}

// Start starts the server and waits until it answers.
func (s *server) Start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.command = exec.Command(s.program, s.args...)
	s.command.Dir, s.command.Stdout, s.command.Stderr = s.dir, log, log
	s.command.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true, Pdeathsig: cmp.Or(s.orphan, syscall.SIGKILL)}
	s.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The kernel ends the server with the thread that started it, so that thread must stay.
		runtime.LockOSThread()
		started <- s.command.Start()
		_ = s.command.Wait()
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
		case <-ctx.Done():
			s.Kill()
		case <-time.After(20 * time.Millisecond):
			continue
		}
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s did not start: %w\n%s", s.program, err, text)
	}
}

func (s *server) signal(signal syscall.Signal) {
	_ = s.command.Process.Signal(signal)
	<-s.ended
}

// Kill ends the server as a crash does.
func (s *server) Kill() {
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL)
	<-s.ended
}

// Pid is the id of the server's first process.
func (s *server) Pid() int { return s.command.Process.Pid }

// Pause has the server answer nothing until Resume, while its connections stay open.
func (s *server) Pause() { _ = syscall.Kill(-s.command.Process.Pid, syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *server) Resume() { _ = syscall.Kill(-s.command.Process.Pid, syscall.SIGCONT) }

// Remove ends the server and deletes its data.
func (s *server) Remove() {
	s.Kill()
	_ = os.RemoveAll(s.dir)
}

// Postgres is a PostgreSQL that keeps what was committed when it is killed, but not when the machine
// is.
type Postgres struct {
	*server
	port      int
	databases atomic.Int32
}

// postgresFolder is that of TEST_POSTGRES, or of the newest PostgreSQL of this host.
func postgresFolder() (string, error) {
	if folder := os.Getenv("TEST_POSTGRES"); folder != "" {
		return folder, nil
	}
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if path, err := exec.LookPath("postgres"); err == nil && len(programs) == 0 {
		programs = []string{path}
	}
	if len(programs) == 0 {
		return "", fmt.Errorf("PostgreSQL is %w", ErrMissing)
	}
	slices.Sort(programs)
	return filepath.Dir(programs[len(programs)-1]), nil
}

// StartPostgres starts PostgreSQL. As root it runs as the user postgres, or as nobody where there is
// none.
func StartPostgres() (*Postgres, error) { return startPostgres("off") }

// StartDurablePostgres starts one that waits for its disk, as it does where nothing may be lost.
func StartDurablePostgres() (*Postgres, error) { return startPostgres("on") }

func startPostgres(fsync string) (*Postgres, error) {
	bin, err := postgresFolder()
	if err != nil {
		return nil, err
	}
	s, port, err := newServer("postgres")
	if err != nil {
		return nil, err
	}
	p := &Postgres{server: s, port: port}
	if os.Getuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			owner, err = user.Lookup("nobody")
		}
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(s.dir, "data")
	init := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "sandgate", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	init.Dir, init.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.as}
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s.program = filepath.Join(bin, "postgres")
	s.args = []string{"-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200",
		"-c", "fsync=" + fsync, "-c", "shared_buffers=64MB", "-c", "max_wal_size=256MB"}
	s.ping = func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.url("postgres"))
		if err == nil {
			err = conn.Close(ctx)
		}
		return err
	}
	return p, p.Start()
}

func (p *Postgres) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("sandgate"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)), Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Stop ends the server as its operator does, without waiting for its clients.
func (p *Postgres) Stop() { p.signal(syscall.SIGINT) }

// Kill ends the server as a crash does: nothing is written any more.
func (p *Postgres) Kill() { p.signal(syscall.SIGQUIT) }

// Remove ends the server and deletes its data.
func (p *Postgres) Remove() {
	p.Kill()
	p.server.Remove()
}

// Database makes an empty database and gives its URL.
func (p *Postgres) Database(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	name := fmt.Sprintf("test%d", p.databases.Add(1))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return p.url(name), nil
}

// Redis is a Redis that appends what it is told to a file.
type Redis struct {
	*server
	port      int
	databases atomic.Int32
}

// redisDatabases is how many databases a Redis has.
const redisDatabases = 1000

// StartRedis starts Redis.
func StartRedis() (*Redis, error) {
	program := os.Getenv("TEST_REDIS")
	if program == "" {
		var err error
		if program, err = exec.LookPath("redis-server"); err != nil {
			return nil, fmt.Errorf("Redis is %w", ErrMissing)
		}
	}
	s, port, err := newServer("redis")
	if err != nil {
		return nil, err
	}
	r := &Redis{server: s, port: port}
	s.program = program
	s.args = []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.dir, "--appendonly", "yes", "--save", "", "--databases", strconv.Itoa(redisDatabases)}
	s.ping = func(ctx context.Context) error {
		client := redis.NewClient(&redis.Options{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), MaxRetries: -1})
		defer func() { _ = client.Close() }()
		return client.Ping(ctx).Err()
	}
	return r, r.Start()
}

// Stop ends the server as its operator does.
func (r *Redis) Stop() { r.signal(syscall.SIGTERM) }

// Database gives the URL of a database that nobody else uses. Channels are common to all.
func (r *Redis) Database() string {
	return fmt.Sprintf("redis://127.0.0.1:%d/%d", r.port, r.databases.Add(1)%redisDatabases)
}
