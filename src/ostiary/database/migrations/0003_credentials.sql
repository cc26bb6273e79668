-- What accounts prove themselves with beside passwords, and flows that ask for more than one proof.

-- One row a passkey, TOTP secret or telephone number. `lookup` finds it without the account (a passkey's credential id);
-- `counter` only goes up (a time step, a signature counter); `data` is the type's own, sealed where it is secret.
CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    second INTEGER NOT NULL,
    lookup BLOB UNIQUE,
    counter INTEGER NOT NULL,
    data BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX credentials_by_account ON credentials (account_id, type, id);

-- One row a code that was not used yet; the whole set goes when a new one is made.
CREATE TABLE recovery_codes (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, code_hash)
) STRICT;

-- Each answer that counts moves a flow by one step, so that no two answers count at the same step.
ALTER TABLE flows ADD COLUMN step INTEGER NOT NULL DEFAULT 0;

ALTER TABLE refresh_families ADD COLUMN acr TEXT NOT NULL DEFAULT 'aal1';

-- What a sign-in has to show of whoever holds the role; NULL asks for nothing beyond the setting.
ALTER TABLE roles ADD COLUMN sign_in_policy TEXT;
