-- visits.db: one row a request that was given bait, or an address batch (docs/adr/0003).
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- serial of a visit = seq - first_seq of the newest epoch whose first_seq is not above seq
CREATE TABLE epoch (
    epoch      INTEGER PRIMARY KEY,
    first_seq  INTEGER NOT NULL,
    started_us INTEGER NOT NULL
) STRICT;

CREATE TABLE site (
    id   INTEGER PRIMARY KEY,
    text BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE page (
    id   INTEGER PRIMARY KEY,
    site INTEGER NOT NULL,
    text BLOB NOT NULL,
    UNIQUE (text, site)
) STRICT;

CREATE TABLE agent (
    id   INTEGER PRIMARY KEY,
    text BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE visit (
    seq    INTEGER PRIMARY KEY,
    at_us  INTEGER NOT NULL,
    client BLOB,              -- 4 or 16 bytes; NULL: a batch
    page   INTEGER NOT NULL,
    agent  INTEGER,           -- NULL: none was sent
    recipe INTEGER NOT NULL,
    flags  INTEGER NOT NULL
) STRICT;
-- By stretches of 4,096 visits: all inserts go to the twenty pages of the newest stretch, not to any page of the whole index
-- (4 kB of WAL a visit); a search asks each stretch (docs/adr/0003).
CREATE INDEX visit_by_client ON visit (seq >> 12, client) WHERE client IS NOT NULL;

CREATE TABLE not_shown (
    seq INTEGER PRIMARY KEY
) STRICT;
