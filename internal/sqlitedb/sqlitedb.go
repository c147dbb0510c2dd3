package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// The errors that a caller may want to tell apart.
var (
	// ErrClosed is given to a write that came after Close.
	ErrClosed = errors.New("the database is closed")
	// ErrLocked is given to Open while another process, or another DB of this one, holds the file.
	ErrLocked = errors.New("the database is in use by another process")
)

// Options tune a database. The zero value is right for most.
type Options struct {
	Readers int          // connections for reading; 0: twice the cores, at least 4
	Queue   int          // writes that may wait before Write blocks; 0: 4096
	Batch   int          // writes that share a commit at most; 0: 256
	Lazy    bool         // Write does not wait for the disk: the last may be undone by a crash of the machine, but not by one of the process
	Observe func(Commit) // called by the writer after each commit; it must be quick
}

// Commit tells how a transaction of the writer went.
type Commit struct {
	Writes  int           // the writes in it, failed ones included
	Waiting int           // the writes that came in the meantime
	Took    time.Duration // from its begin to the end of its fsync
	Err     error         // why it was undone as a whole
}

// DB is an open database. Its methods may be called from any goroutine.
type DB struct {
	path    string
	lock    *os.File
	pool    *sql.DB // the writer's only connection
	writer  *writer
	readers *sql.DB

	statements sync.Map // query → *sql.Stmt of readers

	mu     sync.RWMutex // held for reading while a write is queued
	closed bool
	queue  chan *write
	done   chan struct{} // closed when the writer has ended
}

// Open opens or creates the database at path (its folder too), and brings its schema up to date:
// migrations are scripts in the order of their versions, of which those that the file lacks are
// run, each in a transaction. A script that was once released must never change.
func Open(path string, migrations []string, options ...Options) (*DB, error) {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	o.Readers = orDefault(o.Readers, max(4, 2*runtime.GOMAXPROCS(0)))
	o.Queue = orDefault(o.Queue, 4096)
	o.Batch = orDefault(o.Batch, 256)

	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db := &DB{path: path, queue: make(chan *write, o.Queue), done: make(chan struct{})}
	if db.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := db.open(migrations, o); err != nil {
		db.release()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	go db.writer.run(db.queue, db.done)
	return db, nil
}

func orDefault(n, fallback int) int {
	if n <= 0 {
		return fallback
	}
	return n
}

func (db *DB) open(migrations []string, o Options) error {
	ctx := context.Background()
	var err error
	// The file is private to its owner: it holds what people submitted.
	file, err := os.OpenFile(db.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	synchronous := "synchronous(FULL)"
	if o.Lazy {
		synchronous = "synchronous(NORMAL)"
	}
	if db.pool, err = connect(db.path, "journal_mode(WAL)", synchronous, "wal_autocheckpoint(2000)", "journal_size_limit(67108864)", "cache_size(-16384)"); err != nil {
		return err
	}
	db.pool.SetMaxOpenConns(1)
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	db.writer = newWriter(conn, o)
	if err := db.writer.migrate(ctx, migrations); err != nil {
		return err
	}
	if db.readers, err = connect(db.path, "query_only(1)", "cache_size(-4096)"); err != nil {
		return err
	}
	db.readers.SetMaxOpenConns(o.Readers)
	db.readers.SetMaxIdleConns(o.Readers)
	return nil
}

func connect(path string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_dqs": {"0"}, "_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, pragmas...)}
	connector, err := sqlite.NewConnector((&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Write runs f in a transaction and returns once it is on the disk. If f fails or panics, its own
// changes are undone and its error is returned. While too many writes wait, it blocks.
//
// f shares its transaction with the writes of others: it must be short, and must wait for nothing.
// It sees what writes before it did, even those whose commit is still to come; it must not carry
// what it read out of the database unless Write returns nil. If ctx ends before f was started, f
// never runs and the error is that of ctx; after that the outcome of f is reported.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	w := &write{f: f, done: make(chan error, 1)}
	if err := db.enqueue(ctx, w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if w.state.CompareAndSwap(waiting, dropped) {
			return ctx.Err()
		}
		return <-w.done
	}
}

func (db *DB) enqueue(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return ErrClosed
	}
	select {
	case db.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Query reads rows. The caller must close them soon: they hold one of the few reading connections.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := db.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// QueryRow reads one row into dest; sql.ErrNoRows if there is none.
func (db *DB) QueryRow(ctx context.Context, query string, args []any, dest ...any) error {
	statement, err := db.prepared(ctx, query)
	if err != nil {
		return err
	}
	return statement.QueryRowContext(ctx, args...).Scan(dest...)
}

// Read runs f with one view of the database: all that f reads is of the same moment.
func (db *DB) Read(ctx context.Context, f func(*Tx) error) error {
	tx, err := db.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return f(&Tx{ctx: ctx, prepare: func(query string) (*sql.Stmt, error) {
		statement, err := db.prepared(ctx, query)
		if err != nil {
			return nil, err
		}
		return tx.StmtContext(ctx, statement), nil
	}})
}

// prepared keeps statements for good: a program has a fixed set of them. A list of values is
// passed as one argument, through json_each, not by making a query of its length.
func (db *DB) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement, ok := db.statements.Load(query); ok {
		return statement.(*sql.Stmt), nil
	}
	statement, err := db.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if other, loaded := db.statements.LoadOrStore(query, statement); loaded {
		_ = statement.Close()
		return other.(*sql.Stmt), nil
	}
	return statement, nil
}

// Waiting tells how many writes wait for their transaction.
func (db *DB) Waiting() int { return len(db.queue) }

// Close refuses new writes, runs those that wait, and closes the file. Reads that are under way
// should have ended.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		<-db.done
		return nil
	}
	db.closed = true
	close(db.queue)
	db.mu.Unlock()
	<-db.done
	return db.release()
}

func (db *DB) release() error {
	var errs []error
	if db.readers != nil {
		db.statements.Range(func(_, statement any) bool {
			errs = append(errs, statement.(*sql.Stmt).Close())
			return true
		})
		errs = append(errs, db.readers.Close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	if db.pool != nil {
		errs = append(errs, db.pool.Close())
	}
	errs = append(errs, db.lock.Close())
	return errors.Join(errs...)
}
