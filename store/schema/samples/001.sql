-- samples.db: heads of messages, one zstd frame each; the oldest go first when the byte budget is used up.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (
    hit    INTEGER PRIMARY KEY,   -- seq of the hit in hits.db
    at_us  INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    data   BLOB NOT NULL
) STRICT;
