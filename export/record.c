/* record.c - the audit trail: what a run adds, removes and saves, beside what published.db says. */
#include "publisher.h"

#include <stdlib.h>

static enum trap_err add_member(const struct published_change *c, void *arg)
{
    return zone_entries_add(arg, (struct zone_entry){ .prefix = c->prefix,
                                                      .until = c->until,
                                                      .reason = (uint8_t)listing_reason_find(c->reason) });
}

enum trap_err publisher_members(struct store_db *db, const char *name, const char *type,
                                struct zone_entries *out)
{
    struct zone_entries all = { 0 };
    enum trap_err err = published_members(db, bytes_str(name), add_member, &all);
    size_t kept = 0;

    for (size_t i = 0; i < all.n && err == TRAP_OK; i++) /* the families of one name are two datasets */
        for (int t = 0; t < ZONE_TYPES; t++)
            if (strcmp(type, zone_type_name((enum zone_type)t)) == 0 &&
                zone_type_takes((enum zone_type)t, all.v[i].prefix))
                all.v[kept++] = all.v[i];
    all.n = kept;
    if (err != TRAP_OK) {
        zone_entries_free(&all);
        return err;
    }
    *out = all;
    return TRAP_OK;
}

static bool save_equal(const struct listing_save *a, const struct listing_save *b)
{
    return a->by == b->by && prefix_cmp(a->key, b->key) == 0 && prefix_cmp(a->entry, b->entry) == 0;
}

struct save_search {
    const struct listing_save *save;
    struct bytes zone;
    bool found;
};

static enum trap_err save_match(const struct published_change *c, void *arg)
{
    struct save_search *s = arg;
    char text[SAVE_TEXT_MAX];

    if (c->kind == PUBLISHED_SAVED && bytes_eq(c->zone, s->zone) &&
        prefix_cmp(c->prefix, s->save->key) == 0 &&
        bytes_eq(c->reason, bytes_str(save_text(s->save->by, s->save->entry, text))))
        s->found = true;
    return TRAP_OK;
}

/* Is this save on record already? After a start the record itself is asked. */
static enum trap_err save_known(const struct run *r, size_t dataset, const struct listing_save *save,
                                bool *out)
{
    enum { LOOK_BACK = 50 };
    const struct shown *s = &r->p->shown[dataset];
    struct save_search search = { .save = save, .zone = bytes_str(r->p->plan->dataset[dataset].name) };
    enum trap_err err;

    *out = false;
    if (!s->saves_known) {
        err = published_history(r->p->db, save->key, LOOK_BACK, save_match, &search);
        *out = search.found;
        return err == TRAP_ENOENT ? TRAP_OK : err;
    }
    for (size_t low = 0, high = s->save_count; low < high;) { /* in key order */
        const size_t middle = (low + high) / 2;
        const int order = prefix_cmp(s->saves[middle].key, save->key);

        if (order == 0) {
            *out = save_equal(&s->saves[middle], save);
            return TRAP_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return TRAP_OK;
}

static enum trap_err record_saves(struct run *r, size_t dataset)
{
    const struct plan_dataset *d = &r->p->plan->dataset[dataset];
    const struct publish_dataset *in = &r->in->dataset[dataset];

    for (size_t i = 0; i < in->save_count; i++) {
        bool known;
        enum trap_err err = TRAP_OK;

        if (!zone_type_takes(d->type, in->saves[i].key))
            continue;
        err = save_known(r, dataset, &in->saves[i], &known);
        if (err == TRAP_OK && !known)
            err = changes_saved(&r->changes, bytes_str(d->name), &in->saves[i]);
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

static bool is_planned(const struct plan *plan, const struct manifest_dataset *d)
{
    for (size_t i = 0; i < plan->dataset_count; i++)
        if (plan->dataset[i].zone->live && strcmp(plan->dataset[i].name, d->name) == 0 &&
            strcmp(zone_type_name(plan->dataset[i].type), d->type) == 0)
            return true;
    return false;
}

/* Datasets that the last set had and the configuration does not have any more. */
static enum trap_err record_withdrawn(struct run *r)
{
    const struct change_why why = { .as_of = r->in->as_of, .withdrawn = true };
    const struct zone_entries nothing = { 0 };
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < r->p->current.dataset_count && err == TRAP_OK && !r->p->withdrawn_told; i++) {
        const struct manifest_dataset *d = &r->p->current.dataset[i];
        struct zone_entries members = { 0 };

        if (!d->live || is_planned(r->p->plan, d))
            continue;
        err = publisher_members(r->p->db, d->name, d->type, &members);
        if (err == TRAP_OK)
            err = changes_diff(&r->changes, bytes_str(d->name), &members, &nothing, &why);
        zone_entries_free(&members);
    }
    return err;
}

enum trap_err run_changes(struct run *r)
{
    enum trap_err err = record_withdrawn(r);

    for (size_t f = 0; f < r->p->plan->file_count && err == TRAP_OK; f++) {
        const struct plan_file *file = &r->p->plan->file[f];

        if (!file->zone->live || r->action[f] == SET_SKIP)
            continue;
        for (size_t i = file->first; i < file->first + file->count && err == TRAP_OK; i++) {
            const struct plan_dataset *d = &r->p->plan->dataset[i];
            const struct change_why why = { .as_of = r->in->as_of,
                                            .lists = r->in->lists,
                                            .acts = r->in->acts,
                                            .harvesters = d->kind == LISTINGS_HARVESTERS };

            err =
                changes_diff(&r->changes, bytes_str(d->name), &r->p->shown[i].entries, &r->entries[i], &why);
            if (err == TRAP_OK)
                err = record_saves(r, i);
        }
    }
    return err;
}

enum trap_err run_record(struct run *r, struct err_text *why)
{
    char digest[DIGEST_HEX_MAX];
    struct published_set set = { .serial = r->serial,
                                 .as_of = r->in->as_of,
                                 .at = wall_now(),
                                 .policy_digest = bytes_str(r->in->policy_digest) };
    struct buf text;
    enum trap_err err;

    buf_init(&text, MANIFEST_BYTES_MAX);
    manifest_put(&r->made, &text);
    set.manifest_digest = bytes_str(digest_of(buf_bytes(&text), digest));
    for (size_t i = 0; i < r->made.dataset_count; i++)
        set.entries += r->made.dataset[i].live ? r->made.dataset[i].entries : 0;
    err = text.err;
    if (err == TRAP_OK)
        err = published_append(r->p->db, &set, r->changes.v, r->changes.n, why);
    buf_free(&text);
    return err;
}
