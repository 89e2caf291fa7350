/* The first visit of each network: of those who have a visitor of their own it follows from the rows of
 * visitors; the rest is told one by one, for visits of which only the network is known any more. */
#include "evidence_batch.h"

#include <stdlib.h>

enum { JOIN_FROM = 1 << 16 };

static const char sql_network[] = "INSERT INTO network (source, first_us) VALUES (?1, ?2) "
                                  "ON CONFLICT DO UPDATE SET first_us = min(first_us, excluded.first_us)";

static int network_cmp(const void *pa, const void *pb)
{
    const struct network *a = pa, *b = pb;

    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return a->first.us < b->first.us ? -1 : a->first.us > b->first.us;
}

/* One of each source: the first. */
static void join(struct rows *rows)
{
    struct network *v = rows->v;
    size_t kept = 0;

    if (rows->n < 2)
        return;
    qsort(v, rows->n, sizeof *v, network_cmp);
    for (size_t i = 1; i < rows->n; i++)
        if (v[i].source != v[kept].source)
            v[++kept] = v[i];
    rows->n = kept + 1;
}

/* Millions of visits come from far fewer networks: joined before the list would grow. */
void batch_add_network(struct derived_batch *b, const struct network *net)
{
    if (b->networks.n == b->networks.room && b->networks.n >= JOIN_FROM)
        join(&b->networks);
    batch_add(b, &b->networks, net, sizeof *net);
}

void derived_add_network(struct derived_batch *b, struct ip client, wall_t at)
{
    batch_add_network(b, &(struct network){ source_of_network(client), at });
    derived_see(b, at);
}

/* Whoever was mailed from there may have been listed by it for longer. */
static enum trap_err tell_earlier(struct store_db *db, const struct network *net)
{
    wall_t before = { 0 };
    const enum trap_err err = db->changes == NULL ? TRAP_ENOENT : network_first(db, net->source, &before);

    if (err == TRAP_OK && net->first.us < before.us)
        watch_all(db);
    return err == TRAP_ENOENT ? TRAP_OK : err;
}

enum trap_err batch_put_networks(struct store_db *db, struct derived_batch *b)
{
    const struct network *v = b->networks.v;
    sqlite3_stmt *st = NULL;
    enum trap_err err = TRAP_OK;

    join(&b->networks);
    for (size_t i = 0; i < b->networks.n && err == TRAP_OK; i++) {
        err = tell_earlier(db, &v[i]);
        if (err == TRAP_OK)
            err = db_statement(db, sql_network, &st);
        if (err != TRAP_OK)
            return err;
        db_bind_int(st, 1, (int64_t)v[i].source);
        db_bind_int(st, 2, v[i].first.us);
        err = db_run(db, st);
    }
    return err;
}
