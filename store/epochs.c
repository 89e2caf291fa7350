#include "snapshot.h"

#include <base/file.h>
#include <base/num.h>
#include <store/epochs.h>

#include <stdlib.h>

enum { EPOCHS_MAX_BYTES = 256 * 32 };
static const char first_line[] = "trapline-epochs 1";

static enum trap_err parse_line(struct bytes line, struct mint_window *w)
{
    struct bytes node_text = { NULL, 0 };
    uint32_t node = 0, newest = 0;
    enum trap_err err = bytes_split(&line, ' ', &node_text) ? TRAP_OK : TRAP_EINVAL;

    if (err == TRAP_OK)
        err = num_u32(node_text, 0, 255, &node);
    if (err == TRAP_OK)
        err = num_u32(line, 1, UINT32_MAX, &newest);
    if (err != TRAP_OK || w->node[node].count != 0)
        return TRAP_EINVAL;
    w->node[node].newest = newest;
    w->node[node].count = newest < EPOCHS_COUNTED ? newest : EPOCHS_COUNTED;
    return TRAP_OK;
}

static enum trap_err parse(struct bytes text, struct mint_window *w, unsigned *line_out)
{
    struct bytes line;

    /* A last line without its end was cut. */
    if (text.n == 0 || text.p[text.n - 1] != '\n')
        return TRAP_EINVAL;
    for (unsigned n = 1; bytes_split(&text, '\n', &line); n++) {
        const bool ok =
            n == 1 ? bytes_eq(line, bytes_str(first_line)) : line.n == 0 || parse_line(line, w) == TRAP_OK;

        *line_out = n;
        if (!ok)
            return TRAP_EINVAL;
    }
    return TRAP_OK;
}

enum trap_err epochs_read(const char *dir, struct mint_window *out, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    struct mint_window *w = NULL;
    struct buf text = { 0 };
    unsigned line = 1;
    enum trap_err err = snapshot_path(dir, "epochs", false, path, why);

    if (err == TRAP_OK)
        err = file_slurp(path, EPOCHS_MAX_BYTES, &text, why);
    if (err == TRAP_ENOENT) {
        memset(out, 0, sizeof *out);
        return TRAP_OK;
    }
    if (err != TRAP_OK)
        return err;
    w = calloc(1, sizeof *w);
    err = w == NULL ? TRAP_ENOMEM : parse(buf_bytes(&text), w, &line);
    if (err == TRAP_OK)
        *out = *w;
    else
        err_text_set(why, "%s:%u: damaged; remove the file and restart trapweb, which writes it anew", path,
                     line);
    free(w);
    buf_free(&text);
    return err == TRAP_EINVAL ? TRAP_ECORRUPT : err;
}

enum trap_err epochs_announce(const char *dir, uint8_t node, uint32_t newest, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    struct mint_window *w = calloc(1, sizeof *w);
    struct buf text = { 0 };
    enum trap_err err = w == NULL ? TRAP_ENOMEM : epochs_read(dir, w, why);

    if (err == TRAP_OK)
        err = snapshot_path(dir, "epochs", true, path, why);
    if (err != TRAP_OK)
        goto out;
    if (w->node[node].newest >= newest) /* never back */
        goto out;
    w->node[node].newest = newest;
    buf_init(&text, EPOCHS_MAX_BYTES);
    buf_addf(&text, "%s\n", first_line);
    for (unsigned n = 0; n < 256; n++)
        if (w->node[n].newest != 0)
            buf_addf(&text, "%u %u\n", n, w->node[n].newest);
    err = text.err;
    if (err == TRAP_OK)
        err = file_replace(path, buf_bytes(&text), 0600, why);
out:
    buf_free(&text);
    free(w);
    return err;
}

bool epochs_changed(const char *dir, struct snapshot_stamp *stamp)
{
    char path[PATH_TEXT_MAX];
    struct err_text ignored;

    return snapshot_path(dir, "epochs", false, path, &ignored) == TRAP_OK && snapshot_changed(path, stamp);
}
