package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// FerretDB stands in for MongoDB: it serves the same protocol over SQLite. It is not MongoDB. Its updates are
// not atomic by themselves, so the program in the folder ferretdb runs one command at a time.
type FerretDB struct {
	*server
	port      int
	databases atomic.Int32
}

// StartFerretDB builds FerretDB, if that was not done, and starts it.
func StartFerretDB() (*FerretDB, error) {
	program, err := buildFerretDB()
	if err != nil {
		return nil, fmt.Errorf("FerretDB is %w: %w", ErrMissing, err)
	}
	s, port, err := newServer("ferretdb")
	if err != nil {
		return nil, err
	}
	f := &FerretDB{server: s, port: port}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.program, s.args = program, []string{address, s.dir}
	s.ping = func(ctx context.Context) error {
		client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + address))
		if err != nil {
			return err
		}
		defer func() { _ = client.Disconnect(ctx) }()
		return client.Ping(ctx, nil)
	}
	return f, f.Start()
}

// buildFerretDB gives the program in bin/, which Go makes anew only if it has changed.
func buildFerretDB() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	// Tests of several packages may want it at once.
	lock, err := os.OpenFile(filepath.Join(bin, ".ferretdb.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	program := filepath.Join(bin, "ferretdb")
	build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
	build.Dir = filepath.Join(root, "internal", "testservers", "ferretdb")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New(strings.TrimSpace(string(out)))
	}
	return program, nil
}

// Database gives the URL of a database that nobody else uses.
func (f *FerretDB) Database() string {
	return fmt.Sprintf("mongodb://127.0.0.1:%d/test%d", f.port, f.databases.Add(1))
}
