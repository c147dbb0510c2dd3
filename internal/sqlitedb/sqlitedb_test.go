package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var schema = []string{`CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB) STRICT, WITHOUT ROWID`}

func open(tb testing.TB, path string, options ...Options) *DB {
	tb.Helper()
	db, err := Open(path, schema, options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func put(db *DB, key string) error {
	return db.Write(context.Background(), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO t (k, v) VALUES (?, ?)`, key, []byte("v"))
		return err
	})
}

func count(tb testing.TB, db *DB) (n int) {
	tb.Helper()
	if err := db.QueryRow(context.Background(), `SELECT count(*) FROM t`, nil, &n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// block occupies the writer until the returned function is called.
func block(db *DB) (release func()) {
	began, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = db.Write(context.Background(), func(*Tx) error { close(began); <-end; return nil })
	}()
	<-began
	return func() { close(end); <-ended }
}

func waitQueued(db *DB, n int) {
	for db.Waiting() < n {
		runtime.Gosched() // until the goroutines of the test have come as far as the queue
	}
}

func TestWritesShareCommitsAndAllLast(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "t.db")
	var commits, writes atomic.Int64
	db := open(t, path, Options{Observe: func(c Commit) { commits.Add(1); writes.Add(int64(c.Writes)) }})
	release := block(db)
	const n = 500
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := put(db, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	waitQueued(db, n)
	release()
	wg.Wait()
	if count(t, db) != n || writes.Load() != n+1 || commits.Load() != 3 {
		t.Errorf("%d rows, %d writes in %d commits; want %d, %d, 3", count(t, db), writes.Load(), commits.Load(), n, n+1)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db = open(t, path); count(t, db) != n {
		t.Errorf("%d rows after opening again", count(t, db))
	}
}

func TestOneFailureUndoesItsOwnChangesOnly(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("together=%v", together), func(t *testing.T) {
			t.Parallel()
			db := open(t, filepath.Join(t.TempDir(), "t.db"))
			insert := func(key string, after func() error) func(*Tx) error {
				return func(tx *Tx) error {
					if _, err := tx.Exec(`INSERT INTO t (k) VALUES (?)`, key); err != nil {
						return err
					}
					return after()
				}
			}
			fine := func() error { return nil }
			cases := []struct {
				f    func(*Tx) error
				want string
			}{
				{insert("a", fine), ""},
				{insert("b", func() error { return failure }), "no"},
				{insert("c", func() error { panic("ouch") }), "ouch"},
				{insert("d", fine), ""},
				{func(tx *Tx) error { _, err := tx.Exec(`INSERT INTO nowhere VALUES (1)`); return err }, "nowhere"},
				{insert("e", fine), ""},
			}
			release := func() {}
			if together {
				release = block(db)
			}
			var wg sync.WaitGroup
			for i, tc := range cases {
				run := func() {
					err := db.Write(context.Background(), tc.f)
					if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
						t.Errorf("write %d: %v, want %q", i, err, tc.want)
					}
				}
				if together {
					wg.Go(run)
				} else {
					run()
				}
			}
			if together {
				waitQueued(db, len(cases))
			}
			release()
			wg.Wait()
			if n := count(t, db); n != 3 {
				t.Errorf("%d rows, want 3", n)
			}
		})
	}
}

// A write that ends the shared transaction behind the writer's back must not be taken for done, and
// must not take later writes down with it.
func TestATransactionThatIsGoneFailsItsWritesOnly(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "t.db"))
	release := block(db)
	rogue := make(chan error, 1)
	go func() {
		rogue <- db.Write(context.Background(), func(tx *Tx) error { _, err := tx.Exec("ROLLBACK"); return err })
	}()
	waitQueued(db, 1)
	later := make(chan error, 1)
	go func() { later <- put(db, "later") }()
	waitQueued(db, 2)
	release()
	if err := <-rogue; err == nil {
		t.Error("a write whose transaction was undone passed for done")
	}
	if err := <-later; err != nil {
		t.Error(err)
	}
	if err := put(db, "next"); err != nil || count(t, db) != 2 {
		t.Errorf("%v, %d rows", err, count(t, db))
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "t.db"), Options{Queue: 1})
	release := block(db)
	ctx, cancel := context.WithCancel(context.Background())
	ran := false
	queued, full := make(chan error, 1), make(chan error, 1)
	go func() { queued <- db.Write(ctx, func(*Tx) error { ran = true; return nil }) }()
	waitQueued(db, 1)
	go func() { full <- db.Write(ctx, func(*Tx) error { ran = true; return nil }) }()
	cancel()
	for _, c := range []chan error{queued, full} {
		if err := <-c; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	release()

	// Once it has been started, its outcome counts.
	ctx, cancel = context.WithCancel(context.Background())
	err := db.Write(ctx, func(tx *Tx) error {
		cancel()
		_, err := tx.Exec(`INSERT INTO t (k) VALUES ('x')`)
		return err
	})
	if err != nil || count(t, db) != 1 || ran {
		t.Errorf("%v, %d rows, dropped ones ran: %v", err, count(t, db), ran)
	}
}

func TestCloseRunsWhatWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path)
	release := block(db)
	errs := make(chan error, 10)
	for i := range 10 {
		go func() { errs <- put(db, fmt.Sprint(i)) }()
	}
	waitQueued(db, 10)
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	release()
	for range 10 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := put(db, "late"); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	if db = open(t, path); count(t, db) != 10 {
		t.Errorf("%d rows", count(t, db))
	}
}

func TestOneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path)
	if _, err := Open(path, schema); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	steps := []string{schema[0], `ALTER TABLE t ADD COLUMN more TEXT; INSERT INTO t (k, more) VALUES ('a', 'b');`}
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, append(steps[:2:2], `CREATE TABLE other (x); INSERT INTO nowhere VALUES (1);`)); err == nil || !strings.Contains(err.Error(), "version 3") {
		t.Errorf("a broken migration: %v", err)
	}
	for range 2 { // the second time there is nothing to do
		db, err := Open(path, steps)
		if err != nil {
			t.Fatal(err)
		}
		var tables int
		if err := db.QueryRow(context.Background(), `SELECT count(*) FROM sqlite_master WHERE type = 'table'`, nil, &tables); err != nil || tables != 1 || count(t, db) != 1 {
			t.Errorf("%v, %d tables, %d rows", err, tables, count(t, db))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(path, schema); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("an old program opened a new file: %v", err)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := open(t, filepath.Join(t.TempDir(), "t.db"))
	if _, err := db.Query(ctx, `INSERT INTO t (k) VALUES ('x') RETURNING k`); err == nil {
		t.Error("a reader wrote")
	}
	if err := put(db, "a"); err != nil {
		t.Fatal(err)
	}
	err := db.Read(ctx, func(tx *Tx) error {
		var before, after int
		if err := tx.QueryRow(`SELECT count(*) FROM t`, nil, &before); err != nil {
			return err
		}
		if err := put(db, "b"); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT count(*) FROM t`, nil, &after); err != nil || before != after {
			t.Errorf("%d, then %d rows in one view", before, after)
		}
		return nil
	})
	if err != nil || count(t, db) != 2 {
		t.Errorf("%v, %d rows", err, count(t, db))
	}
	if err := db.QueryRow(ctx, `SELECT k FROM t WHERE k = ?`, []any{"none"}, new(string)); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("got %v", err)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "t.db"))
	texts := map[string]*string{"null": nil}
	for name, text := range map[string]string{"empty": "", "text": "é", "bytes": "a\x00\xff"} {
		texts[name] = &text
	}
	for name, want := range texts {
		if err := db.Write(context.Background(), func(tx *Tx) error {
			_, err := tx.Exec(`INSERT INTO t (k, v) VALUES (?, ?)`, name, Bytes(want))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var got *string
		if err := db.QueryRow(context.Background(), `SELECT v FROM t WHERE k = ?`, []any{name}, ScanBytes(&got)); err != nil {
			t.Fatal(err)
		}
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// A process that is killed while it writes leaves every write that was answered, and a file that
// opens. The test runs itself as that process.
func TestKilled(t *testing.T) {
	t.Parallel()
	if path := os.Getenv("SQLITEDB_TEST_KILL"); path != "" {
		db, err := Open(path, schema)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			go func() {
				for j := 0; ; j++ {
					if err := put(db, fmt.Sprintf("%d-%d", i, j)); err == nil {
						fmt.Printf("ok %d-%d\n", i, j)
					}
				}
			}()
		}
		select {}
	}
	path := filepath.Join(t.TempDir(), "t.db")
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), "SQLITEDB_TEST_KILL="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var answered []string
	buffer := make([]byte, 64<<10)
	var said strings.Builder
	for strings.Count(said.String(), "\n") < 500 {
		n, err := out.Read(buffer)
		said.Write(buffer[:n])
		if err != nil {
			t.Fatal(err, said.String())
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	lines := strings.Split(said.String(), "\n")
	for _, line := range lines[:len(lines)-1] {
		answered = append(answered, strings.TrimPrefix(line, "ok "))
	}
	db := open(t, path)
	for _, key := range answered {
		if err := db.QueryRow(context.Background(), `SELECT k FROM t WHERE k = ?`, []any{key}, new(string)); err != nil {
			t.Fatalf("%s was answered, but: %v", key, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "t.db"))
			var next atomic.Int64
			b.ResetTimer()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						if err := put(db, fmt.Sprintf("%036d", i)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
