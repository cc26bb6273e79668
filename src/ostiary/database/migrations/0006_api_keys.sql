-- What programs show instead of a session. Of a key only the SHA-256 is stored, and its last characters for its owner to
-- know it by. While a rotation overlaps, the hash before opens it as well, until previous_until. Scopes (permissions and
-- wildcards) and networks (CIDR) are separated by spaces; without networks the key is good anywhere.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    key_hash BLOB NOT NULL UNIQUE,
    previous_hash BLOB UNIQUE,
    previous_until INTEGER,
    scopes TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    rotated_at INTEGER,
    expires_at INTEGER,
    used_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_account ON api_keys (account_id, id);
