-- One text for both dialects. The runner replaces: BLOB by BYTEA, INTEGER by BIGINT, and TEXT by TEXT COLLATE "C" on
-- PostgreSQL; STRICT is dropped there. Times are milliseconds since the epoch, UTC.

CREATE TABLE revisions (
    topic TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO revisions (topic, value) VALUES ('authorization', 0), ('roles', 0), ('keys', 0);

CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public_jwk BLOB NOT NULL,
    sealed_private BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    signs_until INTEGER,
    expires_at INTEGER
) STRICT;

CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    account_id TEXT,
    address TEXT,
    request_id TEXT,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX audit_events_by_account ON audit_events (account_id, id);
CREATE INDEX audit_events_by_event ON audit_events (event, id);

-- Mail waiting to be sent, or shown by the development outbox. Bodies hold links and codes, so they are sealed.
CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failed_at INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX messages_due ON messages (due_at) WHERE failed_at IS NULL;

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    email TEXT,
    email_key TEXT UNIQUE,
    email_verified_at INTEGER,
    username TEXT,
    username_key TEXT UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_pending ON accounts (created_at) WHERE status = 'pending';

CREATE TABLE passwords (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- A sign-in, sign-up or change of address in progress. Known to its browser or client by a token (id_hash), to the
-- owner of the mail box by a link (link_hash) or a code (code_hash).
CREATE TABLE flows (
    id_hash BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    link_hash BLOB UNIQUE,
    code_hash BLOB,
    tries_left INTEGER NOT NULL,
    data BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX flows_by_account ON flows (account_id);
CREATE INDEX flows_by_expiry ON flows (expires_at);

CREATE TABLE sessions (
    id_hash BLOB NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
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
CREATE INDEX sessions_by_account ON sessions (account_id, id);
CREATE INDEX sessions_by_expiry ON sessions (idle_expires_at);

-- One row a sign-in by token; current_hash is the one refresh token that may still be used.
CREATE TABLE refresh_families (
    key_hash BLOB NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    current_hash BLOB NOT NULL,
    generation INTEGER NOT NULL,
    delivery TEXT NOT NULL,
    amr TEXT NOT NULL,
    authenticated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL
) STRICT;
CREATE INDEX refresh_families_by_account ON refresh_families (account_id, id);
CREATE INDEX refresh_families_by_expiry ON refresh_families (idle_expires_at);

CREATE TABLE roles (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    builtin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE role_permissions (
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    PRIMARY KEY (role, permission)
) STRICT;
CREATE TABLE role_includes (
    role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    included TEXT NOT NULL REFERENCES roles (name),
    PRIMARY KEY (role, included)
) STRICT;
INSERT INTO roles (name, description, builtin, created_at, updated_at)
    VALUES ('administrator', 'Administers Ostiary itself.', 1, 0, 0);
INSERT INTO role_permissions (role, permission) VALUES ('administrator', 'ostiary.*');

-- resource_type and resource_id are both empty for an assignment that holds everywhere.
CREATE TABLE role_assignments (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name),
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (account_id, role, resource_type, resource_id)
) STRICT;
CREATE INDEX role_assignments_by_role ON role_assignments (role);

CREATE TABLE direct_grants (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    effect TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (account_id, permission, effect, resource_type, resource_id)
) STRICT;
