INSERT INTO revisions (topic, value) VALUES ('clients', 0);

-- Applications that get tokens. `metadata` is what they are registered with, as JSON.
CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    metadata BLOB NOT NULL,
    account_id TEXT REFERENCES accounts (id) ON DELETE SET NULL,
    registration_hash BLOB UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Several at once while one takes another's place. `sealed` only where the secret itself signs (client_secret_jwt).
CREATE TABLE client_secrets (
    id TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    sealed BLOB,
    hint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX client_secrets_by_client ON client_secrets (client_id, id);

-- What access tokens are for. `sealed_secret` only where tokens are signed with a secret of its own (HS256).
CREATE TABLE apis (
    id TEXT NOT NULL PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE,
    definition BLOB NOT NULL,
    sealed_secret BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Authorization requests that wait: pushed by their client, or for somebody to sign in and consent.
CREATE TABLE authorization_requests (
    id_hash BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    parameters BLOB NOT NULL,
    began_at INTEGER,
    chosen TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX authorization_requests_by_expiry ON authorization_requests (expires_at);

-- A spent one stays for a while, so that its second use is known for what it is: family_id is what the first gave.
CREATE TABLE authorization_codes (
    code_hash BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    authorized BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    family_id TEXT
) STRICT;
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);

CREATE TABLE device_codes (
    code_hash BLOB NOT NULL PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    requested BLOB NOT NULL,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    authorized BLOB,
    denied INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    polled_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX device_codes_by_expiry ON device_codes (expires_at);

-- What an account has allowed a client for good, until it takes that back.
CREATE TABLE consents (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, client_id)
) STRICT;

CREATE TABLE opaque_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    claims BLOB NOT NULL,
    family_id TEXT,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX opaque_tokens_by_expiry ON opaque_tokens (expires_at);
CREATE INDEX opaque_tokens_by_family ON opaque_tokens (family_id);

-- Assertions and proofs that count once: the digest of issuer and jti.
CREATE TABLE spent_assertions (
    hash BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX spent_assertions_by_expiry ON spent_assertions (expires_at);

-- Families that an application has got: for whom, in which session, and what was allowed, as JSON.
ALTER TABLE refresh_families ADD COLUMN client_id TEXT REFERENCES clients (id) ON DELETE CASCADE;
ALTER TABLE refresh_families ADD COLUMN session_id TEXT;
ALTER TABLE refresh_families ADD COLUMN authorized BLOB;
CREATE INDEX refresh_families_by_client ON refresh_families (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX refresh_families_by_session ON refresh_families (session_id) WHERE session_id IS NOT NULL;

-- Which applications know of a session; `due_at` once it has ended, and they have to be told.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT NOT NULL,
    due_at INTEGER,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_clients_by_account ON session_clients (account_id);
CREATE INDEX session_clients_due ON session_clients (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX session_clients_by_expiry ON session_clients (expires_at);
