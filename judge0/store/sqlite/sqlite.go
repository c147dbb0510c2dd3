// Package sqlite stores the engine's submissions in an embedded SQLite file.
//
// What a client sent is written once, into the table programs; the table submissions holds what
// changes as a submission is run, so that starting and ending it does not rewrite its source. Texts
// are BLOBs: they need not be UTF-8. Times are microseconds since 1970.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/internal/sqlitedb"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/store"
)

var migrations = []string{`
CREATE TABLE submissions (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	token TEXT NOT NULL,
	idempotency_key BLOB,
	status INTEGER NOT NULL,
	language_id INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	queued_at INTEGER,
	started_at INTEGER,
	finished_at INTEGER,
	updated_at INTEGER,
	queue_host TEXT,
	execution_host TEXT,
	stdout BLOB,
	stderr BLOB,
	compile_output BLOB,
	message BLOB,
	exit_code INTEGER,
	exit_signal INTEGER,
	time REAL,
	wall_time REAL,
	memory INTEGER
) STRICT;
CREATE UNIQUE INDEX submissions_token ON submissions (token);
CREATE UNIQUE INDEX submissions_idempotency_key ON submissions (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX submissions_unfinished ON submissions (seq) WHERE status <= 2;

CREATE TABLE programs (
	seq INTEGER PRIMARY KEY REFERENCES submissions (seq) ON DELETE CASCADE,
	source_code BLOB,
	stdin BLOB,
	expected_output BLOB,
	additional_files BLOB,
	compiler_options BLOB,
	command_line_arguments BLOB,
	callback_url BLOB,
	cpu_time_limit REAL NOT NULL,
	cpu_extra_time REAL NOT NULL,
	wall_time_limit REAL NOT NULL,
	memory_limit INTEGER NOT NULL,
	stack_limit INTEGER NOT NULL,
	max_processes INTEGER NOT NULL,
	max_file_size INTEGER NOT NULL,
	number_of_runs INTEGER NOT NULL,
	per_process_time INTEGER NOT NULL,
	per_process_memory INTEGER NOT NULL,
	redirect_stderr INTEGER NOT NULL,
	enable_network INTEGER NOT NULL
) STRICT;`, `
ALTER TABLE submissions ADD COLUMN lost INTEGER NOT NULL DEFAULT 0; -- how many workers died with it
`, `
ALTER TABLE submissions ADD COLUMN lease TEXT; -- of the worker that runs it, or that recorded its result
CREATE INDEX submissions_finished ON submissions (finished_at) WHERE status > 2;
`}

const (
	stateColumns = `s.token, s.status, s.language_id, s.created_at, s.queued_at, s.started_at, s.finished_at, s.updated_at,
		s.queue_host, s.execution_host, s.stdout, s.stderr, s.compile_output, s.message, s.exit_code, s.exit_signal, s.time, s.wall_time, s.memory`
	programColumns = `p.source_code, p.stdin, p.expected_output, p.additional_files, p.compiler_options, p.command_line_arguments, p.callback_url,
		p.cpu_time_limit, p.cpu_extra_time, p.wall_time_limit, p.memory_limit, p.stack_limit, p.max_processes, p.max_file_size, p.number_of_runs,
		p.per_process_time, p.per_process_memory, p.redirect_stderr, p.enable_network`

	insertSubmission = `INSERT INTO submissions (token, idempotency_key, status, language_id, created_at, queued_at, updated_at, queue_host) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	insertProgram    = `INSERT INTO programs (seq, source_code, stdin, expected_output, additional_files, compiler_options, command_line_arguments, callback_url,
		cpu_time_limit, cpu_extra_time, wall_time_limit, memory_limit, stack_limit, max_processes, max_file_size, number_of_runs,
		per_process_time, per_process_memory, redirect_stderr, enable_network) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectByKey    = `SELECT token FROM submissions WHERE idempotency_key = ?`
	selectStates   = `SELECT ` + stateColumns + ` FROM submissions s WHERE s.token IN (SELECT value FROM json_each(?))`
	selectPrograms = `SELECT ` + stateColumns + `, ` + programColumns + ` FROM submissions s JOIN programs p ON p.seq = s.seq WHERE s.token IN (SELECT value FROM json_each(?))`
	onePage        = ` FROM (SELECT seq FROM submissions ORDER BY seq DESC LIMIT ? OFFSET ?) page JOIN submissions s ON s.seq = page.seq`
	statesOfPage   = `SELECT ` + stateColumns + onePage + ` ORDER BY s.seq DESC`
	programsOfPage = `SELECT ` + stateColumns + `, ` + programColumns + onePage + ` JOIN programs p ON p.seq = s.seq ORDER BY s.seq DESC`
	startOne       = `UPDATE submissions SET status = 2, started_at = ?, updated_at = ?, execution_host = ?, lease = ? WHERE token = ? AND (status = 1 OR status = 2 AND lease = ?)`
	releaseOne     = `UPDATE submissions SET status = 1, started_at = NULL, execution_host = NULL WHERE token = ? AND status = 2 AND lease = ?`
	requeueLost    = `UPDATE submissions SET status = 1, started_at = NULL, execution_host = NULL, lost = lost + 1 WHERE status = 2`
	endLost        = `UPDATE submissions SET status = ?, message = ?, finished_at = ?, updated_at = ? WHERE status = 2 AND lost + 1 >= ?`
	finishOne      = `UPDATE submissions SET status = ?, finished_at = ?, updated_at = ?, stdout = ?, stderr = ?, compile_output = ?, message = ?,
		exit_code = ?, exit_signal = ?, time = ?, wall_time = ?, memory = ?, lease = ? WHERE token = ? AND status <= 2`
	recordedBy = `SELECT count(*) FROM submissions WHERE token = ? AND status > 2 AND lease = ?`
	loseOne    = `UPDATE submissions SET status = 1, started_at = NULL, execution_host = NULL, lost = lost + 1 WHERE token = ? AND status = 2 AND lost + 1 < ?`
	endOne     = `UPDATE submissions SET status = ?, message = ?, finished_at = ?, updated_at = ? WHERE token = ? AND status = 2 AND lost + 1 >= ?`
	sweepSome  = `DELETE FROM submissions WHERE seq IN (SELECT seq FROM submissions WHERE status > 2 AND finished_at < ? ORDER BY finished_at LIMIT ?)`
)

// Store is an open file. Its methods may be called from any goroutine.
type Store struct{ db *sqlitedb.DB }

// Open opens or creates the file at path. One process may hold it at a time.
func Open(path string, options ...sqlitedb.Options) (*Store, error) {
	db, err := sqlitedb.Open(path, migrations, options...)
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Close ends the writes that are under way and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Ping tells whether the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.db.QueryRow(ctx, `SELECT 1`, nil, &one)
}

// Create stores the submissions, all or none, and gives for each the token that stands: its own,
// or that of an earlier submission with the same idempotency key, in which case it is not stored.
func (s *Store) Create(ctx context.Context, list []store.New) ([]string, error) {
	var tokens []string
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		tokens = make([]string, 0, len(list))
		for _, entry := range list {
			token, err := create(tx, entry)
			if err != nil {
				return err
			}
			tokens = append(tokens, token)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store submissions: %w", err)
	}
	return tokens, nil
}

func create(tx *sqlitedb.Tx, entry store.New) (token string, err error) {
	var key any
	if entry.IdempotencyKey != "" {
		key = []byte(entry.IdempotencyKey)
		switch err := tx.QueryRow(selectByKey, []any{key}, &token); {
		case err == nil:
			return token, nil
		case !errors.Is(err, sql.ErrNoRows):
			return "", err
		}
	}
	n := entry.Submission
	result, err := tx.Exec(insertSubmission, n.Token, key, n.Status, n.LanguageID, n.CreatedAt.UnixMicro(), micros(n.QueuedAt), micros(n.UpdatedAt), n.QueueHost)
	if err != nil {
		return "", err
	}
	seq, err := result.LastInsertId()
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(insertProgram, seq, sqlitedb.Bytes(n.SourceCode), sqlitedb.Bytes(n.Stdin), sqlitedb.Bytes(n.ExpectedOutput), sqlitedb.Bytes(n.AdditionalFiles),
		sqlitedb.Bytes(n.CompilerOptions), sqlitedb.Bytes(n.CommandLineArguments), sqlitedb.Bytes(n.CallbackURL),
		n.CPUTimeLimit, n.CPUExtraTime, n.WallTimeLimit, n.MemoryLimit, n.StackLimit, n.MaxProcesses, n.MaxFileSize, n.NumberOfRuns,
		n.PerProcessTime, n.PerProcessMemory, n.RedirectStderr, n.EnableNetwork)
	return n.Token, err
}

// Tokens gives the tokens of the submissions with these idempotency keys; unknown keys are left out.
func (s *Store) Tokens(ctx context.Context, keys []string) (map[string]string, error) {
	tokens := make(map[string]string, len(keys))
	for _, key := range keys {
		var token string
		switch err := s.db.QueryRow(ctx, selectByKey, []any{[]byte(key)}, &token); {
		case err == nil:
			tokens[key] = token
		case !errors.Is(err, sql.ErrNoRows):
			return nil, fmt.Errorf("look up idempotency keys: %w", err)
		}
	}
	return tokens, nil
}

// Get reads the submissions with these tokens; unknown ones are left out. Without program, what the
// client sent (texts, files, limits) is left out, which spares reading it.
func (s *Store) Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error) {
	list, err := json.Marshal(tokens)
	if err != nil {
		return nil, err
	}
	query := selectStates
	if program {
		query = selectPrograms
	}
	rows, err := s.db.Query(ctx, query, string(list))
	if err != nil {
		return nil, fmt.Errorf("read submissions: %w", err)
	}
	found, err := scan(rows, program, nil)
	if err != nil {
		return nil, fmt.Errorf("read submissions: %w", err)
	}
	byToken := make(map[string]*api.Submission, len(found))
	for _, submission := range found {
		byToken[submission.Token] = submission
	}
	return byToken, nil
}

// List reads a page, counted from 1; without program it leaves out what Get does.
func (s *Store) List(ctx context.Context, page, perPage int, program bool) (store.Page, error) {
	query := statesOfPage
	if program {
		query = programsOfPage
	}
	var result store.Page
	err := s.db.Read(ctx, func(tx *sqlitedb.Tx) error {
		if err := tx.QueryRow(`SELECT count(*) FROM submissions`, nil, &result.Total); err != nil {
			return err
		}
		if perPage == 0 || page-1 > result.Total/perPage {
			return nil
		}
		rows, err := tx.Query(query, perPage, (page-1)*perPage)
		if err != nil {
			return err
		}
		result.Submissions, err = scan(rows, program, &store.Room{})
		return err
	})
	if err != nil {
		return store.Page{}, fmt.Errorf("list submissions: %w", err)
	}
	return result, nil
}

// Delete removes a finished submission and gives what it was.
func (s *Store) Delete(ctx context.Context, token string) (*api.Submission, error) {
	var gone *api.Submission
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		list, err := json.Marshal([]string{token})
		if err != nil {
			return err
		}
		rows, err := tx.Query(selectPrograms, string(list))
		if err != nil {
			return err
		}
		found, err := scan(rows, true, nil)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return store.ErrNotFound
		}
		if gone = found[0]; !api.Finished(gone.Status) {
			return store.ErrUnfinished
		}
		_, err = tx.Exec(`DELETE FROM submissions WHERE token = ?`, token)
		return err
	})
	if err != nil {
		return gone, fmt.Errorf("delete a submission: %w", err)
	}
	return gone, nil
}

// Start marks a queued submission as Processing under a lease. It tells whether it is now: false
// means that another lease runs it, that it has ended, or is gone.
func (s *Store) Start(ctx context.Context, token string, lease store.Lease, at time.Time) (bool, error) {
	var did bool
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
		did, err = tx.ExecOne(startOne, at.UnixMicro(), at.UnixMicro(), lease.Host, lease.ID, token, lease.ID)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("start a submission: %w", err)
	}
	return did, nil
}

// Finish records a result, the first that comes, from whichever lease. It tells whether the result
// that stands is that of this lease.
func (s *Store) Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (bool, error) {
	var did bool
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
		did, err = tx.ExecOne(finishOne, r.Status, at.UnixMicro(), at.UnixMicro(), sqlitedb.Bytes(r.Stdout), sqlitedb.Bytes(r.Stderr), sqlitedb.Bytes(r.CompileOutput), sqlitedb.Bytes(r.Message),
			r.ExitCode, r.ExitSignal, r.Time, r.WallTime, r.Memory, lease, token)
		if err != nil || did {
			return err
		}
		var n int
		err = tx.QueryRow(recordedBy, []any{token, lease}, &n)
		did = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("finish a submission: %w", err)
	}
	return did, nil
}

// Release puts a submission that is Processing under a lease back In Queue: its worker gives it up
// in good order.
func (s *Store) Release(ctx context.Context, token, lease string) error {
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(releaseOne, token, lease)
		return err
	})
	if err != nil {
		return fmt.Errorf("release a submission: %w", err)
	}
	return nil
}

// Lose puts a submission that was Processing when its worker got lost back In Queue, or ends it if
// that was the last time it may happen. It tells whether it did end it.
func (s *Store) Lose(ctx context.Context, token string, at time.Time) (bool, error) {
	var ended bool
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) (err error) {
		if ended, err = tx.ExecOne(endOne, api.InternalError, []byte(store.LostMessage), at.UnixMicro(), at.UnixMicro(), token, store.MaxLost); err != nil || ended {
			return err
		}
		_, err = tx.Exec(loseOne, token, store.MaxLost)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("count a lost worker: %w", err)
	}
	return ended, nil
}

// Sweep deletes at most limit submissions that finished before a moment, oldest first, and tells
// how many.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	var n int
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		result, err := tx.Exec(sweepSome, before.UnixMicro(), limit)
		if err != nil {
			return err
		}
		deleted, err := result.RowsAffected()
		n = int(deleted)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete old submissions: %w", err)
	}
	return n, nil
}

// Exclusive runs f: no other process has the file open.
func (s *Store) Exclusive(ctx context.Context, _ string, f func(context.Context) error) (bool, error) {
	return true, f(ctx)
}

// Recover gives the tokens of all submissions without a result in the order in which they came,
// and puts those that were Processing back In Queue, but for those that lost their worker for the
// last time: they end at the given time. It is for the start of a program, before any worker runs.
func (s *Store) Recover(ctx context.Context, at time.Time) ([]string, error) {
	var tokens []string
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		tokens = nil
		if _, err := tx.Exec(endLost, api.InternalError, []byte(store.LostMessage), at.UnixMicro(), at.UnixMicro(), store.MaxLost); err != nil {
			return err
		}
		if _, err := tx.Exec(requeueLost); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT token FROM submissions WHERE status <= 2 ORDER BY seq`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var token string
			if err := rows.Scan(&token); err != nil {
				return err
			}
			tokens = append(tokens, token)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("recover submissions: %w", err)
	}
	return tokens, nil
}

// Statistics counts submissions by day, language and status; now says which day it is. It reads
// all of them.
func (s *Store) Statistics(ctx context.Context, now time.Time) (store.Statistics, error) {
	var result store.Statistics
	today := now.UTC().Truncate(24 * time.Hour)
	err := s.db.Read(ctx, func(tx *sqlitedb.Tx) error {
		if err := tx.QueryRow(`SELECT count(*), coalesce(sum(created_at >= ?), 0) FROM submissions`, []any{today.UnixMicro()}, &result.Total, &result.Today); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`, nil, &result.Size); err != nil {
			return err
		}
		for _, group := range []struct {
			to    *map[int]int
			query string
			args  []any
		}{
			{&result.Languages, `SELECT language_id, count(*) FROM submissions GROUP BY 1`, nil},
			{&result.Statuses, `SELECT status, count(*) FROM submissions GROUP BY 1`, nil},
			{&result.Last30Days, `SELECT CAST(strftime('%Y%m%d', created_at / 1000000, 'unixepoch') AS INTEGER), count(*) FROM submissions WHERE created_at >= ? GROUP BY 1`,
				[]any{today.AddDate(0, 0, -29).UnixMicro()}},
		} {
			counts, err := counts(tx, group.query, group.args)
			if err != nil {
				return err
			}
			*group.to = counts
		}
		return nil
	})
	if err != nil {
		return store.Statistics{}, fmt.Errorf("count submissions: %w", err)
	}
	return result, nil
}

func counts(tx *sqlitedb.Tx, query string, args []any) (map[int]int, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := map[int]int{}
	for rows.Next() {
		var of, n int
		if err := rows.Scan(&of, &n); err != nil {
			return nil, err
		}
		found[of] = n
	}
	return found, rows.Err()
}

// scan reads submissions, in so far as there is room; nil: for as many as there are.
func scan(rows *sql.Rows, program bool, room *store.Room) ([]*api.Submission, error) {
	defer func() { _ = rows.Close() }()
	var list []*api.Submission
	for rows.Next() {
		var s api.Submission
		dest := []any{&s.Token, &s.Status, &s.LanguageID, moment{to: &s.CreatedAt}, moment{pointer: &s.QueuedAt}, moment{pointer: &s.StartedAt}, moment{pointer: &s.FinishedAt}, moment{pointer: &s.UpdatedAt},
			&s.QueueHost, &s.ExecutionHost, sqlitedb.ScanBytes(&s.Stdout), sqlitedb.ScanBytes(&s.Stderr), sqlitedb.ScanBytes(&s.CompileOutput), sqlitedb.ScanBytes(&s.Message),
			&s.ExitCode, &s.ExitSignal, &s.Time, &s.WallTime, &s.Memory}
		if program {
			dest = append(dest, sqlitedb.ScanBytes(&s.SourceCode), sqlitedb.ScanBytes(&s.Stdin), sqlitedb.ScanBytes(&s.ExpectedOutput), sqlitedb.ScanBytes(&s.AdditionalFiles),
				sqlitedb.ScanBytes(&s.CompilerOptions), sqlitedb.ScanBytes(&s.CommandLineArguments), sqlitedb.ScanBytes(&s.CallbackURL),
				&s.CPUTimeLimit, &s.CPUExtraTime, &s.WallTimeLimit, &s.MemoryLimit, &s.StackLimit, &s.MaxProcesses, &s.MaxFileSize, &s.NumberOfRuns,
				&s.PerProcessTime, &s.PerProcessMemory, &s.RedirectStderr, &s.EnableNetwork)
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		if room != nil {
			if err := room.Add(&s); err != nil {
				return nil, err
			}
		}
		list = append(list, &s)
	}
	return list, rows.Err()
}

// moment reads microseconds into a time, or into a pointer to one where there may be none.
type moment struct {
	to      *time.Time
	pointer **time.Time
}

func (m moment) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case int64:
		t := time.UnixMicro(v).UTC()
		if m.pointer != nil {
			*m.pointer = &t
		} else {
			*m.to = t
		}
		return nil
	}
	return fmt.Errorf("%T is no time", src)
}

func micros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}
