-- Browsers and clients that an account has signed in from, each known by a secret of its own. While trusted_until is
-- ahead, a sign-in from there is not asked for a second factor.
CREATE TABLE devices (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL,
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    trusted_until INTEGER NOT NULL,
    UNIQUE (account_id, token_hash)
) STRICT;
CREATE INDEX devices_by_use ON devices (used_at);
