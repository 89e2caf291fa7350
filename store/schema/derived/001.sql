-- derived.db: what the fold makes of the log. May be deleted and made again (docs/adr/0008).
-- Keys are blobs of a family byte (4, 6) and 4 or 8 bytes of address: their order is the order of prefixes.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (
    node INTEGER NOT NULL,
    log  INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (node, log)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    sender   BLOB NOT NULL,
    source   INTEGER NOT NULL,
    class    INTEGER NOT NULL,
    hour     INTEGER NOT NULL,
    node     INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us  INTEGER NOT NULL,
    PRIMARY KEY (sender, source, class, hour, node)
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
    harvester   BLOB NOT NULL,
    sender      BLOB NOT NULL,
    node        INTEGER NOT NULL,
    visit       INTEGER NOT NULL,
    slot        INTEGER NOT NULL,
    day         INTEGER NOT NULL,
    technique   INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    first_us    INTEGER NOT NULL,
    last_us     INTEGER NOT NULL,
    visited_us  INTEGER NOT NULL,
    visit_flags INTEGER NOT NULL,
    PRIMARY KEY (harvester, sender, node, visit, slot, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_sender ON link (sender);

CREATE TABLE visitor (
    client   BLOB NOT NULL PRIMARY KEY,
    count    INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE network (
    source   INTEGER PRIMARY KEY,
    first_us INTEGER NOT NULL
) STRICT;

CREATE TABLE pending (
    hit_node  INTEGER NOT NULL,
    hit       INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    sender    BLOB NOT NULL,
    at_us     INTEGER NOT NULL,
    node      INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    serial    INTEGER NOT NULL,
    slot      INTEGER NOT NULL,
    sender_ip BLOB NOT NULL,
    PRIMARY KEY (hit_node, hit, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_by_sender ON pending (sender);
