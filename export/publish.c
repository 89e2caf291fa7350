/* publish.c - one run of the publisher: what changes, the set, the record, the symlink. */
#include "format.h"
#include "publisher.h"

#include <base/log.h>

#include <stdlib.h>

/* ---- the publisher's own life ---- */

enum trap_err publisher_new(const struct config *c, const struct plan *plan, struct store_db *published,
                            struct publisher **out, struct err_text *why)
{
    struct publisher *p = calloc(1, sizeof(*p));
    enum trap_err err = TRAP_ENOMEM;

    if (p == NULL || (p->shown = calloc(plan->dataset_count + 1, sizeof(*p->shown))) == NULL) {
        err_text_set(why, "no memory for the publisher");
        goto out;
    }
    p->config = c;
    p->plan = plan;
    p->db = published;
    err = dir_make(c->export.dir, 0755, why);
    if (err == TRAP_OK)
        err = publisher_recover(p, why);
    for (size_t i = 0; i < plan->dataset_count && err == TRAP_OK; i++) {
        const struct plan_dataset *d = &plan->dataset[i];

        if (d->zone->live)
            err = publisher_members(published, d->name, zone_type_name(d->type), &p->shown[i].entries);
        if (err != TRAP_OK)
            err_text_set(why, "cannot read from published.db what is on zone %s: %s", d->name, err_name(err));
    }
    if (err != TRAP_OK)
        goto out;
    p->shown_as_of = p->current.as_of;
    *out = p;
    p = NULL;
out:
    publisher_free(&p);
    return err;
}

void publisher_free(struct publisher **p)
{
    if (*p == NULL)
        return;
    for (size_t i = 0; (*p)->shown != NULL && i < (*p)->plan->dataset_count; i++) {
        zone_entries_free(&(*p)->shown[i].entries);
        free((*p)->shown[i].saves);
    }
    free((*p)->shown);
    manifest_free(&(*p)->current);
    free(*p);
    *p = NULL;
}

/* ---- what a run does with each file ---- */

static bool entries_equal(const struct zone_entries *a, const struct zone_entries *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].value != b->v[i].value || a->v[i].prefix.len != b->v[i].prefix.len ||
            !ip_eq(a->v[i].prefix.ip, b->v[i].prefix.ip))
            return false;
    return true;
}

static enum set_action action_for(const struct run *r, const struct plan_file *f)
{
    const struct publisher *p = r->p;
    const struct manifest_file *old = manifest_find(&p->current, f->path);
    bool same = old != NULL, held = false;

    for (size_t i = f->first; i < f->first + f->count; i++) {
        const struct shown *s = &p->shown[i];

        held = held || r->in->dataset[i].held;
        same = same && s->known && entries_equal(&s->entries, &r->entries[i]);
    }
    if (held && old == NULL)
        return SET_SKIP;
    if (!same)
        return SET_WRITE;
    const span_t age = wall_diff(r->in->as_of, old->as_of);
    /* A clock that went back: rbldnsd refuses a stamp from the future. */
    return age.ms >= 0 && age.ms < p->config->export.full_interval.ms ? SET_LINK : SET_WRITE;
}

/* True where something is to be published. */
static bool decide(struct run *r, uint32_t *held_out)
{
    const struct plan *plan = r->p->plan;
    size_t kept = 0;
    bool write = false;

    *held_out = 0;
    for (size_t i = 0; i < plan->dataset_count; i++)
        *held_out += r->in->dataset[i].held;
    for (size_t i = 0; i < plan->file_count; i++) {
        r->action[i] = action_for(r, &plan->file[i]);
        write = write || r->action[i] == SET_WRITE;
        kept += r->action[i] == SET_SKIP ? 0 : 1 + format_files_count(&plan->file[i]);
    }
    return write || kept != r->p->current.file_count || r->p->current.serial == 0;
}

static enum trap_err entries_take(struct run *r, struct err_text *why)
{
    const struct plan *plan = r->p->plan;

    for (size_t i = 0; i < plan->dataset_count; i++) {
        struct publish_dataset *d = &r->in->dataset[i];

        if (!d->held) {
            r->entries[i] = d->entries;
            d->entries = (struct zone_entries){ 0 };
            continue;
        }
        const enum trap_err err =
            held_entries(&r->p->shown[i].entries, plan->dataset[i].kind == LISTINGS_HARVESTERS,
                         r->p->shown_as_of, r->in, &r->entries[i]);
        if (err != TRAP_OK) {
            err_text_set(why, "no memory for the entries of %s", plan->dataset[i].name);
            return err;
        }
    }
    return TRAP_OK;
}

/* ---- a run ---- */

static uint32_t next_serial(const struct publisher *p, const struct publish_input *in)
{
    const int64_t now = in->as_of.us / WALL_US_PER_S;
    const uint32_t at = now < 1 ? 1 : now > UINT32_MAX ? UINT32_MAX : (uint32_t)now;

    if (in->serial != 0)
        return in->serial;
    return at > p->serial_last ? at : p->serial_last + 1;
}

static struct set_order order_of(const struct run *r)
{
    const struct publisher *p = r->p;

    return (struct set_order){ .plan = p->plan,
                               .conf = &p->config->export,
                               .action = r->action,
                               .entries = r->entries,
                               .lists = r->in->lists,
                               .previous_dir = p->current_dir[0] == '\0' ? NULL : p->current_dir,
                               .previous = &p->current,
                               .serial = r->serial,
                               .as_of = r->in->as_of,
                               .policy = r->in->policy_digest };
}

/* Steps 1 and 2. What fails leaves no directory behind. */
static enum trap_err write_and_record(struct run *r, struct err_text *why)
{
    const struct set_order order = order_of(r);
    struct err_text what;
    enum trap_err err = publisher_set_dir(r->p, r->serial, r->dir, why);

    if (err != TRAP_OK)
        return err;
    err = dir_make(r->dir, 0755, why);
    if (err == TRAP_OK)
        err = set_write(r->dir, &order, &r->made, why);
    if (err == TRAP_OK) {
        err = run_changes(r);
        if (err != TRAP_OK)
            err_text_set(why, "cannot compare with what was published: %s", err_name(err));
    }
    if (err == TRAP_OK)
        err = run_record(r, why);
    if (err != TRAP_OK && dir_remove(r->dir, &what) != TRAP_OK)
        log_warning("export.set.remove", LOG_U64("serial", r->serial), LOG_STR("error", what.text));
    return err;
}

/* The set is on record: it is what the next run compares with, whether the swap works at once or is made up
 * for. */
static void remember(struct run *r)
{
    struct publisher *p = r->p;

    for (size_t f = 0; f < p->plan->file_count; f++)
        for (size_t i = p->plan->file[f].first; i < p->plan->file[f].first + p->plan->file[f].count; i++) {
            struct shown *s = &p->shown[i];
            const struct publish_dataset *d = &r->in->dataset[i];
            struct listing_save *saves = NULL;

            if (r->action[f] == SET_SKIP)
                continue;
            s->known = s->known || r->action[f] == SET_WRITE;
            zone_entries_free(&s->entries);
            s->entries = r->entries[i];
            r->entries[i] = (struct zone_entries){ 0 };
            if (d->held) /* no saves were computed */
                continue;
            if (d->save_count > 0)
                saves = malloc(d->save_count * sizeof(*saves));
            if (saves != NULL)
                memcpy(saves, d->saves, d->save_count * sizeof(*saves));
            free(s->saves);
            s->saves = saves;
            s->save_count = saves == NULL ? 0 : d->save_count;
            s->saves_known = d->save_count == 0 || saves != NULL;
        }
    p->serial_last = r->serial;
    p->withdrawn_told = true;
    p->listed_due = true;
}

/* Step 3. */
static enum trap_err make_public(struct run *r, struct err_text *why)
{
    struct publisher *p = r->p;

    const enum trap_err err = publisher_swap(p, r->serial, why);

    p->unfinished = err != TRAP_OK;
    if (err == TRAP_OK)
        publisher_prune(p);
    return err;
}

static void count_files(const struct run *r, struct publish_result *out)
{
    for (size_t i = 0; i < r->p->plan->file_count; i++) {
        out->files_written += r->action[i] == SET_WRITE;
        out->files_linked += r->action[i] == SET_LINK;
    }
    for (size_t i = 0; i < r->made.dataset_count; i++)
        out->entries += r->made.dataset[i].live ? r->made.dataset[i].entries : 0;
    out->published = true;
    out->serial = r->serial;
    out->added = r->changes.added;
    out->removed = r->changes.removed;
}

static enum trap_err run_new(struct publisher *p, struct publish_input *in, struct run *r,
                             struct err_text *why)
{
    *r = (struct run){ .p = p, .in = in };
    r->action = calloc(p->plan->file_count + 1, sizeof(*r->action));
    r->entries = calloc(p->plan->dataset_count + 1, sizeof(*r->entries));
    if (r->action != NULL && r->entries != NULL)
        return TRAP_OK;
    err_text_set(why, "no memory for a run of the publisher");
    return TRAP_ENOMEM;
}

static void run_free(struct run *r)
{
    for (size_t i = 0; r->entries != NULL && i < r->p->plan->dataset_count; i++)
        zone_entries_free(&r->entries[i]);
    free(r->entries);
    free(r->action);
    changes_free(&r->changes);
    manifest_free(&r->made);
}

enum trap_err publisher_run(struct publisher *p, struct publish_input *in, struct publish_result *out,
                            struct err_text *why)
{
    struct publish_result result = { 0 };
    struct run r;
    enum trap_err err = run_new(p, in, &r, why);

    if (err == TRAP_OK && p->unfinished)
        err = publisher_recover(p, why);
    if (err == TRAP_OK)
        err = entries_take(&r, why);
    if (err != TRAP_OK)
        goto out;
    result.serial = p->serial_last;
    if (decide(&r, &result.held)) {
        r.serial = r.changes.serial = next_serial(p, in);
        if (r.serial <= p->serial_last) {
            err_text_set(why, "serial %u is not above %u, the last one", r.serial, p->serial_last);
            err = TRAP_ERANGE;
            goto out;
        }
        err = write_and_record(&r, why);
        if (err != TRAP_OK) {
            p->unfinished = true; /* whatever stands there is looked at again, the current set, too */
            goto out;
        }
        count_files(&r, &result);
        remember(&r);
        err = make_public(&r, why);
    }
    if (result.held == 0)
        p->shown_as_of = in->as_of;
    if (err == TRAP_OK)
        *out = result;
out:
    run_free(&r);
    publisher_listed(p, in->as_of);
    return err;
}
