/* zone_write.c - writes one zone file: buffered, no printf for a line, durable before it returns. */
#include "zone_type.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUT_BYTES = 1 << 18 };

struct out {
    int fd;
    size_t n;
    uint8_t *p; /* OUT_BYTES */
    enum trap_err err;
};

static void out_flush(struct out *o)
{
    size_t done = 0;

    while (o->err == TRAP_OK && done < o->n) {
        const ssize_t n = write(o->fd, o->p + done, o->n - done);

        if (n == -1 && errno != EINTR)
            o->err = errno == ENOSPC || errno == EDQUOT ? TRAP_EFULL : TRAP_EIO;
        else if (n > 0)
            done += (size_t)n;
    }
    o->n = 0;
}

static void out_text(struct out *o, struct bytes s)
{
    while (s.n > 0 && o->err == TRAP_OK) {
        const size_t room = OUT_BYTES - o->n, part = s.n < room ? s.n : room;

        memcpy(o->p + o->n, s.p, part);
        o->n += part;
        s = bytes_skip(s, part);
        if (o->n == OUT_BYTES)
            out_flush(o);
    }
}

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
    out_flush(o);
    if (text.err != TRAP_OK && o->err == TRAP_OK)
        o->err = text.err;
    buf_free(&text);
    return o->err;
}

/* mtime before fsync, so that both are durable together. */
static enum trap_err out_close(int fd, int64_t mtime_s)
{
    const struct timespec times[2] = { { .tv_sec = mtime_s }, { .tv_sec = mtime_s } };

    return futimens(fd, times) == -1 || fsync(fd) == -1 ? TRAP_EIO : TRAP_OK;
}

enum trap_err zone_file_write(int dir_fd, const char *name, const struct zone_file *f, int64_t mtime_s,
                              struct err_text *why)
{
    struct out o = { .fd = -1, .p = malloc(OUT_BYTES) };
    enum trap_err err = TRAP_OK;

    if (o.p == NULL) {
        err_text_set(why, "%s: no memory for its buffer", name);
        return TRAP_ENOMEM;
    }
    o.fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (o.fd == -1) {
        err = errno == EEXIST ? TRAP_EEXIST : TRAP_EIO;
        err_text_set(why, "cannot create zone file %s: %s", name, strerror(errno));
        goto out;
    }
    (void)fchmod(o.fd, 0644); /* rbldnsd reads it as another user, whatever our umask is */
    err = out_file(&o, f);
    if (err == TRAP_OK)
        err = out_close(o.fd, mtime_s);
    if (err != TRAP_OK)
        err_text_set(why, "cannot write zone file %s: %s", name,
                     err == TRAP_ENOMEM ? "no memory" : strerror(errno));
    if (close(o.fd) == -1 && err == TRAP_OK)
        err = TRAP_EIO;
    if (err != TRAP_OK)
        (void)unlinkat(dir_fd, name, 0);
out:
    free(o.p);
    return err;
}
