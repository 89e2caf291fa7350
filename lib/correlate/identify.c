/* identify.c - one address of one message: every reading under our keys, and what its visit says.
 *
 * A text reads under its own epoch, and with 2^-9 for each other epoch tried under a wrong one, too. So the
 * window is as small as the time of the mail allows, every reading is looked at, and nobody is blamed while
 * more than one stands.
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
        for (size_t k = 0; k < v->epoch_count; k++) {
            const int64_t edge = v->epochs[k].begins.us - skew_us;
            if (edge > mailed.us)
                f->window_to = sooner(f->window_to, edge);
            else if (edge > f->window_from.us)
                f->window_from.us = edge;
        }
    }
}

/* *visit_out is set where the outcome is RESOLVED. */
static enum trap_err look_at(struct fold *f, struct mint_ref ref, wall_t mailed, enum resolve_outcome *out,
                             struct visit *visit_out)
{
    const struct node_view *node = fold_node_view(f, ref.node);
    struct resolve_known known = { 0 };
    enum trap_err err = TRAP_OK;

    if (node != NULL)
        err = node_view_find(node, &f->cache, ref.epoch, ref.serial, &known);
    if (err != TRAP_OK)
        return err;
    *out = resolve(&known, ref.slot, mailed);
    if (*out == RESOLVE_RESOLVED)
        *visit_out = *known.visit;
    return TRAP_OK;
}

static enum trap_err conclude(struct fold *f, const struct mint_ref *refs, size_t n, wall_t mailed,
                              struct identified *out)
{
    static const int outcomes[] = { [RESOLVE_RESOLVED] = TRACE_RESOLVED,
                                    [RESOLVE_AGED] = TRACE_AGED,
                                    [RESOLVE_PENDING] = TRACE_PENDING,
                                    [RESOLVE_FORGED] = TRACE_FORGED,
                                    [RESOLVE_GONE] = TRACE_AGED };
    enum resolve_outcome each[MINT_READINGS_MAX], decided;
    size_t which = 0;

    for (size_t i = 0; i < n; i++) {
        const enum trap_err err = look_at(f, refs[i], mailed, &each[i], &out->visit);
        if (err != TRAP_OK)
            return err;
    }
    out->trace.minted = true;
    decided = resolve_readings(each, n, &which);
    out->trace.outcome = outcomes[decided];
    out->gone = decided == RESOLVE_GONE;
    out->trace.ref = refs[which];
    return TRAP_OK;
}

enum trap_err identify_ref(struct fold *f, struct mint_ref ref, wall_t mailed, struct identified *out)
{
    struct identified id = { 0 };
    const enum trap_err err = conclude(f, &ref, 1, mailed, &id);

    if (err == TRAP_OK)
        *out = id;
    return err;
}

enum trap_err identify(struct fold *f, struct bytes address, wall_t mailed, struct identified *out)
{
    const size_t at = bytes_rfind(address, '@');
    const struct bytes domain = bytes_skip(address, at + 1);
    struct identified id = { .trace = { .outcome = TRACE_NOT_MINTED } };
    struct mint_ref refs[MINT_READINGS_MAX];
    enum trap_err err = TRAP_OK;
    size_t n = 0;

    if (domain.n > 0 && domain.n <= MINT_DOMAIN_MAX) {
        set_window(f, mailed);
        n = mint_read_all(f->mint, domain_tweak(f, domain), bytes_take(address, at), &f->window, refs,
                          &id.trace.repaired);
    }
    if (n > 0)
        err = conclude(f, refs, n, mailed, &id);
    if (err == TRAP_OK)
        *out = id;
    return err;
}
