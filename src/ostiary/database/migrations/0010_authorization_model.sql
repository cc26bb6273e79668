-- An object is `type:id`, a subject `user:id`, `user:*` or, for everybody who stands in a relation, `group#member:id`:
-- types and relations hold no colon, ids may.
CREATE TABLE relations (
    object TEXT NOT NULL,
    relation TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (object, relation, subject)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX relations_by_subject ON relations (subject, relation, object);

-- Which relations stand for sets of subjects. A subject's memberships are looked for among these and no others, or
-- whoever owns a million documents would have them all read.
CREATE TABLE subject_sets (
    type TEXT NOT NULL,
    relation TEXT NOT NULL,
    PRIMARY KEY (type, relation)
) STRICT, WITHOUT ROWID;
INSERT INTO subject_sets (type, relation) VALUES ('group', 'member');

-- Attributes of accounts (`user:id`), of resources and of subjects that are no accounts, as JSON.
CREATE TABLE entities (
    object TEXT NOT NULL PRIMARY KEY,
    attributes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE authorization_models (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    applied_by TEXT,
    PRIMARY KEY (name, version)
) STRICT;

-- The model whose file a role comes from; no other way of changing it.
ALTER TABLE roles ADD COLUMN model TEXT;

CREATE TABLE policies (
    name TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

INSERT INTO revisions (topic, value) VALUES ('relations', 0), ('model', 0);

-- Roles and grants are given to accounts and to groups: one of account_id and group_id is there, the other is not.
CREATE TABLE role_assignments_new (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    group_id TEXT,
    role TEXT NOT NULL REFERENCES roles (name),
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO role_assignments_new (id, account_id, group_id, role, resource_type, resource_id, created_at)
    SELECT id, account_id, NULL, role, resource_type, resource_id, created_at FROM role_assignments;
DROP TABLE role_assignments;
ALTER TABLE role_assignments_new RENAME TO role_assignments;
CREATE UNIQUE INDEX role_assignments_of_accounts ON role_assignments (account_id, role, resource_type, resource_id);
CREATE UNIQUE INDEX role_assignments_of_groups ON role_assignments (group_id, role, resource_type, resource_id);
CREATE INDEX role_assignments_by_role ON role_assignments (role);

CREATE TABLE direct_grants_new (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    group_id TEXT,
    permission TEXT NOT NULL,
    effect TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO direct_grants_new (id, account_id, group_id, permission, effect, resource_type, resource_id, expires_at,
        created_at)
    SELECT id, account_id, NULL, permission, effect, resource_type, resource_id, expires_at, created_at
    FROM direct_grants;
DROP TABLE direct_grants;
ALTER TABLE direct_grants_new RENAME TO direct_grants;
CREATE UNIQUE INDEX direct_grants_of_accounts
    ON direct_grants (account_id, permission, effect, resource_type, resource_id);
CREATE UNIQUE INDEX direct_grants_of_groups
    ON direct_grants (group_id, permission, effect, resource_type, resource_id);
