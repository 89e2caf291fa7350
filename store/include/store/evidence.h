/* evidence.h - derived.db: what the fold makes of the log, and nothing else. It can be deleted and made
 * again.
 *
 * Rows:    all integers; adding is count += n, first = min, last = max, so that neither order nor size of
 *          batches matters (docs/adr/0008). Sources are 64-bit numbers (below). Hours and days are UTC,
 *          counted since 1970.
 * Writing: collect a batch in memory, then derived_commit(): one transaction, rows in key order (random
 *          single upserts cost three times as much at a million senders). The marks of what was folded are
 *          part of the same transaction.
 * Reading: every call pages and ends its read transactions within 100 ms. A reader in another process that
 *          needs one state works on derived_copy().
 * Threads: one per struct store_db and batch.
 * Tests:   tests/unit/store/test_evidence.c
 */
#ifndef STORE_EVIDENCE_H
#define STORE_EVIDENCE_H

#include <store/file.h>
#include <store/record.h>

/* ---- sources ---- */

/* Where the trap knowledge behind a hit came from: top four bits the kind, the rest exact (or a 60-bit hash
 * of a name). */
enum source_kind {
    SOURCE_NET4 = 1,    /* /24 of an IPv4 harvester: 24 bits */
    SOURCE_NET6 = 2,    /* /48 of an IPv6 harvester: 48 bits */
    SOURCE_BATCH = 3,   /* visit without a visitor: node << 48 | sequence */
    SOURCE_TRAP = 4,    /* static trap: hash of local@domain, lower case */
    SOURCE_DOMAIN = 5,  /* trap domain (catch-all, guess): hash of the name, lower case */
    SOURCE_AGED = 6,    /* authentic, visit erased by retention: node */
    SOURCE_PENDING = 7  /* authentic, visit not arrived yet: node; only in what policy reads */
};
uint64_t source_of_network(struct ip client);
uint64_t source_of_batch(uint8_t node, uint64_t seq);
uint64_t source_of_name(enum source_kind kind, struct bytes name);
uint64_t source_of_node(enum source_kind kind, uint8_t node);
enum source_kind source_kind(uint64_t source);
/* "192.0.2.0/24", "batch 1/77", "trap", "domain", "aged 1", "pending 1". Never reveals a trap. */
const char *source_text(uint64_t source, char out[PREFIX_TEXT_MAX]);

/* ---- rows ---- */

enum evidence_class {
    EVIDENCE_MINTED = 1, EVIDENCE_PRISTINE, EVIDENCE_RECYCLED, EVIDENCE_TYPO, EVIDENCE_GUESS,
    EVIDENCE_ATTEMPT,    /* unfinished DATA to a trap; never lists by itself */
    EVIDENCE_TEST,       /* mail within 60 s of the visit from the same network: weight 0 */
    EVIDENCE_OBSERVED,   /* mail to a trap that was not armed yet (RCPT_OBSERVED): weight 0 */
    EVIDENCE_LIST,        /* list traffic by its header (HIT_LIST_HEADER) to a trap of any class */
    EVIDENCE_AUTOMATIC,   /* a bounce, report or automatic reply by structure (HIT_AUTOMATIC) */
    EVIDENCE_BACKSCATTER, /* and proved: it returns what somebody wrote in the trap's name (HIT_BACKSCATTER) */
    EVIDENCE_CLASSES
};
const char *evidence_class_name(uint8_t c);

struct evidence_row {
    struct prefix sender; /* ip_key() */
    uint64_t source;
    uint8_t klass;
    uint32_t hour;        /* of the hits */
    uint8_t node;         /* whose sink took them: policies may ask for evidence from two nodes */
    uint32_t count;       /* messages (sessions for EVIDENCE_ATTEMPT) */
    wall_t first, last;
};
/* One minted address that was mailed by one sender on one day. */
struct link_row {
    struct prefix harvester; /* ip_key() of the visit's client */
    struct prefix sender;
    uint8_t node;
    uint64_t visit; /* sequence */
    uint8_t slot, technique;
    uint32_t day;   /* of the hits */
    uint32_t count;
    wall_t first, last;
    wall_t visited;
    uint32_t visit_flags;
};
/* Everybody who was given bait. */
struct visitor_row {
    struct prefix client; /* ip_key() */
    uint64_t count;
    wall_t first, last;
};
/* An authentic address whose visit has not arrived. */
struct pending_row {
    uint8_t hit_node;
    uint64_t hit;    /* sequence; with n the key */
    uint32_t n;      /* recipient of the hit */
    struct prefix sender;
    wall_t at;
    uint8_t node;    /* of the address */
    uint32_t epoch, serial;
    uint8_t slot;
    uint8_t klass; /* enum evidence_class that it will have */
    struct ip sender_ip;
};

/* ---- writing ---- */

struct derived_batch;
TRAP_NODISCARD enum trap_err derived_batch_new(struct derived_batch **out);
void derived_batch_free(struct derived_batch **b);
size_t derived_batch_rows(const struct derived_batch *b);
/* Errors (out of memory) stick and are told by derived_commit(). */
void derived_add_evidence(struct derived_batch *b, const struct evidence_row *r);
void derived_add_link(struct derived_batch *b, const struct link_row *r);
void derived_add_visitor(struct derived_batch *b, const struct visitor_row *r); /* also the first visit of its network */
/* A visit of which only the network is known any more: the network's first one, nobody's visit. */
void derived_add_network(struct derived_batch *b, struct ip client, wall_t at);
void derived_add_pending(struct derived_batch *b, const struct pending_row *r);
void derived_drop_pending(struct derived_batch *b, uint8_t hit_node, uint64_t hit, uint32_t n);
/* A record of this time was folded, though it adds nothing. */
void derived_see(struct derived_batch *b, wall_t at);
/* Besides records the fold marks what it decoded with: RECORD_EPOCHS, RECORD_OUTRUN, RECORD_CUT,
 * RECORD_TAINTS, RECORD_ERASURES (record.h). */
void derived_mark(struct derived_batch *b, struct record_id upto);
/* Applies and empties the batch; on error nothing is changed and the batch is kept. */
TRAP_NODISCARD enum trap_err derived_commit(struct store_db *db, struct derived_batch *b);
/* A batch for all rows there are: the state of a new file and this batch, in place of what db holds now. Rows are sorted in
 * memory, rows_max of a kind (0: 1 Mi), and beyond that in temporary files beside db; nothing of db changes before
 * derived_bulk_commit(). That is one transaction behind a derived_clear(): cut off, it leaves the old rows, none, or the new
 * ones. The batch holds nothing afterwards, whatever the result; free it (docs/adr/0019). */
TRAP_NODISCARD enum trap_err derived_bulk_new(struct store_db *db, size_t rows_max, struct derived_batch **out);
/* A part of it that another thread fills; derived_bulk_take() moves its rows and frees it. Marks are the whole's. */
TRAP_NODISCARD enum trap_err derived_bulk_part(const struct store_db *db, size_t rows_max, struct derived_batch **out);
void derived_bulk_take(struct derived_batch *into, struct derived_batch **part);
TRAP_NODISCARD enum trap_err derived_bulk_commit(struct store_db *db, struct derived_batch *b);
/* A file without a name in the directory of db, for what a rebuild cannot keep in memory; the caller closes it. */
TRAP_NODISCARD enum trap_err derived_temp_file(const struct store_db *db, int *fd_out);
/* Whose rows were changed by commits to db since they were asked for last; keys may repeat, in no order. */
struct derived_changes {
    bool all; /* nothing is known: anybody's; also where the first visit of a network turned out to be earlier */
    struct prefix *senders;    /* of evidence and pending rows */
    struct prefix *harvesters; /* of links and visitors */
    size_t sender_count, harvester_count;
};
TRAP_NODISCARD enum trap_err derived_watch(struct store_db *db); /* from now on; the first answer is `all` */
void derived_changes_take(struct store_db *db, struct derived_changes *out);
void derived_changes_free(struct derived_changes *c);
/* Forgets everything: the state of a new file. */
TRAP_NODISCARD enum trap_err derived_clear(struct store_db *db);

/* ---- reading ---- */

/* Last sequence folded of (node, log); 0 = none. */
TRAP_NODISCARD enum trap_err derived_mark_get(struct store_db *db, uint8_t node, enum record_log log, uint64_t *seq_out);
/* The newest time of any folded record (0: none): an as_of before it needs a fold of its own. */
TRAP_NODISCARD enum trap_err derived_newest(struct store_db *db, wall_t *out);

/* Once per sender in key order (IPv4, then IPv6), with all its rows in the order (source, class, hour,
 * node). */
typedef enum trap_err evidence_fn(struct prefix sender, const struct evidence_row *rows, size_t n, void *arg);
TRAP_NODISCARD enum trap_err evidence_each(struct store_db *db, evidence_fn *fn, void *arg);
/* Senders inside p. */
TRAP_NODISCARD enum trap_err evidence_in(struct store_db *db, struct prefix p, evidence_fn *fn, void *arg);

/* Once per harvester in key order, with all its rows in key order. */
typedef enum trap_err link_fn(struct prefix harvester, const struct link_row *rows, size_t n, void *arg);
TRAP_NODISCARD enum trap_err link_each(struct store_db *db, link_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err link_in(struct store_db *db, struct prefix harvester, link_fn *fn, void *arg);
typedef enum trap_err link_row_fn(const struct link_row *row, void *arg);
TRAP_NODISCARD enum trap_err link_by_sender(struct store_db *db, struct prefix sender, link_row_fn *fn, void *arg);

typedef enum trap_err visitor_fn(const struct visitor_row *row, void *arg);
TRAP_NODISCARD enum trap_err visitor_each(struct store_db *db, visitor_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err visitor_get(struct store_db *db, struct prefix client, struct visitor_row *out);
/* First visit of a SOURCE_NET4 or SOURCE_NET6; TRAP_ENOENT where none is known. */
TRAP_NODISCARD enum trap_err network_first(struct store_db *db, uint64_t source, wall_t *out);
typedef enum trap_err pending_fn(const struct pending_row *row, void *arg);
TRAP_NODISCARD enum trap_err pending_each(struct store_db *db, pending_fn *fn, void *arg);
TRAP_NODISCARD enum trap_err pending_by_sender(struct store_db *db, struct prefix sender, pending_fn *fn, void *arg);

/* A consistent copy of dir/derived.db as another file, opened for reading; removed with store_close. */
TRAP_NODISCARD enum trap_err derived_copy(const char *dir, const char *scratch_dir, struct store_db **out, struct err_text *why);

#endif
