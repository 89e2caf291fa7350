-- published.db: what was really published. Append-only, but for `member`, which says what the changes add up to.
-- Prefixes are blobs of 16 bytes of address and one of length: their order is the order of prefixes.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE published (
    serial          INTEGER PRIMARY KEY,
    as_of_us        INTEGER NOT NULL,
    at_us           INTEGER NOT NULL,
    policy_digest   BLOB NOT NULL,
    manifest_digest BLOB NOT NULL,
    entries         INTEGER NOT NULL
) STRICT;

CREATE TABLE zone (
    id   INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE change (
    id       INTEGER PRIMARY KEY,
    serial   INTEGER NOT NULL,
    zone     INTEGER NOT NULL,
    prefix   BLOB NOT NULL,
    kind     INTEGER NOT NULL,
    reason   BLOB NOT NULL,
    until_us INTEGER NOT NULL
) STRICT;
CREATE INDEX change_by_prefix ON change (prefix);

CREATE TABLE member (
    zone   INTEGER NOT NULL,
    prefix BLOB NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (zone, prefix)
) STRICT, WITHOUT ROWID;
