/* format_set.c - the files of further formats in a set: which, and written or linked. */
#include "format.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum trap_err format_path(const struct plan_file *f, enum zone_type type, enum zone_format format,
                          char out[ZONE_FILE_NAME_MAX])
{
    static const char *const parts[ZONE_TYPES] = {
        [ZONE_TYPE_IP4] = "-ip4", [ZONE_TYPE_IP6] = "-ip6", [ZONE_TYPE_HTTPBL] = "-httpbl"
    };
    const int n = snprintf(out, ZONE_FILE_NAME_MAX, "%s%s.%s", f->path, f->combined ? parts[type] : "",
                           format_name(format));

    return n < 0 || n >= ZONE_FILE_NAME_MAX ? TRAP_ERANGE : TRAP_OK;
}

size_t format_files_count(const struct plan_file *f)
{
    size_t n = 0;

    for (unsigned i = 0; i < ZONE_FORMATS; i++)
        n += f->zone->formats >> i & 1u;
    return n * f->count;
}

struct made {
    const struct set_order *o;
    struct format_dirs dirs;
    struct manifest *m;
    bool link;
};

static enum trap_err write_one(const struct made *x, const char *path, const struct format_file *f,
                               struct err_text *why)
{
    struct manifest_file entry = { .serial = f->serial, .as_of = f->as_of };
    enum trap_err err =
        format_file_write(x->dirs.fd, path, f, set_mtime(x->o, path, x->dirs.previous_fd), why);

    if (err == TRAP_OK)
        err = format_file_check(x->dirs.fd, path, f, &entry.facts, why);
    if (err != TRAP_OK)
        return err;
    (void)snprintf(entry.path, sizeof(entry.path), "%s", path);
    return manifest_add_file(x->m, &entry);
}

/* What was not there in the previous set (the format is new) is written, though the listings are the same. */
static enum trap_err make_one(const struct made *x, const char *path, const struct format_file *f,
                              struct err_text *why)
{
    const struct manifest_file *old =
        !x->link || x->o->previous == NULL ? NULL : manifest_find(x->o->previous, path);

    if (old == NULL)
        return write_one(x, path, f, why);
    if (linkat(x->dirs.previous_fd, path, x->dirs.fd, path, 0) == -1) {
        err_text_set(why, "cannot link %s into the new set: %s", path, strerror(errno));
        return TRAP_EIO;
    }
    return manifest_add_file(x->m, old);
}

enum trap_err format_files_write(const struct set_order *o, const struct plan_file *f,
                                 struct format_dirs dirs, struct manifest *m, struct err_text *why)
{
    const struct made x = { o, dirs, m, o->action[f - o->plan->file] == SET_LINK };

    for (size_t i = f->first; i < f->first + f->count; i++) {
        const struct plan_dataset *d = &o->plan->dataset[i];

        for (unsigned format = 0; format < ZONE_FORMATS; format++) {
            const struct format_file file = { .format = (enum zone_format)format,
                                              .type = d->type,
                                              .name = d->name,
                                              .text = f->zone->text,
                                              .serial = o->serial,
                                              .as_of = o->as_of,
                                              .stale_after = o->conf->stale_after,
                                              .v = o->entries[i].v,
                                              .n = o->entries[i].n };
            char path[ZONE_FILE_NAME_MAX];

            if ((f->zone->formats >> format & 1u) == 0)
                continue;
            enum trap_err err = format_path(f, d->type, file.format, path);
            if (err == TRAP_OK)
                err = make_one(&x, path, &file, why);
            else
                err_text_set(why, "%s: the name of its %s file is too long", f->path,
                             format_name(file.format));
            if (err != TRAP_OK)
                return err;
        }
    }
    return TRAP_OK;
}
