package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// The states of a write: whoever leaves waiting first decides whether it runs.
const (
	waiting = iota
	started
	dropped
)

type write struct {
	f     func(*Tx) error
	state atomic.Int32
	done  chan error // of length 1: the writer never waits for the one who asked
	err   error
}

// Tx is what a function may do within its transaction. It must not outlive the function.
type Tx struct {
	ctx     context.Context
	prepare func(query string) (*sql.Stmt, error)
}

// Exec runs a statement that gives no rows.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	statement, err := tx.prepare(query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(tx.ctx, args...)
}

// ExecOne runs a statement and tells whether it changed a row: the answer to a compare-and-set.
func (tx *Tx) ExecOne(query string, args ...any) (bool, error) {
	result, err := tx.Exec(query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Query reads rows, which the caller closes.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	statement, err := tx.prepare(query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(tx.ctx, args...)
}

// QueryRow reads one row into dest; sql.ErrNoRows if there is none.
func (tx *Tx) QueryRow(query string, args []any, dest ...any) error {
	statement, err := tx.prepare(query)
	if err != nil {
		return err
	}
	return statement.QueryRowContext(tx.ctx, args...).Scan(dest...)
}

// writer owns the one connection that writes.
type writer struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	tx         *Tx
	batch      int
	observe    func(Commit)
}

func newWriter(conn *sql.Conn, o Options) *writer {
	w := &writer{conn: conn, statements: map[string]*sql.Stmt{}, batch: o.Batch, observe: o.Observe}
	// The context never ends: a write that was started is seen through.
	w.tx = &Tx{ctx: context.Background(), prepare: w.prepare}
	return w
}

func (w *writer) prepare(query string) (*sql.Stmt, error) {
	if statement, ok := w.statements[query]; ok {
		return statement, nil
	}
	statement, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.statements[query] = statement
	}
	return statement, err
}

func (w *writer) exec(query string) error {
	_, err := w.tx.Exec(query)
	return err
}

func (w *writer) close() error {
	var errs []error
	for _, statement := range w.statements {
		errs = append(errs, statement.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// run takes writes until the queue is closed and empty.
func (w *writer) run(queue chan *write, done chan struct{}) {
	defer close(done)
	batch := make([]*write, 0, w.batch)
	for first := range queue {
		batch = append(batch[:0], first)
	fill:
		for len(batch) < w.batch {
			select {
			case next, ok := <-queue:
				if !ok {
					break fill
				}
				batch = append(batch, next)
			default:
				break fill
			}
		}
		for rest := w.start(batch); len(rest) > 0; {
			begun := time.Now()
			n, err := w.transaction(rest)
			for _, each := range rest[:n] {
				if err != nil && each.err == nil {
					each.err = err
				}
				each.done <- each.err
			}
			if w.observe != nil {
				w.observe(Commit{Writes: n, Waiting: len(queue), Took: time.Since(begun), Err: err})
			}
			rest = rest[n:]
		}
		clear(batch)
	}
}

// start leaves out the writes that nobody waits for any more.
func (w *writer) start(batch []*write) []*write {
	alive := batch[:0]
	for _, each := range batch {
		if each.state.CompareAndSwap(waiting, started) {
			alive = append(alive, each)
		}
	}
	return alive
}

// transaction runs the writes of batch and commits. It tells how many of them it took: all, unless
// SQLite itself gave the transaction up halfway (a full disk). With an error none of those took
// effect.
func (w *writer) transaction(batch []*write) (taken int, err error) {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return len(batch), fmt.Errorf("begin: %w", err)
	}
	if len(batch) == 1 {
		// Alone in its transaction, a write needs no savepoint.
		if batch[0].err = w.call(batch[0].f); batch[0].err != nil {
			return 1, w.rollback()
		}
		return 1, w.commit()
	}
	for i, each := range batch {
		if err := w.exec("SAVEPOINT one"); err != nil {
			return i + 1, errors.Join(fmt.Errorf("savepoint: %w", err), w.rollback())
		}
		if each.err = w.call(each.f); each.err != nil {
			if err := w.exec("ROLLBACK TO one"); err != nil {
				return i + 1, errors.Join(fmt.Errorf("undo one write: %w", err), w.rollback())
			}
		}
		if err := w.exec("RELEASE one"); err != nil {
			return i + 1, errors.Join(fmt.Errorf("release: %w", err), w.rollback())
		}
	}
	return len(batch), w.commit()
}

func (w *writer) commit() error {
	if err := w.exec("COMMIT"); err != nil {
		return errors.Join(fmt.Errorf("commit: %w", err), w.rollback())
	}
	return nil
}

// rollback undoes the transaction, if SQLite has not done so by itself.
func (w *writer) rollback() error {
	if err := w.exec("ROLLBACK"); err != nil && !w.idle() {
		return fmt.Errorf("rollback: %w", err)
	}
	return nil
}

// idle tells whether no transaction is open: only then can one begin.
func (w *writer) idle() bool {
	if err := w.exec("BEGIN"); err != nil {
		return false
	}
	return w.exec("ROLLBACK") == nil
}

func (w *writer) call(f func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a write panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f(w.tx)
}

func (w *writer) migrate(ctx context.Context, migrations []string) error {
	var version int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("its schema has version %d, this program knows %d: it was written by a newer release", version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		script := fmt.Sprintf("BEGIN IMMEDIATE;\n%s\n;PRAGMA user_version = %d;\nCOMMIT;", migrations[version], version+1)
		if _, err := w.conn.ExecContext(ctx, script); err != nil {
			_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
			return fmt.Errorf("migrate the schema to version %d: %w", version+1, err)
		}
	}
	return nil
}
