package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
)

// hello is what the rows of growth submit.
var hello = program{language: 71, source: "print('hello')\n"}

// grown is a gateway that has much of something already, before an engine that ends everything at
// once, or one that takes nothing.
type grown struct {
	*target
	keys   []string // of the accounts that submit, in turn
	tokens []string // of submissions that are stored
}

// startGrown starts a gateway on a store that fill has filled.
func startGrown(bin, dir, name, engine string, fill func(file string) error, env ...string) (*grown, error) {
	data := filepath.Join(dir, name)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(data, "gateway.db")
	store, err := sqlite.Open(file)
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	if fill != nil {
		if err := fill(file); err != nil {
			return nil, fmt.Errorf("fill the store: %w", err)
		}
	}
	t, err := start(filepath.Join(bin, "gateway"), "/readyz", append(env,
		"SANDGATE_DATA_DIR="+data, "SANDGATE_BOOTSTRAP_KEY="+secret, "SANDGATE_ENGINE_URL="+engine, "SANDGATE_QUEUE_LIMIT=10000000", "SANDGATE_LOG_LEVEL=error",
	), "SANDGATE_PORT")
	if err != nil {
		return nil, err
	}
	return &grown{target: t, keys: []string{secret}}, nil
}

// as is the target with one of the keys.
func (g *grown) as(key string) *target {
	t := *g.target
	t.key = key
	return &t
}

func (g *grown) submitting(span time.Duration) (float64, error) {
	return rate(intakeClients, span, func() error {
		var created result
		return g.as(g.keys[rand.N(len(g.keys))]).call(http.MethodPost, "/submissions", hello.attributes(), &created)
	})
}

func (g *grown) reading(span time.Duration) (float64, error) {
	return rate(intakeClients, span, func() error {
		var r result
		return g.call(http.MethodGet, "/submissions/"+g.tokens[rand.N(len(g.tokens))], nil, &r)
	})
}

func (g *grown) listing(span time.Duration) (float64, error) {
	return rate(intakeClients, span, func() error {
		var page struct{ Next *string }
		return g.call(http.MethodGet, "/api/v1/submissions?limit=20", nil, &page)
	})
}

// sideBySide lets a small and a large one take turns.
func sideBySide(name, with string, small, large *grown, turns int, span time.Duration, measure func(*grown, time.Duration) (float64, error)) (row, error) {
	var few, many []float64
	for i := -1; i < turns; i++ {
		for _, one := range []struct {
			g    *grown
			into *[]float64
		}{{small, &few}, {large, &many}} {
			r, err := measure(one.g, span)
			if err != nil {
				return row{}, fmt.Errorf("%s: %w", name, err)
			}
			if i >= 0 {
				*one.into = append(*one.into, r)
			}
		}
	}
	return compare(name, with, "/s", many, few), nil
}

// growthStored compares a store of a thousand submissions with larger ones.
func growthStored(bin, dir string, sizes []int, turns int, span time.Duration) (rows []row, err error) {
	instant := newInstant()
	defer instant.Close()
	filled := func(n int) (*grown, error) {
		g, err := startGrown(bin, dir, fmt.Sprintf("stored-%d", n), instant.URL, func(file string) error { return fillSubmissions(file, n) })
		if err != nil {
			return nil, err
		}
		for range 1000 {
			g.tokens = append(g.tokens, storedToken(1+rand.N(n)))
		}
		return g, nil
	}
	small, err := filled(1000)
	if err != nil {
		return nil, err
	}
	defer small.stop()
	for _, size := range sizes {
		large, err := filled(size)
		if err != nil {
			return nil, err
		}
		for _, m := range []struct {
			name    string
			measure func(*grown, time.Duration) (float64, error)
		}{{"accepted", (*grown).submitting}, {"reads by token", (*grown).reading}, {"pages of history", (*grown).listing}} {
			r, err := sideBySide(fmt.Sprintf("%s a second, %s stored", m.name, thousands(size)), "1,000 stored", small, large, turns, span, m.measure)
			if err != nil {
				large.stop()
				return nil, err
			}
			rows = append(rows, r)
		}
		large.stop()
	}
	return rows, nil
}

func storedToken(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// fillSubmissions stores n submissions that have ended, of a hundred accounts; a tenth of them is the first account's.
func fillSubmissions(file string, n int) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	_, err = db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO submissions (token, account, owner, state, status, language_id, settings, created_at, queued_at, started_at, finished_at, updated_at, time, wall_time, memory, exit_code, stdout, source_code)
		SELECT printf('00000000-0000-4000-8000-%012d', i), ?, 'standalone', 3, 3, 71, '{"CPUTimeLimit":5,"WallTimeLimit":10,"MemoryLimit":128000,"StackLimit":64000,"MaxProcesses":60,"MaxFileSize":1024,"NumberOfRuns":1}',
			? + i * 1000, ? + i * 1000, ? + i * 1000, ? + i * 1000, ? + i * 1000, 0.01, 0.02, 3500, 0, CAST('hello' || char(10) AS BLOB), CAST('print("hello")' || char(10) AS BLOB) FROM n`,
		append([]any{n, auth.FirstAccount}, repeat(time.Now().Add(-24*time.Hour).UnixMicro(), 5)...)...)
	return errors.Join(err, db.Close())
}

func repeat(value any, n int) (list []any) {
	for range n {
		list = append(list, value)
	}
	return list
}

// growthQueued compares a gateway that has few submissions waiting with one that has many.
func growthQueued(bin, dir string, many, turns int, span time.Duration) (row, error) {
	full := newFull()
	defer full.Close()
	small, err := startGrown(bin, dir, "queued-few", full.URL, nil)
	if err != nil {
		return row{}, err
	}
	defer small.stop()
	large, err := startGrown(bin, dir, "queued-many", full.URL, nil)
	if err != nil {
		return row{}, err
	}
	defer large.stop()
	batch := make([]map[string]any, batchSize)
	for i := range batch {
		batch[i] = hello.attributes()
	}
	for range many / batchSize {
		var created []result
		if err := large.call(http.MethodPost, "/submissions/batch", map[string]any{"submissions": batch}, &created); err != nil {
			return row{}, err
		}
	}
	return sideBySide(fmt.Sprintf("accepted a second, %s more queued", thousands(many)), "empty queue", small, large, turns, span, (*grown).submitting)
}

// newFull starts a Judge0 server whose queue never has room.
func newFull() *httptest.Server {
	instant := newInstant()
	inner := instant.Config.Handler
	instant.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Error(w, `{"error":"queue is full"}`, http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	})
	return instant
}

// growthAccounts compares ten accounts with many, each with a key, that submit in turn.
func growthAccounts(bin, dir string, many, turns int, span time.Duration) (row, error) {
	instant := newInstant()
	defer instant.Close()
	filled := func(n int) (*grown, error) {
		var keys []string
		g, err := startGrown(bin, dir, "accounts-"+strconv.Itoa(n), instant.URL, func(file string) (err error) {
			keys, err = fillAccounts(file, n)
			return err
		})
		if err == nil {
			g.keys = keys
		}
		return g, err
	}
	small, err := filled(10)
	if err != nil {
		return row{}, err
	}
	defer small.stop()
	large, err := filled(many)
	if err != nil {
		return row{}, err
	}
	defer large.stop()
	return sideBySide(fmt.Sprintf("accepted a second, %s accounts in turn", thousands(many)), "10 accounts", small, large, turns, span, (*grown).submitting)
}

func fillAccounts(file string, n int) (keys []string, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixMicro()
	for i := range n {
		name, key := fmt.Sprintf("account-%d", i), fmt.Sprintf("key-of-the-benchmark-%d", i)
		hash := sha256.Sum256([]byte(key))
		_, err1 := tx.Exec(`INSERT INTO accounts (id, created_at) VALUES (?, ?)`, name, now)
		_, err2 := tx.Exec(`INSERT INTO keys (id, hash, prefix, name, account, scopes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`, fmt.Sprintf("bench-%d", i), hash[:], key[:6], "bench", name, auth.Scopes{auth.Submit, auth.Read}.String(), now)
		if err := errors.Join(err1, err2); err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
		keys = append(keys, key)
	}
	return keys, tx.Commit()
}

// growthWorkers compares one worker with more.
func growthWorkers(bin, dir string, turns int) (rows []row, err error) {
	p := programs[0]
	var engines []*target
	counts := []int{1, 2, 4}
	for _, n := range counts {
		data := filepath.Join(dir, fmt.Sprintf("workers-%d", n))
		if err := linked(bin, data); err != nil {
			return nil, err
		}
		e, err := start(filepath.Join(bin, "judge0"), "/readyz", []string{
			"DATA_DIR=" + data, "AUTHN_TOKEN=" + secret, "LOG_LEVEL=warn", "COUNT=" + strconv.Itoa(n),
		}, "PORT")
		if err != nil {
			return nil, err
		}
		defer e.stop()
		engines = append(engines, e)
	}
	rates := make([][]float64, len(engines))
	const batches = 4
	for i := -1; i < turns; i++ {
		for j, e := range engines {
			began := time.Now()
			if err := e.finish(p, batches); err != nil {
				return nil, err
			}
			if i >= 0 {
				rates[j] = append(rates[j], batches*batchSize/time.Since(began).Seconds())
			}
		}
	}
	for j, n := range counts[1:] {
		rows = append(rows, compare(fmt.Sprintf("finished a second, Python, %d workers", n), "1 worker", "/s", rates[j+1], rates[0]))
	}
	return rows, nil
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
