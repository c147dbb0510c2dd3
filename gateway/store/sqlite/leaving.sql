-- Accounts that were deleted while submissions of theirs had not ended: those up to seq go when they have.
CREATE TABLE leaving (
    account TEXT PRIMARY KEY,
    seq     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_by_day ON usage (day);
