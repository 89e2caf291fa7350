/* config.h - the one configuration file of an installation, read by every program of it.
 *
 * Form:    libconfuse syntax, without include and without "${}" (refused: the environment has no part in it),
 *          at most 1 MB. config_schema.c is the table of all keys: section, name, type, default, smallest,
 *          largest, one line of documentation. The parser, the checks, the error texts and trapline.conf(5)
 *          come from that table.
 * Errors:  "FILE:LINE: what is wrong; what is allowed". An unknown key is an error. All errors of a file are
 *          not collected: the first one is said.
 * Units:   spans as "30s" in the file and span_t here; sizes as "10M" and bytes; weights and thresholds as
 *          decimals with at most three places and thousandths here; shares of a network as CIDR and struct
 *          prefix.
 * Owns:    config_free() frees all; strings and arrays inside are borrowed from it. Read-only after
 *          config_read(), so any thread may read.
 * Threads: config_read() one at a time in a process (libconfuse is not re-entrant); a struct config by any.
 * Tests:   tests/unit/base/test_config.c, test_config_errors.c, tests/functional/test_bad_config.py
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <base/err.h>
#include <base/log.h>
#include <base/prefix_set.h>
#include <base/time.h>

enum trap_class { CLASS_MINTED, CLASS_PRISTINE, CLASS_RECYCLED, CLASS_TYPO };
const char *trap_class_name(enum trap_class c);

struct endpoint {
    struct ip ip;
    uint16_t port;
};
struct endpoints {
    struct endpoint *v;
    size_t n;
};
struct strings {
    char **v;
    size_t n;
};
struct spans {
    span_t *v;
    size_t n;
};

struct conf_trap_domain {
    char *name;              /* lower case, no trailing dot */
    enum trap_class klass;
    bool unknown_accept;     /* `unknown = accept`; default: accept for recycled and pristine, reject for minted and typo */
    struct strings reserved; /* local parts that are never minted and never a trap; lower case, sorted */
    bool after_data_reject;  /* default: that of smtp; never for minted ones */
};
struct conf_trap {
    char *address;           /* lower case local@domain */
    enum trap_class klass;   /* pristine, recycled or typo */
};
struct conf_site {
    char *name;              /* Host of the request, lower case */
    struct strings trap_domains; /* empty: every minted domain */
    char *theme;
};

struct conf_web {
    struct endpoints listen;
    struct prefix_set trusted_proxies;
    uint32_t threads;
    span_t commit_deadline;          /* 150ms */
    span_t visit_window;             /* 1h */
    uint32_t visits_per_hour;        /* K new visits an hour from one /32 or /64; then its newest is shown again */
    uint64_t visits_per_day;         /* budget of new visits of this node */
    uint32_t connections_max, connections_per_ip;
    uint64_t header_max_bytes;
    span_t idle_timeout;
    char *terms;                     /* contact or text for the terms of use; "" = built-in text */
};

struct conf_smtp {
    struct endpoints listen, proxy_listen, tls_listen;
    char *socketmap_listen, *socketmap_group;
    uint32_t socketmap_max;          /* connections; more are closed */
    span_t socketmap_timeout;
    struct prefix_set proxy_from, xclient_from, xforward_from;
    char *hostname;
    bool after_data_reject;          /* after_data = "accept" | "reject": static traps of no configured trap domain */
    char *lookup_url;                /* told with a reject; "$" = the client's address; "" = none */
    bool tarpit;
    span_t tarpit_delay, tarpit_stutter; /* before a reply; between its bytes */
    span_t tarpit_max;                   /* of one session */
    uint32_t tarpit_sessions;            /* at once */
    uint32_t sessions_max, sessions_per_ip;      /* 421 */
    uint32_t commands_max, errors_max;           /* 421 */
    uint32_t recipients_max;                     /* 452 4.5.3 */
    uint64_t line_max_bytes;                     /* 500 5.5.2; at least 512 */
    uint64_t header_max_bytes;                   /* the rest is body */
    uint64_t message_max_bytes;                  /* SIZE; 552 5.3.4 */
    span_t command_timeout, data_timeout, session_max; /* 421 4.4.2 */
    bool auth;                                   /* auth = "off" | "on" */
    bool tls_off;                                /* tls = "on" | "off" */
    struct strings tls_certificates;             /* empty: tls/ecdsa.pem and tls/rsa.pem in state_dir, where they are */
    unsigned tls_min;                             /* 0x0301 = TLS 1.0 ... 0x0304 = TLS 1.3 */
    span_t greeting_delay;                       /* before 220 */
    span_t handshake_timeout;                    /* then closed without a reply */
    uint32_t data_rate_min;                      /* bytes a second of DATA, 0 = off; 421 */
    span_t commit_wait;                          /* then 452 4.3.1 */
    uint32_t hits_per_sender_hour;               /* 0 = no limit */
    uint32_t postmaster_max_files;               /* 452, as the next two */
    uint64_t postmaster_max_bytes;
    uint32_t postmaster_share;                   /* per cent of both that one client may fill a day */
};

/* How long records are kept; 0: for ever. */
struct conf_keep {
    span_t every;                    /* how often records are looked at */
    span_t visitor_ip;               /* then the /24 or /48 of it */
    span_t visits, hits;
    span_t sessions;                 /* without a trap */
    span_t attempts;                 /* the others */
    span_t samples;
};

struct conf_store {
    uint32_t queue_max;              /* records that may wait for a commit */
    uint32_t batch_max;              /* records in one transaction */
    uint64_t wal_max_bytes;          /* checkpoint beyond it */
    uint64_t sample_max_bytes;       /* head of one message */
    uint64_t samples_max_bytes;      /* of samples.db in all */
    uint64_t free_min_bytes;         /* less free disk than this: 452 and bait-less pages */
    uint64_t total_max_bytes;        /* of all databases; the same beyond it; 0 = no limit */
    struct conf_keep keep;
};

enum weight_class { WEIGHT_MINTED, WEIGHT_PRISTINE, WEIGHT_RECYCLED, WEIGHT_TYPO, WEIGHT_GUESS, WEIGHT_ATTEMPT,
                    WEIGHT_BEHAVIOUR, WEIGHT_LIST, WEIGHT_AUTOMATIC,
                    /* added to what each message of such a sender counts (traplook) */
                    WEIGHT_NO_REVERSE, WEIGHT_GENERIC_REVERSE, WEIGHT_HELO_MISMATCH, WEIGHT_CLASSES };
/* "5 of /32 in /24": a network is listed while so many of its members are. Lengths as in struct prefix (IPv4 /24 is 120). */
struct conf_escalation {
    uint32_t members;
    uint8_t from, to;
    bool v4;
};
struct conf_escalations {
    struct conf_escalation *v;       /* a row whose members are networks stands behind the row that makes them */
    size_t n;
};

struct conf_policy {
    char *name, *preset;             /* aggressive, standard, conservative */
    uint32_t threshold_milli;
    uint32_t sources_min, days_min, nodes_min;
    uint32_t young_sources_max;      /* harvester networks first seen < young_age ago; UINT32_MAX = no rule */
    span_t young_age;
    uint32_t per_source_day_max;     /* 5 */
    span_t half_life, stay_max;
    span_t delay_min, delay_max;     /* listing_delay = "0" or "10m-60m" */
    uint32_t weight_milli[WEIGHT_CLASSES];
    span_t visit_age_max;            /* harvesters block */
    uint32_t harvester_senders_min, harvester_addresses_min; /* either is enough */
    bool guard_off;                  /* the configuration's own: part of what is published */
    struct conf_escalations escalate;
    uint32_t backscatter_day_max;    /* 50: proved backscatter of one sender and day that is exempt */
    bool submissions;                /* acts `submit` list */
};

enum zone_kind { ZONE_SENDERS4, ZONE_SENDERS6, ZONE_SENDERS, ZONE_HARVESTERS, ZONE_COMBINED, ZONE_NETS, ZONE_BACKSCATTER };
enum zone_format {
    ZONE_FORMAT_CIDR,
    ZONE_FORMAT_POSTFIX,
    ZONE_FORMAT_NFTABLES,
    ZONE_FORMAT_NGINX,
    ZONE_FORMAT_APACHE,
    ZONE_FORMAT_HAPROXY,
    ZONE_FORMAT_CSV,
    ZONE_FORMAT_JSONL,
    ZONE_FORMATS
};
struct conf_zone {
    char *name;                      /* bl.example.org, lower case */
    enum zone_kind kind;
    char *policy;
    bool live;                       /* publish = "live" | "shadow" */
    struct strings ns;
    char *contact;                   /* SOA person, as a domain name */
    char *text;                      /* TXT; "$" = the address asked for */
    uint32_t code;                   /* last octet of the answer: 127.0.0.code */
    span_t ttl;
    uint32_t formats;                /* 1 << enum zone_format: files beside the zone file */
};

struct conf_export {
    char *dir;
    span_t interval, full_interval, stale_after;
    uint32_t sets_kept;
};

/* traplook: see docs/adr/0020. */
struct conf_look {
    bool on;
    struct endpoints resolvers;      /* empty: the system's */
    span_t timeout;                  /* of the first try; each further one waits twice as long */
    uint32_t tries;
    uint32_t queries_max;            /* under way at once */
    uint32_t queries_per_hour;       /* for addresses; the guard's come first and are bounded by themselves */
    span_t interval;                 /* how often new addresses are looked for */
    span_t again;                    /* an address is looked up again, where it mailed or visited since */
    span_t guard_interval;           /* a provider's SPF is resolved again */
    struct strings providers;        /* further domains whose SPF the guard follows */
    char *providers_file;            /* instead of the shipped list; "" = that */
    uint32_t spf_lookups_max, spf_void_max;
    char *dnswl;                     /* zone of a DNS whitelist, NULL: none */
};

struct config {
    char *path;                      /* of the file */
    char *state_dir;
    char *user;
    uint8_t node_id;
    enum log_level log_level;
    struct conf_trap_domain *trap_domains; /* sorted by name */
    size_t trap_domain_count;
    struct conf_trap *traps;
    size_t trap_count;
    char *trap_file;                 /* more static traps: `address class` a line */
    span_t trap_conditioning, trap_observing; /* of recycled traps that are added by command; 0 = armed at once */
    struct spans delist_lockout;     /* after the first, second, … removal within a year */
    struct conf_site *sites;
    size_t site_count;
    struct conf_web web;
    struct conf_smtp smtp;
    struct conf_store store;
    struct prefix_set never_list;    /* sealed; special-use space not included */
    struct strings never_list_files; /* re-read by trapexport */
    struct strings crawler_files;    /* plain CIDR: verified crawlers, never listed as harvesters */
    bool guard_off;
    struct strings guard_files;
    struct conf_policy *policies;    /* blocks of the file, then the presets that zones name without a block */
    size_t policy_count;
    struct conf_zone *zones;
    size_t zone_count;
    struct conf_export export;
    struct conf_look look;
    char *geoip_country, *geoip_asn;
};

TRAP_NODISCARD enum trap_err config_read(const char *path, struct config **out, struct err_text *why);
void config_free(struct config **c);

/* Any case; NULL where it is none. O(log n). */
const struct conf_trap_domain *config_trap_domain(const struct config *c, struct bytes name);
/* Any case; O(log n). */
bool config_is_reserved(const struct conf_trap_domain *d, struct bytes local);
/* A policy of this configuration, else the preset of that name, else NULL. */
const struct conf_policy *config_policy(const struct config *c, const char *name);

/* state_dir/name into out. */
void config_state_path(const struct config *c, const char *name, char out[1024]);

/* trapline.conf(5), roff, from the schema table. */
struct buf;
void config_manual(struct buf *out);

#endif
