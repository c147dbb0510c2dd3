package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sandgate/sandgate/internal/testservers"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/store"
	"github.com/sandgate/sandgate/judge0/store/storetest"
)

var (
	server    *testservers.Postgres
	serverErr error
)

func TestMain(m *testing.M) {
	server, serverErr = testservers.StartPostgres()
	code := m.Run()
	if serverErr == nil {
		server.Remove()
	}
	os.Exit(code)
}

func database(t *testing.T) string {
	t.Helper()
	if errors.Is(serverErr, testservers.ErrMissing) {
		t.Skip(serverErr)
	}
	if serverErr != nil {
		t.Fatal(serverErr)
	}
	url, err := server.Database(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func openAt(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store { return openAt(t, Options{URL: database(t)}) })
}

func TestManyMigrateAtOnceAndOneDoes(t *testing.T) {
	t.Parallel()
	url := database(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { openAt(t, Options{URL: url, MaxConnections: 2}) })
	}
	group.Wait()
	s := openAt(t, Options{URL: url})
	var n int
	if err := s.pool.QueryRow(context.Background(), `SELECT count(*) FROM schema_version`).Scan(&n); err != nil || n != len(migrations) {
		t.Errorf("%d versions, %v", n, err)
	}
	if _, err := s.pool.Exec(context.Background(), `INSERT INTO schema_version VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(context.Background()); err == nil {
		t.Error("the schema of a newer release was taken")
	}
}

// What an older release stored is there after the migration, and its workers can still report.
func TestMigrateKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := database(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	report := `INSERT INTO workers (id, host, slots, working, failed, languages, seen_at) VALUES ('old', 'h', 1, 0, 0, '[]', now()) ON CONFLICT (id) DO UPDATE SET seen_at = now()`
	for _, script := range []string{`CREATE TABLE schema_version (version integer NOT NULL)`, `INSERT INTO schema_version VALUES (1)`, migrations[0], report} {
		if _, err := conn.Exec(ctx, script); err != nil {
			t.Fatal(err)
		}
	}
	s := openAt(t, Options{URL: url})
	if list, _, err := s.Workers(ctx); err != nil || len(list) != 1 || list[0].ID != "old" || list[0].Isolation != "" {
		t.Errorf("got %+v, %v", list, err)
	}
	if _, err := conn.Exec(ctx, report); err != nil {
		t.Error(err)
	}
}

func TestExclusiveIsForOne(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := database(t)
	a, b := openAt(t, Options{URL: url}), openAt(t, Options{URL: url})
	if ran, err := a.Exclusive(ctx, "sweep", func(context.Context) error {
		if ran, err := b.Exclusive(ctx, "sweep", func(context.Context) error { return nil }); err != nil || ran {
			t.Errorf("two at a time: %v", err)
		}
		if ran, err := b.Exclusive(ctx, "requeue", func(context.Context) error { return nil }); err != nil || !ran {
			t.Errorf("another thing had to wait: %v", err)
		}
		return nil
	}); err != nil || !ran {
		t.Error(ran, err)
	}
	if ran, err := b.Exclusive(ctx, "sweep", func(context.Context) error { return nil }); err != nil || !ran {
		t.Error(ran, err)
	}
}

func TestUnfinishedInOrder(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openAt(t, Options{URL: database(t)})
	for i, token := range []string{"d", "c", "b", "a"} {
		n := storetest.Submission(token)
		at := n.CreatedAt.Add(time.Duration(i) * time.Second)
		n.UpdatedAt = &at
		if _, err := s.Create(ctx, []store.New{{Submission: n}}); err != nil {
			t.Fatal(err)
		}
	}
	at := storetest.Submission("").CreatedAt
	if _, err := s.Start(ctx, "c", store.Lease{ID: "1", Host: "h"}, at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(ctx, "d", "1", api.Result{Status: api.Accepted}, at); err != nil {
		t.Fatal(err)
	}
	list, err := s.Unfinished(ctx, at.Add(2500*time.Millisecond), 10)
	var got []string
	for _, u := range list {
		got = append(got, fmt.Sprint(u.Token, u.Status))
	}
	if err != nil || !reflect.DeepEqual(got, []string{"c2", "b1"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWorkers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openAt(t, Options{URL: database(t)})
	for i := range 2 {
		if err := s.Report(ctx, store.Worker{ID: "1", Host: "h", Isolation: "strong", Slots: 4, Working: i, Failed: 1, Languages: []api.Language{{ID: 71, Name: "Python"}}}); err != nil {
			t.Fatal(err)
		}
	}
	list, now, err := s.Workers(ctx)
	if err != nil || len(list) != 1 || list[0].Slots != 4 || list[0].Working != 1 || list[0].Isolation != "strong" || list[0].Languages[0].Name != "Python" || now.Sub(list[0].SeenAt) > time.Minute {
		t.Errorf("got %+v, %v, %v", list, now, err)
	}
	if err := s.Leave(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	list, now, err = s.Workers(ctx)
	if err != nil || len(list) != 1 || list[0].Slots != 0 || now.Sub(list[0].SeenAt) < time.Hour || len(list[0].Languages) != 1 {
		t.Errorf("got %+v, %v, %v", list, now, err)
	}
}

// While the database is away or hangs calls fail in time, and afterwards the same store works again.
func TestAnAbsentDatabase(t *testing.T) {
	t.Parallel()
	_ = database(t)
	own, err := testservers.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Remove)
	ctx := context.Background()
	url, err := own.Database(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var faults int
	s := openAt(t, Options{URL: url, Timeout: 2 * time.Second, Observe: func(_ time.Duration, err error) {
		if err != nil {
			faults++
		}
	}})
	submission := []store.New{{Submission: storetest.Submission("a"), IdempotencyKey: "k"}}
	own.Stop()
	begun := time.Now()
	if _, err := s.Create(ctx, submission); err == nil || time.Since(begun) > 4*time.Second || faults == 0 {
		t.Errorf("%v after %v, %d faults counted", err, time.Since(begun), faults)
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Error(err)
	}
	if _, err := s.Create(ctx, submission); err != nil {
		t.Error(err)
	}
	// One that answers nothing: somebody holds a lock.
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	if _, err := conn.Exec(ctx, `BEGIN; LOCK TABLE submissions`); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	if _, err := s.Create(ctx, []store.New{{Submission: storetest.Submission("b")}}); err == nil || time.Since(begun) > 6*time.Second {
		t.Errorf("it hangs: %v after %v", err, time.Since(begun))
	}
	if _, err := conn.Exec(ctx, `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Get(ctx, []string{"a"}, false); err != nil || found["a"] == nil {
		t.Errorf("afterwards: %v, %v", found, err)
	}
	own.Kill()
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Error(err)
	}
	if tokens, err := s.Create(ctx, submission); err != nil || tokens[0] != "a" {
		t.Errorf("got %v, %v", tokens, err)
	}
}

func TestTextsThatAreNone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openAt(t, Options{URL: database(t)})
	for _, token := range []string{"\xff", "a\x00b"} {
		if found, err := s.Get(ctx, []string{token}, true); err != nil || len(found) != 0 {
			t.Errorf("%q: %v, %v", token, found, err)
		}
		if _, err := s.Delete(ctx, token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", token, err)
		}
	}
}
