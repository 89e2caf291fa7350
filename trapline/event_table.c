/* event_table.c - what the records look like: name, type and place of each field. */
#include "event.h"

#include <stddef.h>

#define FIELD(name_, type_, base, member)                                         \
    {                                                                             \
        .name = (name_), .type = (type_), .offset = offsetof(struct base, member) \
    }

static const struct event_field visit_fields[] = {
    FIELD("seq", EVENT_U64, visit, seq),
    FIELD("at", EVENT_TIME, visit, at),
    FIELD("client", EVENT_IP, visit, client),
    FIELD("site", EVENT_BYTES, visit, site),
    FIELD("page", EVENT_BYTES, visit, page),
    FIELD("agent", EVENT_BYTES, visit, agent),
    FIELD("recipe", EVENT_RECIPE, visit, recipe),
    FIELD("flags", EVENT_VISIT_FLAGS, visit, flags),
    { .name = NULL },
};
static const struct event_field epoch_fields[] = {
    FIELD("epoch", EVENT_U32, visit_epoch, epoch),
    FIELD("first", EVENT_U64, visit_epoch, first_seq),
    FIELD("at", EVENT_TIME, visit_epoch, started),
    { .name = NULL },
};
static const struct event_field hit_fields[] = {
    FIELD("seq", EVENT_U64, hit, seq),
    FIELD("at", EVENT_TIME, hit, at),
    FIELD("session", EVENT_U64, hit, session),
    FIELD("sender", EVENT_IP, hit, sender),
    FIELD("local", EVENT_IP, hit, local),
    FIELD("port", EVENT_U16, hit, local_port),
    FIELD("helo", EVENT_BYTES, hit, helo),
    FIELD("from", EVENT_BYTES, hit, reverse_path),
    FIELD("flags", EVENT_HIT_FLAGS, hit, flags),
    FIELD("size", EVENT_U64, hit, size),
    FIELD("digest", EVENT_HEX64, hit, digest),
    FIELD("first_command_ms", EVENT_MS, hit, first_command_ms),
    FIELD("dsn", EVENT_BYTES, hit, dsn),
    FIELD("rcpt", EVENT_RCPTS, hit, rcpts),
    { .name = NULL },
};
const struct event_field event_rcpt_fields[] = {
    FIELD("class", EVENT_CLASS, hit_rcpt, klass),
    FIELD("address", EVENT_BYTES, hit_rcpt, address),
    FIELD("dsn", EVENT_BYTES, hit_rcpt, dsn),
    { .name = NULL },
};
static const struct event_field session_fields[] = {
    FIELD("seq", EVENT_U64, session_record, seq),
    FIELD("at", EVENT_TIME, session_record, at),
    FIELD("session", EVENT_U64, session_record, session),
    FIELD("client", EVENT_IP, session_record, client),
    FIELD("local", EVENT_IP, session_record, local),
    FIELD("port", EVENT_U16, session_record, local_port),
    FIELD("duration_ms", EVENT_U32, session_record, duration_ms),
    FIELD("helo", EVENT_BYTES, session_record, helo),
    FIELD("flags", EVENT_HIT_FLAGS, session_record, flags),
    FIELD("commands", EVENT_U32, session_record, commands),
    FIELD("errors", EVENT_U32, session_record, errors),
    FIELD("hits", EVENT_U32, session_record, hits),
    FIELD("refused_unknown", EVENT_U32, session_record, refused_unknown),
    FIELD("refused_relay", EVENT_U32, session_record, refused_relay),
    FIELD("refused_limit", EVENT_U32, session_record, refused_limit),
    FIELD("auth_attempts", EVENT_U32, session_record, auth_attempts),
    FIELD("auth", EVENT_AUTHS, session_record, auths),
    FIELD("helo_class", EVENT_U8, session_record, helo_class),
    FIELD("first_command_ms", EVENT_MS, session_record, first_command_ms),
    FIELD("tls_version", EVENT_U16, session_record, tls_version),
    FIELD("tls_cipher", EVENT_BYTES, session_record, tls_cipher),
    FIELD("ja4", EVENT_BYTES, session_record, ja4),
    FIELD("sni", EVENT_BYTES, session_record, sni),
    FIELD("attempt_class", EVENT_CLASS, session_record, attempt_class),
    FIELD("attempt_address", EVENT_BYTES, session_record, attempt_address),
    { .name = NULL },
};
const struct event_field event_auth_fields[] = {
    FIELD("mechanism", EVENT_BYTES, auth_attempt, mechanism),
    FIELD("user", EVENT_BYTES, auth_attempt, user),
    { .name = NULL },
};
static const struct event_field counter_fields[] = {
    FIELD("sender", EVENT_KEY, counter_row, sender), FIELD("hour", EVENT_U32, counter_row, hour),
    FIELD("count", EVENT_U64, counter_row, count),   FIELD("first", EVENT_TIME, counter_row, first),
    FIELD("last", EVENT_TIME, counter_row, last),    { .name = NULL },
};
static const struct event_field act_fields[] = {
    FIELD("seq", EVENT_U64, act, seq),
    FIELD("at", EVENT_TIME, act, at),
    FIELD("until", EVENT_TIME, act, until),
    FIELD("kind", EVENT_ACT_KIND, act, kind),
    FIELD("subject", EVENT_BYTES, act, subject),
    FIELD("detail", EVENT_BYTES, act, detail),
    FIELD("who", EVENT_BYTES, act, who),
    FIELD("why", EVENT_BYTES, act, why),
    { .name = NULL },
};
static const struct event_field erased_fields[] = {
    FIELD("log", EVENT_LOG, event_erased, log),
    FIELD("upto", EVENT_U64, event_erased, upto),
    FIELD("last", EVENT_U64, event_erased, last),
    { .name = NULL },
};
static const struct event_field erasure_fields[] = {
    FIELD("log", EVENT_LOG, event_erasure, log),
    FIELD("what", EVENT_ERASURE_KIND, event_erasure, erasure.kind),
    FIELD("upto", EVENT_U64, event_erasure, erasure.upto),
    FIELD("before", EVENT_TIME, event_erasure, erasure.before),
    FIELD("at", EVENT_TIME, event_erasure, erasure.at),
    FIELD("records", EVENT_U64, event_erasure, erasure.records),
    { .name = NULL },
};

const struct event_form event_forms[EVENT_KINDS] = {
    [EVENT_VISIT] = { "visit", visit_fields },
    [EVENT_EPOCH] = { "epoch", epoch_fields },
    [EVENT_HIT] = { "hit", hit_fields },
    [EVENT_SESSION] = { "session", session_fields },
    [EVENT_COUNTER] = { "counter", counter_fields },
    [EVENT_ACT] = { "act", act_fields },
    [EVENT_ERASED] = { "erased", erased_fields },
    [EVENT_ERASURE] = { "erasure", erasure_fields },
};

const char *event_flag_name(enum event_type type, uint32_t flag)
{
    return type == EVENT_VISIT_FLAGS ? visit_flag_name(flag) : hit_flag_name(flag);
}

uint32_t event_flag(enum event_type type, struct bytes name)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *known = event_flag_name(type, 1u << bit);

        if (known != NULL && bytes_eq(name, bytes_str(known)))
            return 1u << bit;
    }
    return UINT32_MAX;
}

const char *event_log_name(uint8_t log)
{
    static const char *const names[] = { "?", "visit", "hit", "session" };

    return log < sizeof(names) / sizeof(names[0]) ? names[log] : "?";
}
