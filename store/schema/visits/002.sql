-- What was taken away since, and when (docs/retention.md): no address stands here. A record of these kinds that is not there any more
-- had its sequence up to `upto`.
CREATE TABLE erasure (
    id        INTEGER PRIMARY KEY,
    kind      INTEGER NOT NULL,   -- enum erasure_kind
    upto      INTEGER NOT NULL,   -- 0: single records
    before_us INTEGER NOT NULL,   -- records older than that; 0: by order
    at_us     INTEGER NOT NULL,   -- begun
    records   INTEGER NOT NULL    -- taken so far
) STRICT;
