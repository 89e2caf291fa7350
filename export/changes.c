/* changes.c - what a new set adds and removes: one merge walk over both. */
#include "changes.h"

#include <stdio.h>
#include <stdlib.h>

void changes_free(struct changes *c)
{
    while (c->texts != NULL) {
        struct change_text *next = c->texts->next;

        free(c->texts);
        c->texts = next;
    }
    free(c->v);
    *c = (struct changes){ 0 };
}

const char *save_text(enum list_name by, struct prefix entry, char out[SAVE_TEXT_MAX])
{
    char prefix[PREFIX_TEXT_MAX];

    (void)snprintf(out, SAVE_TEXT_MAX, "%s %s", list_name(by), prefix_text(entry, prefix));
    return out;
}

static enum trap_err add(struct changes *c, struct published_change change)
{
    if (c->n == c->cap) {
        const size_t cap = c->cap == 0 ? 64 : c->cap * 2;
        struct published_change *v = reallocarray(c->v, cap, sizeof(*v));

        if (v == NULL)
            return TRAP_ENOMEM;
        c->v = v;
        c->cap = cap;
    }
    change.serial = c->serial;
    c->v[c->n++] = change;
    c->added += change.kind == PUBLISHED_ADDED;
    c->removed += change.kind == PUBLISHED_REMOVED;
    return TRAP_OK;
}

/* The text lives as long as the changes do. */
static enum trap_err list_reason(struct changes *c, enum list_name by, struct prefix entry, struct bytes *out)
{
    struct change_text *t = malloc(sizeof(*t));

    if (t == NULL)
        return TRAP_ENOMEM;
    *out = bytes_str(save_text(by, entry, t->text));
    t->next = c->texts;
    c->texts = t;
    return TRAP_OK;
}

static bool is_delisted(const struct acts_view *acts, struct prefix p)
{
    for (size_t i = 0; i < acts->delist_count; i++)
        if (prefix_covers(acts->delist[i].prefix, p) || prefix_covers(p, acts->delist[i].prefix))
            return true;
    return false;
}

static enum trap_err removal_reason(struct changes *c, const struct zone_entry *e,
                                    const struct change_why *why, struct bytes *out)
{
    struct prefix entry;
    enum list_name by;

    if (why->withdrawn) {
        *out = BYTES("zone withdrawn");
        return TRAP_OK;
    }
    by = lists_find(why->lists, e->prefix, why->harvesters, &entry);
    if (by != LIST_COUNT)
        return list_reason(c, by, entry, out);
    *out = is_delisted(why->acts, e->prefix) ? BYTES("delisted")
           : e->until.us <= why->as_of.us    ? BYTES("expired")
                                             : BYTES("policy");
    return TRAP_OK;
}

static enum trap_err add_removal(struct changes *c, struct bytes zone, const struct zone_entry *e,
                                 const struct change_why *why)
{
    struct published_change change = {
        .zone = zone, .prefix = e->prefix, .kind = PUBLISHED_REMOVED, .until = e->until
    };
    const enum trap_err err = removal_reason(c, e, why, &change.reason);

    return err != TRAP_OK ? err : add(c, change);
}

static enum trap_err add_addition(struct changes *c, struct bytes zone, const struct zone_entry *e)
{
    return add(c, (struct published_change){ .zone = zone,
                                             .prefix = e->prefix,
                                             .kind = PUBLISHED_ADDED,
                                             .until = e->until,
                                             .reason = bytes_str(listing_reason_name(e->reason)) });
}

enum trap_err changes_diff(struct changes *c, struct bytes zone, const struct zone_entries *before,
                           const struct zone_entries *after, const struct change_why *why)
{
    size_t b = 0, a = 0;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && (b < before->n || a < after->n)) {
        const int order = b == before->n  ? 1
                          : a == after->n ? -1
                                          : prefix_cmp(before->v[b].prefix, after->v[a].prefix);

        if (order < 0)
            err = add_removal(c, zone, &before->v[b++], why);
        else if (order > 0)
            err = add_addition(c, zone, &after->v[a++]);
        else
            a++, b++;
    }
    return err;
}

enum trap_err changes_saved(struct changes *c, struct bytes zone, const struct listing_save *s)
{
    struct published_change change = { .zone = zone, .prefix = s->key, .kind = PUBLISHED_SAVED };
    const enum trap_err err = list_reason(c, s->by, s->entry, &change.reason);

    return err != TRAP_OK ? err : add(c, change);
}
