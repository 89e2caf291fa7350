/* format_file.c - one file of a format is written and read back. */
#include "format.h"

#include "zone_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A name and a text of 254 bytes in which every byte may be "$" (a network) or escaped fit in. */
enum { FORMAT_LINE_MAX = 1 << 15 };

enum trap_err format_file_write(int dir_fd, const char *name, const struct format_file *f, int64_t mtime_s,
                                struct err_text *why)
{
    struct buf line;
    struct out o;
    enum trap_err err = out_open(&o, dir_fd, name, why);

    if (err != TRAP_OK)
        return err;
    buf_init(&line, FORMAT_LINE_MAX);
    for (size_t i = 0; o.err == TRAP_OK && line.err == TRAP_OK && format_line(f, i, &line); i++) {
        out_text(&o, buf_bytes(&line));
        if (line.err == TRAP_OK)
            buf_reset(&line);
    }
    err = line.err;
    buf_free(&line);
    return out_close(&o, err, mtime_s, why);
}

static enum trap_err wrong(struct err_text *why, const char *what)
{
    err_text_set(why, "%s", what);
    return TRAP_ECORRUPT;
}

/* i: number of the line, from 0. */
static enum trap_err check_line(const struct format_file *f, size_t i, struct bytes line,
                                struct buf *expected, struct err_text *why)
{
    const size_t heads = format_head_lines(f->format);
    struct prefix p;

    buf_reset(expected);
    if (!format_line(f, i, expected))
        return wrong(why, "a line more than the listings say");
    if (expected->err != TRAP_OK)
        return expected->err;
    if (!bytes_eq(line, buf_bytes(expected)))
        return wrong(why, "another line stands here than the listings say");
    if (i < heads || i - heads >= f->n)
        return TRAP_OK;
    if (format_get(f->format, line, &p) != TRAP_OK || p.len != f->v[i - heads].prefix.len ||
        !ip_eq(p.ip, f->v[i - heads].prefix.ip))
        return wrong(why, "the line does not tell of its entry");
    return TRAP_OK;
}

static enum trap_err check_lines(const struct format_file *f, FILE *in, struct zone_facts *facts,
                                 size_t *line_out, struct err_text *why)
{
    enum trap_err err = TRAP_OK;
    struct digest digest;
    struct buf expected;
    char *line = NULL;
    size_t room = 0, i = 0;
    ssize_t n;

    buf_init(&expected, FORMAT_LINE_MAX);
    digest_init(&digest);
    for (; err == TRAP_OK && (n = getline(&line, &room, in)) > 0; i++) {
        const struct bytes text = bytes_of(line, (size_t)n);

        digest_add(&digest, text);
        facts->bytes += text.n;
        err = check_line(f, i, text, &expected, why);
    }
    if (err == TRAP_OK && ferror(in) != 0) {
        err = TRAP_EIO;
        err_text_set(why, "%s", strerror(errno));
    }
    buf_reset(&expected);
    if (err == TRAP_OK && format_line(f, i, &expected))
        err = wrong(why, "the file ends too early");
    facts->entries = f->n;
    (void)digest_hex(&digest, facts->sha256);
    *line_out = i;
    free(line);
    buf_free(&expected);
    return err;
}

enum trap_err format_file_check(int dir_fd, const char *name, const struct format_file *f,
                                struct zone_facts *out, struct err_text *why)
{
    const int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *in = fd == -1 ? NULL : fdopen(fd, "r");
    struct err_text what = { "" };
    struct zone_facts facts = { 0 };
    size_t line = 0;

    if (in == NULL) {
        err_text_set(why, "cannot read %s back: %s", name, strerror(errno));
        if (fd != -1)
            (void)close(fd);
        return TRAP_EIO;
    }
    const enum trap_err err = check_lines(f, in, &facts, &line, &what);
    (void)fclose(in);
    if (err != TRAP_OK)
        err_text_set(why, "%s:%zu: %s", name, line, what.text);
    else
        *out = facts;
    return err;
}
