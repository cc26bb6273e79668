-- Second factors that an administrator has asked to remove, for who has lost them. It waits until due_at, so that the
-- owner, who was told by mail, can stop it.
CREATE TABLE factor_removals (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    requested_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX factor_removals_due ON factor_removals (due_at);
