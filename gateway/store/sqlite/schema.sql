CREATE TABLE submissions (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of intake
    token            TEXT NOT NULL UNIQUE,
    account          TEXT NOT NULL,
    state            INTEGER NOT NULL, -- 0 queued, 1 forwarded, 2 processing, 3 finished
    engine_token     TEXT NOT NULL DEFAULT '',
    status           INTEGER NOT NULL, -- Judge0's
    language_id      INTEGER NOT NULL,
    settings         TEXT NOT NULL,    -- JSON: options and limits
    created_at       INTEGER NOT NULL, -- times in microseconds since 1970
    queued_at        INTEGER,
    started_at       INTEGER,
    finished_at      INTEGER,
    updated_at       INTEGER,
    exit_code        INTEGER,
    exit_signal      INTEGER,
    time             REAL,
    wall_time        REAL,
    memory           INTEGER,
    execution_host   TEXT,
    stdout           BLOB,
    stderr           BLOB,
    compile_output   BLOB,
    message          BLOB,
    source_code      BLOB,
    stdin            BLOB,
    expected_output  BLOB,
    additional_files BLOB
) STRICT;

CREATE INDEX submissions_of_account ON submissions (account, seq);
CREATE INDEX submissions_unfinished ON submissions (seq) WHERE state < 3;

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE, -- SHA-256
    prefix       TEXT NOT NULL,
    name         TEXT NOT NULL,
    account      TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
