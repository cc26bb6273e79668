-- Limits that every process counts together. A key is a keyed hash: what people typed as a name may be a password. due is
-- when its last event would be due if events came evenly (microseconds: of many a second, they come less than a millisecond
-- apart). Once that is past, the row says no more than none.
CREATE TABLE limits (
    key_hash BLOB NOT NULL PRIMARY KEY,
    due INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX limits_by_due ON limits (due);
