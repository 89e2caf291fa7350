#include <policy/removal.h>

struct removal_lock removal_locked(const struct acts_view *acts, const struct spans *lockout,
                                   struct prefix key, wall_t as_of)
{
    struct removal_lock lock = { 0 };

    for (size_t i = 0; i < acts->delist_count; i++) {
        const struct act_prefix *d = &acts->delist[i];

        if ((!prefix_covers(d->prefix, key) && !prefix_covers(key, d->prefix)) || d->at.us > as_of.us ||
            wall_diff(as_of, d->at).ms >= REMOVAL_COUNTED_FOR.ms)
            continue;
        lock.count++;
        if (d->at.us > lock.last.us)
            lock.last = d->at;
    }
    if (lock.count > 0 && lockout->n > 0)
        lock.until = wall_add(lock.last, lockout->v[lock.count <= lockout->n ? lock.count - 1 : lockout->n - 1]);
    return lock;
}
