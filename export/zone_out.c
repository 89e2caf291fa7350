/* zone_out.c - buffered writing of one file of a set. */
#include "zone_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum trap_err out_open(struct out *o, int dir_fd, const char *name, struct err_text *why)
{
    enum trap_err err = TRAP_EIO;

    *o = (struct out){ .dir_fd = dir_fd, .fd = -1, .name = name, .p = malloc(OUT_BYTES) };
    if (o->p == NULL) {
        err_text_set(why, "%s: no memory for its buffer", name);
        return TRAP_ENOMEM;
    }
    o->fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (o->fd == -1) {
        err = errno == EEXIST ? TRAP_EEXIST : TRAP_EIO;
        err_text_set(why, "cannot create zone file %s: %s", name, strerror(errno));
        free(o->p);
        return err;
    }
    (void)fchmod(o->fd, 0644); /* rbldnsd reads it as another user, whatever our umask is */
    return TRAP_OK;
}

void out_flush(struct out *o)
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

void out_text(struct out *o, struct bytes s)
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

enum trap_err out_close(struct out *o, enum trap_err err, int64_t mtime_s, struct err_text *why)
{
    const struct timespec times[2] = { { .tv_sec = mtime_s }, { .tv_sec = mtime_s } };

    out_flush(o);
    if (err == TRAP_OK)
        err = o->err;
    /* mtime before fsync, so that both are durable together. */
    if (err == TRAP_OK && (futimens(o->fd, times) == -1 || fsync(o->fd) == -1))
        err = TRAP_EIO;
    if (err != TRAP_OK)
        err_text_set(why, "cannot write zone file %s: %s", o->name,
                     err == TRAP_ENOMEM ? "no memory" : strerror(errno));
    if (close(o->fd) == -1 && err == TRAP_OK) {
        err = TRAP_EIO;
        err_text_set(why, "cannot close zone file %s: %s", o->name, strerror(errno));
    }
    if (err != TRAP_OK)
        (void)unlinkat(o->dir_fd, o->name, 0);
    free(o->p);
    return err;
}
