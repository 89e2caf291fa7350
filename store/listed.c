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

static bool header_ok(struct bytes all)
{
    return all.n >= HEADER && memcmp(all.p, magic, sizeof magic) == 0 && get(all.p + AT_VERSION) == VERSION &&
           get(all.p + AT_COUNT) == (all.n - HEADER) / ENTRY && (all.n - HEADER) % ENTRY == 0 &&
           get(all.p + AT_CHECKSUM) == checksum(all);
}

/* TRAP_ECORRUPT: not such a snapshot. */
static enum trap_err read_set(struct bytes all, struct prefix_set *out)
{
    struct prefix_set set;
    enum trap_err err = TRAP_OK;

    prefix_set_init(&set);
    for (size_t at = HEADER; at < all.n && err == TRAP_OK; at += ENTRY) {
        struct prefix p = { .len = all.p[at + ENTRY - 1] };

        memcpy(p.ip.b, all.p + at, sizeof p.ip.b);
        err = p.len > 128 ? TRAP_ECORRUPT : prefix_set_add(&set, p);
    }
    if (err == TRAP_OK)
        err = prefix_set_seal(&set);
    if (err == TRAP_OK)
        *out = set;
    else
        prefix_set_free(&set);
    return err;
}

static enum trap_err load(struct listed *l, const char *path, struct err_text *why)
{
    struct prefix_set set;
    struct buf image = { 0 };
    wall_t made = { 0 };
    enum trap_err err = file_slurp(path, SNAPSHOT_MAX_BYTES, &image, why);

    prefix_set_init(&set);
    if (err == TRAP_ENOENT) {
        err = prefix_set_seal(&set);
    } else if (err == TRAP_OK) {
        err = header_ok(buf_bytes(&image)) ? read_set(buf_bytes(&image), &set) : TRAP_ECORRUPT;
        err_text_set(why, "%s: %s", path, err_name(err));
        made.us = err == TRAP_OK ? (int64_t)get(image.p + AT_MADE) : 0;
    }
    buf_free(&image);
    if (err != TRAP_OK)
        return err;
    prefix_set_free(&l->set);
    l->set = set;
    l->made = made;
    return TRAP_OK;
}

void listed_init(struct listed *l, const char *dir, span_t age_max)
{
    *l = (struct listed){ .dir = dir, .age_max = age_max };
    prefix_set_init(&l->set);
}

void listed_free(struct listed *l)
{
    prefix_set_free(&l->set);
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

bool listed_has(const struct listed *l, struct ip a, wall_t now)
{
    return l->set.n > 0 && wall_diff(now, l->made).ms <= l->age_max.ms && prefix_set_has(&l->set, a);
}
