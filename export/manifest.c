/* manifest.c - writes and reads the text of manifest.h. */
#include "manifest.h"

#include <base/num.h>

#include <stdlib.h>

void manifest_free(struct manifest *m)
{
    free(m->file);
    free(m->dataset);
    *m = (struct manifest){ 0 };
}

enum trap_err manifest_add_file(struct manifest *m, const struct manifest_file *f)
{
    struct manifest_file *v = reallocarray(m->file, m->file_count + 1, sizeof(*v));

    if (v == NULL)
        return TRAP_ENOMEM;
    v[m->file_count++] = *f;
    m->file = v;
    return TRAP_OK;
}

enum trap_err manifest_add_dataset(struct manifest *m, const struct manifest_dataset *d)
{
    struct manifest_dataset *v = reallocarray(m->dataset, m->dataset_count + 1, sizeof(*v));

    if (v == NULL)
        return TRAP_ENOMEM;
    v[m->dataset_count++] = *d;
    m->dataset = v;
    return TRAP_OK;
}

const struct manifest_file *manifest_find(const struct manifest *m, const char *path)
{
    for (size_t i = 0; i < m->file_count; i++)
        if (strcmp(m->file[i].path, path) == 0)
            return &m->file[i];
    return NULL;
}

void manifest_put(const struct manifest *m, struct buf *out)
{
    char at[WALL_TEXT_MAX];

    buf_addf(out, "trapline-set 1\nserial %u\nas-of %s\npolicy %s\n", m->serial, wall_text(m->as_of, at),
             m->policy);
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->file[i];

        buf_addf(out, "file %s %u %s %llu %llu %s\n", f->path, f->serial, wall_text(f->as_of, at),
                 (unsigned long long)f->facts.entries, (unsigned long long)f->facts.bytes, f->facts.sha256);
    }
    for (size_t i = 0; i < m->dataset_count; i++) {
        const struct manifest_dataset *d = &m->dataset[i];

        buf_addf(out, "dataset %s %s %s %llu\n", d->type, d->name, d->live ? "live" : "shadow",
                 (unsigned long long)d->entries);
    }
    buf_add_str(out, "end\n");
}

/* ---- reading ---- */

static bool get_text(struct bytes *rest, char *out, size_t max)
{
    struct bytes field;

    if (!bytes_split(rest, ' ', &field) || field.n == 0 || field.n >= max)
        return false;
    for (size_t i = 0; i < field.n; i++)
        if (field.p[i] <= ' ' || field.p[i] > '~')
            return false;
    memcpy(out, field.p, field.n);
    out[field.n] = '\0';
    return true;
}

static bool get_u64(struct bytes *rest, uint64_t max, uint64_t *out)
{
    struct bytes field;

    return bytes_split(rest, ' ', &field) && num_u64(field, 0, max, out) == TRAP_OK;
}

static bool get_serial(struct bytes *rest, uint32_t *out)
{
    uint64_t v;

    if (!get_u64(rest, UINT32_MAX, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool get_wall(struct bytes *rest, wall_t *out)
{
    struct bytes field;

    return bytes_split(rest, ' ', &field) && wall_parse(field, out) == TRAP_OK;
}

static bool line_version(struct bytes rest, struct manifest *m)
{
    (void)m;
    return bytes_eq(rest, BYTES("1"));
}

static bool line_serial(struct bytes rest, struct manifest *m)
{
    return get_serial(&rest, &m->serial) && rest.n == 0;
}

static bool line_as_of(struct bytes rest, struct manifest *m)
{
    return get_wall(&rest, &m->as_of) && rest.n == 0;
}

static bool line_policy(struct bytes rest, struct manifest *m)
{
    return get_text(&rest, m->policy, sizeof(m->policy)) && rest.n == 0;
}

/* A path may hold one slash, behind "shadow": it is opened below the set's directory. */
static bool path_is_plain(const char *path)
{
    const struct bytes p = bytes_str(path);
    const struct bytes name = bytes_has_prefix(p, BYTES("shadow/")) ? bytes_skip(p, 7) : p;

    return name.n > 0 && name.p[0] != '.' && bytes_find(name, '/') == name.n;
}

static bool line_file(struct bytes rest, struct manifest *m)
{
    struct manifest_file f = { 0 };

    return get_text(&rest, f.path, sizeof(f.path)) && path_is_plain(f.path) && get_serial(&rest, &f.serial) &&
           get_wall(&rest, &f.as_of) && get_u64(&rest, UINT64_MAX, &f.facts.entries) &&
           get_u64(&rest, UINT64_MAX, &f.facts.bytes) &&
           get_text(&rest, f.facts.sha256, sizeof(f.facts.sha256)) && rest.n == 0 &&
           manifest_add_file(m, &f) == TRAP_OK;
}

static bool line_dataset(struct bytes rest, struct manifest *m)
{
    struct manifest_dataset d = { 0 };
    char live[8];

    if (!get_text(&rest, d.type, sizeof(d.type)) || !get_text(&rest, d.name, sizeof(d.name)) ||
        !get_text(&rest, live, sizeof(live)) || !get_u64(&rest, UINT64_MAX, &d.entries) || rest.n != 0)
        return false;
    d.live = strcmp(live, "live") == 0;
    return (d.live || strcmp(live, "shadow") == 0) && manifest_add_dataset(m, &d) == TRAP_OK;
}

static const struct {
    struct bytes keyword;
    bool (*get)(struct bytes rest, struct manifest *m);
    bool repeats;
} lines[] = {
    { BYTES_INIT("trapline-set "), line_version, false },
    { BYTES_INIT("serial "), line_serial, false },
    { BYTES_INIT("as-of "), line_as_of, false },
    { BYTES_INIT("policy "), line_policy, false },
    { BYTES_INIT("file "), line_file, true },
    { BYTES_INIT("dataset "), line_dataset, true },
};
enum { KEYWORDS = sizeof(lines) / sizeof(lines[0]), HEAD_LINES = 4 };

/* *next: the first keyword that may stand here. */
static bool get_line(struct bytes line, size_t *next, struct manifest *m)
{
    for (size_t i = *next; i < KEYWORDS; i++) {
        if (bytes_has_prefix(line, lines[i].keyword)) {
            *next = lines[i].repeats ? i : i + 1;
            return lines[i].get(bytes_skip(line, lines[i].keyword.n), m);
        }
        if (i < HEAD_LINES)
            return false;
    }
    return false;
}

enum trap_err manifest_get(struct bytes text, struct manifest *out, struct err_text *why)
{
    struct manifest m = { 0 };
    struct bytes line;
    size_t next = 0, number = 0;
    bool ended = false;

    while (!ended && bytes_split(&text, '\n', &line)) {
        number++;
        if (next >= HEAD_LINES && bytes_eq(line, BYTES("end")))
            ended = true;
        else if (!get_line(line, &next, &m))
            break;
    }
    if (!ended || text.n > 0) {
        manifest_free(&m);
        err_text_set(why, MANIFEST_NAME ":%zu: damaged", number);
        return TRAP_ECORRUPT;
    }
    *out = m;
    return TRAP_OK;
}
