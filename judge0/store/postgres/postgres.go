// Package postgres stores the submissions of a cluster, whose servers and workers share a PostgreSQL
// database of version 15 or later.
//
// Every method has a bound in time: while the database is away, it fails, and what it was asked for
// may be tried again. A step whose answer got lost may have been taken: the leases of Start and
// Finish make trying again safe, and Create is made so by idempotency keys.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/store"
)

// Options say where the database is. Observe is told how each call went; errors that are answers
// (there is no such submission) count as none.
type Options struct {
	URL            string        // postgres://user:password@host:port/database?sslmode=…
	MaxConnections int           // 0: 10
	Timeout        time.Duration // of a statement and of a call; 0: 10 s
	Observe        func(took time.Duration, err error)
}

// statisticsTimeout is the bound of what reads all rows.
const statisticsTimeout = time.Minute

// Store is a pool of connections. Its methods may be called from any goroutine.
type Store struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	observe func(time.Duration, error)
}

// New reads the options. It connects to nothing: Migrate does, and must come before anything else.
func New(o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("the address of PostgreSQL is not one") // the cause may show the password
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 10
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	config.MaxConns = int32(o.MaxConnections)
	config.MaxConnIdleTime = 5 * time.Minute
	config.MaxConnLifetime = time.Hour
	config.ConnConfig.ConnectTimeout = min(3*time.Second, o.Timeout)
	config.ConnConfig.RuntimeParams["application_name"] = "sandgate"
	config.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(o.Timeout.Milliseconds(), 10)
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	if o.Observe == nil {
		o.Observe = func(time.Duration, error) {}
	}
	return &Store{pool: pool, timeout: o.Timeout, observe: o.Observe}, nil
}

// Close ends the connections; it waits for calls that are under way.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// Migrate brings the schema up to date. While PostgreSQL does not answer it tries again, until ctx
// ends.
func (s *Store) Migrate(ctx context.Context) error {
	for {
		err := s.call(ctx, "open PostgreSQL", s.migrate)
		var refused interface{ SQLState() string }
		// What PostgreSQL itself answers does not change by waiting, but for "the database system is
		// starting up" and "too many connections".
		if err == nil || errors.Is(err, errNewer) || errors.As(err, &refused) && !strings.HasPrefix(refused.SQLState(), "57") && !strings.HasPrefix(refused.SQLState(), "53") {
			return err
		}
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// call bounds f in time, and names what it did in its error.
func (s *Store) call(ctx context.Context, what string, f func(ctx context.Context) error) error {
	return s.callFor(ctx, s.timeout, what, f)
}

func (s *Store) callFor(ctx context.Context, timeout time.Duration, what string, f func(ctx context.Context) error) error {
	bound, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	err := f(bound)
	fault := err
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnfinished) || errors.Is(err, store.ErrPageTooLarge) || ctx.Err() != nil {
		fault = nil
	}
	s.observe(time.Since(begun), fault)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.call(ctx, "ask PostgreSQL", s.pool.Ping)
}

const (
	stateColumns = `token, status, language_id, created_at, queued_at, started_at, finished_at, updated_at,
		queue_host, execution_host, stdout, stderr, compile_output, message, exit_code, exit_signal, time, wall_time, memory`
	programColumns = `source_code, stdin, expected_output, additional_files, compiler_options, command_line_arguments, callback_url,
		cpu_time_limit, cpu_extra_time, wall_time_limit, memory_limit, stack_limit, max_processes, max_file_size, number_of_runs,
		per_process_time, per_process_memory, redirect_stderr, enable_network`

	// One statement of one shape, however many are inserted: each argument is a list.
	insertAll = `INSERT INTO submissions (token, idempotency_key, status, language_id, created_at, queued_at, updated_at, queue_host, ` + programColumns + `)
		SELECT t.c1, t.c2, t.c3, t.c4, t.c5, t.c6, t.c7, t.c8, t.c9, t.c10, t.c11, t.c12, t.c13, t.c14, t.c15, t.c16, t.c17, t.c18, t.c19, t.c20, t.c21, t.c22, t.c23, t.c24, t.c25, t.c26, t.c27
		FROM unnest($1::text[], $2::bytea[], $3::smallint[], $4::integer[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::text[],
			$9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], $15::bytea[],
			$16::float8[], $17::float8[], $18::float8[], $19::bigint[], $20::bigint[], $21::integer[], $22::bigint[], $23::integer[],
			$24::boolean[], $25::boolean[], $26::boolean[], $27::boolean[]) WITH ORDINALITY
			AS t (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25, c26, c27, place)
		ORDER BY t.place
		ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING token`
)

// column makes the list of one attribute of all entries.
func column[T any](list []store.New, of func(*api.Submission) T) []T {
	values := make([]T, len(list))
	for i, entry := range list {
		values[i] = of(entry.Submission)
	}
	return values
}

func texts(list []store.New, of func(*api.Submission) *string) [][]byte {
	return column(list, func(n *api.Submission) []byte { return bytesOf(of(n)) })
}

// bytesOf keeps nil (NULL) apart from the empty text.
func bytesOf(s *string) []byte {
	if s == nil {
		return nil
	}
	return append(make([]byte, 0, len(*s)), *s...)
}

// Create stores the submissions, all or none, and gives for each the token that stands: its own,
// or that of an earlier submission with the same idempotency key, in which case it is not stored.
func (s *Store) Create(ctx context.Context, list []store.New) (tokens []string, err error) {
	err = s.call(ctx, "store submissions", func(ctx context.Context) error {
		tokens, err = s.create(ctx, list)
		return err
	})
	return tokens, err
}

func (s *Store) create(ctx context.Context, list []store.New) ([]string, error) {
	keys := make([][]byte, len(list))
	for i, entry := range list {
		if entry.IdempotencyKey != "" {
			keys[i] = []byte(entry.IdempotencyKey)
		}
	}
	rows, err := s.pool.Query(ctx, insertAll,
		column(list, func(n *api.Submission) string { return n.Token }), keys,
		column(list, func(n *api.Submission) int { return n.Status }), column(list, func(n *api.Submission) int { return n.LanguageID }),
		column(list, func(n *api.Submission) time.Time { return n.CreatedAt }), column(list, func(n *api.Submission) *time.Time { return n.QueuedAt }),
		column(list, func(n *api.Submission) *time.Time { return n.UpdatedAt }), column(list, func(n *api.Submission) *string { return n.QueueHost }),
		texts(list, func(n *api.Submission) *string { return n.SourceCode }), texts(list, func(n *api.Submission) *string { return n.Stdin }),
		texts(list, func(n *api.Submission) *string { return n.ExpectedOutput }), texts(list, func(n *api.Submission) *string { return n.AdditionalFiles }),
		texts(list, func(n *api.Submission) *string { return n.CompilerOptions }), texts(list, func(n *api.Submission) *string { return n.CommandLineArguments }),
		texts(list, func(n *api.Submission) *string { return n.CallbackURL }),
		column(list, func(n *api.Submission) float64 { return n.CPUTimeLimit }), column(list, func(n *api.Submission) float64 { return n.CPUExtraTime }),
		column(list, func(n *api.Submission) float64 { return n.WallTimeLimit }), column(list, func(n *api.Submission) int { return n.MemoryLimit }),
		column(list, func(n *api.Submission) int { return n.StackLimit }), column(list, func(n *api.Submission) int { return n.MaxProcesses }),
		column(list, func(n *api.Submission) int { return n.MaxFileSize }), column(list, func(n *api.Submission) int { return n.NumberOfRuns }),
		column(list, func(n *api.Submission) bool { return n.PerProcessTime }), column(list, func(n *api.Submission) bool { return n.PerProcessMemory }),
		column(list, func(n *api.Submission) bool { return n.RedirectStderr }), column(list, func(n *api.Submission) bool { return n.EnableNetwork }))
	if err != nil {
		return nil, err
	}
	inserted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	tokens := column(list, func(n *api.Submission) string { return n.Token })
	if len(inserted) == len(list) {
		return tokens, nil
	}
	known, err := s.tokens(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, token := range tokens {
		if slices.Contains(inserted, token) {
			continue
		}
		if tokens[i] = known[list[i].IdempotencyKey]; tokens[i] == "" {
			// Deleted since. What else the call stored has been queued by nobody yet; trying again
			// gives it back by its keys, and without keys it is run for nobody.
			return nil, errors.New("the earlier submission was just deleted")
		}
	}
	return tokens, nil
}

func (s *Store) tokens(ctx context.Context, keys [][]byte) (map[string]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT idempotency_key, token FROM submissions WHERE idempotency_key = ANY ($1)`, keys)
	if err != nil {
		return nil, err
	}
	tokens := make(map[string]string, len(keys))
	var key []byte
	var token string
	_, err = pgx.ForEachRow(rows, []any{&key, &token}, func() error { tokens[string(key)] = token; return nil })
	return tokens, err
}

// Tokens gives the tokens of the submissions with these idempotency keys; unknown keys are left out.
func (s *Store) Tokens(ctx context.Context, keys []string) (tokens map[string]string, err error) {
	list := make([][]byte, len(keys))
	for i, key := range keys {
		list[i] = []byte(key)
	}
	err = s.call(ctx, "look up idempotency keys", func(ctx context.Context) error {
		tokens, err = s.tokens(ctx, list)
		return err
	})
	return tokens, err
}

// Get reads the submissions with these tokens; unknown ones are left out. Without program, what the
// client sent (texts, files, limits) is left out, which spares reading it.
func (s *Store) Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error) {
	// What PostgreSQL does not take for a text is no token.
	possible := slices.DeleteFunc(slices.Clone(tokens), func(token string) bool { return !isText(token) })
	byToken := make(map[string]*api.Submission, len(possible))
	if len(possible) == 0 {
		return byToken, nil
	}
	err := s.call(ctx, "read submissions", func(ctx context.Context) error {
		found, err := s.scan(ctx, s.pool, program, nil, `WHERE token = ANY ($1)`, possible)
		for _, submission := range found {
			byToken[submission.Token] = submission
		}
		return err
	})
	return byToken, err
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// scan reads submissions, in so far as there is room; nil: for as many as there are.
func (s *Store) scan(ctx context.Context, from querier, program bool, room *store.Room, condition string, args ...any) ([]*api.Submission, error) {
	columns := stateColumns
	if program {
		columns += ", " + programColumns
	}
	rows, err := from.Query(ctx, `SELECT `+columns+` FROM submissions `+condition, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*api.Submission, error) {
		var n api.Submission
		dest := []any{&n.Token, &n.Status, &n.LanguageID, &n.CreatedAt, &n.QueuedAt, &n.StartedAt, &n.FinishedAt, &n.UpdatedAt,
			&n.QueueHost, &n.ExecutionHost, text{&n.Stdout}, text{&n.Stderr}, text{&n.CompileOutput}, text{&n.Message},
			&n.ExitCode, &n.ExitSignal, &n.Time, &n.WallTime, &n.Memory}
		if program {
			dest = append(dest, text{&n.SourceCode}, text{&n.Stdin}, text{&n.ExpectedOutput}, text{&n.AdditionalFiles},
				text{&n.CompilerOptions}, text{&n.CommandLineArguments}, text{&n.CallbackURL},
				&n.CPUTimeLimit, &n.CPUExtraTime, &n.WallTimeLimit, &n.MemoryLimit, &n.StackLimit, &n.MaxProcesses, &n.MaxFileSize, &n.NumberOfRuns,
				&n.PerProcessTime, &n.PerProcessMemory, &n.RedirectStderr, &n.EnableNetwork)
		}
		if err := row.Scan(dest...); err != nil {
			return nil, err
		}
		n.CreatedAt = n.CreatedAt.UTC()
		for _, moment := range []*time.Time{n.QueuedAt, n.StartedAt, n.FinishedAt, n.UpdatedAt} {
			if moment != nil {
				*moment = moment.UTC()
			}
		}
		if room != nil {
			return &n, room.Add(&n)
		}
		return &n, nil
	})
}

// text reads a bytea into a text that may be NULL.
type text struct{ to **string }

func (t text) ScanBytes(b []byte) error {
	if *t.to = nil; b != nil {
		s := string(b)
		*t.to = &s
	}
	return nil
}

// List reads a page, counted from 1; without program it leaves out what Get does.
func (s *Store) List(ctx context.Context, page, perPage int, program bool) (result store.Page, err error) {
	err = s.call(ctx, "list submissions", func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM submissions`).Scan(&result.Total); err != nil {
				return err
			}
			if perPage == 0 || page-1 > result.Total/perPage {
				return nil
			}
			result.Submissions, err = s.scan(ctx, tx, program, &store.Room{}, `WHERE seq IN (SELECT seq FROM submissions ORDER BY seq DESC LIMIT $1 OFFSET $2) ORDER BY seq DESC`, perPage, (page-1)*perPage)
			return err
		})
	})
	return result, err
}

// Delete removes a finished submission and gives what it was.
func (s *Store) Delete(ctx context.Context, token string) (gone *api.Submission, err error) {
	err = s.call(ctx, "delete a submission", func(ctx context.Context) error {
		if !isText(token) {
			return store.ErrNotFound
		}
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			found, err := s.scan(ctx, tx, true, nil, `WHERE token = $1 FOR UPDATE`, token)
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return store.ErrNotFound
			}
			if gone = found[0]; !api.Finished(gone.Status) {
				return store.ErrUnfinished
			}
			_, err = tx.Exec(ctx, `DELETE FROM submissions WHERE token = $1`, token)
			return err
		})
	})
	return gone, err
}

// change runs an update and tells how many rows it changed.
func (s *Store) change(ctx context.Context, what, query string, args ...any) (n int, err error) {
	err = s.call(ctx, what, func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, query, args...)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// Start marks a queued submission as Processing under a lease. It tells whether it is now: false
// means that another lease runs it, that it has ended, or is gone.
func (s *Store) Start(ctx context.Context, token string, lease store.Lease, at time.Time) (bool, error) {
	n, err := s.change(ctx, "start a submission", `UPDATE submissions SET status = 2, started_at = $3, updated_at = $3, execution_host = $4, lease = $2
		WHERE token = $1 AND (status = 1 OR status = 2 AND lease = $2)`, token, lease.ID, at, lease.Host)
	return n == 1, err
}

// Finish records a result, the first that comes, from whichever lease. It tells whether the result
// that stands is that of this lease.
func (s *Store) Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (did bool, err error) {
	err = s.call(ctx, "finish a submission", func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, `UPDATE submissions SET status = $3, finished_at = $4, updated_at = $4, stdout = $5, stderr = $6, compile_output = $7, message = $8,
			exit_code = $9, exit_signal = $10, time = $11, wall_time = $12, memory = $13, lease = $2 WHERE token = $1 AND status <= 2`,
			token, lease, r.Status, at, bytesOf(r.Stdout), bytesOf(r.Stderr), bytesOf(r.CompileOutput), bytesOf(r.Message), r.ExitCode, r.ExitSignal, r.Time, r.WallTime, r.Memory)
		if did = tag.RowsAffected() == 1; err != nil || did {
			return err
		}
		return s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM submissions WHERE token = $1 AND status > 2 AND lease = $2)`, token, lease).Scan(&did)
	})
	return did, err
}

// Release puts a submission that is Processing under a lease back In Queue: its worker gives it up
// in good order.
func (s *Store) Release(ctx context.Context, token, lease string) error {
	_, err := s.change(ctx, "release a submission", `UPDATE submissions SET status = 1, started_at = NULL, execution_host = NULL, updated_at = now()
		WHERE token = $1 AND status = 2 AND lease = $2`, token, lease)
	return err
}

// Lose puts a submission that was Processing when its worker got lost back In Queue, or ends it if
// that was the last time it may happen. It tells whether it did end it.
func (s *Store) Lose(ctx context.Context, token string, at time.Time) (ended bool, err error) {
	err = s.call(ctx, "count a lost worker", func(ctx context.Context) error {
		err := s.pool.QueryRow(ctx, `UPDATE submissions SET lost = lost + 1, updated_at = $2::timestamptz,
			status = CASE WHEN lost + 1 >= $3::integer THEN $4::smallint ELSE 1 END,
			message = CASE WHEN lost + 1 >= $3::integer THEN $5::bytea ELSE message END,
			finished_at = CASE WHEN lost + 1 >= $3::integer THEN $2::timestamptz ELSE NULL END,
			started_at = CASE WHEN lost + 1 >= $3::integer THEN started_at ELSE NULL END,
			execution_host = CASE WHEN lost + 1 >= $3::integer THEN execution_host ELSE NULL END
			WHERE token = $1 AND status = 2 RETURNING status > 2`, token, at, store.MaxLost, api.InternalError, []byte(store.LostMessage)).Scan(&ended)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return ended, err
}

// Unfinished lists at most limit submissions without a result that have not changed since a moment,
// in the order in which they came.
func (s *Store) Unfinished(ctx context.Context, since time.Time, limit int) (list []store.Unfinished, err error) {
	err = s.call(ctx, "list what is unfinished", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT token, status, updated_at FROM submissions WHERE status <= 2 AND updated_at < $1 ORDER BY seq LIMIT $2`, since, limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[store.Unfinished])
		return err
	})
	return list, err
}

// Sweep deletes at most limit submissions that finished before a moment, oldest first, and tells
// how many.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.change(ctx, "delete old submissions", `DELETE FROM submissions WHERE seq IN
		(SELECT seq FROM submissions WHERE status > 2 AND finished_at < $1 ORDER BY finished_at LIMIT $2)`, before, limit)
}

// Exclusive runs f unless another process runs the same; it tells whether it did. The right to it
// ends with the connection, so that nobody keeps it who is gone; f must bear running twice.
func (s *Store) Exclusive(ctx context.Context, what string, f func(context.Context) error) (ran bool, err error) {
	var tx pgx.Tx
	err = s.call(ctx, "become the only one to "+what, func(ctx context.Context) (err error) {
		if tx, err = s.pool.Begin(ctx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, lockSpace, int32(crc32.ChecksumIEEE([]byte(what))>>1)).Scan(&ran)
	})
	if tx != nil {
		defer func() {
			bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
			defer cancel()
			_ = tx.Rollback(bound)
		}()
	}
	if err != nil || !ran {
		return false, err
	}
	return true, f(ctx)
}

// Report notes what a worker tells of itself, and forgets those that were not seen for a day.
func (s *Store) Report(ctx context.Context, w store.Worker) error {
	_, err := s.change(ctx, "report a worker", `WITH gone AS (DELETE FROM workers WHERE seen_at < now() - interval '1 day' AND id <> $1)
		INSERT INTO workers (id, host, slots, working, failed, languages, isolation, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, now())
		ON CONFLICT (id) DO UPDATE SET host = $2, slots = $3, working = $4, failed = $5, languages = $6, isolation = $7, seen_at = now()`,
		w.ID, w.Host, w.Slots, w.Working, w.Failed, w.Languages, w.Isolation)
	return err
}

// Leave notes that a worker stopped. What languages it had stays known.
func (s *Store) Leave(ctx context.Context, id string) error {
	_, err := s.change(ctx, "take leave", `UPDATE workers SET slots = 0, working = 0, seen_at = now() - interval '1 hour' WHERE id = $1`, id)
	return err
}

// Workers lists the workers that were seen within a day, the last seen first, and the time by the
// same clock.
func (s *Store) Workers(ctx context.Context) (list []store.Worker, now time.Time, err error) {
	err = s.call(ctx, "list workers", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT id, host, slots, working, failed, languages, isolation, seen_at, now() FROM workers WHERE seen_at > now() - interval '1 day' ORDER BY seen_at DESC, id`)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w store.Worker, err error) {
			err = row.Scan(&w.ID, &w.Host, &w.Slots, &w.Working, &w.Failed, &w.Languages, &w.Isolation, &w.SeenAt, &now)
			return w, err
		})
		return err
	})
	return list, now, err
}

// Statistics counts submissions by day, language and status; now says which day it is. It reads
// all of them.
func (s *Store) Statistics(ctx context.Context, now time.Time) (result store.Statistics, err error) {
	today := now.UTC().Truncate(24 * time.Hour)
	err = s.callFor(ctx, statisticsTimeout, "count submissions", func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, strconv.FormatInt(statisticsTimeout.Milliseconds(), 10)); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE created_at >= $1), pg_database_size(current_database()) FROM submissions`, today).
				Scan(&result.Total, &result.Today, &result.Size); err != nil {
				return err
			}
			result.Languages, result.Statuses, result.Last30Days = map[int]int{}, map[int]int{}, map[int]int{}
			for _, group := range []struct {
				to    map[int]int
				query string
				args  []any
			}{
				{result.Languages, `SELECT language_id, count(*) FROM submissions GROUP BY 1`, nil},
				{result.Statuses, `SELECT status::integer, count(*) FROM submissions GROUP BY 1`, nil},
				{result.Last30Days, `SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDD')::integer, count(*) FROM submissions WHERE created_at >= $1 GROUP BY 1`,
					[]any{today.AddDate(0, 0, -29)}},
			} {
				rows, err := tx.Query(ctx, group.query, group.args...)
				if err != nil {
					return err
				}
				counts := map[int]int{}
				var of, n int
				if _, err := pgx.ForEachRow(rows, []any{&of, &n}, func() error { counts[of] = n; return nil }); err != nil {
					return err
				}
				maps.Copy(group.to, counts)
			}
			return nil
		})
	})
	return result, err
}
