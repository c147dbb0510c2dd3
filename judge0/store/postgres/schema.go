package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations are scripts in the order of their versions. One that was released must never change.
//
// Texts are bytea: they need not be UTF-8. What is large lies outside of the row (TOAST), and is not
// written again when the state changes. Rows leave room on their page for the two updates of a run.
var migrations = []string{`
CREATE TABLE submissions (
	seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	token text NOT NULL,
	idempotency_key bytea,
	status smallint NOT NULL,
	language_id integer NOT NULL,
	created_at timestamptz NOT NULL,
	queued_at timestamptz,
	started_at timestamptz,
	finished_at timestamptz,
	updated_at timestamptz,
	queue_host text,
	execution_host text,
	lease text,
	lost smallint NOT NULL DEFAULT 0,
	stdout bytea,
	stderr bytea,
	compile_output bytea,
	message bytea,
	exit_code integer,
	exit_signal integer,
	time double precision,
	wall_time double precision,
	memory bigint,
	source_code bytea,
	stdin bytea,
	expected_output bytea,
	additional_files bytea,
	compiler_options bytea,
	command_line_arguments bytea,
	callback_url bytea,
	cpu_time_limit double precision NOT NULL,
	cpu_extra_time double precision NOT NULL,
	wall_time_limit double precision NOT NULL,
	memory_limit bigint NOT NULL,
	stack_limit bigint NOT NULL,
	max_processes integer NOT NULL,
	max_file_size bigint NOT NULL,
	number_of_runs integer NOT NULL,
	per_process_time boolean NOT NULL,
	per_process_memory boolean NOT NULL,
	redirect_stderr boolean NOT NULL,
	enable_network boolean NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX submissions_token ON submissions (token);
CREATE UNIQUE INDEX submissions_idempotency_key ON submissions (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX submissions_unfinished ON submissions (seq) WHERE status <= 2;
CREATE INDEX submissions_finished ON submissions (finished_at) WHERE status > 2;

CREATE TABLE workers (
	id text PRIMARY KEY,
	host text NOT NULL,
	slots integer NOT NULL,
	working integer NOT NULL,
	failed integer NOT NULL,
	languages jsonb NOT NULL,
	seen_at timestamptz NOT NULL
);`, `
ALTER TABLE workers ADD COLUMN isolation text NOT NULL DEFAULT '';`}

var errNewer = errors.New("it was made by a newer release")

// The keys of the advisory locks that this program takes. The numbers mean nothing; those who share
// the database must agree on them.
const (
	lockSpace   = 0x53474a30
	migrateLock = 1
)

// migrate brings the schema up to date: in one transaction, under a lock, so that of many programs
// that start at once one does it and the others find it done.
func (s *Store) migrate(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, migrateLock); err != nil {
			return fmt.Errorf("wait for the schema: %w", err)
		}
		if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)`); err != nil {
			return fmt.Errorf("read the schema's version: %w", err)
		}
		var version int
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&version); err != nil {
			return fmt.Errorf("read the schema's version: %w", err)
		}
		if version > len(migrations) {
			return fmt.Errorf("the schema has version %d, this program knows %d: %w", version, len(migrations), errNewer)
		}
		for ; version < len(migrations); version++ {
			if _, err := tx.Exec(ctx, migrations[version]); err != nil {
				return fmt.Errorf("migrate the schema to version %d: %w", version+1, err)
			}
			if _, err := tx.Exec(ctx, `INSERT INTO schema_version (version) VALUES ($1)`, version+1); err != nil {
				return fmt.Errorf("migrate the schema to version %d: %w", version+1, err)
			}
		}
		return nil
	})
}
