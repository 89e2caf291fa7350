/* config_schema.c - all keys of trapline.conf. Documentation is written for the operator: what it does, and
 * when to change it. */
#include "config_schema.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MS_S         UINT64_C(1000)
#define MS_MIN       (60 * MS_S)
#define MS_H         (60 * MS_MIN)
#define MS_D         (24 * MS_H)
#define KIB          UINT64_C(1024)
#define MIB          (KIB * KIB)
#define GIB          (KIB * MIB)

/* KEY(name, type, default, smallest, largest, struct member, documentation) */
#define KEY(name_, type_, fallback_, min_, max_, base, member, doc_)                             \
    {                                                                                            \
        .name = (name_), .type = (type_), .fallback = (fallback_), .min = (min_), .max = (max_), \
        .offset = offsetof(struct base, member), .doc = (doc_)                                   \
    }
#define WORDS(name_, type_, fallback_, words_, base, member, doc_)                    \
    {                                                                                 \
        .name = (name_), .type = (type_), .fallback = (fallback_), .words = (words_), \
        .offset = offsetof(struct base, member), .doc = (doc_)                        \
    }
#define CLASS(words_, base, doc_)                                                                      \
    {                                                                                                  \
        .name = "class", .type = CONF_ENUM, .words = (words_), .offset = offsetof(struct base, klass), \
        .required = true, .doc = (doc_)                                                                \
    }

enum {
    DOMAIN_MAX = 253,
    ZONE_MAX = 180,
    WORD_MAX = 63,
    LOCAL_MAX = 64,
    PATH_MAX_BYTES = 900,
    TERMS_MAX = 2000,
    TXT_MAX = 200,
    URL_MAX = 300
};

static const struct conf_word domain_classes[] = { { "minted", CLASS_MINTED },
                                                   { "pristine", CLASS_PRISTINE },
                                                   { "recycled", CLASS_RECYCLED },
                                                   { "typo", CLASS_TYPO },
                                                   { NULL, 0 } };
static const struct conf_word trap_classes[] = {
    { "pristine", CLASS_PRISTINE }, { "recycled", CLASS_RECYCLED }, { "typo", CLASS_TYPO }, { NULL, 0 }
};
static const struct conf_word reject_accept[] = { { "reject", 0 }, { "accept", 1 }, { NULL, 0 } };
static const struct conf_word accept_reject[] = { { "accept", 0 }, { "reject", 1 }, { NULL, 0 } };
static const struct conf_word on_off[] = { { "on", 0 }, { "off", 1 }, { NULL, 0 } };
static const struct conf_word tls_versions[] = {
    { "1.0", 0x0301 }, { "1.1", 0x0302 }, { "1.2", 0x0303 }, { "1.3", 0x0304 }, { NULL, 0 }
};
static const struct conf_word off_on[] = { { "off", 0 }, { "on", 1 }, { NULL, 0 } };
static const struct conf_word shadow_live[] = { { "shadow", 0 }, { "live", 1 }, { NULL, 0 } };
static const struct conf_word levels[] = { { "error", LOG_ERROR },
                                           { "warning", LOG_WARNING },
                                           { "info", LOG_INFO },
                                           { "debug", LOG_DEBUG },
                                           { NULL, 0 } };
static const struct conf_word formats[] = {
    { "cidr", ZONE_FORMAT_CIDR },         { "postfix", ZONE_FORMAT_POSTFIX },
    { "nftables", ZONE_FORMAT_NFTABLES }, { "nginx", ZONE_FORMAT_NGINX },
    { "apache", ZONE_FORMAT_APACHE },     { "haproxy", ZONE_FORMAT_HAPROXY },
    { "csv", ZONE_FORMAT_CSV },           { "jsonl", ZONE_FORMAT_JSONL },
    { NULL, 0 },
};
static const struct conf_word kinds[] = { { "senders4", ZONE_SENDERS4 }, { "senders6", ZONE_SENDERS6 },
                                          { "senders", ZONE_SENDERS },   { "harvesters", ZONE_HARVESTERS },
                                          { "combined", ZONE_COMBINED },
                                          { "nets", ZONE_NETS },         { "backscatter", ZONE_BACKSCATTER },
                                          { NULL, 0 } };
static const struct conf_word presets[] = {
    { "aggressive", 0 }, { "standard", 0 }, { "conservative", 0 }, { NULL, 0 }
};

static const struct conf_key top_keys[] = {
    KEY("state_dir", CONF_PATH, "/var/lib/trapline", 1, PATH_MAX_BYTES, config, state_dir,
        "Directory of the databases, keys and sockets."),
    KEY("node_id", CONF_U8, "1", 1, 255, config, node_id,
        "Number of this installation; each node of one network has its own. Never change it later."),
    KEY("user", CONF_WORD, "", 0, 32, config, user,
        "User that the daemons become when they are started as root."),
    WORDS("log_level", CONF_ENUM, "info", levels, config, log_level,
          "How much is written to standard error."),
    KEY("trap_file", CONF_PATH, "", 0, PATH_MAX_BYTES, config, trap_file,
        "File with more static traps, one \"ADDRESS CLASS\" a line."),
    KEY("trap_conditioning", CONF_SPAN, "0", 0, 3650 * MS_D, config, trap_conditioning,
        "How long a recycled trap that is added by command refuses mail like an unknown recipient, so that "
        "whoever looks after his list takes it off; a year is good practice."),
    KEY("trap_observing", CONF_SPAN, "0", 0, 3650 * MS_D, config, trap_observing,
        "How long it then takes mail that lists nobody, for you to look at."),
    KEY("delist_lockout", CONF_SPANS, NULL, 0, 3650 * MS_D, config, delist_lockout,
        "After the first, second, ... removal of an address within a year the listed cannot ask for the next "
        "one themselves for so long; the last span counts for all later ones. Without this key: 1d, 7d, 30d; \"0\" locks nothing."),
    KEY("never_list", CONF_PREFIXES, NULL, 0, 0, config, never_list,
        "Networks that are never listed: your own, your customers'. Special-use networks, proxy_from, "
        "xclient_from, xforward_from and trusted_proxies never are, anyway."),
    KEY("never_list_files", CONF_PATHS, NULL, 1, PATH_MAX_BYTES, config, never_list_files,
        "Files with more of them, one network a line; read again when they change."),
    KEY("crawler_files", CONF_PATHS, NULL, 1, PATH_MAX_BYTES, config, crawler_files,
        "Files with the networks of verified crawlers, which are never listed as harvesters."),
    WORDS("guard", CONF_BOOL, "on", on_off, config, guard_off,
          "Guard over the networks of large mail providers: with \"on\", no senders zone is published while "
          "the guard's "
          "lists are missing or older than seven days."),
    KEY("guard_files", CONF_PATHS, NULL, 1, PATH_MAX_BYTES, config, guard_files,
        "Files with the networks of guarded providers, one network a line."),
};

static const struct conf_key trap_domain_title =
    KEY("name", CONF_DOMAIN, NULL, 1, DOMAIN_MAX, conf_trap_domain, name, "The domain.");
static const struct conf_key trap_domain_keys[] = {
    CLASS(domain_classes, conf_trap_domain,
          "\"minted\": trapweb makes its addresses, one for each visit. \"pristine\": never used for mail. "
          "\"recycled\": used "
          "once, then dead for at least a year. \"typo\": looks like somebody else's domain."),
    WORDS("unknown", CONF_BOOL, NULL, reject_accept, conf_trap_domain, unknown_accept,
          "Answer to a recipient that is no trap. Without this key: \"accept\" for pristine and recycled "
          "domains, where each "
          "recipient is a trap, \"reject\" for minted and typo ones."),
    KEY("reserved", CONF_LOCALS, NULL, 1, LOCAL_MAX, conf_trap_domain, reserved,
        "Names in this domain that are never made into a trap address nor taken for one, such as your own "
        "mailboxes where the domain receives real mail, too; `trapline check-map` finds those that matter."),
    WORDS("after_data", CONF_BOOL, NULL, accept_reject, conf_trap_domain, after_data_reject,
          "Answer to a message for a trap of this domain after it is on record; see smtp.after_data, which is the "
          "default. Not for minted domains, which always accept."),
};

static const struct conf_key trap_title =
    KEY("address", CONF_ADDRESS, NULL, 3, 254, conf_trap, address, "The address.");
static const struct conf_key trap_keys[] = {
    CLASS(trap_classes, conf_trap,
          "As for trap_domain; minted addresses are made by trapweb and never written here."),
};

static const struct conf_key site_title =
    KEY("name", CONF_HOST, NULL, 1, DOMAIN_MAX, conf_site, name, "The host name that visitors ask for.");
static const struct conf_key site_keys[] = {
    KEY("trap_domains", CONF_DOMAINS, NULL, 1, DOMAIN_MAX, conf_site, trap_domains,
        "Minted domains whose addresses this site shows. Empty: all."),
    KEY("theme", CONF_WORD, "", 0, WORD_MAX, conf_site, theme,
        "What the bait pages are about: \"workshop\", \"club\" (English), \"werkstatt\", \"verein\" (German). Empty: drawn."),
};

static const struct conf_key web_keys[] = {
    KEY("listen", CONF_ENDPOINTS, NULL, 0, 0, config, web.listen,
        "Addresses and ports for HTTP. Empty: none."),
    KEY("trusted_proxies", CONF_TRUSTED, NULL, 0, 0, config, web.trusted_proxies,
        "Networks of your reverse proxies, whose X-Forwarded-For and Forwarded are believed."),
    KEY("threads", CONF_U32, "2", 1, 64, config, web.threads, "Threads that serve pages, for each address of listen."),
    KEY("commit_deadline", CONF_SPAN, "150ms", 1, 10 * MS_S, config, web.commit_deadline,
        "How long a page waits until its visit is on disk; then it goes out without addresses."),
    KEY("visit_window", CONF_SPAN, "1h", 0, 7 * MS_D, config, web.visit_window,
        "The same client sees the same addresses on the same page for this long."),
    KEY("visits_per_hour", CONF_U32, "60", 1, 1000000000, config, web.visits_per_hour,
        "New visits an hour of one client (IPv4 address or IPv6 /64); then its newest visit is shown again."),
    KEY("visits_per_day", CONF_U64, "1000000", 1, 100000000, config, web.visits_per_day,
        "New visits a day of this node; over it pages carry no addresses."),
    KEY("connections_max", CONF_U32, "10000", 1, 1000000, config, web.connections_max,
        "Open connections in all; more get 503."),
    KEY("connections_per_ip", CONF_U32, "1000", 1, 1000000, config, web.connections_per_ip,
        "Open connections of one client; more get 429. Trusted proxies are not counted."),
    KEY("header_max", CONF_SIZE, "8k", 1 * KIB, 1 * MIB, config, web.header_max_bytes,
        "Longest header of one request; more gets 431."),
    KEY("idle_timeout", CONF_SPAN, "30s", 1 * MS_S, 1 * MS_H, config, web.idle_timeout,
        "A silent connection is closed after this, and one whose request takes twice as long to arrive."),
    KEY("terms", CONF_TEXT, "", 0, TERMS_MAX, config, web.terms,
        "Contact or text for the terms of use of the bait pages. Empty: the built-in text."),
};

static const struct conf_key smtp_keys[] = {
    KEY("listen", CONF_ENDPOINTS, NULL, 0, 0, config, smtp.listen,
        "Addresses and ports for SMTP. Empty: none."),
    KEY("proxy_listen", CONF_ENDPOINTS, NULL, 0, 0, config, smtp.proxy_listen,
        "The same, where each connection begins with a header of the PROXY protocol, version 1 or 2, that names "
        "the client; without a right one it is closed."),
    KEY("proxy_from", CONF_TRUSTED, "127.0.0.0/8 ::1", 0, 0, config, smtp.proxy_from,
        "Networks of your balancers: who may connect to proxy_listen."),
    KEY("tls_listen", CONF_ENDPOINTS, NULL, 0, 0, config, smtp.tls_listen,
        "The same, where each connection begins with a TLS handshake (port 465)."),
    WORDS("auth", CONF_BOOL, "off", off_on, config, smtp.auth,
          "Whether AUTH PLAIN and LOGIN are offered. Every attempt ends in 535; the user name and a keyed hash of the "
          "password are kept, never the password."),
    WORDS("tls", CONF_BOOL, "on", on_off, config, smtp.tls_off,
          "Whether STARTTLS is offered, which needs a certificate, and tls_listen served."),
    KEY("tls_certificates", CONF_PATHS, NULL, 1, PATH_MAX_BYTES, config, smtp.tls_certificates,
        "PEM files, each with a private key and its certificate chain; one of them ECDSA and one RSA serves every "
        "client. Read again when they change. Without this key: tls/ecdsa.pem and tls/rsa.pem in state_dir, where "
        "they are there (trapline keys tls makes them)."),
    WORDS("tls_min", CONF_ENUM, "1.0", tls_versions, config, smtp.tls_min,
          "Oldest version of TLS that is spoken. A trap wants old senders, too."),
    KEY("greeting_delay", CONF_SPAN, "1ms", 0, 10 * MS_S, config, smtp.greeting_delay,
        "How long a client is watched before it is greeted; who talks in that time is marked early_talk."),
    KEY("handshake_timeout", CONF_SPAN, "30s", 1 * MS_S, 10 * MS_MIN, config, smtp.handshake_timeout,
        "Time for the TLS handshake; then the connection is closed."),
    KEY("socketmap_listen", CONF_SOCKET, "", 0, PATH_MAX_BYTES, config, smtp.socketmap_listen,
        "Where the mail server of a real domain may ask whether a recipient is a trap: a socket's path, or "
        "IP:PORT. At IP:PORT only this machine and xforward_from are answered."),
    KEY("socketmap_group", CONF_WORD, "", 0, 32, config, smtp.socketmap_group,
        "Group that may connect to the path of socketmap_listen, such as \"postfix\". Empty: the daemon's own."),
    KEY("socketmap_max", CONF_U32, "500", 1, 100000, config, smtp.socketmap_max,
        "Open connections to socketmap_listen; more are closed at once."),
    KEY("socketmap_timeout", CONF_SPAN, "1m", 1 * MS_S, 1 * MS_H, config, smtp.socketmap_timeout,
        "Time for the next whole question there; then the connection is closed."),
    KEY("xclient_from", CONF_TRUSTED, NULL, 0, 0, config, smtp.xclient_from,
        "Networks that may use XCLIENT."),
    KEY("xforward_from", CONF_TRUSTED, NULL, 0, 0, config, smtp.xforward_from,
        "Networks that may use XFORWARD."),
    KEY("hostname", CONF_HOST, NULL, 1, DOMAIN_MAX, config, smtp.hostname,
        "Name in the greeting. Without this key: the machine's own name."),
    WORDS("after_data", CONF_BOOL, "accept", accept_reject, config, smtp.after_data_reject,
          "Answer to a message for a static trap after it is on record. \"reject\" is 550 5.7.1; it tells the "
          "sender's list cleaner which address to drop. Messages for minted traps are always accepted."),
    KEY("lookup_url", CONF_TEXT, "", 0, URL_MAX, config, smtp.lookup_url,
        "Page that explains a listing, told with \"reject\"; \"$\" stands for the client's address."),
    KEY("sessions_max", CONF_U32, "15000", 1, 1000000, config, smtp.sessions_max,
        "Open sessions in all; more get 421."),
    KEY("sessions_per_ip", CONF_U32, "50", 1, 1000000, config, smtp.sessions_per_ip,
        "Open sessions of one client (IPv4 address or IPv6 /64); more get 421."),
    KEY("commands_max", CONF_U32, "1000", 10, 1000000000, config, smtp.commands_max,
        "Commands in one session since its last accepted message, accepted recipients apart; then 421."),
    KEY("errors_max", CONF_U32, "20", 1, 1000000000, config, smtp.errors_max,
        "Refused commands in one session; then 421."),
    KEY("recipients_max", CONF_U32, "1000", 100, 1000000, config, smtp.recipients_max,
        "Recipients of one message; more get 452. RFC 5321 asks for at least 100."),
    KEY("line_max", CONF_SIZE, "4096", 512, 64 * KIB, config, smtp.line_max_bytes,
        "Longest command line; longer ones get 500."),
    KEY("header_max", CONF_SIZE, "100k", 4 * KIB, 1 * GIB, config, smtp.header_max_bytes,
        "Largest header of a message; what is behind it is taken as body, and the message is marked."),
    KEY("message_max", CONF_SIZE, "10M", 64 * KIB, 1 * GIB, config, smtp.message_max_bytes,
        "Largest message, announced with SIZE; larger ones get 552."),
    KEY("command_timeout", CONF_SPAN, "60s", 1 * MS_S, 1 * MS_H, config, smtp.command_timeout,
        "Time for the client to send its next command; then 421."),
    KEY("data_timeout", CONF_SPAN, "3m", 1 * MS_S, 1 * MS_H, config, smtp.data_timeout,
        "Longest silence of the client in a message; then 421."),
    KEY("session_max", CONF_SPAN, "30m", 1 * MS_S, 1 * MS_D, config, smtp.session_max,
        "Longest session; then 421."),
    KEY("data_rate_min", CONF_U32, "0", 0, 1000000, config, smtp.data_rate_min,
        "Fewest bytes a second in a message, on average; then 421. 0: no limit."),
    WORDS("tarpit", CONF_BOOL, "off", off_on, config, smtp.tarpit,
          "Slows down clients that are on a live zone. Their mail may then never arrive: evidence is lost for "
          "their time."),
    KEY("tarpit_delay", CONF_SPAN, "5s", 0, 10 * MS_MIN, config, smtp.tarpit_delay,
        "How long each reply to such a client waits."),
    KEY("tarpit_stutter", CONF_SPAN, "1s", 0, 1 * MS_MIN, config, smtp.tarpit_stutter,
        "Time between two bytes of a reply. 0: the whole reply at once."),
    KEY("tarpit_max", CONF_SPAN, "5m", 1 * MS_S, 1 * MS_D, config, smtp.tarpit_max,
        "A session is slow for this long, then it goes on at full speed."),
    KEY("tarpit_sessions", CONF_U32, "500", 1, 1000000, config, smtp.tarpit_sessions,
        "Slow sessions at once; further ones are served at full speed."),
    KEY("commit_wait", CONF_SPAN, "30s", 100, 10 * MS_MIN, config, smtp.commit_wait,
        "How long the end of a message waits until it is on disk; then 452."),
    KEY("hits_per_sender_hour", CONF_U32, "200", 0, 1000000000, config, smtp.hits_per_sender_hour,
        "Messages of one sender an hour that are recorded one by one, and session records and log lines of it; "
        "the rest is counted. 0: no limit."),
    KEY("postmaster_max_files", CONF_U32, "1000", 1, 1000000, config, smtp.postmaster_max_files,
        "Messages to postmaster and abuse that are kept; while there are as many, further ones get 452."),
    KEY("postmaster_max_bytes", CONF_SIZE, "256M", 64 * KIB, 1024 * GIB, config, smtp.postmaster_max_bytes,
        "The same for their size in all."),
    KEY("postmaster_share", CONF_U32, "10", 1, 100, config, smtp.postmaster_share,
        "Per cent of both that the mail of one client (IPv4 address or IPv6 /48) may take in 24 hours; more gets 452."),
};

static const struct conf_key store_keys[] = {
    KEY("queue_max", CONF_U32, "65536", 1, 16777216, config, store.queue_max,
        "Records that may wait to be written."),
    KEY("batch_max", CONF_U32, "1024", 1, 1048576, config, store.batch_max, "Records in one transaction."),
    KEY("wal_max", CONF_SIZE, "64M", 256 * KIB, 16 * GIB, config, store.wal_max_bytes,
        "Size of a database's write-ahead log that starts a checkpoint."),
    KEY("sample_max", CONF_SIZE, "64k", 0, 16 * MIB, config, store.sample_max_bytes,
        "How much of one message is kept."),
    KEY("samples_max", CONF_SIZE, "1G", 0, 1024 * GIB, config, store.samples_max_bytes,
        "Bytes of samples.db in all, its WAL included; the oldest go first. Under 1M none are kept."),
    KEY("free_min", CONF_SIZE, "64M", 0, 1024 * GIB, config, store.free_min_bytes,
        "With less free disk than this mail gets 452 and pages carry no addresses."),
    KEY("total_max", CONF_SIZE, "0", 0, 1024 * 1024 * GIB, config, store.total_max_bytes,
        "Size of all databases together; 0 = no limit but the disk. Unused pages do not count. From nine tenths of it "
        "on samples make room and an error is logged; when it is reached mail gets 452 and pages carry no addresses."),
};

static const struct conf_key retention_keys[] = {
    KEY("every", CONF_SPAN, "1h", MS_S, 7 * MS_D, config, store.keep.every,
        "How often records are looked at. A record goes at the latest a twelfth of its time later, or a week."),
    KEY("visitor_ip", CONF_SPAN, "90d", 0, 36500 * MS_D, config, store.keep.visitor_ip,
        "How long the address of a visitor is kept in full; then its /24 (IPv4) or /48 (IPv6). 0 = for ever, here and below."),
    KEY("visits", CONF_SPAN, "1095d", 0, 36500 * MS_D, config, store.keep.visits,
        "Visits. Mail to the addresses of an erased one still counts for its sender, as \"aged\"."),
    KEY("hits", CONF_SPAN, "1095d", 0, 36500 * MS_D, config, store.keep.hits,
        "Messages and counted messages, with the address of the sender: all evidence rests on them."),
    KEY("attempts", CONF_SPAN, "1095d", 0, 36500 * MS_D, config, store.keep.attempts,
        "Sessions that broke off in a message to a trap."),
    KEY("sessions", CONF_SPAN, "14d", 0, 36500 * MS_D, config, store.keep.sessions, "All other sessions."),
    KEY("samples", CONF_SPAN, "30d", 0, 36500 * MS_D, config, store.keep.samples, "Heads of messages."),
};

static const struct conf_key policy_title =
    KEY("name", CONF_WORD, NULL, 1, WORD_MAX, conf_policy, name, "The name that zones refer to.");
static const struct conf_key policy_keys[] = {
    WORDS("preset", CONF_WORD, NULL, presets, conf_policy, preset,
          "Where the block starts from. Without this key: the preset of the block's own name, else "
          "\"standard\". Keys below "
          "override it."),
    KEY("threshold", CONF_MILLI, NULL, 1, 1000000, conf_policy, threshold_milli,
        "Score from which a sender is listed."),
    KEY("sources", CONF_U32, NULL, 1, 1000000, conf_policy, sources_min,
        "Distinct sources (networks of harvesters, traps) at least."),
    KEY("days", CONF_U32, NULL, 1, 365, conf_policy, days_min, "Distinct days with hits at least."),
    KEY("nodes", CONF_U32, NULL, 1, 255, conf_policy, nodes_min,
        "Distinct nodes at least, where there are so many."),
    KEY("young_sources", CONF_COUNT, NULL, 0, 1000000, conf_policy, young_sources_max,
        "At most so many of the sources may be harvester networks first seen less than young_age ago."),
    KEY("young_age", CONF_SPAN, NULL, 0, 365 * MS_D, conf_policy, young_age, "See young_sources."),
    KEY("per_source_day", CONF_U32, NULL, 1, 1000000, conf_policy, per_source_day_max,
        "Hits of one source and day that count."),
    KEY("half_life", CONF_SPAN, NULL, 1 * MS_H, 365 * MS_D, conf_policy, half_life,
        "A hit's weight halves in this time."),
    KEY("longest_stay", CONF_SPAN, NULL, 1 * MS_H, 365 * MS_D, conf_policy, stay_max,
        "A listing ends after this without new hits."),
    KEY("listing_delay", CONF_DELAY, NULL, 0, 7 * MS_D, conf_policy, delay_min,
        "First listings appear after a time between these two, different for each, so that nobody can find "
        "traps by mailing "
        "one address and asking the zone."),
    KEY("backscatter_per_day", CONF_U32, NULL, 0, 1000000, conf_policy, backscatter_day_max,
        "Bounces of one sender a day that count nothing, when what they return proves that a trap's address was "
        "forged; more count as automatic mail. Zones of the kind \"backscatter\" list by these alone."),
    KEY("escalate", CONF_ESCALATIONS, NULL, 2, 1000000, conf_policy, escalate,
        "When a network is listed for its members, in zones of the kind \"nets\" only: while so many of them are listed. "
        "Members are listed senders (IPv4 /32, IPv6 /64), or networks that a row before makes."),
    WORDS("submissions", CONF_BOOL, NULL, off_on, conf_policy, submissions,
          "With \"on\" what a trusted person submits (`trapline submit`) is listed until its end, without evidence of "
          "ours; never past the never-list."),
};

/* The order is that of enum weight_class. */
#define WEIGHT(name_, class_, doc_) \
    KEY(name_, CONF_MILLI, NULL, 0, 100000, conf_policy, weight_milli[class_], doc_)
static const struct conf_key weight_keys[] = {
    WEIGHT("minted", WEIGHT_MINTED, "A hit at a minted address."),
    WEIGHT("pristine", WEIGHT_PRISTINE, "A hit at a trap never used for mail."),
    WEIGHT("recycled", WEIGHT_RECYCLED, "A hit at a trap once used."),
    WEIGHT("typo", WEIGHT_TYPO, "A hit at a typo trap."),
    WEIGHT("guess", WEIGHT_GUESS, "A hit at an address of minted form that nobody was shown."),
    WEIGHT("attempt", WEIGHT_ATTEMPT, "A message to a trap that was begun and not finished."),
    WEIGHT("behaviour", WEIGHT_BEHAVIOUR, "A session record: early talk, relay probes and the like."),
    WEIGHT("list", WEIGHT_LIST, "List traffic by its header (List-Id, Precedence), to a trap of any class."),
    WEIGHT("automatic", WEIGHT_AUTOMATIC, "A bounce, feedback report or automatic reply by its structure."),
    WEIGHT("no_reverse", WEIGHT_NO_REVERSE, "Added to each message of a sender without a reverse name that leads back to it."),
    WEIGHT("generic_reverse", WEIGHT_GENERIC_REVERSE, "The same, where the reverse name has the form of a row of hosts."),
    WEIGHT("helo_mismatch", WEIGHT_HELO_MISMATCH, "The same, where the HELO name does not lead to the sender."),
};

static const struct conf_key harvester_keys[] = {
    KEY("visit_age_max", CONF_SPAN, NULL, 1 * MS_H, 365 * MS_D, conf_policy, visit_age_max,
        "A harvester is listed only while its last visit is younger than this."),
    KEY("senders", CONF_U32, NULL, 1, 1000000, conf_policy, harvester_senders_min,
        "Distinct senders to its addresses, or ..."),
    KEY("addresses", CONF_U32, NULL, 1, 1000000, conf_policy, harvester_addresses_min,
        "... distinct addresses of it that were mailed, at least."),
};

static const struct conf_key zone_title =
    KEY("name", CONF_DOMAIN, NULL, 1, ZONE_MAX, conf_zone, name, "The zone's domain.");
static const struct conf_key zone_keys[] = {
    WORDS("kind", CONF_ENUM, "combined", kinds, conf_zone, kind,
          "What it lists: senders (one or both families), harvesters, all of these (combined), or the networks that the "
          "policy's escalate makes of senders (nets), or senders of proved backscatter."),
    KEY("policy", CONF_WORD, "standard", 1, WORD_MAX, conf_zone, policy,
        "Name of a policy block, or of a preset."),
    WORDS("publish", CONF_BOOL, "shadow", shadow_live, conf_zone, live,
          "\"shadow\" writes the zone below shadow/ of each set, to look at, not to serve; \"live\" publishes "
          "it."),
    KEY("ns", CONF_DOMAINS, NULL, 1, DOMAIN_MAX, conf_zone, ns, "Name servers of the zone."),
    KEY("contact", CONF_DOMAIN, NULL, 1, DOMAIN_MAX, conf_zone, contact,
        "Contact in the SOA record, as a domain name (hostmaster.example.org). Without this key: hostmaster. "
        "and the zone's name."),
    KEY("text", CONF_TEXT, "$ is listed by the published policy of this zone", 1, TXT_MAX, conf_zone, text,
        "TXT answer; \"$\" stands for the address asked for."),
    KEY("code", CONF_U32, "2", 2, 255, conf_zone, code,
        "Last number of the answer 127.0.0.x; harvesters have their own form."),
    KEY("ttl", CONF_SPAN, "5m", 1 * MS_S, 1 * MS_D, conf_zone, ttl, "How long resolvers may keep an answer."),
    WORDS("formats", CONF_FLAGS, NULL, formats, conf_zone, formats,
          "Further files of the same listings, for those that do not ask by DNS: written into each set beside "
          "the zone file. docs/zones.md says what each is for."),
};

static const struct conf_key export_keys[] = {
    KEY("dir", CONF_PATH, NULL, 1, PATH_MAX_BYTES, config, export.dir,
        "Directory of the published zone sets. Without this key: \"zones\" in state_dir."),
    KEY("interval", CONF_SPAN, "1s", 1 * MS_S, 1 * MS_H, config, export.interval,
        "How often new listings are published."),
    KEY("full_interval", CONF_SPAN, "10m", 1 * MS_S, 1 * MS_D, config, export.full_interval,
        "How often the whole zones are rewritten."),
    KEY("stale_after", CONF_SPAN, "6h", 1 * MS_MIN, 30 * MS_D, config, export.stale_after,
        "A zone that was not renewed for this long is no longer served; must be longer than full_interval."),
    KEY("sets_kept", CONF_U32, "5", 2, 1000, config, export.sets_kept, "Published sets that are kept."),
};

static const struct conf_key look_keys[] = {
    WORDS("lookups", CONF_BOOL, "off", off_on, config, look.on,
          "Whether traplook runs: it asks the DNS for the networks of mail providers (guard) and for the names of "
          "senders and harvesters."),
    KEY("resolvers", CONF_ENDPOINTS, NULL, 0, 0, config, look.resolvers,
        "Resolvers that are asked; best one on this machine. Without this key: those of the system."),
    KEY("timeout", CONF_SPAN, "3s", 100, 1 * MS_MIN, config, look.timeout,
        "How long the first try of a query waits; each further one waits twice as long."),
    KEY("tries", CONF_U32, "3", 1, 5, config, look.tries, "Tries of a query; then the answer is \"undecided\"."),
    KEY("queries_max", CONF_U32, "32", 1, 1000, config, look.queries_max, "Queries under way at once."),
    KEY("queries_per_hour", CONF_U32, "20000", 0, 10000000, config, look.queries_per_hour,
        "Queries about addresses in an hour; what is over waits. Those of the guard are not counted."),
    KEY("interval", CONF_SPAN, "10s", 100, 1 * MS_H, config, look.interval,
        "How often the evidence is looked through for new senders and harvesters."),
    KEY("again", CONF_SPAN, "1d", 1 * MS_D, 90 * MS_D, config, look.again,
        "An address is looked up again after this, when it was seen since."),
    KEY("guard_interval", CONF_SPAN, "12h", 1 * MS_H, 3 * MS_D, config, look.guard_interval,
        "How often the SPF record of each provider is resolved again."),
    KEY("providers", CONF_DOMAINS, NULL, 1, DOMAIN_MAX, config, look.providers,
        "More domains whose senders, by their SPF record, are never listed."),
    KEY("providers_file", CONF_PATH, "", 0, PATH_MAX_BYTES, config, look.providers_file,
        "List of provider domains instead of the one that comes with Trapline."),
    KEY("spf_lookups", CONF_U32, "10", 1, 100, config, look.spf_lookups_max,
        "Terms of one provider's SPF that may cost queries (RFC 7208 says 10)."),
    KEY("spf_void", CONF_U32, "2", 0, 100, config, look.spf_void_max,
        "Of these, so many may find nothing (RFC 7208 says 2)."),
    KEY("dnswl", CONF_DOMAIN, NULL, 1, ZONE_MAX, config, look.dnswl,
        "Zone of a DNS whitelist such as list.dnswl.org, asked about senders. Without this key: none. Mind its terms "
        "of use."),
};

static const struct conf_key geoip_keys[] = {
    KEY("country", CONF_PATH, "", 0, PATH_MAX_BYTES, config, geoip_country,
        "MaxMind database of countries, or empty."),
    KEY("asn", CONF_PATH, "", 0, PATH_MAX_BYTES, config, geoip_asn,
        "MaxMind database of autonomous systems, or empty."),
};

#define KEYS(table) .keys = (table), .key_count = ARRAY_LEN(table)
#define TITLED(title_, type_, array_, count_)                 \
    .title = &(title_), .element_size = sizeof(struct type_), \
    .array_offset = offsetof(struct config, array_), .count_offset = offsetof(struct config, count_)

/* Parents stand before their children. */
const struct conf_section conf_sections[] = {
    { .name = "", KEYS(top_keys), .doc = "Keys outside of any section." },
    { .name = "trap_domain",
      .parent = "",
      KEYS(trap_domain_keys),
      TITLED(trap_domain_title, conf_trap_domain, trap_domains, trap_domain_count),
      .doc = "A domain all of whose mail comes here, or the mail to its unknown recipients." },
    { .name = "trap",
      .parent = "",
      KEYS(trap_keys),
      TITLED(trap_title, conf_trap, traps, trap_count),
      .doc = "One static trap." },
    { .name = "site",
      .parent = "",
      KEYS(site_keys),
      TITLED(site_title, conf_site, sites, site_count),
      .doc = "A web site that shows bait. Without such a block all sites show all minted domains." },
    { .name = "web", .parent = "", KEYS(web_keys), .doc = "trapweb." },
    { .name = "smtp", .parent = "", KEYS(smtp_keys), .doc = "trapsmtp." },
    { .name = "store", .parent = "", KEYS(store_keys), .doc = "The databases." },
    { .name = "retention", .parent = "", KEYS(retention_keys), .doc = "How long records are kept (docs/retention.md)." },
    { .name = "policy",
      .parent = "",
      KEYS(policy_keys),
      TITLED(policy_title, conf_policy, policies, policy_count),
      .doc = "A listing policy, which is also its published text." },
    { .name = "weights", .parent = "policy", KEYS(weight_keys), .doc = "What one hit of each class counts." },
    { .name = "harvesters", .parent = "policy", KEYS(harvester_keys), .doc = "When a harvester is listed." },
    { .name = "zone",
      .parent = "",
      KEYS(zone_keys),
      TITLED(zone_title, conf_zone, zones, zone_count),
      .doc = "A DNS zone to publish." },
    { .name = "export", .parent = "", KEYS(export_keys), .doc = "trapexport." },
    { .name = "look", .parent = "", KEYS(look_keys), .doc = "traplook." },
    { .name = "geoip",
      .parent = "",
      KEYS(geoip_keys),
      .doc = "Country and network of an address, for reports only." },
};
const size_t conf_section_count = ARRAY_LEN(conf_sections);

const struct conf_section *conf_section_find(const char *name)
{
    for (size_t i = 0; i < conf_section_count; i++)
        if (strcmp(conf_sections[i].name, name) == 0)
            return &conf_sections[i];
    return NULL;
}

const struct conf_key *conf_key_find(const struct conf_section *s, const char *name)
{
    for (size_t i = 0; i < s->key_count; i++)
        if (strcmp(s->keys[i].name, name) == 0)
            return &s->keys[i];
    return NULL;
}
