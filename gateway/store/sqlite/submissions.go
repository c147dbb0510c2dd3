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
	rows, err := rowsOf(subs)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error { return insert(tx, rows) })
}

// rowsOf does outside of the writer's turn what can be done there.
func rowsOf(subs []*submission.Submission) ([][]any, error) {
	rows := make([][]any, len(subs))
	for i, sub := range subs {
		text, err := json.Marshal(settingsOf(sub))
		if err != nil {
			return nil, err
		}
		rows[i] = []any{
			sub.Token, sub.Account, sub.Owner, int(sub.State), sub.Status, sub.LanguageID, string(text), micros(&sub.CreatedAt), micros(sub.QueuedAt),
			sqlitedb.Bytes(sub.SourceCode), sqlitedb.Bytes(sub.Stdin), sqlitedb.Bytes(sub.ExpectedOutput), sqlitedb.Bytes(sub.AdditionalFiles),
		}
	}
	return rows, nil
}

func insert(tx *sqlitedb.Tx, rows [][]any) error {
	for _, row := range rows {
		if _, err := tx.Exec(`INSERT INTO submissions (token, account, owner, state, status, language_id, settings, created_at, queued_at, source_code, stdin, expected_output, additional_files)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, row...); err != nil {
			return err
		}
	}
	return nil
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

const outcomeColumns = `seq, token, account, owner, state, engine_token, status, language_id, settings, created_at, queued_at, started_at, finished_at,
	updated_at, exit_code, exit_signal, time, wall_time, memory, execution_host, stdout, stderr, compile_output, message`

// row is a submission with its number.
type row struct {
	*submission.Submission
	seq int64
}

// read scans a row of columns by scan.
func read(scan func(...any) error) (row, error) {
	var sub submission.Submission
	var seq int64
	var text string
	var created *time.Time
	err := scan(&seq, &sub.Token, &sub.Account, &sub.Owner, &sub.State, &sub.EngineToken, &sub.Status, &sub.LanguageID, &text,
		instant{&created}, instant{&sub.QueuedAt}, instant{&sub.StartedAt}, instant{&sub.FinishedAt}, instant{&sub.UpdatedAt},
		&sub.ExitCode, &sub.ExitSignal, &sub.Time, &sub.WallTime, &sub.Memory, &sub.ExecutionHost,
		sqlitedb.ScanBytes(&sub.Stdout), sqlitedb.ScanBytes(&sub.Stderr), sqlitedb.ScanBytes(&sub.CompileOutput), sqlitedb.ScanBytes(&sub.Message),
		sqlitedb.ScanBytes(&sub.SourceCode), sqlitedb.ScanBytes(&sub.Stdin), sqlitedb.ScanBytes(&sub.ExpectedOutput), sqlitedb.ScanBytes(&sub.AdditionalFiles))
	if err != nil {
		return row{}, err
	}
	var c settings
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return row{}, fmt.Errorf("read the settings of %s: %w", sub.Token, err)
	}
	c.applyTo(&sub)
	sub.CreatedAt = *created
	return row{&sub, seq}, nil
}

// Get gives one submission of an account.
func (s *Store) Get(ctx context.Context, account, token string, what submission.Part) (*submission.Submission, error) {
	if what == submission.Outcome {
		switch sub := s.ended.get(token); {
		case sub == nil:
		case sub.Account != account:
			return nil, submission.ErrNotFound
		default:
			return sub, nil
		}
	}
	before := s.ended.before()
	found, err := read(func(dest ...any) error {
		return s.db.QueryRow(ctx, `SELECT `+columnsOf(what)+` FROM submissions WHERE token = ? AND account = ?`, []any{token, account}, dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, submission.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	s.ended.put(found.Submission, before)
	return found.Submission, nil
}

// GetMany gives those of tokens that the account owns.
func (s *Store) GetMany(ctx context.Context, account string, tokens []string, what submission.Part) (map[string]*submission.Submission, error) {
	found := make(map[string]*submission.Submission, len(tokens))
	if what == submission.Outcome {
		var others []string
		for _, token := range tokens {
			switch sub := s.ended.get(token); {
			case sub == nil:
				others = append(others, token)
			case sub.Account == account:
				found[token] = sub
			}
		}
		tokens = others
	}
	if len(tokens) == 0 {
		return found, nil
	}
	before := s.ended.before()
	subs, err := s.query(ctx, `SELECT `+columnsOf(what)+` FROM submissions WHERE token IN (SELECT value FROM json_each(?)) AND account = ?`, list(tokens), account)
	for _, sub := range subs {
		s.ended.put(sub.Submission, before)
		found[sub.Token] = sub.Submission
	}
	return found, err
}

func byToken(subs []row) map[string]*submission.Submission {
	found := make(map[string]*submission.Submission, len(subs))
	for _, sub := range subs {
		found[sub.Token] = sub.Submission
	}
	return found
}

func plain(rows []row) []*submission.Submission {
	subs := make([]*submission.Submission, len(rows))
	for i, row := range rows {
		subs[i] = row.Submission
	}
	return subs
}

func (s *Store) query(ctx context.Context, query string, args ...any) ([]row, error) {
	rows, err := s.db.Query(ctx, query, args...)
	return collect(rows, err, read)
}

// List gives a page of an account's submissions, newest first, and the number of all of them.
func (s *Store) List(ctx context.Context, account string, offset, limit int, what submission.Part) ([]*submission.Submission, int, error) {
	var total int
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM submissions WHERE account = ?`, []any{account}, &total); err != nil {
		return nil, 0, err
	}
	subs, err := s.query(ctx, `SELECT `+columnsOf(what)+` FROM submissions WHERE account = ? ORDER BY created_at DESC, seq DESC LIMIT ? OFFSET ?`, account, limit, offset)
	return plain(subs), total, err
}

// Delete removes a submission of an account if it has ended, with its share and its delivery.
func (s *Store) Delete(ctx context.Context, account, token string) (*submission.Submission, bool, error) {
	sub, err := s.Get(ctx, account, token, submission.Whole)
	if err != nil || sub.State != submission.Finished {
		return sub, false, err
	}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		n, err := remove(tx, []string{token})
		if err == nil && n == 0 {
			err = submission.ErrNotFound
		}
		return err
	})
	s.ended.forget(token)
	if err != nil {
		return nil, false, err
	}
	return sub, true, nil
}

// remove deletes submissions that have ended, with all that hangs on them.
func remove(tx *sqlitedb.Tx, tokens []string) (int, error) {
	tokens, err := texts(tx, `SELECT token FROM submissions WHERE token IN (SELECT value FROM json_each(?)) AND state = 3`, list(tokens))
	if err != nil {
		return 0, err
	}
	for _, statement := range []string{
		`DELETE FROM deliveries WHERE token IN (SELECT value FROM json_each(?))`,
		`DELETE FROM shares WHERE token IN (SELECT value FROM json_each(?))`,
		`DELETE FROM submissions WHERE token IN (SELECT value FROM json_each(?))`,
	} {
		if _, err := tx.Exec(statement, list(tokens)); err != nil {
			return 0, err
		}
	}
	return len(tokens), nil
}

// texts reads a column of texts.
func texts(tx *sqlitedb.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.Query(query, args...)
	return collect(rows, err, func(scan func(...any) error) (text string, err error) {
		err = scan(&text)
		return text, err
	})
}

var _ submission.Store = (*Store)(nil)
