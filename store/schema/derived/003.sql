-- Where to look in the logs: one bit for each stretch of 4,096 records and each of 65,536 keys (log_filter.h).
CREATE TABLE log_filter (
    kind  INTEGER NOT NULL,   -- enum log_filter_kind
    block INTEGER NOT NULL,   -- key >> 6
    grp   INTEGER NOT NULL,   -- sequence >> 18
    words BLOB NOT NULL,      -- 64 keys, 8 bytes each, low byte first: bit n is stretch n of the group
    PRIMARY KEY (kind, block, grp)
) STRICT, WITHOUT ROWID;
