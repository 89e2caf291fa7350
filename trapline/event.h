/* event.h - a log as lines of JSON: one record a line (docs/events.md).
 *
 * Why:     tests, replays and moves have a log with its own clock; the same table reads and writes it, so
 *          that what is written reads back as the same record.
 * Rule:    a field that is zero or empty is left out. Bytes that are no UTF-8 are {"hex": "..."}.
 * Owns:    struct event borrows from its document (reading) or from the record (writing); event_end()
 *          releases.
 * Threads: one.
 * Tests:   tests/functional/test_events.py
 */
#ifndef TRAPLINE_EVENT_H
#define TRAPLINE_EVENT_H

#include "cli.h"

#include <base/buf.h>
#include <store/import.h>

enum event_kind {
    EVENT_VISIT,
    EVENT_EPOCH,
    EVENT_HIT,
    EVENT_SESSION,
    EVENT_COUNTER,
    EVENT_ACT,
    EVENT_ERASED,
    EVENT_ERASURE,
    EVENT_KINDS
};

/* Sequences of a log that are not there any more, as in store_import_erased(). */
struct event_erased {
    uint8_t log; /* enum record_log */
    uint64_t upto, last;
};
struct event_erasure {
    uint8_t log;
    struct erasure erasure;
};
/* A recipient that stands for an address of this installation: minted when it is read. */
struct event_mint {
    size_t rcpt;
    uint64_t visit;
    uint8_t slot;
    struct bytes domain;
};
struct event {
    enum event_kind kind;
    union {
        struct visit visit;
        struct visit_epoch epoch;
        struct hit hit;
        struct session_record session;
        struct counter_row counter;
        struct act act;
        struct event_erased erased;
        struct event_erasure erasure;
    } u;
    json_t *doc;
    struct buf text; /* bytes that were written in hex */
    struct hit_rcpt *rcpts;
    struct event_mint *mints;
    size_t mint_count;
    struct auth_attempt auths[AUTH_KEPT_MAX];
};

/* The record as an object; NULL: out of memory. */
json_t *event_json(enum event_kind kind, const void *record);
/* One line, with its line end. record: the member of the union that fits kind. */
TRAP_NODISCARD enum trap_err event_write(enum event_kind kind, const void *record, struct buf *out);
/* why says which field of which kind. */
TRAP_NODISCARD enum trap_err event_read(struct bytes line, struct event *out, struct err_text *why);
void event_end(struct event *e);

/* ---- the table ---- */

enum event_type {
    EVENT_U8,
    EVENT_U16,
    EVENT_U32,
    EVENT_U64,
    EVENT_MS,    /* U32; UINT32_MAX: left out */
    EVENT_HEX64, /* as text: JSON has no unsigned 64 bits */
    EVENT_TIME,
    EVENT_IP,
    EVENT_KEY,
    EVENT_BYTES,
    EVENT_CLASS, /* enum rcpt_class: "minted", "recycled+catchall" */
    EVENT_ACT_KIND,
    EVENT_LOG,
    EVENT_ERASURE_KIND,
    EVENT_VISIT_FLAGS,
    EVENT_HIT_FLAGS,
    EVENT_RECIPE,
    EVENT_RCPTS,
    EVENT_AUTHS
};
struct event_field {
    const char *name; /* NULL ends the list */
    enum event_type type;
    size_t offset;
};
struct event_form {
    const char *name;
    const struct event_field *fields;
};
extern const struct event_form event_forms[EVENT_KINDS];
extern const struct event_field event_rcpt_fields[], event_auth_fields[];

/* The number of a name in a list of names by bit or by number; UINT32_MAX: none. */
uint32_t event_flag(enum event_type type, struct bytes name);
const char *event_flag_name(enum event_type type, uint32_t flag);
const char *event_log_name(uint8_t log);

#endif
