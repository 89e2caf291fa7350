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
    RECORD_TAINTS = 8, /* of node 0. seq: taints_digest() of what was left out; other taints: folded from the begin */
    RECORD_ERASURES = 9, /* seq: erasure_mark() of the node's files; another one: folded from the begin */
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
    VISIT_MAILTO = 1 << 6,    /* requested a mailto: URL as a path: it read an address before */
    VISIT_TRUNCATED = 1 << 7  /* when read: client is the first address of its /24 or /48, the rest was erased */
};
/* "batch", … of one bit; NULL where there is none of that number. */
const char *visit_flag_name(uint32_t flag);
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
    RCPT_OBSERVED = 1 << 5, /* or-ed: the trap was not armed yet (trap_life.h): no weight */
    RCPT_CATCHALL = 1 << 4, /* or-ed: the domain matched, not the address */
    RCPT_CLASS_MASK = 15
};
const char *rcpt_class_name(uint8_t klass);
struct hit_rcpt {
    uint8_t klass;
    struct bytes address; /* local@domain: local part as received, domain lower-cased; <= 320 bytes */
    struct bytes dsn;     /* "NOTIFY=… ORCPT=…" of RCPT as received, xtext not decoded; <= DSN_MAX, mostly empty */
};
enum { DSN_MAX = 255 };
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
    HIT_LIST_HEADER = 1 << 14,    /* List-Id, or Precedence: list, bulk */
    HIT_AUTO_SUBMITTED = 1 << 15, /* Auto-Submitted other than "no" (RFC 3834) */
    HIT_REPORT = 1 << 16,         /* Content-Type: multipart/report (RFC 3462) */
    HIT_CUT = 1 << 17,            /* strings cut to their limits */
    HIT_REFUSED_AFTER_DATA = 1 << 18, /* after_data = reject: 550 was answered */
    HIT_BDAT = 1 << 19,
    HIT_SMTPUTF8 = 1 << 20,
    HIT_COUNTED = 1 << 21, /* only old session records: `hits` has messages without a row, too (now counter rows) */
    HIT_TLS_ON_PLAIN = 1 << 22,   /* a ClientHello on the plain port */
    HIT_OTHER_PROTOCOL = 1 << 23, /* HTTP and the like */
    HIT_RELAY_PROBE = 1 << 24,    /* wanted to reach a domain that is not ours */
    HIT_DICTIONARY = 1 << 25,     /* a walk: many unknown recipients */
    HIT_AUTH = 1 << 26,           /* tried to log in */
    HIT_INJECTED = 1 << 27,       /* bytes behind STARTTLS in clear; dropped */
    HIT_TARPIT = 1 << 28,         /* was answered slowly on purpose */
    HIT_AUTOMATIC = 1 << 29,      /* by structure a bounce, a report or an automatic reply (docs/adr/0024) */
    HIT_BACKSCATTER = 1 << 30     /* and what it returns names one of the traps as its author */
};
/* "bare_lf", … of one bit; NULL where there is none of that number. */
const char *hit_flag_name(uint32_t flag);
enum { HIT_FLAGS_TEXT_MAX = 512 };
/* "tls,esmtp": the names of all of them, "" of none. Returns out. */
const char *hit_flags_text(uint32_t flags, char out[HIT_FLAGS_TEXT_MAX]);
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
    uint32_t first_command_ms; /* greeting sent until the client's first byte; UINT32_MAX: not known */
    struct bytes dsn;          /* "RET=… ENVID=…" of MAIL as received; <= DSN_MAX, mostly empty */
    /* Writer only: head of the message as it came on the wire, octet for octet: with its transparency (a dot
     * doubled at the start of a line), or with HIT_BDAT the octets of the chunks. Empty: none. What is kept
     * of it: <store/sample.h>. */
    struct bytes sample;
};

/* ---- session record: hits.db ---- */

enum { AUTH_KEPT_MAX = 16, AUTH_USER_MAX = 255, AUTH_MECHANISM_MAX = 32, AUTH_SECRET_BYTES = 16 };
/* One try to log in. Never the password: a keyed hash tells whether two were the same. */
struct auth_attempt {
    struct bytes mechanism, user; /* <= AUTH_MECHANISM_MAX; <= AUTH_USER_MAX, decoded, may hold any octet */
    uint8_t secret[AUTH_SECRET_BYTES]; /* all zero: none was given */
};
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
    const struct auth_attempt *auths; /* the first ones, at most AUTH_KEPT_MAX */
    size_t auth_count;
    uint8_t helo_class;        /* enum helo_class (mail/helo_class.h) of the last HELO; 0: none */
    uint32_t first_command_ms; /* as in struct hit */
    uint16_t tls_version;      /* 0x0301 = TLS 1.0 … 0x0304 = TLS 1.3; 0: none */
    struct bytes tls_cipher;   /* <= 63 */
    struct bytes ja4;          /* of the ClientHello, 36 characters */
    struct bytes sni;          /* server name asked for, as received; <= 255 */
    uint8_t attempt_class; /* 0, or the rcpt_class of a trap whose DATA was begun and not finished */
    struct bytes attempt_address;
};

/* ---- counter row: hits.db. Not a log: messages of a sender beyond hits_per_sender_hour, by the hour ---- */

struct counter_row {
    struct prefix sender; /* ip_key */
    uint32_t hour;        /* wall_hour */
    uint64_t count;
    wall_t first, last;
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
    ACT_EPOCH = 11,     /* subject = node; detail = new epoch */
    ACT_LOOKUP = 12,    /* traplook's; subject and detail: store/lookup.h */
    ACT_EXTRACT = 13,   /* subject = node/hit; detail = extract of its sample */
    ACT_FORGET = 14,    /* subject = prefix or domain */
    ACT_RESTORE = 15,
    ACT_SAVED = 16      /* not written: who was saved is computed */
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
