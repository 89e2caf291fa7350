/* record.h - the facts of the log: visits, hits, session records, acts. The envelope of every record is
 * (node, log, sequence).
 *
 * Why:     everything else (evidence, listings, zones) is computed from these; they are appended, durable,
 *          never edited (docs/adr/0003).
 * Units:   times wall_t; addresses struct ip; sequences count from 1, without gaps, per node and log, in the
 *          order of commit.
 * Owns:    struct bytes members are borrowed: valid during the call that got or gave the record.
 * Threads: plain data.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/ip.h>
#include <base/time.h>

enum record_log {
    RECORD_VISIT = 1,
    RECORD_HIT = 2,
    RECORD_SESSION = 3,
    RECORD_ACT = 4,
    /* Not logs: further marks of derived.db (evidence.h), a node each. */
    RECORD_EPOCHS = 5, /* seq: the newest epoch whose addresses were looked for; every node that the fold knows has it */
    RECORD_CUT = 6,    /* seq 1: made by a fold that left out what was later than its as_of */
    RECORD_OUTRUN = 7  /* seq: time (us) of the newest record that was folded before RECORD_EPOCHS had its value */
};
struct record_id {
    uint8_t node;
    uint8_t log; /* enum record_log */
    uint64_t seq;
};

/* ---- visit: visits.db ---- */

enum { VISIT_SLOTS = 8, VISIT_TEXT_MAX = 512 };
enum visit_flag {
    VISIT_BATCH = 1 << 0,     /* minted ahead, no visitor: client is not set */
    VISIT_NOT_SHOWN = 1 << 1, /* committed too late: the page went out without addresses */
    VISIT_CRAWLER = 1 << 2,   /* client in a published crawler range */
    VISIT_NO_AGENT = 1 << 3,  /* request without User-Agent */
    VISIT_HEAD = 1 << 4,      /* HEAD request */
    VISIT_PROXIED = 1 << 5,   /* client taken from a trusted proxy's field */
    VISIT_MAILTO = 1 << 6     /* requested a mailto: URL as a path: it read an address before */
};
struct visit {
    uint64_t seq;           /* given by the log at commit */
    uint32_t epoch, serial; /* of the mint; given by the log at commit */
    wall_t at;
    struct ip client;
    struct bytes site, page, agent; /* Host, path, User-Agent, each <= VISIT_TEXT_MAX; interned in the file */
    uint64_t recipe;                /* byte s = technique in slot s, 0 = slot not used */
    uint32_t flags;                 /* enum visit_flag */
};
static inline uint8_t visit_technique(uint64_t recipe, unsigned slot)
{
    return (uint8_t)(recipe >> (slot * 8));
}

/* ---- hit: hits.db ---- */

/* What the sink knew of a recipient when it accepted it. */
enum rcpt_class {
    RCPT_MINTED = 1,   /* exact minted form, authentic under a current key */
    RCPT_PRISTINE = 2, /* static trap of that class, or a domain of it (then RCPT_CATCHALL is set, too) */
    RCPT_RECYCLED = 3,
    RCPT_TYPO = 4,
    RCPT_GUESS = 5,         /* unknown recipient at a minted domain that accepts all of them */
    RCPT_CATCHALL = 1 << 4, /* or-ed: the domain matched, not the address */
    RCPT_CLASS_MASK = 15
};
const char *rcpt_class_name(uint8_t klass);
struct hit_rcpt {
    uint8_t klass;
    struct bytes address; /* local@domain: local part as received, domain lower-cased; <= 320 bytes */
};
enum hit_flag {
    HIT_NULL_SENDER = 1 << 0,
    HIT_TLS = 1 << 1,
    HIT_ESMTP = 1 << 2,
    HIT_XCLIENT = 1 << 3,
    HIT_PROXY = 1 << 4,
    HIT_XFORWARD = 1 << 5,
    HIT_BARE_LF = 1 << 6,
    HIT_BARE_CR = 1 << 7,
    HIT_NUL = 1 << 8,
    HIT_8BIT = 1 << 9, /* 8-bit content without BODY=8BITMIME */
    HIT_LONG_LINE = 1 << 10,
    HIT_EARLY_TALK = 1 << 11,     /* talked before the greeting */
    HIT_PIPELINED = 1 << 12,      /* pipelined without leave (RFC 2920 3.1) */
    HIT_SLOPPY_PATH = 1 << 13,    /* MAIL or RCPT without angle brackets and the like */
    HIT_LIST_HEADER = 1 << 14,    /* List-Id, List-Unsubscribe, or Precedence: list, bulk */
    HIT_AUTO_SUBMITTED = 1 << 15, /* Auto-Submitted other than "no" (RFC 3834) */
    HIT_REPORT = 1 << 16,         /* Content-Type: multipart/report (RFC 3462) */
    HIT_CUT = 1 << 17,            /* strings cut to their limits */
    HIT_REFUSED_AFTER_DATA = 1 << 18, /* after_data = reject: 550 was answered */
    HIT_BDAT = 1 << 19,
    HIT_SMTPUTF8 = 1 << 20,
    HIT_COUNTED = 1 << 21 /* session record only: `hits` has messages beyond hits_per_sender_hour, without a row of their own */
};
struct hit {
    uint64_t seq;     /* given by the log at commit */
    wall_t at;        /* end-of-data */
    uint64_t session; /* id of the session: unique per node */
    struct ip sender, local;
    uint16_t local_port;
    struct bytes helo, reverse_path; /* <= 255, <= 320 bytes */
    uint32_t flags;                  /* enum hit_flag */
    uint64_t size;                   /* bytes of content after transparency is undone */
    uint64_t digest;                 /* of the body: same text, same digest */
    const struct hit_rcpt *rcpts;    /* distinct traps, 1.. */
    size_t rcpt_count;
    struct bytes sample; /* writer only: head of the message after transparency is undone, empty = none */
};

/* ---- session record: hits.db ---- */

struct session_record {
    uint64_t seq; /* given by the log at commit */
    wall_t at;    /* connected */
    uint64_t session;
    struct ip client, local;
    uint16_t local_port;
    uint32_t duration_ms;
    struct bytes helo;
    uint32_t flags; /* enum hit_flag, over the whole session */
    uint32_t commands, errors;
    uint32_t hits; /* accepted messages */
    uint32_t refused_unknown, refused_relay, refused_limit;
    uint32_t auth_attempts;
    uint8_t attempt_class; /* 0, or the rcpt_class of a trap whose DATA was begun and not finished */
    struct bytes attempt_address;
};

/* ---- act: acts.db ---- */

enum act_kind {
    ACT_ALLOW = 1,    /* subject = prefix: never listed until `until` */
    ACT_DENY = 2,     /* subject = prefix: listed until `until`, never past the never-list */
    ACT_DELIST = 3,   /* subject = prefix: evidence up to `at` does not list any more */
    ACT_TRAP_ADD = 4, /* subject = address or domain; detail = class */
    ACT_TRAP_RETIRE = 5,
    ACT_TAINT = 6,  /* subject = trap, visit, page, site, node or time range: filters evidence */
    ACT_SUBMIT = 7, /* a trusted person's listing */
    ACT_REVOKE = 8, /* subject = sequence of the act that is taken back */
    ACT_KEYS_EXPORTED = 9,
    ACT_RETENTION = 10, /* subject = log; detail = sequence up to which records were erased */
    ACT_EPOCH = 11      /* subject = node; detail = new epoch */
};
const char *act_kind_name(enum act_kind k);
TRAP_NODISCARD enum trap_err act_kind_parse(struct bytes in, enum act_kind *out);

struct act {
    uint64_t seq; /* given by the log at commit */
    wall_t at;
    wall_t until; /* us = 0: no end */
    uint8_t kind; /* enum act_kind */
    struct bytes subject, detail, who, why;
};

#endif
