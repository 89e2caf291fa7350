/* harvest.c - see harvest.h. */
#include <policy/harvest.h>

#include <stdlib.h>

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int same_address(const struct link_row *x, const struct link_row *y)
{
    const int orders[] = { THREE_WAY(x->node, y->node), THREE_WAY(x->visit, y->visit), THREE_WAY(x->slot, y->slot) };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

/* The rows of an address together, its first mail first. */
static int by_address(const void *a, const void *b)
{
    const struct link_row *x = *(const struct link_row *const *)a, *y = *(const struct link_row *const *)b;
    const int c = same_address(x, y);

    return c != 0 ? c : THREE_WAY(x->first.us, y->first.us);
}

static int by_sender(const void *a, const void *b)
{
    const struct link_row *x = *(const struct link_row *const *)a, *y = *(const struct link_row *const *)b;

    return prefix_cmp(x->sender, y->sender);
}

static int by_length(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return THREE_WAY(x, y);
}

static span_t latency_at(const int64_t *sorted_us, size_t i)
{
    return (span_t){ sorted_us[i] / 1000 };
}

/* rows: n > 0 of them, that all count. */
static void sum_up(const struct link_row **rows, size_t n, bool fetcher, int64_t *latency_us, struct harvest *h)
{
    qsort(rows, n, sizeof *rows, by_sender);
    for (size_t i = 0; i < n; i++)
        h->senders += i == 0 || prefix_cmp(rows[i - 1]->sender, rows[i]->sender) != 0;
    qsort(rows, n, sizeof *rows, by_address);
    for (size_t i = 0; i < n; i++) {
        const struct link_row *r = rows[i];

        h->messages += r->count;
        if (i > 0 && same_address(rows[i - 1], r) == 0)
            continue;
        latency_us[h->addresses++] = r->first.us > r->visited.us ? r->first.us - r->visited.us : 0;
        h->technique[r->technique < TECHNIQUE_COUNT ? r->technique : TECHNIQUE_NONE]++;
        h->leaked += fetcher || (r->visit_flags & VISIT_CRAWLER) != 0;
    }
    qsort(latency_us, h->addresses, sizeof *latency_us, by_length);
    h->soonest = latency_at(latency_us, 0);
    h->median = latency_at(latency_us, (h->addresses - 1) / 2);
    h->nine_tenths = latency_at(latency_us, ((size_t)h->addresses * 9 + 9) / 10 - 1);
}

enum trap_err harvest_sum(const struct link_row *rows, size_t n, bool fetcher, struct harvest *out)
{
    const struct link_row **counted = calloc(n == 0 ? 1 : n, sizeof *counted);
    int64_t *latency_us = calloc(n == 0 ? 1 : n, sizeof *latency_us);
    size_t kept = 0;

    *out = (struct harvest){ .addresses = 0 };
    if (counted != NULL && latency_us != NULL) {
        for (size_t i = 0; i < n; i++)
            if (rows[i].count > 0)
                counted[kept++] = &rows[i];
        if (kept > 0)
            sum_up(counted, kept, fetcher, latency_us, out);
    }
    const bool failed = counted == NULL || latency_us == NULL;
    free(counted);
    free(latency_us);
    return failed ? TRAP_ENOMEM : TRAP_OK;
}

bool harvest_fetcher(const struct lists *l, struct ip client, uint32_t visit_flags)
{
    if ((visit_flags & VISIT_BATCH) != 0)
        return false;
    if ((visit_flags & VISIT_CRAWLER) != 0)
        return true;
    return (visit_flags & VISIT_TRUNCATED) == 0 && prefix_set_has(&l->set[LIST_CRAWLERS], client);
}
