-- acts.db: facts that are neither visit nor hit (docs/adr/0003). Rows are never changed nor removed.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE act (
    seq      INTEGER PRIMARY KEY,
    at_us    INTEGER NOT NULL,
    until_us INTEGER NOT NULL,   -- 0: no end
    kind     INTEGER NOT NULL,
    subject  BLOB NOT NULL,
    detail   BLOB NOT NULL,
    who      BLOB NOT NULL,
    why      BLOB NOT NULL
) STRICT;
