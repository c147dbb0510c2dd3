CREATE TABLE submissions (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of intake
    token            TEXT NOT NULL UNIQUE,
    account          TEXT NOT NULL,
    owner            TEXT NOT NULL DEFAULT '', -- the gateway that carries it to the pool
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

-- For histories: the filters are answered from the index alone.
CREATE INDEX submissions_of_account ON submissions (account, created_at, seq, status, language_id);
CREATE INDEX submissions_unfinished ON submissions (owner, seq) WHERE state < 3;
CREATE INDEX submissions_by_age ON submissions (finished_at, account) WHERE state = 3;

-- Calls of clients' callback URLs: written with the result.
CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY, -- the submission's
    token       TEXT NOT NULL UNIQUE,
    account     TEXT NOT NULL,
    url         TEXT NOT NULL,
    state       TEXT NOT NULL, -- pending, delivered, given up
    attempts    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL,
    last_status INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT NOT NULL DEFAULT '',
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX deliveries_of_account ON deliveries (account, seq);

-- What clients' idempotency keys stand for.
CREATE TABLE once (
    account    TEXT NOT NULL,
    key        TEXT NOT NULL,
    request    BLOB NOT NULL, -- SHA-256
    tokens     TEXT NOT NULL, -- JSON
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX once_by_age ON once (created_at);

CREATE TABLE shares (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    token      TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Gateways that carry submissions, and until when each is known to be alive.
CREATE TABLE gateways (
    id          TEXT PRIMARY KEY,
    alive_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL DEFAULT '',
    issuer     TEXT NOT NULL DEFAULT '',
    subject    TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    disabled   INTEGER NOT NULL DEFAULT 0,
    retention  INTEGER NOT NULL DEFAULT 0, -- microseconds; 0: the gateway's
    limits     TEXT NOT NULL DEFAULT '{}', -- JSON
    policy     TEXT NOT NULL DEFAULT ''    -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE, -- SHA-256
    prefix       TEXT NOT NULL,
    name         TEXT NOT NULL,
    account      TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_of_account ON keys (account, created_at);

CREATE TABLE audit (
    id      TEXT PRIMARY KEY, -- grows with time
    at      INTEGER NOT NULL,
    account TEXT NOT NULL,
    key_id  TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    address TEXT NOT NULL,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    account     TEXT NOT NULL,
    day         INTEGER NOT NULL, -- days since 1970
    submissions INTEGER NOT NULL DEFAULT 0,
    finished    INTEGER NOT NULL DEFAULT 0,
    cpu         INTEGER NOT NULL DEFAULT 0, -- microseconds
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
