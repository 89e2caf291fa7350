-- hits.db: one row an accepted message, its further recipients, and the session records (docs/adr/0003).
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The first recipient stands in the row itself: nearly every message has one only, and a second row costs 60 bytes.
-- address_key: 47 bits of a hash of the lower-cased address; 30 bytes a hit less than an index of the text.
CREATE TABLE hit (
    seq          INTEGER PRIMARY KEY,
    at_us        INTEGER NOT NULL,
    session      INTEGER NOT NULL,
    sender       BLOB NOT NULL,   -- 4 or 16 bytes
    local        BLOB NOT NULL,
    local_port   INTEGER NOT NULL,
    helo         BLOB NOT NULL,
    reverse_path BLOB NOT NULL,
    flags        INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    digest       INTEGER NOT NULL,
    rcpt_count   INTEGER NOT NULL,
    class        INTEGER NOT NULL,
    address      BLOB NOT NULL,
    address_key  INTEGER NOT NULL
) STRICT;
-- By stretches of 4,096 hits, as in visits.db.
CREATE INDEX hit_by_sender ON hit (seq >> 12, sender);
CREATE INDEX hit_by_address ON hit (seq >> 12, address_key);

-- Recipients 2, 3, … (n = 1, 2, …)
CREATE TABLE hit_rcpt (
    hit         INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    class       INTEGER NOT NULL,
    address     BLOB NOT NULL,
    address_key INTEGER NOT NULL,
    PRIMARY KEY (hit, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX hit_rcpt_by_address ON hit_rcpt (hit >> 12, address_key);

CREATE TABLE session (
    seq             INTEGER PRIMARY KEY,
    at_us           INTEGER NOT NULL,
    session         INTEGER NOT NULL,
    client          BLOB NOT NULL,
    local           BLOB NOT NULL,
    local_port      INTEGER NOT NULL,
    duration_ms     INTEGER NOT NULL,
    helo            BLOB NOT NULL,
    flags           INTEGER NOT NULL,
    commands        INTEGER NOT NULL,
    errors          INTEGER NOT NULL,
    hits            INTEGER NOT NULL,
    refused_unknown INTEGER NOT NULL,
    refused_relay   INTEGER NOT NULL,
    refused_limit   INTEGER NOT NULL,
    auth_attempts   INTEGER NOT NULL,
    attempt_class   INTEGER NOT NULL,
    attempt_address BLOB NOT NULL
) STRICT;
