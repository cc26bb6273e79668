-- Accounts that were imported have a mark of the line that they came from, keyed so that nobody can try lines on it. By it
-- a second run of the same file knows what is done. Unlike who registers and goes away, they wait for the proof of their
-- address as long as it takes.
ALTER TABLE accounts ADD COLUMN import_mark BLOB;
DROP INDEX accounts_pending;
CREATE INDEX accounts_pending ON accounts (created_at) WHERE status = 'pending' AND import_mark IS NULL;
