/* state_dir/snap/traps: made of the acts by the command line, loaded by the daemons. */
#include "trapdir_parts.h"

#include <base/file.h>
#include <base/log.h>
#include <base/num.h>
#include <store/act_log.h>
#include <store/trap_life.h>

#include <stdlib.h>

enum { BUILD_TRIES = 10, SNAPSHOT_MAX_BYTES = 1 << 30 };

/* ---- loading ---- */

/* Into memory, not mapped: what was checked is what is used, also when somebody copies a backup over the file
 * in place (a mapping would then show bytes that were never checked, or end the process with SIGBUS).
 * docs/adr/0007. */
enum trap_err trapdir_snapshot_load(const char *path, struct trapdir_snapshot *out, struct err_text *why)
{
    struct trapdir_snapshot s = { .loaded = false };
    enum trap_err err = file_slurp(path, SNAPSHOT_MAX_BYTES, &s.bytes, why);

    if (err == TRAP_ENOENT) {
        *out = (struct trapdir_snapshot){ .loaded = false };
        return TRAP_OK;
    }
    if (err != TRAP_OK)
        return err;
    err = trap_image_open(buf_bytes(&s.bytes), &s.image);
    if (err == TRAP_OK) {
        s.loaded = true;
        *out = s;
        return TRAP_OK;
    }
    buf_free(&s.bytes);
    if (err == TRAP_ENEWER)
        err_text_set(
            why,
            "%s: made by a newer Trapline; `trapline trap add` or `retire` of this version makes it anew",
            path);
    else
        err_text_set(why, "%s: damaged; any `trapline trap add` or `retire` makes it anew from the acts",
                     path);
    return err;
}

void trapdir_snapshot_free(struct trapdir_snapshot *s)
{
    buf_free(&s->bytes);
    *s = (struct trapdir_snapshot){ .loaded = false };
}

/* ---- making ---- */

struct change {
    uint64_t seq;
    size_t item; /* in the list */
    bool revoked;
};
struct changes {
    struct change *v;
    size_t n, room;
    struct trap_list list; /* one item a change */
};

static void set_times(struct trap_list *l, size_t i, struct trap_times t)
{
    l->items[i].tag = t.observing_from;
    l->items[i].more = t.armed_from;
}

static enum trap_err add_change(struct changes *c, const struct act *a)
{
    const bool retire = a->kind == ACT_TRAP_RETIRE;
    struct trap_birth birth = { .klass = { NULL, 0 } };
    uint8_t klass = 0;
    enum trap_err err;

    if (!trap_name_ok(a->subject) ||
        (!retire && (trap_birth_get(a->detail, &birth) != TRAP_OK ||
                     trapdir_class_parse(birth.klass, &klass) != TRAP_OK))) {
        log_warning("store.trapdir.act_ignored", LOG_U64("act", a->seq),
                    LOG_STR("reason", "not a trap and its class"));
        return TRAP_OK;
    }
    if (c->n == c->room) {
        const size_t room = c->room == 0 ? 64 : c->room * 2;
        struct change *more = reallocarray(c->v, room, sizeof *more);

        if (more == NULL)
            return TRAP_ENOMEM;
        c->v = more;
        c->room = room;
    }
    err = trap_list_add(&c->list, a->subject, klass, retire ? TRAP_STATE_RETIRED : TRAP_STATE_TRAP, 0);
    if (err != TRAP_OK)
        return err;
    set_times(&c->list, c->list.n - 1, trap_times_of(a->at, &birth));
    c->v[c->n++] = (struct change){ a->seq, c->list.n - 1, false };
    return TRAP_OK;
}

static int change_cmp(const void *key, const void *element)
{
    const uint64_t seq = *(const uint64_t *)key;
    const struct change *c = element;

    return seq < c->seq ? -1 : seq > c->seq ? 1 : 0;
}

static enum trap_err on_act(const struct act *a, void *arg)
{
    struct changes *c = arg;
    struct change *found;
    uint64_t seq = 0;

    if (a->kind == ACT_TRAP_ADD || a->kind == ACT_TRAP_RETIRE)
        return add_change(c, a);
    if (a->kind != ACT_REVOKE || c->n == 0 || num_u64(a->subject, 1, UINT64_MAX, &seq) != TRAP_OK)
        return TRAP_OK;
    found = bsearch(&seq, c->v, c->n, sizeof *c->v, change_cmp);
    if (found != NULL)
        found->revoked = true;
    return TRAP_OK;
}

static enum trap_err read_acts(struct store_db *acts, struct changes *c, uint64_t *last_out)
{
    uint64_t after, last = 0;
    enum trap_err err;

    do {
        after = last;
        err = act_each_rule(acts, after, UINT32_MAX, on_act, c, &last);
    } while (err == TRAP_OK && last != after);
    *last_out = last;
    return err;
}

/* Each name as its last change that stands says; the domains of addresses are local. */
static enum trap_err make_image(const struct changes *c, struct buf *out)
{
    struct trap_list list;
    enum trap_err err = TRAP_OK;

    trap_list_init(&list);
    for (size_t i = 0; i < c->n && err == TRAP_OK; i++) {
        const struct trap_item *item = &c->list.items[c->v[i].item];
        const struct bytes name = trap_list_name(&c->list, c->v[i].item);

        if (c->v[i].revoked)
            continue;
        err = trap_list_add(&list, name, item->klass, (enum trap_state)item->state, item->tag);
        if (err == TRAP_OK)
            list.items[list.n - 1].more = item->more;
        if (err == TRAP_OK && item->state == TRAP_STATE_TRAP && !trap_name_is_domain(name))
            err = trap_list_add(&list, trap_name_domain(name), 0, TRAP_STATE_LOCAL, 0);
    }
    if (err == TRAP_OK)
        err = trap_image_make(&list, out);
    trap_list_free(&list);
    return err;
}

static enum trap_err build_once(const char *path, struct store_db *acts, uint64_t *last_out,
                                struct err_text *why)
{
    struct changes c = { .v = NULL };
    struct buf image = { 0 };
    enum trap_err err;

    trap_list_init(&c.list);
    err = read_acts(acts, &c, last_out);
    if (err == TRAP_OK)
        err = make_image(&c, &image);
    if (err == TRAP_OK)
        err = file_replace(path, buf_bytes(&image), 0600, why);
    else
        err_text_set(why, "%s: cannot be made from the acts: %s", path, err_name(err));
    buf_free(&image);
    trap_list_free(&c.list);
    free(c.v);
    return err;
}

enum trap_err trapdir_build(const char *dir, struct store_db *acts, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    uint64_t built = 0, last = 0;
    enum trap_err err = snapshot_path(dir, "traps", true, path, why);

    /* Two commands at once: whoever replaced the file by an older state sees the newer act now. */
    for (unsigned i = 0; err == TRAP_OK && i < BUILD_TRIES && (i == 0 || last != built); i++) {
        err = build_once(path, acts, &built, why);
        if (err == TRAP_OK) {
            err = act_last(acts, &last);
            if (err != TRAP_OK)
                err_text_set(why, "%s: the acts cannot be read: %s", dir, err_name(err));
        }
    }
    return err;
}
