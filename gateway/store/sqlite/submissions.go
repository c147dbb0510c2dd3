package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

// settings are the attributes that are only ever read together with the rest.
type settings struct {
	CompilerOptions      *string `json:",omitempty"`
	CommandLineArguments *string `json:",omitempty"`
	CallbackURL          *string `json:",omitempty"`
	CPUTimeLimit         float64
	CPUExtraTime         float64
	WallTimeLimit        float64
	MemoryLimit          int
	StackLimit           int
	MaxProcesses         int
	MaxFileSize          int
	NumberOfRuns         int
	PerProcessTime       bool    `json:",omitempty"`
	PerProcessMemory     bool    `json:",omitempty"`
	RedirectStderr       bool    `json:",omitempty"`
	EnableNetwork        bool    `json:",omitempty"`
	QueueHost            *string `json:",omitempty"`
}

func settingsOf(s *submission.Submission) settings {
	return settings{
		s.CompilerOptions, s.CommandLineArguments, s.CallbackURL, s.CPUTimeLimit, s.CPUExtraTime,
		s.WallTimeLimit, s.MemoryLimit, s.StackLimit, s.MaxProcesses, s.MaxFileSize, s.NumberOfRuns,
		s.PerProcessTime, s.PerProcessMemory, s.RedirectStderr, s.EnableNetwork, s.QueueHost,
	}
}

func (c settings) applyTo(s *submission.Submission) {
	s.CompilerOptions, s.CommandLineArguments, s.CallbackURL = c.CompilerOptions, c.CommandLineArguments, c.CallbackURL
	s.CPUTimeLimit, s.CPUExtraTime, s.WallTimeLimit = c.CPUTimeLimit, c.CPUExtraTime, c.WallTimeLimit
	s.MemoryLimit, s.StackLimit, s.MaxProcesses = c.MemoryLimit, c.StackLimit, c.MaxProcesses
	s.MaxFileSize, s.NumberOfRuns = c.MaxFileSize, c.NumberOfRuns
	s.PerProcessTime, s.PerProcessMemory = c.PerProcessTime, c.PerProcessMemory
	s.RedirectStderr, s.EnableNetwork, s.QueueHost = c.RedirectStderr, c.EnableNetwork, c.QueueHost
}

// Insert stores all of subs or none.
func (s *Store) Insert(ctx context.Context, subs ...*submission.Submission) error {
	rows := make([][]any, len(subs))
	for i, sub := range subs {
		text, err := json.Marshal(settingsOf(sub))
		if err != nil {
			return err
		}
		rows[i] = []any{
			sub.Token, sub.Account, int(sub.State), sub.Status, sub.LanguageID, string(text), micros(&sub.CreatedAt), micros(sub.QueuedAt),
			sqlitedb.Bytes(sub.SourceCode), sqlitedb.Bytes(sub.Stdin), sqlitedb.Bytes(sub.ExpectedOutput), sqlitedb.Bytes(sub.AdditionalFiles),
		}
	}
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for _, row := range rows {
			if _, err := tx.Exec(`INSERT INTO submissions (token, account, state, status, language_id, settings, created_at, queued_at, source_code, stdin, expected_output, additional_files)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// The columns of a whole submission, and of one without its program: large texts that are not asked
// for are not read either.
const (
	columns = outcomeColumns + `, source_code, stdin, expected_output, additional_files`
	outline = outcomeColumns + `, NULL, NULL, NULL, NULL`
)

func columnsOf(what submission.Part) string {
	if what == submission.Whole {
		return columns
	}
	return outline
}

const outcomeColumns = `token, account, state, engine_token, status, language_id, settings, created_at, queued_at, started_at, finished_at,
	updated_at, exit_code, exit_signal, time, wall_time, memory, execution_host, stdout, stderr, compile_output, message`

// read scans a row of columns by scan.
func read(scan func(...any) error) (*submission.Submission, error) {
	var sub submission.Submission
	var text string
	var created *time.Time
	err := scan(&sub.Token, &sub.Account, &sub.State, &sub.EngineToken, &sub.Status, &sub.LanguageID, &text,
		instant{&created}, instant{&sub.QueuedAt}, instant{&sub.StartedAt}, instant{&sub.FinishedAt}, instant{&sub.UpdatedAt},
		&sub.ExitCode, &sub.ExitSignal, &sub.Time, &sub.WallTime, &sub.Memory, &sub.ExecutionHost,
		sqlitedb.ScanBytes(&sub.Stdout), sqlitedb.ScanBytes(&sub.Stderr), sqlitedb.ScanBytes(&sub.CompileOutput), sqlitedb.ScanBytes(&sub.Message),
		sqlitedb.ScanBytes(&sub.SourceCode), sqlitedb.ScanBytes(&sub.Stdin), sqlitedb.ScanBytes(&sub.ExpectedOutput), sqlitedb.ScanBytes(&sub.AdditionalFiles))
	if err != nil {
		return nil, err
	}
	var c settings
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", sub.Token, err)
	}
	c.applyTo(&sub)
	sub.CreatedAt = *created
	return &sub, nil
}

// Get gives one submission of an account.
func (s *Store) Get(ctx context.Context, account, token string, what submission.Part) (*submission.Submission, error) {
	sub, err := read(func(dest ...any) error {
		return s.db.QueryRow(ctx, `SELECT `+columnsOf(what)+` FROM submissions WHERE token = ? AND account = ?`, []any{token, account}, dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, submission.ErrNotFound
	}
	return sub, err
}

// GetMany gives those of tokens that the account owns.
func (s *Store) GetMany(ctx context.Context, account string, tokens []string, what submission.Part) (map[string]*submission.Submission, error) {
	subs, err := s.query(ctx, `SELECT `+columnsOf(what)+` FROM submissions WHERE token IN (SELECT value FROM json_each(?)) AND account = ?`, list(tokens), account)
	return byToken(subs), err
}

// Load gives those of tokens that exist, whoever owns them.
func (s *Store) Load(ctx context.Context, tokens ...string) (map[string]*submission.Submission, error) {
	subs, err := s.query(ctx, `SELECT `+columns+` FROM submissions WHERE token IN (SELECT value FROM json_each(?))`, list(tokens))
	return byToken(subs), err
}

func byToken(subs []*submission.Submission) map[string]*submission.Submission {
	found := make(map[string]*submission.Submission, len(subs))
	for _, sub := range subs {
		found[sub.Token] = sub
	}
	return found
}

func (s *Store) query(ctx context.Context, query string, args ...any) ([]*submission.Submission, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var subs []*submission.Submission
	for rows.Next() {
		sub, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		subs = append(subs, sub)
	}
	return subs, rows.Err()
}

// List gives a page of an account's submissions, newest first, and the number of all of them.
func (s *Store) List(ctx context.Context, account string, offset, limit int, what submission.Part) ([]*submission.Submission, int, error) {
	var total int
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM submissions WHERE account = ?`, []any{account}, &total); err != nil {
		return nil, 0, err
	}
	subs, err := s.query(ctx, `SELECT `+columnsOf(what)+` FROM submissions WHERE account = ? ORDER BY seq DESC LIMIT ? OFFSET ?`, account, limit, offset)
	return subs, total, err
}

// Delete removes a submission of an account if it has ended.
func (s *Store) Delete(ctx context.Context, account, token string) (*submission.Submission, bool, error) {
	sub, err := s.Get(ctx, account, token, submission.Whole)
	if err != nil || sub.State != submission.Finished {
		return sub, false, err
	}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		there, err := tx.ExecOne(`DELETE FROM submissions WHERE token = ? AND account = ?`, token, account)
		if err == nil && !there {
			err = submission.ErrNotFound
		}
		return err
	})
	return sub, err == nil, err
}

// Forwarded notes the engine's tokens of submissions that the pool took. What has ended meanwhile
// stays as it is.
func (s *Store) Forwarded(ctx context.Context, engineTokens map[string]string) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for token, engineToken := range engineTokens {
			if _, err := tx.Exec(`UPDATE submissions SET state = max(state, 1), engine_token = ? WHERE token = ? AND state < 3`, engineToken, token); err != nil {
				return err
			}
		}
		return nil
	})
}

// Begin notes that a worker runs the submission; false if that was known, or it has ended.
func (s *Store) Begin(ctx context.Context, sub *submission.Submission) (changed bool, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		changed, err = tx.ExecOne(`UPDATE submissions SET state = 2, engine_token = ?, status = ?, started_at = ?, updated_at = ? WHERE token = ? AND state < 2`,
			sub.EngineToken, sub.Status, micros(sub.StartedAt), micros(sub.UpdatedAt), sub.Token)
		return err
	})
	return changed && err == nil, err
}

// Finish stores the result of a submission; false if it has one, or is gone.
func (s *Store) Finish(ctx context.Context, sub *submission.Submission) (changed bool, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		changed, err = tx.ExecOne(`UPDATE submissions SET state = 3, engine_token = ?, status = ?, started_at = ?, finished_at = ?, updated_at = ?,
			exit_code = ?, exit_signal = ?, time = ?, wall_time = ?, memory = ?, execution_host = ?,
			stdout = ?, stderr = ?, compile_output = ?, message = ? WHERE token = ? AND state < 3`,
			sub.EngineToken, sub.Status, micros(sub.StartedAt), micros(sub.FinishedAt), micros(sub.UpdatedAt),
			sub.ExitCode, sub.ExitSignal, sub.Time, sub.WallTime, sub.Memory, sub.ExecutionHost,
			sqlitedb.Bytes(sub.Stdout), sqlitedb.Bytes(sub.Stderr), sqlitedb.Bytes(sub.CompileOutput), sqlitedb.Bytes(sub.Message), sub.Token)
		return err
	})
	return changed && err == nil, err
}

// Unfinished lists submissions that have not ended, in the order of intake, from the one after the
// given number on.
func (s *Store) Unfinished(ctx context.Context, after int64, limit int) ([]submission.Pending, error) {
	rows, err := s.db.Query(ctx, `SELECT seq, token, state, engine_token FROM submissions WHERE state < 3 AND seq > ? ORDER BY seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var pending []submission.Pending
	for rows.Next() {
		var p submission.Pending
		if err := rows.Scan(&p.Seq, &p.Token, &p.State, &p.EngineToken); err != nil {
			return nil, err
		}
		pending = append(pending, p)
	}
	return pending, rows.Err()
}
