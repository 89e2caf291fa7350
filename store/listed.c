#include <store/listed.h>

#include "snapshot.h"

#include <base/file.h>
#include <base/log.h>
#include <mail/keyed.h>

enum {
    HEADER = 56,
    VERSION = 1,
    AT_VERSION = 8,
    AT_COUNT = 16,
    AT_MADE = 24,
    AT_CHECKSUM = 32,
    AT_KEY = 40,
    ENTRY = 17,
    SNAPSHOT_MAX_BYTES = 1 << 30
};
static const char magic[8] = { 'T', 'R', 'A', 'P', 'L', 'S', 'T', '\n' };

static void put(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p)
{
    uint64_t v = 0;

    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* Of everything but itself; the key stands in the file: it finds damage, not forgery. */
static uint64_t checksum(struct bytes all)
{
    struct hash_key key;

    memcpy(key.k, all.p + AT_KEY, sizeof key.k);
    return keyed_hash(&key, bytes_take(all, AT_CHECKSUM)) ^ keyed_hash(&key, bytes_skip(all, HEADER));
}

/* ---- writing ---- */

enum trap_err listed_write(const char *dir, const struct prefix_set *set, wall_t made, struct err_text *why)
{
    const size_t n = HEADER + set->n * ENTRY;
    char path[PATH_TEXT_MAX];
    struct buf image;
    uint8_t *p;
    enum trap_err err = snapshot_path(dir, "listed", true, path, why);

    TRAP_BUG_ON(!set->sealed);
    if (err != TRAP_OK)
        return err;
    buf_init(&image, n);
    p = buf_reserve(&image, n);
    if (p == NULL) {
        err_text_set(why, "%s: out of memory", path);
        return TRAP_ENOMEM;
    }
    memset(p, 0, HEADER);
    memcpy(p, magic, sizeof magic);
    put(p + AT_VERSION, VERSION);
    put(p + AT_COUNT, set->n);
    put(p + AT_MADE, (uint64_t)made.us);
    keyed_random(p + AT_KEY, HASH_KEY_BYTES);
    for (size_t i = 0; i < set->n; i++) {
        memcpy(p + HEADER + i * ENTRY, set->v[i].ip.b, sizeof set->v[i].ip.b);
        p[HEADER + i * ENTRY + ENTRY - 1] = set->v[i].len;
    }
    put(p + AT_CHECKSUM, checksum(bytes_of(p, n)));
    err = file_replace(path, bytes_of(p, n), 0600, why);
    buf_free(&image);
    return err;
}

/* ---- reading ---- */

static struct prefix entry(struct bytes all, size_t i)
{
    const uint8_t *at = all.p + HEADER + i * ENTRY;
    struct prefix p = { .len = at[ENTRY - 1] };

    memcpy(p.ip.b, at, sizeof p.ip.b);
    return p;
}

/* A million of them take 20 ms, most of it for the checksum. */
static bool is_good(struct bytes all)
{
    const size_t n = all.n < HEADER ? 0 : (all.n - HEADER) / ENTRY;

    if (all.n != HEADER + n * ENTRY || memcmp(all.p, magic, sizeof magic) != 0 ||
        get(all.p + AT_VERSION) != VERSION || get(all.p + AT_COUNT) != n ||
        get(all.p + AT_CHECKSUM) != checksum(all))
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = all.p + HEADER + i * ENTRY;

        if (at[ENTRY - 1] > 128 || (i > 0 && memcmp(at - ENTRY, at, ENTRY - 1) >= 0))
            return false;
    }
    return true;
}

static enum trap_err load(struct listed *l, const char *path, struct err_text *why)
{
    struct buf image;
    enum trap_err err = file_slurp(path, SNAPSHOT_MAX_BYTES, &image, why);

    if (err == TRAP_OK && !is_good(buf_bytes(&image))) {
        buf_free(&image);
        err = TRAP_ECORRUPT;
        err_text_set(why, "%s: %s", path, err_name(err));
    }
    if (err == TRAP_ENOENT)
        image = (struct buf){ 0 };
    else if (err != TRAP_OK)
        return err;
    buf_free(&l->image);
    l->image = image;
    l->count = image.n == 0 ? 0 : (image.n - HEADER) / ENTRY;
    l->made.us = image.n == 0 ? 0 : (int64_t)get(image.p + AT_MADE);
    return TRAP_OK;
}

void listed_init(struct listed *l, const char *dir, span_t age_max)
{
    *l = (struct listed){ .dir = dir, .age_max = age_max };
}

void listed_free(struct listed *l)
{
    buf_free(&l->image);
    l->count = 0;
}

void listed_refresh(struct listed *l)
{
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];

    if (snapshot_path(l->dir, "listed", false, path, &why) != TRAP_OK || !snapshot_changed(path, &l->stamp))
        return;
    if (load(l, path, &why) != TRAP_OK)
        log_warning("store.listed", LOG_STR("error", why.text),
                    LOG_STR("effect", "the last good snapshot stays; the exporter makes it anew"));
}

/* The only entry that can hold `a` is the last one that does not begin behind it. */
static bool holds(const struct listed *l, struct ip a)
{
    const struct bytes all = buf_bytes(&l->image);
    size_t low = 0, high = l->count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (memcmp(all.p + HEADER + mid * ENTRY, a.b, sizeof a.b) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && prefix_has(entry(all, low - 1), a);
}

bool listed_has(const struct listed *l, struct ip a, wall_t now)
{
    return l->count > 0 && wall_diff(now, l->made).ms <= l->age_max.ms && holds(l, a);
}
