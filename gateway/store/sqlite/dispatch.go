package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

// Load gives those of tokens that exist, whoever owns them.
func (s *Store) Load(ctx context.Context, tokens ...string) (map[string]*submission.Submission, error) {
	subs, err := s.query(ctx, `SELECT `+columns+` FROM submissions WHERE token IN (SELECT value FROM json_each(?))`, list(tokens))
	return byToken(subs), err
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

// Finish stores the result of a submission, and the call that its client is owed; false if it has a
// result, or is gone.
func (s *Store) Finish(ctx context.Context, sub *submission.Submission) (changed bool, err error) {
	before := s.ended.before()
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		changed, err = tx.ExecOne(`UPDATE submissions SET state = 3, engine_token = ?, status = ?, started_at = ?, finished_at = ?, updated_at = ?,
			exit_code = ?, exit_signal = ?, time = ?, wall_time = ?, memory = ?, execution_host = ?,
			stdout = ?, stderr = ?, compile_output = ?, message = ? WHERE token = ? AND state < 3`,
			sub.EngineToken, sub.Status, micros(sub.StartedAt), micros(sub.FinishedAt), micros(sub.UpdatedAt),
			sub.ExitCode, sub.ExitSignal, sub.Time, sub.WallTime, sub.Memory, sub.ExecutionHost,
			sqlitedb.Bytes(sub.Stdout), sqlitedb.Bytes(sub.Stderr), sqlitedb.Bytes(sub.CompileOutput), sqlitedb.Bytes(sub.Message), sub.Token)
		if err != nil || !changed || sub.CallbackURL == nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO deliveries (seq, token, account, url, state, due_at, updated_at)
			SELECT seq, token, account, ?, 'pending', updated_at, updated_at FROM submissions WHERE token = ?`, *sub.CallbackURL, sub.Token)
		return err
	})
	if !changed || err != nil {
		return false, err
	}
	s.ended.put(sub, before)
	return true, nil
}

// Unfinished lists what a gateway carries and has not ended, in the order of intake, after the given
// one.
func (s *Store) Unfinished(ctx context.Context, owner string, after submission.Pending, limit int) ([]submission.Pending, error) {
	rows, err := s.db.Query(ctx, `SELECT seq, token, account, state, engine_token FROM submissions WHERE state < 3 AND owner = ? AND (seq, token) > (?, ?) ORDER BY seq LIMIT ?`,
		owner, after.Seq, after.Token, limit)
	return collect(rows, err, readPending)
}

func readPending(scan func(...any) error) (p submission.Pending, err error) {
	err = scan(&p.Seq, &p.Token, &p.Account, &p.State, &p.EngineToken)
	return p, err
}

// Alive says that a gateway is alive until then.
func (s *Store) Alive(ctx context.Context, gateway string, until time.Time) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO gateways (id, alive_until) VALUES (?, ?) ON CONFLICT DO UPDATE SET alive_until = excluded.alive_until`, gateway, micros(&until))
		return err
	})
}

// Adopt makes gateway the owner of what has not ended and whose owner is not alive.
func (s *Store) Adopt(ctx context.Context, gateway string, now time.Time, limit int) (adopted []submission.Pending, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		rows, err := tx.Query(`UPDATE submissions SET owner = ? WHERE seq IN (
				SELECT seq FROM submissions INDEXED BY submissions_unfinished WHERE state < 3 AND owner <> ? AND owner NOT IN (SELECT id FROM gateways WHERE alive_until > ?) ORDER BY seq LIMIT ?)
			RETURNING seq, token, account, state, engine_token`, gateway, gateway, micros(&now), limit)
		adopted, err = collect(rows, err, readPending)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(adopted, func(a, b submission.Pending) int { return cmp.Compare(a.Seq, b.Seq) })
	return adopted, nil
}

// Leave says that a gateway is gone.
func (s *Store) Leave(ctx context.Context, gateway string) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`DELETE FROM gateways WHERE id = ?`, gateway)
		return err
	})
}
