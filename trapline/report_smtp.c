/* report_smtp.c - see report.h: what a message or a session looked like on the wire, as a document. */
#include "report.h"

#include <mail/helo_class.h>
#include <store/hit_log.h>
#include <store/sample.h>

#include <stdio.h>

static json_t *json_flags(uint32_t flags)
{
    json_t *list = json_array();

    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((flags & bit) != 0 && hit_flag_name(bit) != NULL)
            json_array_append_new(list, json_string(hit_flag_name(bit)));
    return list;
}

/* As text: JSON readers keep 53 bits of a number. */
static json_t *json_id(uint64_t id)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
    return json_string(text);
}

static json_t *json_ms(uint32_t ms)
{
    return ms == UINT32_MAX ? json_null() : json_integer(ms);
}

static json_t *json_endpoint(struct ip ip, uint16_t port)
{
    char text[IP_TEXT_MAX], out[IP_TEXT_MAX + 8];

    (void)ip_text(ip, text);
    (void)snprintf(out, sizeof(out), ip_is_v4(ip) ? "%s:%u" : "[%s]:%u", text, (unsigned)port);
    return json_string(out);
}

static json_t *json_hex(struct bytes s)
{
    struct buf b;
    json_t *out;

    buf_init(&b, s.n * 2 + 1);
    buf_add_hex(&b, s);
    out = json_stringn(b.n == 0 ? "" : (const char *)b.p, b.n);
    buf_free(&b);
    return out;
}

/* ---- messages ---- */

/* Which hit's sample stands for this one: its own, or the first of its campaign. */
static enum trap_err add_sample(struct home *h, const struct hit *hit, json_t *o)
{
    struct sample sample;
    const enum trap_err err =
        h->samples == NULL ? TRAP_ENOENT : sample_of(h->samples, hit->seq, hit->digest, &sample);

    if (err == TRAP_OK) {
        json_object_set_new(o, "sample_of", json_integer((json_int_t)sample.hit));
        sample_free(&sample);
    }
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err report_smtp_hit(struct home *h, const struct hit *hit, json_t *o)
{
    char digest[24];

    (void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)hit->digest);
    json_object_set_new(o, "session", json_id(hit->session));
    json_object_set_new(o, "local", json_endpoint(hit->local, hit->local_port));
    json_object_set_new(o, "marks", json_flags(hit->flags));
    json_object_set_new(o, "first_command_ms", json_ms(hit->first_command_ms));
    if (hit->dsn.n > 0)
        json_object_set_new(o, "dsn", json_bytes(hit->dsn));
    json_object_set_new(o, "campaign", json_string(digest));
    return add_sample(h, hit, o);
}

/* ---- sessions ---- */

static json_t *tls_object(const struct session_record *s)
{
    static const char *const names[] = { "1.0", "1.1", "1.2", "1.3" };
    const unsigned minor = (unsigned)s->tls_version - 0x0301;

    return json_pack("{s:s, s:o, s:o, s:o}", "version",
                     minor < sizeof(names) / sizeof(names[0]) ? names[minor] : "unknown", "cipher",
                     json_bytes(s->tls_cipher), "ja4", json_bytes(s->ja4), "server_name", json_bytes(s->sni));
}

static json_t *auth_list(const struct session_record *s)
{
    static const uint8_t none[AUTH_SECRET_BYTES];
    json_t *list = json_array();

    for (size_t i = 0; i < s->auth_count; i++) {
        const struct auth_attempt *a = &s->auths[i];
        json_t *o =
            json_pack("{s:o, s:o}", "mechanism", json_bytes(a->mechanism), "user", json_bytes(a->user));

        if (memcmp(a->secret, none, sizeof(none)) != 0)
            json_object_set_new(o, "password_hash", json_hex(bytes_of(a->secret, sizeof(a->secret))));
        json_array_append_new(list, o);
    }
    return list;
}

static enum trap_err append_session(const struct session_record *s, void *arg)
{
    json_t *o = json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "session",
        json_id(s->session), "at", json_wall(s->at), "client", json_ip(s->client), "local",
        json_endpoint(s->local, s->local_port), "duration_ms", (json_int_t)s->duration_ms, "helo",
        json_bytes(s->helo), "helo_class", helo_class_name(s->helo_class), "marks", json_flags(s->flags),
        "first_command_ms", json_ms(s->first_command_ms), "commands", (json_int_t)s->commands, "errors",
        (json_int_t)s->errors, "messages", (json_int_t)s->hits, "refused_unknown",
        (json_int_t)s->refused_unknown, "refused_relay", (json_int_t)s->refused_relay, "refused_limit",
        (json_int_t)s->refused_limit, "auth_attempts", (json_int_t)s->auth_attempts);

    if (o == NULL)
        return TRAP_ENOMEM;
    if (s->auth_count > 0)
        json_object_set_new(o, "auth", auth_list(s));
    if (s->tls_version != 0)
        json_object_set_new(o, "tls", tls_object(s));
    else if (s->ja4.n > 0) /* a ClientHello that led to nothing */
        json_object_set_new(o, "ja4", json_bytes(s->ja4));
    if (s->attempt_class != 0)
        json_object_set_new(o, "attempt",
                            json_pack("{s:o, s:s}", "address", json_bytes(s->attempt_address), "class",
                                      rcpt_class_name(s->attempt_class)));
    return json_array_append_new(arg, o) == 0 ? TRAP_OK : TRAP_ENOMEM;
}

static enum trap_err append_counter(const struct counter_row *c, void *arg)
{
    const wall_t hour = { (int64_t)c->hour * WALL_US_PER_HOUR };
    json_t *o =
        json_pack("{s:o, s:o, s:I, s:o, s:o}", "sender", json_prefix(c->sender), "hour", json_wall(hour),
                  "messages", (json_int_t)c->count, "first", json_wall(c->first), "last", json_wall(c->last));

    return o != NULL && json_array_append_new(arg, o) == 0 ? TRAP_OK : TRAP_ENOMEM;
}

enum trap_err report_smtp_sender(struct home *h, struct prefix key, json_t *doc)
{
    json_t *sessions = json_array(), *counters = json_array();
    enum trap_err err;

    json_object_set_new(doc, "sessions", sessions);
    json_object_set_new(doc, "beyond_hourly_limit", counters);
    err = session_by_client(h->hits, key, REPORT_SESSIONS_MAX, append_session, sessions);
    return err == TRAP_OK ? counter_by_sender(h->hits, key, REPORT_COUNTERS_MAX, append_counter, counters)
                          : err;
}
