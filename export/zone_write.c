/* zone_write.c - writes one zone file: buffered, no printf for a line, durable before it returns. */
#include "zone_out.h"
#include "zone_type.h"

static void out_entries(struct out *o, const struct zone_type_ops *type, const struct zone_entry *v, size_t n)
{
    for (size_t i = 0; i < n && o->err == TRAP_OK; i++) {
        if (OUT_BYTES - o->n <= ZONE_LINE_MAX)
            out_flush(o);
        uint8_t *end = type->put(o->p + o->n, &v[i]);
        *end++ = '\n';
        o->n = (size_t)(end - o->p);
    }
}

static enum trap_err out_file(struct out *o, const struct zone_file *f)
{
    struct buf text;

    buf_init(&text, ZONE_HEAD_BYTES_MAX);
    zone_head_put(&f->head, &text);
    for (size_t i = 0; i < f->section_count; i++) {
        const struct zone_section *s = &f->section[i];
        const struct zone_type_ops *type = zone_type_ops(s->type);
        struct zone_entry tests[ZONE_TESTS_MAX];

        zone_section_put(f, i, &text);
        zone_default_put(s, &text);
        if (text.err != TRAP_OK)
            break;
        out_text(o, buf_bytes(&text));
        buf_reset(&text);
        out_entries(o, type, tests, type->tests(s->code, tests));
        out_entries(o, type, s->v, s->n);
    }
    if (text.err != TRAP_OK && o->err == TRAP_OK)
        o->err = text.err;
    buf_free(&text);
    return o->err;
}

enum trap_err zone_file_write(int dir_fd, const char *name, const struct zone_file *f, int64_t mtime_s,
                              struct err_text *why)
{
    struct out o;
    enum trap_err err = out_open(&o, dir_fd, name, why);

    if (err != TRAP_OK)
        return err;
    err = out_file(&o, f);
    return out_close(&o, err, mtime_s, why);
}
