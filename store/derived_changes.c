/* derived_changes.c - whose rows a writer of derived.db has changed. */
#include "evidence_batch.h"

#include <stdlib.h>

enum { KEYS_MAX = 1 << 20 }; /* beyond that it is cheaper to look at everybody */

struct changes_watch {
    struct derived_changes c;
    size_t sender_room, harvester_room;
};

enum trap_err derived_watch(struct store_db *db)
{
    if (db->changes == NULL)
        db->changes = calloc(1, sizeof *db->changes);
    if (db->changes == NULL)
        return TRAP_ENOMEM;
    db->changes->c.all = true; /* what was before is not known */
    return TRAP_OK;
}

void derived_changes_take(struct store_db *db, struct derived_changes *out)
{
    *out = (struct derived_changes){ .all = db->changes == NULL };
    if (db->changes == NULL)
        return;
    *out = db->changes->c;
    *db->changes = (struct changes_watch){ .sender_room = 0 };
}

void derived_changes_free(struct derived_changes *c)
{
    free(c->senders);
    free(c->harvesters);
    *c = (struct derived_changes){ .all = false };
}

void watch_end(struct changes_watch **w)
{
    if (*w == NULL)
        return;
    derived_changes_free(&(*w)->c);
    free(*w);
    *w = NULL;
}

void watch_all(struct store_db *db)
{
    if (db->changes != NULL)
        db->changes->c.all = true;
}

static void add_key(struct derived_changes *c, struct prefix **v, size_t *n, size_t *room, struct prefix key)
{
    if (c->all || (*n > 0 && prefix_cmp((*v)[*n - 1], key) == 0))
        return;
    if (*n == *room) {
        const size_t more = *room == 0 ? 256 : *room * 2;
        struct prefix *grown = more > KEYS_MAX ? NULL : reallocarray(*v, more, sizeof *grown);

        if (grown == NULL) {
            c->all = true;
            return;
        }
        *v = grown;
        *room = more;
    }
    (*v)[(*n)++] = key;
}

void watch_sender(struct store_db *db, struct prefix sender)
{
    struct changes_watch *w = db->changes;

    if (w != NULL)
        add_key(&w->c, &w->c.senders, &w->c.sender_count, &w->sender_room, sender);
}

void watch_harvester(struct store_db *db, struct prefix client)
{
    struct changes_watch *w = db->changes;

    if (w != NULL)
        add_key(&w->c, &w->c.harvesters, &w->c.harvester_count, &w->harvester_room, client);
}

/* Sorted rows: equal keys stand together. */
void watch_batch(struct store_db *db, const struct derived_batch *b)
{
    const struct evidence_row *evidence = b->evidence.v;
    const struct link_row *links = b->links.v;
    const struct visitor_row *visitors = b->visitors.v;
    const struct pending_row *pending = b->pending.v;

    if (db->changes == NULL)
        return;
    for (size_t i = 0; i < b->evidence.n; i++)
        watch_sender(db, evidence[i].sender);
    for (size_t i = 0; i < b->pending.n; i++)
        watch_sender(db, pending[i].sender);
    for (size_t i = 0; i < b->links.n; i++)
        watch_harvester(db, links[i].harvester);
    for (size_t i = 0; i < b->visitors.n; i++)
        watch_harvester(db, visitors[i].client);
}
