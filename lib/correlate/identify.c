/* identify.c - one address of one message: every reading under our keys, and what its visit says.
 *
 * A text reads under its own epoch, and with 2^-9 for each other epoch tried under a wrong one, too. So the window is as small as the
 * time of the mail allows, every reading is looked at, and nobody is blamed while more than one stands.
 */
#include "fold_state.h"

static uint64_t hash_name(struct bytes name)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ ascii_lower(name.p[i])) * 0x100000001b3ULL;
    return h;
}

static struct mint_domain domain_tweak(struct fold *f, struct bytes name)
{
    struct domain_slot *slot = &f->domains[hash_name(name) % DOMAIN_CACHE_SLOTS];

    if (slot->n != name.n || !bytes_ieq(bytes_of(slot->name, slot->n), name)) {
        slot->n = name.n;
        memcpy(slot->name, name.p, name.n);
        slot->tweak = mint_domain(f->mint, name);
    }
    return slot->tweak;
}

static wall_t sooner(wall_t a, int64_t us)
{
    return us < a.us ? (wall_t){ us } : a;
}

/* Epochs that had begun when the mail came. Kept for the stretch of time over which nothing begins. */
static void set_window(struct fold *f, wall_t mailed)
{
    const int64_t skew_us = RESOLVE_SKEW_MAX.ms * 1000;

    if (mailed.us >= f->window_from.us && mailed.us < f->window_to.us)
        return;
    f->window = (struct mint_window){ 0 };
    f->window_from = (wall_t){ 0 };
    f->window_to = (wall_t){ INT64_MAX };
    for (size_t i = 0; i < f->node_count; i++) {
        const struct node_view *v = &f->node[i];
        const uint32_t newest = node_view_newest_epoch(v, mailed);
        f->window.node[v->node].newest = newest;
        f->window.node[v->node].count = newest;
        for (size_t k = 0; k <= v->epoch_count; k++) {
            /* The last one: mail that visits may still be missing for. */
            const int64_t edge = (k < v->epoch_count ? v->epochs[k].begins.us : v->newest.us) - skew_us;
            if (edge > mailed.us)
                f->window_to = sooner(f->window_to, edge);
            else if (edge > f->window_from.us)
                f->window_from.us = edge;
        }
    }
}

struct tally {
    size_t resolved, aged;
    bool pending;
    struct mint_ref ref; /* of the best so far */
    struct visit visit;
};

static enum trap_err look_at(struct fold *f, struct mint_ref ref, wall_t mailed, struct tally *t)
{
    const struct node_view *node = fold_node_view(f, ref.node);
    struct resolve_known known = { 0 };
    enum trap_err err = TRAP_OK;

    if (t->pending)
        return TRAP_OK;
    if (node != NULL)
        err = node_view_find(node, &f->cache, ref.epoch, ref.serial, &known);
    if (err != TRAP_OK)
        return err;
    switch (resolve(&known, ref.slot, mailed)) {
    case RESOLVE_PENDING:
        t->pending = true;
        t->ref = ref;
        break;
    case RESOLVE_RESOLVED:
        t->resolved++;
        t->ref = ref;
        t->visit = *known.visit;
        break;
    case RESOLVE_AGED:
        t->ref = t->resolved > 0 ? t->ref : ref;
        t->aged++;
        break;
    case RESOLVE_FORGED:
        break;
    }
    return TRAP_OK;
}

static void conclude(const struct tally *t, struct identified *out)
{
    out->trace.outcome = TRACE_FORGED;
    if (t->pending || t->resolved + t->aged > 0)
        out->trace.ref = t->ref;
    if (t->pending)
        out->trace.outcome = TRACE_PENDING;
    else if (t->resolved == 1 && t->aged == 0)
        out->trace.outcome = TRACE_RESOLVED;
    else if (t->resolved + t->aged > 0)
        out->trace.outcome = TRACE_AGED; /* authentic; whose visit it was cannot be said */
    out->visit = t->visit;
}

enum trap_err identify_ref(struct fold *f, struct mint_ref ref, wall_t mailed, struct identified *out)
{
    struct tally t = { 0 };
    struct identified id = { .trace = { .minted = true, .ref = ref } };
    const enum trap_err err = look_at(f, ref, mailed, &t);

    if (err != TRAP_OK)
        return err;
    conclude(&t, &id);
    *out = id;
    return TRAP_OK;
}

enum trap_err identify(struct fold *f, struct bytes address, wall_t mailed, struct identified *out)
{
    const size_t at = bytes_rfind(address, '@');
    const struct bytes domain = bytes_skip(address, at + 1);
    struct identified id = { .trace = { .outcome = TRACE_NOT_MINTED } };
    struct mint_ref refs[MINT_READINGS_MAX];
    struct tally t = { 0 };
    size_t n = 0;

    if (domain.n > 0 && domain.n <= MINT_DOMAIN_MAX) {
        set_window(f, mailed);
        n = mint_read_all(f->mint, domain_tweak(f, domain), bytes_take(address, at), &f->window, refs,
                          &id.trace.repaired);
    }
    for (size_t i = 0; i < n; i++) {
        const enum trap_err err = look_at(f, refs[i], mailed, &t);
        if (err != TRAP_OK)
            return err;
    }
    if (n > 0) {
        id.trace.minted = true;
        id.trace.ref = refs[0];
        conclude(&t, &id);
    }
    *out = id;
    return TRAP_OK;
}
