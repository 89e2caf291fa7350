/* recover.c - which set is public, what a crash left, and which sets are kept. */
#include <base/log.h>
#include <base/num.h>

#include "publisher.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum trap_err publisher_set_dir(const struct publisher *p, uint32_t serial, char out[PATH_TEXT_MAX],
                                struct err_text *why)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "%u", serial);
    if (path_join(p->config->export.dir, name, out) != TRAP_OK) {
        err_text_set(why, "export dir %s is too long", p->config->export.dir);
        return TRAP_ERANGE;
    }
    return TRAP_OK;
}

/* Serials of all directories of sets, ascending; freed by the caller. */
struct serials {
    uint32_t *v;
    size_t n;
};

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static enum trap_err serials_read(const char *dir, struct serials *out, struct err_text *why)
{
    struct serials s = { 0 };
    struct dirent *entry;
    DIR *d = opendir(dir);

    if (d == NULL) {
        err_text_set(why, "cannot read the export dir %s: %s", dir, strerror(errno));
        return TRAP_EIO;
    }
    while ((entry = readdir(d)) != NULL) {
        uint32_t serial, *v;

        if (num_u32(bytes_str(entry->d_name), 1, UINT32_MAX, &serial) != TRAP_OK || entry->d_name[0] == '0')
            continue;
        v = reallocarray(s.v, s.n + 1, sizeof(*v));
        if (v == NULL) {
            free(s.v);
            (void)closedir(d);
            err_text_set(why, "no memory for the list of sets");
            return TRAP_ENOMEM;
        }
        s.v = v;
        s.v[s.n++] = serial;
    }
    (void)closedir(d);
    if (s.n > 0)
        qsort(s.v, s.n, sizeof(*s.v), by_number);
    *out = s;
    return TRAP_OK;
}

static void set_remove(const struct publisher *p, uint32_t serial, const char *event)
{
    char dir[PATH_TEXT_MAX];
    struct err_text why;

    if (publisher_set_dir(p, serial, dir, &why) != TRAP_OK || dir_remove(dir, &why) != TRAP_OK)
        log_warning("export.set.remove", LOG_U64("serial", serial), LOG_STR("error", why.text));
    else
        log_debug(event, LOG_U64("serial", serial));
}

void publisher_prune(const struct publisher *p)
{
    struct serials s;
    struct err_text why;

    if (serials_read(p->config->export.dir, &s, &why) != TRAP_OK) {
        log_warning("export.set.prune", LOG_STR("error", why.text));
        return;
    }
    for (size_t i = 0; i + p->config->export.sets_kept < s.n; i++)
        if (s.v[i] != p->current.serial)
            set_remove(p, s.v[i], "export.set.pruned");
    free(s.v);
}

/* The serial that DIR/current points to, 0: none. */
static uint32_t current_serial(const struct publisher *p)
{
    char path[PATH_TEXT_MAX], target[32];
    uint32_t serial;
    ssize_t n;

    if (path_join(p->config->export.dir, "current", path) != TRAP_OK)
        return 0;
    n = readlink(path, target, sizeof(target));
    if (n <= 0 || num_u32(bytes_of(target, (size_t)n), 1, UINT32_MAX, &serial) != TRAP_OK)
        return 0;
    return serial;
}

static enum trap_err swap_to(const struct publisher *p, uint32_t serial, struct err_text *why)
{
    char path[PATH_TEXT_MAX], target[16];

    (void)snprintf(target, sizeof(target), "%u", serial);
    if (path_join(p->config->export.dir, "current", path) != TRAP_OK) {
        err_text_set(why, "export dir %s is too long", p->config->export.dir);
        return TRAP_ERANGE;
    }
    return file_symlink_swap(path, target, why);
}

static void take_current(struct publisher *p, uint32_t serial)
{
    struct manifest m;
    struct err_text why;

    manifest_free(&p->current);
    p->current_dir[0] = '\0';
    if (serial == 0)
        return;
    if (publisher_set_dir(p, serial, p->current_dir, &why) != TRAP_OK ||
        set_read(p->current_dir, false, &m, &why) != TRAP_OK) {
        log_error("export.current.damaged", LOG_U64("serial", serial), LOG_STR("error", why.text));
        p->current_dir[0] = '\0';
        return;
    }
    p->current = m;
}

enum trap_err publisher_swap(struct publisher *p, uint32_t serial, struct err_text *why)
{
    const enum trap_err err = swap_to(p, serial, why);

    if (err == TRAP_OK)
        take_current(p, serial);
    return err;
}

/* The record is ahead of the symlink: the crash came between the two. */
static enum trap_err roll_forward(struct publisher *p, uint32_t recorded, uint32_t *current,
                                  struct err_text *why)
{
    char dir[PATH_TEXT_MAX];
    struct err_text what;
    struct manifest m;
    enum trap_err err = publisher_set_dir(p, recorded, dir, why);

    if (err != TRAP_OK)
        return err;
    if (set_read(dir, true, &m, &what) != TRAP_OK) {
        log_error("export.recover.lost", LOG_U64("serial", recorded), LOG_STR("error", what.text));
        return TRAP_OK; /* the next run publishes a new set in its place */
    }
    manifest_free(&m);
    err = swap_to(p, recorded, why);
    if (err == TRAP_OK) {
        log_info("export.recover.published", LOG_U64("serial", recorded));
        *current = recorded;
    }
    return err;
}

enum trap_err publisher_recover(struct publisher *p, struct err_text *why)
{
    struct published_set last = { 0 };
    struct serials s = { 0 };
    uint32_t current = current_serial(p);
    enum trap_err err = published_last(p->db, &last);

    if (err != TRAP_OK && err != TRAP_ENOENT) {
        err_text_set(why, "cannot read the record of published sets (published.db): %s", err_name(err));
        return err;
    }
    err = last.serial != 0 && current != last.serial ? roll_forward(p, last.serial, &current, why) : TRAP_OK;
    if (err == TRAP_OK)
        err = serials_read(p->config->export.dir, &s, why);
    if (err != TRAP_OK)
        return err;
    p->serial_last = last.serial > current ? last.serial : current;
    for (size_t i = 0; i < s.n; i++) {
        if (s.v[i] > last.serial && s.v[i] != current)
            set_remove(p, s.v[i], "export.recover.discarded"); /* never recorded, so never shown */
        if (s.v[i] > p->serial_last)
            p->serial_last = s.v[i];
    }
    free(s.v);
    take_current(p, current);
    p->unfinished = false;
    return TRAP_OK;
}

enum trap_err publish_current(const struct config *c, current_fn *fn, void *arg, struct err_text *why)
{
    char dir[PATH_TEXT_MAX];
    struct manifest m;
    enum trap_err err;

    if (path_join(c->export.dir, "current", dir) != TRAP_OK) {
        err_text_set(why, "export dir %s is too long", c->export.dir);
        return TRAP_ERANGE;
    }
    err = set_read(dir, false, &m, why);
    if (err != TRAP_OK)
        return err;
    for (size_t i = 0; i < m.dataset_count && err == TRAP_OK; i++) {
        const struct manifest_dataset *d = &m.dataset[i];

        err = fn(
            &(struct current_dataset){
                .type = d->type, .name = d->name, .live = d->live, .entries = d->entries },
            arg);
    }
    manifest_free(&m);
    return err;
}
