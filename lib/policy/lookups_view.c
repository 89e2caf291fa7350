/* lookups_view.c - acts of traplook as of a moment: networks of mail providers, crawlers, the DNS whitelist.
 *
 * A provider's newest complete answer replaces all before it; what came after it in parts is added. */
#include "lookups_view.h"

#include <base/log.h>
#include <store/lookup.h>

#include <stdlib.h>

enum { RANGES_MAX = 1000000, SUBJECTS_MAX = 10000000 }; /* more than any traplook makes: a damaged store */

struct view {
    struct store_db *acts;
    struct acts_view *out;
    wall_t as_of;
    size_t range_cap, found_cap;
    struct bytes begin; /* of the subjects that are read now */
    struct buf subject; /* of the provider that is read now */
    size_t own_first;   /* its ranges begin here */
};

static enum trap_err unreadable(const struct act *a)
{
    log_error("policy.lookup.unreadable", LOG_U64("act", a->seq), LOG_BYTES("subject", a->subject));
    return TRAP_ECORRUPT;
}

/* ---- providers ---- */

static enum trap_err add_range(struct view *v, struct prefix p, wall_t at)
{
    struct acts_view *out = v->out;

    if (out->range_count == v->range_cap) {
        const size_t cap = v->range_cap == 0 ? 256 : v->range_cap * 2;
        struct act_range *grown = cap > RANGES_MAX ? NULL : realloc(out->ranges, cap * sizeof *grown);

        if (grown == NULL)
            return TRAP_ENOMEM;
        out->ranges = grown;
        v->range_cap = cap;
    }
    out->ranges[out->range_count++] = (struct act_range){ p, at };
    return TRAP_OK;
}

static enum trap_err add_ranges(struct view *v, const struct act *a)
{
    struct bytes list = { 0 }, one;
    enum trap_err err = TRAP_OK;

    (void)lookup_word(a->detail, "ranges", &list);
    while (err == TRAP_OK && bytes_split(&list, ',', &one)) {
        struct prefix p;

        err = prefix_parse(one, &p) == TRAP_OK ? add_range(v, p, a->at) : unreadable(a);
    }
    return err;
}

static enum trap_err on_provider(const struct act *a, void *arg)
{
    struct view *v = arg;
    const bool found = lookup_word_is(a->detail, "spf", "found");

    if (a->at.us > v->as_of.us)
        return TRAP_OK;
    if (!bytes_eq(a->subject, buf_bytes(&v->subject))) {
        buf_reset(&v->subject);
        buf_add(&v->subject, a->subject);
        v->own_first = v->out->range_count;
    }
    if (!found && !lookup_word_is(a->detail, "spf", "partial"))
        return v->subject.err;
    if (found)
        v->out->range_count = v->own_first;
    if (a->at.us > v->out->ranges_newest.us)
        v->out->ranges_newest = a->at;
    return v->subject.err == TRAP_OK ? add_ranges(v, a) : v->subject.err;
}

/* ---- single addresses ---- */

static const struct {
    const char *word;
    enum act_found found;
} crawler_words[] = { { "verified", ACT_FOUND_YES },
                      { "failed", ACT_FOUND_NO },
                      { "none", ACT_FOUND_NO },
                      { "undecided", ACT_FOUND_UNDECIDED } },
  dnswl_words[] = { { "listed", ACT_FOUND_YES },
                    { "none", ACT_FOUND_NO },
                    { "undecided", ACT_FOUND_UNDECIDED },
                    { "blocked", ACT_FOUND_UNDECIDED } };
enum { WORDS = sizeof crawler_words / sizeof crawler_words[0] };
_Static_assert(sizeof crawler_words == sizeof dnswl_words, "one loop reads both");

static enum trap_err add_found(struct act_found_list *list, size_t *cap, struct ip ip, const struct act *a,
                               enum act_found found)
{
    struct act_found_row *last = list->n == 0 ? NULL : &list->v[list->n - 1];

    /* In order of subject and sequence. What was once known stays known while there is no other answer: who serves
     * his own reverse names could else be undecided whenever he likes. */
    if (last != NULL && ip_eq(last->ip, ip)) {
        if (found != ACT_FOUND_UNDECIDED)
            *last = (struct act_found_row){ ip, ip_key(ip), found, a->at };
        return TRAP_OK;
    }
    if (list->n == *cap) {
        const size_t grown_cap = *cap == 0 ? 64 : *cap * 2;
        struct act_found_row *v = grown_cap > SUBJECTS_MAX ? NULL : realloc(list->v, grown_cap * sizeof *v);

        if (v == NULL)
            return TRAP_ENOMEM;
        list->v = v;
        *cap = grown_cap;
    }
    list->v[list->n++] = (struct act_found_row){ ip, ip_key(ip), found, a->at };
    return TRAP_OK;
}

static enum trap_err on_address(struct view *v, const struct act *a, const char *word, struct act_found_list *list)
{
    struct ip ip;

    if (a->at.us > v->as_of.us)
        return TRAP_OK;
    if (ip_parse(bytes_skip(a->subject, v->begin.n), &ip) != TRAP_OK)
        return unreadable(a);
    for (size_t i = 0; i < WORDS; i++) {
        const bool crawler = list == &v->out->crawlers;
        const char *value = crawler ? crawler_words[i].word : dnswl_words[i].word;

        if (lookup_word_is(a->detail, word, value))
            return add_found(list, &v->found_cap, ip, a,
                             crawler ? crawler_words[i].found : dnswl_words[i].found);
    }
    return unreadable(a);
}

static enum trap_err on_crawler(const struct act *a, void *arg)
{
    struct view *v = arg;

    return on_address(v, a, "crawler", &v->out->crawlers);
}

static enum trap_err on_dnswl(const struct act *a, void *arg)
{
    struct view *v = arg;

    return on_address(v, a, "dnswl", &v->out->whitelisted);
}

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

/* By key; of several addresses of one /64 a yes first, then an undecided one. */
static int by_key(const void *a, const void *b)
{
    const struct act_found_row *x = a, *y = b;
    const int c = prefix_cmp(x->key, y->key);

    if (c != 0)
        return c;
    return x->found != y->found ? THREE_WAY(x->found, y->found) : THREE_WAY(y->at.us, x->at.us);
}

static enum trap_err read_found(struct view *v, const char *begin, act_fn *fn, struct act_found_list *list)
{
    enum trap_err err;

    v->begin = bytes_str(begin);
    v->found_cap = 0;
    err = lookup_each(v->acts, begin, fn, v);
    if (list->n > 1)
        qsort(list->v, list->n, sizeof *list->v, by_key);
    return err;
}

enum trap_err lookups_view_load(struct store_db *acts, wall_t as_of, struct acts_view *out)
{
    struct view v = { .acts = acts, .out = out, .as_of = as_of };
    enum trap_err err;

    buf_init(&v.subject, LOOKUP_SUBJECT_MAX);
    err = lookup_each(acts, LOOKUP_PROVIDER, on_provider, &v);
    if (err == TRAP_OK)
        err = read_found(&v, LOOKUP_CRAWLER, on_crawler, &out->crawlers);
    if (err == TRAP_OK)
        err = read_found(&v, LOOKUP_DNSWL, on_dnswl, &out->whitelisted);
    buf_free(&v.subject);
    return err;
}

const struct act_found_row *acts_view_found(const struct act_found_list *list, struct prefix key)
{
    size_t low = 0, n = list->n;

    while (n > 0) {
        const size_t half = n / 2;
        if (prefix_cmp(list->v[low + half].key, key) < 0) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low < list->n && prefix_cmp(list->v[low].key, key) == 0 ? &list->v[low] : NULL;
}
