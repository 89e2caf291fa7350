/* set.c - writes a set of zone files and reads it back. */
#include "set.h"

#include "format.h"

#include <base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, MS_PER_S = 1000 };

static uint32_t seconds(span_t d)
{
    const int64_t s = d.ms / MS_PER_S;

    return s < 0 ? 0 : s > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)s;
}

static struct zone_file zone_file_of(const struct set_order *o, const struct plan_file *f)
{
    const struct conf_zone *z = f->zone;
    struct zone_file out = {
        .head = { .zone = z->name,
                  .ns = &z->ns,
                  .contact = z->contact,
                  .serial = o->serial,
                  .ttl_s = seconds(z->ttl),
                  .refresh_s = seconds(o->conf->full_interval),
                  .stale_s = seconds(o->conf->stale_after),
                  .as_of = o->as_of },
        .combined = f->combined,
        .section_count = f->count,
    };

    for (size_t i = 0; i < f->count; i++) {
        const struct plan_dataset *d = &o->plan->dataset[f->first + i];
        const struct zone_entries *e = &o->entries[f->first + i];

        out.section[i] = (struct zone_section){ .type = d->type,
                                                .subzones = d->subzones,
                                                .code = (uint8_t)z->code,
                                                .text = z->text,
                                                .v = e->v,
                                                .n = e->n };
    }
    return out;
}

static enum trap_err never_check(const struct set_order *o, const struct plan_file *f, struct err_text *why)
{
    for (size_t i = f->first; i < f->first + f->count; i++) {
        const struct zone_entries *e = &o->entries[i];
        const bool harvesters = o->plan->dataset[i].kind == LISTINGS_HARVESTERS;
        struct err_text what;

        enum trap_err err = zone_entries_check(e->v, e->n, special_use(), &what);
        if (err == TRAP_OK)
            err = zone_entries_check(
                e->v, e->n, harvesters ? &o->lists->forbidden_harvesters : &o->lists->forbidden, &what);
        if (err != TRAP_OK) {
            err_text_set(why, "%s: %s", f->path, what.text);
            return err;
        }
    }
    return TRAP_OK;
}

int64_t set_mtime(const struct set_order *o, const char *path, int previous_fd)
{
    const int64_t now = o->as_of.us / WALL_US_PER_S;
    struct stat st;

    if (previous_fd == -1 || fstatat(previous_fd, path, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
        st.st_mtim.tv_sec < now)
        return now;
    return st.st_mtim.tv_sec + 1;
}

static enum trap_err file_write(const struct set_order *o, const struct plan_file *f, int dir_fd,
                                int previous_fd, struct manifest *m, struct err_text *why)
{
    const struct zone_file zone = zone_file_of(o, f);
    struct manifest_file entry = { .serial = o->serial, .as_of = o->as_of };
    enum trap_err err = zone_file_write(dir_fd, f->path, &zone, set_mtime(o, f->path, previous_fd), why);

    if (err == TRAP_OK)
        err = zone_file_check(dir_fd, f->path, &zone, &entry.facts, why);
    if (err != TRAP_OK)
        return err;
    memcpy(entry.path, f->path, sizeof(entry.path));
    return manifest_add_file(m, &entry);
}

static enum trap_err file_link(const struct set_order *o, const struct plan_file *f, int dir_fd,
                               int previous_fd, struct manifest *m, struct err_text *why)
{
    const struct manifest_file *old = o->previous == NULL ? NULL : manifest_find(o->previous, f->path);

    TRAP_BUG_ON(old == NULL || previous_fd == -1);
    if (linkat(previous_fd, f->path, dir_fd, f->path, 0) == -1) {
        err_text_set(why, "cannot link zone file %s into the new set: %s", f->path, strerror(errno));
        return TRAP_EIO;
    }
    return manifest_add_file(m, old);
}

/* What a linked file holds was said by the set that wrote it. */
static const struct manifest_dataset *dataset_before(const struct set_order *o,
                                                     const struct manifest_dataset *d)
{
    for (size_t i = 0; i < o->previous->dataset_count; i++)
        if (strcmp(o->previous->dataset[i].name, d->name) == 0 &&
            strcmp(o->previous->dataset[i].type, d->type) == 0)
            return &o->previous->dataset[i];
    return d;
}

static enum trap_err add_datasets(const struct set_order *o, const struct plan_file *f, bool linked,
                                  struct manifest *m)
{
    for (size_t i = f->first; i < f->first + f->count; i++) {
        const struct plan_dataset *d = &o->plan->dataset[i];
        struct manifest_dataset entry = { .live = d->zone->live, .entries = o->entries[i].n };

        (void)snprintf(entry.type, sizeof(entry.type), "%s", zone_type_name(d->type));
        (void)snprintf(entry.name, sizeof(entry.name), "%s", d->name);
        const enum trap_err err = manifest_add_dataset(m, linked ? dataset_before(o, &entry) : &entry);
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

static enum trap_err files_write(const struct set_order *o, int dir_fd, int previous_fd, struct manifest *m,
                                 struct err_text *why)
{
    for (size_t i = 0; i < o->plan->file_count; i++) {
        const struct plan_file *f = &o->plan->file[i];
        enum trap_err err;

        if (o->action[i] == SET_SKIP)
            continue;
        if (!f->zone->live && mkdirat(dir_fd, "shadow", 0755) == -1 && errno != EEXIST) {
            err_text_set(why, "cannot create the directory for shadow zones: %s", strerror(errno));
            return TRAP_EIO;
        }
        err = never_check(o, f, why);
        if (err != TRAP_OK)
            return err;
        if (o->action[i] == SET_LINK)
            err = file_link(o, f, dir_fd, previous_fd, m, why);
        else
            err = file_write(o, f, dir_fd, previous_fd, m, why);
        if (err == TRAP_OK)
            err = add_datasets(o, f, o->action[i] == SET_LINK, m);
        if (err == TRAP_OK)
            err = format_files_write(o, f, (struct format_dirs){ dir_fd, previous_fd }, m, why);
        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

/* The names of the files and the set are durable before the manifest says that they are there. */
static enum trap_err seal(const char *dir, int dir_fd, const struct manifest *m, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    struct buf text;
    enum trap_err err;
    const int shadow_fd = openat(dir_fd, "shadow", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (shadow_fd != -1 && fsync(shadow_fd) == -1) {
        (void)close(shadow_fd);
        err_text_set(why, "cannot sync %s/shadow: %s", dir, strerror(errno));
        return TRAP_EIO;
    }
    if (shadow_fd != -1)
        (void)close(shadow_fd);
    if (path_join(dir, MANIFEST_NAME, path) != TRAP_OK) {
        err_text_set(why, "%s: the name of the directory is too long", dir);
        return TRAP_ERANGE;
    }
    buf_init(&text, MANIFEST_BYTES_MAX);
    manifest_put(m, &text);
    err = text.err;
    if (err == TRAP_OK)
        err = file_create(path, buf_bytes(&text), 0644, why);
    else
        err_text_set(why, "the manifest is too long");
    buf_free(&text);
    return err;
}

enum trap_err set_write(const char *dir, const struct set_order *o, struct manifest *out,
                        struct err_text *why)
{
    struct manifest m = { .serial = o->serial, .as_of = o->as_of };
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int previous_fd =
        o->previous_dir == NULL ? -1 : open(o->previous_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum trap_err err = TRAP_EIO;

    if (dir_fd == -1 || (o->previous_dir != NULL && previous_fd == -1)) {
        err_text_set(why, "cannot open %s: %s", dir_fd == -1 ? dir : o->previous_dir, strerror(errno));
        goto out;
    }
    (void)fchmod(dir_fd, 0755); /* rbldnsd reads it as another user */
    (void)snprintf(m.policy, sizeof(m.policy), "%s", o->policy);
    err = files_write(o, dir_fd, previous_fd, &m, why);
    if (err == TRAP_OK)
        err = seal(dir, dir_fd, &m, why);
    if (err != TRAP_OK)
        goto out;
    *out = m;
    m = (struct manifest){ 0 };
out:
    manifest_free(&m);
    if (dir_fd != -1)
        (void)close(dir_fd);
    if (previous_fd != -1)
        (void)close(previous_fd);
    return err;
}

/* ---- reading ---- */

static enum trap_err file_facts(int dir_fd, const char *path, struct zone_facts *out)
{
    uint8_t *in = malloc(READ_BYTES);
    const int fd = in == NULL ? -1 : openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct zone_facts facts = { 0 };
    struct digest digest;
    ssize_t n = -1;

    if (fd != -1) {
        digest_init(&digest);
        while ((n = read(fd, in, READ_BYTES)) > 0) {
            digest_add(&digest, bytes_of(in, (size_t)n));
            facts.bytes += (uint64_t)n;
        }
        (void)digest_hex(&digest, facts.sha256);
        (void)close(fd);
    }
    free(in);
    if (n != 0)
        return TRAP_EIO;
    *out = facts;
    return TRAP_OK;
}

static enum trap_err files_verify(const char *dir, const struct manifest *m, struct err_text *why)
{
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum trap_err err = TRAP_OK;

    if (dir_fd == -1) {
        err_text_set(why, "cannot open %s: %s", dir, strerror(errno));
        return TRAP_EIO;
    }
    for (size_t i = 0; i < m->file_count && err == TRAP_OK; i++) {
        const struct manifest_file *f = &m->file[i];
        struct zone_facts facts;

        err = file_facts(dir_fd, f->path, &facts);
        if (err != TRAP_OK) {
            err_text_set(why, "cannot read %s/%s: %s", dir, f->path, strerror(errno));
        } else if (facts.bytes != f->facts.bytes || strcmp(facts.sha256, f->facts.sha256) != 0) {
            err = TRAP_ECORRUPT;
            err_text_set(why, "%s/%s is not the file that its manifest tells of", dir, f->path);
        }
    }
    (void)close(dir_fd);
    return err;
}

enum trap_err set_read(const char *dir, bool files, struct manifest *out, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    struct manifest m = { 0 };
    struct err_text what;
    struct buf text;
    enum trap_err err;

    if (path_join(dir, MANIFEST_NAME, path) != TRAP_OK) {
        err_text_set(why, "%s: the name of the directory is too long", dir);
        return TRAP_ERANGE;
    }
    err = file_slurp(path, MANIFEST_BYTES_MAX, &text, why);
    if (err != TRAP_OK)
        return err;
    err = manifest_get(buf_bytes(&text), &m, &what);
    buf_free(&text);
    if (err != TRAP_OK) {
        err_text_set(why, "%s/%s", dir, what.text);
        return err;
    }
    if (files)
        err = files_verify(dir, &m, why);
    if (err != TRAP_OK) {
        manifest_free(&m);
        return err;
    }
    *out = m;
    return TRAP_OK;
}
