/* taint.c - reading acts of taint, and matching records with them.
 *
 * Taints of a trap or of a visit may be many; they are found by their name. All others are looked at one by
 * one.
 */
#include "trap_image.h"

#include <base/log.h>
#include <base/num.h>
#include <store/act_words.h>
#include <store/taint.h>

#include <stdlib.h>

enum {
    ABOUT_VISIT = TAINT_VISIT | TAINT_SLOT | TAINT_PAGE | TAINT_SITE | TAINT_HARVESTER | TAINT_VISITED_FROM |
                  TAINT_VISITED_TO,
    ABOUT_MAIL = TAINT_TRAP | TAINT_SLOT | TAINT_FROM | TAINT_TO
};

/* ---- one condition ---- */

static enum trap_err take_text(struct bytes value, bool lower, struct buf *text, struct bytes *out)
{
    const size_t at = text->n;
    const enum trap_err err = act_word_value(value, text);

    if (err != TRAP_OK || text->n == at || text->n - at > TAINT_TEXT_MAX)
        return err == TRAP_OK ? TRAP_EINVAL : err;
    for (size_t i = at; i < text->n && lower; i++)
        text->p[i] = ascii_lower(text->p[i]);
    *out = bytes_of(text->p + at, text->n - at);
    return TRAP_OK;
}

static enum trap_err take_trap(struct bytes value, struct buf *text, struct taint *t)
{
    const enum trap_err err = take_text(value, true, text, &t->trap);

    return err != TRAP_OK ? err : trap_name_ok(t->trap) ? TRAP_OK : TRAP_EINVAL;
}

static enum trap_err take_number(struct bytes value, uint32_t min, uint32_t max, uint8_t *out)
{
    uint32_t n = 0;
    const enum trap_err err = num_u32(value, min, max, &n);

    if (err == TRAP_OK)
        *out = (uint8_t)n;
    return err;
}

static enum trap_err take_visit(struct bytes value, struct buf *text, struct taint *t)
{
    const size_t slash = bytes_find(value, '/');
    const enum trap_err err = take_number(bytes_take(value, slash), 1, 255, &t->visit_node);

    (void)text;
    return err != TRAP_OK ? err : num_u64(bytes_skip(value, slash + 1), 1, INT64_MAX, &t->visit);
}

static enum trap_err take_slot(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return take_number(value, 0, VISIT_SLOTS - 1, &t->slot);
}

static enum trap_err take_page(struct bytes value, struct buf *text, struct taint *t)
{
    return take_text(value, false, text, &t->page);
}

static enum trap_err take_site(struct bytes value, struct buf *text, struct taint *t)
{
    return take_text(value, true, text, &t->site);
}

static enum trap_err take_node(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return take_number(value, 1, 255, &t->node);
}

static enum trap_err take_harvester(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return prefix_parse(value, &t->harvester);
}

static enum trap_err take_from(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return wall_parse(value, &t->from);
}

static enum trap_err take_to(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return wall_parse(value, &t->to);
}

static enum trap_err take_visited_from(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return wall_parse(value, &t->visited_from);
}

static enum trap_err take_visited_to(struct bytes value, struct buf *text, struct taint *t)
{
    (void)text;
    return wall_parse(value, &t->visited_to);
}

static const struct {
    struct bytes key;
    enum taint_condition condition;
    enum trap_err (*take)(struct bytes, struct buf *, struct taint *);
    const char *expected;
} conditions[] = {
    { BYTES_INIT("trap"), TAINT_TRAP, take_trap, "an address or a domain" },
    { BYTES_INIT("visit"), TAINT_VISIT, take_visit, "NODE/NUMBER" },
    { BYTES_INIT("slot"), TAINT_SLOT, take_slot, "a number from 0 to 7" },
    { BYTES_INIT("page"), TAINT_PAGE, take_page, "a path, 512 bytes at most" },
    { BYTES_INIT("site"), TAINT_SITE, take_site, "a host name" },
    { BYTES_INIT("node"), TAINT_NODE, take_node, "a number from 1 to 255" },
    { BYTES_INIT("harvester"), TAINT_HARVESTER, take_harvester, "an address or prefix" },
    { BYTES_INIT("from"), TAINT_FROM, take_from, "a time such as 2026-03-01T12:00:00Z" },
    { BYTES_INIT("to"), TAINT_TO, take_to, "a time such as 2026-03-01T12:00:00Z" },
    { BYTES_INIT("visited-from"), TAINT_VISITED_FROM, take_visited_from, "a time such as 2026-03-01T12:00:00Z" },
    { BYTES_INIT("visited-to"), TAINT_VISITED_TO, take_visited_to, "a time such as 2026-03-01T12:00:00Z" },
};
enum { CONDITIONS = sizeof conditions / sizeof conditions[0] };

static enum trap_err take_condition(struct bytes key, struct bytes value, struct buf *text, struct taint *t,
                                    struct err_text *why)
{
    for (size_t i = 0; i < CONDITIONS; i++) {
        const char *name = (const char *)conditions[i].key.p;

        if (!bytes_eq(key, conditions[i].key))
            continue;
        if (t->has & conditions[i].condition) {
            err_text_set(why, "%s stands twice", name);
            return TRAP_EINVAL;
        }
        t->has |= conditions[i].condition;
        const enum trap_err err = conditions[i].take(value, text, t);
        if (err == TRAP_OK || err == TRAP_ENOMEM)
            return err;
        err_text_set(why, "%s needs %s", name, conditions[i].expected);
        return TRAP_EINVAL;
    }
    err_text_set(why, "expected trap=, visit=, slot=, page=, site=, node=, harvester=, from=, to=, visited-from= or visited-to=");
    return TRAP_EINVAL;
}

enum trap_err taint_parse(struct bytes subject, struct buf *text, struct taint *out, struct err_text *why)
{
    struct taint t = { 0 };
    struct bytes key, value;
    enum trap_err err;

    /* No move while texts are taken. */
    if (buf_reserve(text, subject.n + 1) == NULL)
        return TRAP_ENOMEM;
    while ((err = act_word_next(&subject, &key, &value)) == TRAP_OK) {
        err = take_condition(key, value, text, &t, why);
        if (err != TRAP_OK)
            return err;
    }
    if (err != TRAP_ENOENT || t.has == 0) {
        err_text_set(why, "expected one or more of trap=, visit=, site=, page=, node=, harvester=, from=, to=");
        return TRAP_EINVAL;
    }
    if (((t.has & TAINT_SLOT) && !(t.has & TAINT_VISIT)) ||
        ((t.has & TAINT_FROM) && (t.has & TAINT_TO) && t.from.us >= t.to.us) ||
        ((t.has & TAINT_VISITED_FROM) && (t.has & TAINT_VISITED_TO) && t.visited_from.us >= t.visited_to.us)) {
        err_text_set(why, t.has & TAINT_SLOT ? "slot= needs visit=" : "the time ends before it begins");
        return TRAP_EINVAL;
    }
    *out = t;
    return TRAP_OK;
}

/* ---- all of them ---- */

struct entry {
    struct taint taint;
    struct bytes subject;
    struct buf text;
};
struct taints {
    struct entry *v; /* of a trap, by its name; of a visit, by its number; the rest */
    size_t n, room, traps, visits;
    uint32_t has; /* of any */
    uint64_t digest;
};

void taints_free(struct taints **tp)
{
    struct taints *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++)
        buf_free(&t->v[i].text);
    free(t->v);
    free(t);
}

static enum trap_err add_act(const struct act *a, void *arg)
{
    struct taints *t = arg;
    struct err_text why = { "" };
    struct entry *e;
    enum trap_err err;

    if (t->n == t->room) {
        const size_t room = t->room == 0 ? 16 : t->room * 2;
        struct entry *more = reallocarray(t->v, room, sizeof *more);

        if (more == NULL)
            return TRAP_ENOMEM;
        t->v = more;
        t->room = room;
    }
    e = &t->v[t->n++];
    *e = (struct entry){ .subject = { NULL, 0 } };
    buf_init(&e->text, SIZE_MAX / 2);
    if (buf_reserve(&e->text, 2 * a->subject.n + 1) == NULL)
        return TRAP_ENOMEM;
    buf_add(&e->text, a->subject);
    e->subject = buf_bytes(&e->text);
    err = taint_parse(e->subject, &e->text, &e->taint, &why);
    if (err == TRAP_OK)
        t->has |= e->taint.has;
    if (err != TRAP_EINVAL)
        return err;
    log_error("store.taint.unreadable", LOG_U64("act", a->seq), LOG_BYTES("subject", a->subject),
              LOG_STR("error", why.text));
    return TRAP_ECORRUPT;
}

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

/* 0: of a trap; 1: of a visit; 2: the rest. */
static int group_of(const struct taint *t)
{
    return t->has & TAINT_TRAP ? 0 : t->has & TAINT_VISIT ? 1 : 2;
}

static int compare_visits(const struct taint *x, const struct taint *y)
{
    const int c = THREE_WAY(x->visit_node, y->visit_node);

    return c != 0 ? c : THREE_WAY(x->visit, y->visit);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int group = group_of(&x->taint);
    int c = THREE_WAY(group, group_of(&y->taint));

    if (c == 0 && group == 0)
        c = bytes_cmp(x->taint.trap, y->taint.trap);
    if (c == 0 && group == 1)
        c = compare_visits(&x->taint, &y->taint);
    return c != 0 ? c : bytes_cmp(x->subject, y->subject);
}

/* A taint that was said twice, once taken back, is in force: the same set. */
static enum trap_err seal(struct taints *t)
{
    static const struct hash_key key = { { 't', 'a', 'i', 'n', 't', 's' } };
    enum trap_err err;
    struct buf all;

    if (t->n > 1)
        qsort(t->v, t->n, sizeof *t->v, by_name);
    buf_init(&all, SIZE_MAX / 2);
    for (size_t i = 0; i < t->n; i++) {
        t->traps += group_of(&t->v[i].taint) == 0;
        t->visits += group_of(&t->v[i].taint) == 1;
        if (i > 0 && bytes_eq(t->v[i - 1].subject, t->v[i].subject))
            continue;
        buf_add(&all, t->v[i].subject);
        buf_add_byte(&all, '\n');
    }
    t->digest = keyed_hash(&key, buf_bytes(&all)) & INT64_MAX;
    t->digest += t->digest == 0;
    err = all.err;
    buf_free(&all);
    return err;
}

enum trap_err taints_load(struct store_db *acts, wall_t as_of, struct taints **out, struct err_text *why)
{
    struct taints *t = calloc(1, sizeof *t);
    enum trap_err err = t == NULL ? TRAP_ENOMEM
                                  : act_each_standing(acts, as_of, UINT32_C(1) << ACT_TAINT, add_act, t);

    if (err == TRAP_OK && t->n > 0)
        err = seal(t);
    if (err != TRAP_OK) {
        err_text_set(why, "cannot read the acts of taint: %s; see the log", err_name(err));
        taints_free(&t);
        return err;
    }
    if (t->n == 0)
        taints_free(&t);
    *out = t;
    return TRAP_OK;
}

uint64_t taints_digest(const struct taints *t)
{
    return t == NULL ? 0 : t->digest;
}

bool taints_need_texts(const struct taints *t)
{
    return t != NULL && (t->has & (TAINT_PAGE | TAINT_SITE)) != 0;
}

/* ---- matching ---- */

static bool in_time(const struct taint *t, uint32_t from, uint32_t to, wall_t begin, wall_t end, wall_t at)
{
    return (!(t->has & from) || at.us >= begin.us) && (!(t->has & to) || at.us < end.us);
}

/* Of a visit whose client was truncated only the network is left: it may have been he. What is withheld too much
 * lists nobody; what came back because a clock ran out would. */
static bool harvester_matches(struct prefix harvester, const struct visit *v)
{
    if ((v->flags & VISIT_BATCH) != 0)
        return false;
    return prefix_has(harvester, v->client) ||
           ((v->flags & VISIT_TRUNCATED) != 0 && prefix_covers(ip_network(v->client), harvester));
}

static bool visit_matches(const struct taint *t, uint8_t node, uint64_t seq, const struct visit *v, bool any_text)
{
    if ((t->has & TAINT_VISIT) && (t->visit_node != node || t->visit != seq || seq == 0))
        return false;
    if ((t->has & ABOUT_VISIT & ~(uint32_t)(TAINT_VISIT | TAINT_SLOT)) == 0)
        return true;
    return v != NULL && (!(t->has & TAINT_PAGE) || any_text || bytes_eq(v->page, t->page)) &&
           (!(t->has & TAINT_SITE) || any_text || bytes_ieq(v->site, t->site)) &&
           (!(t->has & TAINT_HARVESTER) || harvester_matches(t->harvester, v)) &&
           in_time(t, TAINT_VISITED_FROM, TAINT_VISITED_TO, t->visited_from, t->visited_to, v->at);
}

static bool trap_matches(const struct taint *t, struct bytes address)
{
    return !(t->has & TAINT_TRAP) || bytes_ieq(t->trap, address) ||
           (trap_name_is_domain(t->trap) && address.n > 0 && bytes_ieq(t->trap, trap_name_domain(address)));
}

static bool mail_matches(const struct taint *t, const struct taint_mail *m)
{
    return trap_matches(t, m->address) && in_time(t, TAINT_FROM, TAINT_TO, t->from, t->to, m->at) &&
           (!(t->has & TAINT_NODE) || t->node == m->sink_node || t->node == m->visit_node) &&
           (!(t->has & TAINT_SLOT) || t->slot == m->slot) &&
           ((t->has & ABOUT_VISIT) == 0 ||
            (m->visit_node != 0 && visit_matches(t, m->visit_node, m->visit_seq, m->visit, m->any_text)));
}

/* The first entry of a group that is not less than the name. */
static size_t find_trap(const struct taints *t, struct bytes lower)
{
    size_t low = 0, n = t->traps;

    while (n > 0) {
        const size_t half = n / 2;

        if (bytes_cmp(t->v[low + half].taint.trap, lower) < 0) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

static bool trap_tainted(const struct taints *t, struct bytes lower, const struct taint_mail *m)
{
    for (size_t i = find_trap(t, lower); i < t->traps && bytes_eq(t->v[i].taint.trap, lower); i++)
        if (mail_matches(&t->v[i].taint, m))
            return true;
    return false;
}

static size_t find_visit(const struct taints *t, const struct taint *key)
{
    size_t low = t->traps, n = t->visits;

    while (n > 0) {
        const size_t half = n / 2;

        if (compare_visits(&t->v[low + half].taint, key) < 0) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

static bool named(const struct taints *t, struct bytes lower)
{
    for (size_t i = find_trap(t, lower); i < t->traps && bytes_eq(t->v[i].taint.trap, lower); i++)
        if (t->v[i].taint.has == TAINT_TRAP)
            return true;
    return false;
}

bool taints_trap(const struct taints *t, struct bytes name)
{
    uint8_t lower[TRAP_NAME_MAX];

    if (t == NULL || name.n > sizeof lower)
        return false;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    name = bytes_of(lower, name.n);
    return named(t, name) || named(t, trap_name_domain(name));
}

bool taints_mail(const struct taints *t, const struct taint_mail *m)
{
    uint8_t lower[TRAP_NAME_MAX];

    if (t == NULL)
        return false;
    if (t->traps > 0 && m->address.n > 0 && m->address.n <= sizeof lower) {
        for (size_t i = 0; i < m->address.n; i++)
            lower[i] = ascii_lower(m->address.p[i]);
        const struct bytes name = bytes_of(lower, m->address.n);
        if (trap_tainted(t, name, m) || trap_tainted(t, trap_name_domain(name), m))
            return true;
    }
    if (t->visits > 0 && m->visit_seq != 0) {
        const struct taint key = { .visit_node = m->visit_node, .visit = m->visit_seq };
        const size_t end = t->traps + t->visits;

        for (size_t i = find_visit(t, &key); i < end && compare_visits(&t->v[i].taint, &key) == 0; i++)
            if (mail_matches(&t->v[i].taint, m))
                return true;
    }
    for (size_t i = t->traps + t->visits; i < t->n; i++)
        if (mail_matches(&t->v[i].taint, m))
            return true;
    return false;
}

static bool visit_tainted(const struct taint *t, uint8_t node, const struct visit *v)
{
    return (t->has & ABOUT_MAIL) == 0 && (!(t->has & TAINT_NODE) || t->node == node) &&
           visit_matches(t, node, v->seq, v, false);
}

bool taints_visit(const struct taints *t, uint8_t node, const struct visit *v)
{
    if (t == NULL)
        return false;
    const struct taint key = { .visit_node = node, .visit = v->seq };
    const size_t end = t->traps + t->visits;
    for (size_t i = find_visit(t, &key); i < end && compare_visits(&t->v[i].taint, &key) == 0; i++)
        if (visit_tainted(&t->v[i].taint, node, v))
            return true;
    for (size_t i = end; i < t->n; i++)
        if (visit_tainted(&t->v[i].taint, node, v))
            return true;
    return false;
}
