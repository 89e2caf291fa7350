#include "name_set.h"

#include <mail/keyed.h>

#include <stdlib.h>

static uint64_t hash_of(struct bytes name)
{
    static struct hash_key key;
    static bool has_key;
    uint8_t lower[512];
    const size_t n = name.n < sizeof lower ? name.n : sizeof lower;

    if (!has_key)
        keyed_random(key.k, sizeof key.k);
    has_key = true;
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return keyed_hash(&key, bytes_of(lower, n));
}

/* Where it is, or would be. */
static size_t place_of(const struct bytes *slot, size_t room, struct bytes name)
{
    size_t i = hash_of(name) & (room - 1);

    while (slot[i].p != NULL && !bytes_ieq(slot[i], name))
        i = (i + 1) & (room - 1);
    return i;
}

static enum trap_err grow(struct name_set *s)
{
    const size_t room = s->room == 0 ? 1024 : s->room * 2;
    struct bytes *slot = calloc(room, sizeof *slot);

    if (slot == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < s->room; i++)
        if (s->slot[i].p != NULL)
            slot[place_of(slot, room, s->slot[i])] = s->slot[i];
    free(s->slot);
    s->slot = slot;
    s->room = room;
    return TRAP_OK;
}

enum trap_err name_set_add(struct name_set *s, struct bytes name, bool *new_out)
{
    uint8_t *copy;
    size_t at;

    if (2 * s->n >= s->room && grow(s) != TRAP_OK)
        return TRAP_ENOMEM;
    at = place_of(s->slot, s->room, name);
    *new_out = s->slot[at].p == NULL;
    if (!*new_out)
        return TRAP_OK;
    copy = malloc(name.n + 1);
    if (copy == NULL)
        return TRAP_ENOMEM;
    if (name.n > 0)
        memcpy(copy, name.p, name.n);
    s->slot[at] = bytes_of(copy, name.n);
    s->n++;
    return TRAP_OK;
}

bool name_set_has(const struct name_set *s, struct bytes name)
{
    return s->room > 0 && s->slot[place_of(s->slot, s->room, name)].p != NULL;
}

void name_set_free(struct name_set *s)
{
    for (size_t i = 0; i < s->room; i++)
        free((void *)(uintptr_t)s->slot[i].p);
    free(s->slot);
    *s = (struct name_set){ 0 };
}
