/* zones_maker.c - publishes given listings: the exporter without fold and policy, for test_zones.py.
 *
 *   zones_maker CONF LISTINGS AS_OF_SECONDS
 *
 * LISTINGS: `sender PREFIX`, `harvester PREFIX MESSAGES LAST_VISIT_SECONDS`, `never PREFIX`, `held` (the
 *           guard is missing), a line each, in prefix order.
 * Says the serial; 0 = nothing to publish. A refused set: the reason on standard error, exit 1.
 */
#include <base/num.h>
#include <export/publish.h>
#include <mail/keyed.h>

#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 256, LISTINGS_MAX = 4096, LIFE_S = 86400 };

struct given {
    struct listing room[2][LISTINGS_MAX];
    struct listings kind[2]; /* by enum listing_kind */
    struct lists lists;
    wall_t as_of;
};

static bool take_line(struct given *g, struct bytes line)
{
    struct bytes word, prefix = { 0 }, messages = { 0 }, visit = { 0 };
    struct listing l = { .reason = LISTING_EVIDENCE,
                         .since = g->as_of,
                         .until = wall_add(g->as_of, SPAN_S(LIFE_S)) };
    enum listing_kind kind = LISTINGS_SENDERS;
    int64_t visited = 0;

    if (!bytes_split(&line, ' ', &word))
        return true;
    if (bytes_eq(word, BYTES("held"))) {
        g->kind[LISTINGS_SENDERS].guard_missing = true;
        return true;
    }
    if (!bytes_split(&line, ' ', &prefix) || prefix_parse(prefix, &l.prefix) != TRAP_OK)
        return false;
    l.key = l.prefix;
    if (bytes_eq(word, BYTES("never")))
        return prefix_set_add(&g->lists.forbidden, l.prefix) == TRAP_OK;
    if (bytes_eq(word, BYTES("harvester"))) {
        if (!bytes_split(&line, ' ', &messages) || !bytes_split(&line, ' ', &visit) ||
            num_u64(messages, 0, UINT64_MAX, &l.messages) != TRAP_OK ||
            num_i64(visit, 0, INT64_MAX / WALL_US_PER_S, &visited) != TRAP_OK)
            return false;
        l.last_visit.us = visited * WALL_US_PER_S;
        kind = LISTINGS_HARVESTERS;
    } else if (!bytes_eq(word, BYTES("sender"))) {
        return false;
    }
    struct listings *k = &g->kind[kind];
    if (k->n == LISTINGS_MAX)
        return false;
    k->v[k->n++] = l;
    return true;
}

static bool read_listings(const char *path, struct given *g)
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(path, "r");
    bool ok = f != NULL;

    g->kind[0].v = g->room[0];
    g->kind[1].v = g->room[1];
    while (ok && fgets(line, sizeof(line), f) != NULL)
        ok = take_line(g, bytes_trim(bytes_take(bytes_str(line), bytes_find(bytes_str(line), '\n'))));
    if (f != NULL)
        (void)fclose(f);
    return ok && prefix_set_seal(&g->lists.forbidden) == TRAP_OK &&
           prefix_set_add_set(&g->lists.forbidden_harvesters, &g->lists.forbidden) == TRAP_OK &&
           prefix_set_seal(&g->lists.forbidden_harvesters) == TRAP_OK;
}

static enum trap_err publish(const struct config *c, const struct plan *plan, const struct given *g,
                             struct publish_result *out, struct err_text *why)
{
    const struct acts_view acts = { 0 };
    struct publish_input in = { .as_of = g->as_of,
                                .lists = &g->lists,
                                .acts = &acts,
                                .policy_digest = "none",
                                .dataset = calloc(plan->dataset_count, sizeof(*in.dataset)) };
    struct publisher *p = NULL;
    struct store_db *db = NULL;
    enum trap_err err = store_open(c->state_dir, STORE_PUBLISHED, STORE_CREATE, &db, why);

    for (size_t i = 0; i < plan->dataset_count && err == TRAP_OK; i++) {
        const struct plan_dataset *d = &plan->dataset[i];

        in.dataset[i].held = g->kind[d->kind].guard_missing;
        err = zone_entries_from(d->type, (uint8_t)d->zone->code, &g->kind[d->kind], g->as_of,
                                &in.dataset[i].entries);
    }
    if (err == TRAP_OK)
        err = publisher_new(c, plan, db, &p, why);
    if (err == TRAP_OK)
        err = publisher_run(p, &in, out, why);
    for (size_t i = 0; i < plan->dataset_count; i++)
        zone_entries_free(&in.dataset[i].entries);
    free(in.dataset);
    publisher_free(&p);
    store_close(&db);
    return err;
}

int main(int argc, char **argv)
{
    static struct given g;
    struct err_text why = { "the listings cannot be read" };
    struct config *c = NULL;
    struct plan plan = { 0 };
    struct publish_result result = { 0 };
    int64_t as_of = 0;
    enum trap_err err = TRAP_EINVAL;

    if (argc == 4 && keyed_init() == TRAP_OK &&
        num_i64(bytes_str(argv[3]), 0, INT64_MAX / WALL_US_PER_S, &as_of) == TRAP_OK)
        err = config_read(argv[1], &c, &why);
    g.as_of = (wall_t){ as_of * WALL_US_PER_S };
    if (err == TRAP_OK && !read_listings(argv[2], &g))
        err = TRAP_EINVAL;
    if (err == TRAP_OK)
        err = plan_make(c, &plan, &why);
    if (err == TRAP_OK)
        err = publish(c, &plan, &g, &result, &why);
    if (err == TRAP_OK)
        (void)printf("%u\n", result.published ? result.serial : 0);
    else
        (void)fprintf(stderr, "zones_maker: %s\n", why.text);
    plan_free(&plan);
    prefix_set_free(&g.lists.forbidden);
    prefix_set_free(&g.lists.forbidden_harvesters);
    config_free(&c);
    return err == TRAP_OK ? 0 : 1;
}
