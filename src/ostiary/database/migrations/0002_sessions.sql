-- Sessions that may be nobody's yet, get a new id when privileges change, and may lie in Redis. The database stays the
-- authority on their end: whatever Redis forgets or brings back, what has ended here opens nothing.

-- session_epoch is counted up to end all sessions of an account but kept_session; privilege_epoch, to give each of
-- them a new id at its next request.
ALTER TABLE accounts ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN privilege_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN kept_session TEXT;

CREATE TABLE sessions_before (
    id_hash BLOB NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    amr TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    data BLOB NOT NULL,
    data_version INTEGER NOT NULL
) STRICT;
INSERT INTO sessions_before SELECT id_hash, id, account_id, amr, authenticated_at, created_at, seen_at,
    idle_expires_at, expires_at, address, user_agent, data, data_version FROM sessions;
DROP TABLE sessions;

-- While a session changes its id, it has two rows of the same id: the one before is superseded, and soon expires.
CREATE TABLE sessions (
    id_hash BLOB NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    privilege_epoch INTEGER NOT NULL,
    amr TEXT NOT NULL,
    acr TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    idle INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    remembered INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    bound_key BLOB NOT NULL,
    bound_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sessions SELECT id_hash, id, account_id, 0, 0, amr, 'aal1', authenticated_at, created_at, seen_at,
    idle_expires_at - seen_at, idle_expires_at, expires_at, 0, 0, address, user_agent, CAST('' AS BLOB), 0
    FROM sessions_before;
CREATE INDEX sessions_by_id ON sessions (id);
CREATE INDEX sessions_by_account ON sessions (account_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (idle_expires_at);

-- What applications keep in a session. It expires with the session at the latest.
CREATE TABLE session_data (
    session_id TEXT NOT NULL PRIMARY KEY,
    data BLOB NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO session_data SELECT id, data, data_version, expires_at FROM sessions_before WHERE data_version > 0;
CREATE INDEX session_data_by_expiry ON session_data (expires_at);
DROP TABLE sessions_before;

-- Sessions in Redis that were ended one by one, and secrets that were superseded there (their SHA-256 in hex), until they
-- would have expired. Who ended one says whose it is (empty for nobody's): the session of another account goes on.
CREATE TABLE ended_sessions (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (id, account_id)
) STRICT;
CREATE INDEX ended_sessions_by_until ON ended_sessions (until);

-- The stores besides this database that hold sessions; who does not know them must not say that nobody is signed in.
CREATE TABLE session_stores (
    name TEXT NOT NULL PRIMARY KEY
) STRICT;
