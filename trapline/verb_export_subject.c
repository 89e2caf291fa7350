/* verb_export_subject.c - `trapline export-subject SUBJECT`: all that is on record of one, for itself.
 *
 * Left out without --operator: what would tell a trap (recipients, our own addresses, pages of bait, samples)
 * and who acted.
 */
#include "event.h"
#include "home.h"

#include <base/daemon.h>
#include <store/act_log.h>
#include <store/forget.h>
#include <store/hit_log.h>
#include <store/published.h>
#include <store/sample.h>

#include <stdio.h>

enum { PAGE = 5000 };
struct subject {
    struct home *home;
    struct forget_order order;
    bool whole;
    json_t *list; /* of the kind under way */
};

static bool names(const struct subject *s, struct bytes name)
{
    return s->order.is_domain && forget_is_under(name, bytes_str(s->order.domain));
}

static bool is_in(const struct subject *s, struct ip a)
{
    return !s->order.is_domain && prefix_has(s->order.prefix, a);
}

static struct bytes domain_of(struct bytes address)
{
    const size_t at = bytes_rfind(address, '@');

    return at < address.n ? bytes_skip(address, at + 1) : BYTES("");
}

/* hidden: fields that a subject is not told; ends with NULL. */
static enum trap_err add(struct subject *s, enum event_kind kind, const void *record,
                         const char *const hidden[])
{
    json_t *o = event_json(kind, record);

    if (o == NULL)
        return TRAP_ENOMEM;
    (void)json_object_del(o, "event");
    for (size_t i = 0; !s->whole && hidden[i] != NULL; i++)
        (void)json_object_del(o, hidden[i]);
    return json_array_append_new(s->list, o) == 0 ? TRAP_OK : TRAP_ENOMEM;
}

static enum trap_err on_visit(const struct visit *v, void *arg)
{
    static const char *const hidden[] = { "site", "page", "recipe", "seq", "flags", NULL };
    struct subject *s = arg;

    if ((v->flags & (VISIT_BATCH | VISIT_TRUNCATED)) != 0 || !is_in(s, v->client))
        return TRAP_OK;
    return add(s, EVENT_VISIT, v, hidden);
}

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    static const char *const hidden[] = { "rcpt", "local", "port", "seq", "digest", "session", "dsn", NULL };
    struct subject *s = arg;
    struct sample sample = { .hit = 0 };
    enum trap_err err;

    if (!is_in(s, h->sender) && !names(s, h->helo) && !names(s, domain_of(h->reverse_path)))
        return TRAP_OK;
    err = add(s, EVENT_HIT, h, hidden);
    if (err == TRAP_OK && s->home->samples != NULL &&
        sample_get(s->home->samples, h->seq, &sample) == TRAP_OK) {
        json_t *o = json_array_get(s->list, json_array_size(s->list) - 1);

        json_object_set_new(o, "sample", s->whole ? json_bytes(buf_bytes(&sample.data)) : json_true());
        sample_free(&sample);
    }
    return err;
}

static enum trap_err on_session(const struct session_record *r, void *arg)
{
    static const char *const hidden[] = { "local",           "port", "seq", "session", "attempt_class",
                                          "attempt_address", NULL };
    struct subject *s = arg;
    bool wanted = is_in(s, r->client) || names(s, r->helo) || names(s, r->sni);

    for (size_t i = 0; i < r->auth_count && !wanted; i++)
        wanted = names(s, domain_of(r->auths[i].user));
    return wanted ? add(s, EVENT_SESSION, r, hidden) : TRAP_OK;
}

static enum trap_err on_counter(const struct counter_row *c, void *arg)
{
    static const char *const hidden[] = { NULL };

    return is_in(arg, c->sender.ip) ? add(arg, EVENT_COUNTER, c, hidden) : TRAP_OK;
}

/* "192.0.2.0/24", "192.0.2.1", "crawler:192.0.2.1". */
static bool act_is_about(const struct subject *s, struct bytes text)
{
    struct prefix p;
    const size_t colon = bytes_find(text, ':');

    if (s->order.is_domain)
        return names(s, bytes_skip(text, colon < text.n ? colon + 1 : 0));
    if (prefix_parse(text, &p) != TRAP_OK &&
        (colon == text.n || prefix_parse(bytes_skip(text, colon + 1), &p) != TRAP_OK))
        return false;
    return prefix_covers(s->order.prefix, p) || prefix_covers(p, s->order.prefix);
}

static enum trap_err on_act(const struct act *a, void *arg)
{
    static const char *const hidden[] = { "who", "seq", NULL };
    static const uint8_t of_traps[] = { ACT_TRAP_ADD, ACT_TRAP_RETIRE, ACT_TAINT, ACT_EXTRACT };
    struct subject *s = arg;

    for (size_t i = 0; i < sizeof(of_traps); i++)
        if (a->kind == of_traps[i])
            return TRAP_OK;
    return act_is_about(s, a->subject) ? add(s, EVENT_ACT, a, hidden) : TRAP_OK;
}

static enum trap_err on_published(const struct published_change *c, void *arg)
{
    static const char *const kinds[] = { "?", "added", "removed", "saved" };
    struct subject *s = arg;
    json_t *o = json_pack("{s:o, s:o, s:s, s:o, s:I}", "zone", json_bytes(c->zone), "prefix",
                          json_prefix(c->prefix), "what", kinds[c->kind <= PUBLISHED_SAVED ? c->kind : 0],
                          "reason", json_bytes(c->reason), "serial", (json_int_t)c->serial);

    json_object_set_new(o, "until", json_wall(c->until));
    return json_array_append_new(s->list, o) == 0 ? TRAP_OK : TRAP_ENOMEM;
}

/* ---- logs ---- */

enum part { PART_VISITS, PART_MESSAGES, PART_SESSIONS, PART_COUNTED, PART_ACTS, PART_PUBLISHED, PARTS };
static const char *const part_names[PARTS] = { "visits",  "messages", "sessions",
                                               "counted", "acts",     "published" };

static enum trap_err page(struct subject *s, enum part part, uint64_t after, uint64_t *last_out)
{
    const struct home *h = s->home;

    switch (part) {
    case PART_VISITS:
        return visit_each(h->visits, after, PAGE, on_visit, s, last_out);
    case PART_MESSAGES:
        return hit_each(h->hits, after, PAGE, on_hit, s, last_out);
    case PART_SESSIONS:
        return session_each(h->hits, after, PAGE, on_session, s, last_out);
    case PART_COUNTED:
        return counter_each(h->hits, on_counter, s);
    case PART_ACTS:
        return act_each(h->acts, after, PAGE, on_act, s, last_out);
    default:
        return s->order.is_domain ? TRAP_OK
                                  : published_history(h->published, s->order.prefix, PAGE, on_published, s);
    }
}

static enum trap_err gather(struct subject *s, json_t *doc)
{
    enum trap_err err = TRAP_OK;

    for (unsigned p = 0; p < PARTS && err == TRAP_OK; p++) {
        uint64_t after, last = 0;

        s->list = json_array();
        json_object_set_new(doc, part_names[p], s->list);
        do {
            after = last;
            err = page(s, (enum part)p, after, &last);
        } while (err == TRAP_OK && last != after);
    }
    return err;
}

int verb_export_subject(struct cli *cli)
{
    struct home h = { .config = NULL };
    struct subject s = { .home = &h, .whole = cli_flag(cli, "--operator") };
    char text[FORGET_SUBJECT_MAX];
    json_t *doc;
    enum trap_err err;
    int code = cli_words(cli, "export-subject", 1, 1);

    if (code != 0)
        return code;
    if (forget_subject(bytes_str(cli->argv[0]), &s.order) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "export-subject: \"%s\" is no address, prefix or domain",
                        cli_text(bytes_str(cli->argv[0])));
    code = home_open(cli, HOME_LOGS | HOME_PUBLISHED | HOME_SAMPLES, &h);
    if (code != 0)
        return code;
    doc = json_pack("{s:s, s:o}", "subject", forget_text(&s.order, text), "as_of", json_wall(h.now));
    err = gather(&s, doc);
    home_close(&h);
    if (err == TRAP_OK)
        return cli_json(doc);
    json_decref(doc);
    return cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
}
