#include "trapdir_parts.h"

#include <base/file.h>

enum { TRAP_FILE_MAX_BYTES = 1 << 30 };

enum trap_err trapdir_class_parse(struct bytes in, uint8_t *klass_out)
{
    static const struct {
        struct bytes name;
        uint8_t klass;
    } classes[] = { { BYTES_INIT("pristine"), RCPT_PRISTINE },
                    { BYTES_INIT("recycled"), RCPT_RECYCLED },
                    { BYTES_INIT("typo"), RCPT_TYPO } };

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (bytes_ieq(in, classes[i].name)) {
            *klass_out = classes[i].klass;
            return TRAP_OK;
        }
    }
    return TRAP_EINVAL;
}

enum trap_err trapdir_list_add(struct trap_list *l, struct bytes name, uint8_t klass, uint32_t tag)
{
    enum trap_err err = trap_list_add(l, name, klass, TRAP_STATE_TRAP, tag);

    if (err == TRAP_OK && !trap_name_is_domain(name))
        err = trap_list_add(l, trap_name_domain(name), 0, TRAP_STATE_LOCAL, tag);
    return err;
}

/* The next word of *line; blanks and tabs separate. */
static struct bytes next_word(struct bytes *line)
{
    struct bytes word;
    size_t n = 0;

    *line = bytes_trim(*line);
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    word = bytes_take(*line, n);
    *line = bytes_trim(bytes_skip(*line, n));
    return word;
}

static enum trap_err add_line(struct bytes line, struct trap_list *l, const char **what_out)
{
    struct bytes name, klass_text;
    uint8_t klass = 0;

    line = bytes_take(line, bytes_find(line, '#'));
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    name = next_word(&line);
    klass_text = next_word(&line);
    if (name.n == 0)
        return TRAP_OK;
    *what_out = "expected an address (local@domain) or a domain, of at most 320 bytes";
    if (!trap_name_ok(name))
        return TRAP_EINVAL;
    *what_out = "expected `ADDRESS CLASS`, the class being pristine, recycled or typo";
    if (line.n != 0 || trapdir_class_parse(klass_text, &klass) != TRAP_OK)
        return TRAP_EINVAL;
    *what_out = "out of memory";
    return trapdir_list_add(l, name, klass, TRAPDIR_TAG_FILE);
}

enum trap_err trapdir_file_read(const char *path, struct trap_list *l, struct err_text *why)
{
    struct buf text = { 0 };
    struct bytes rest, line;
    enum trap_err err = file_slurp(path, TRAP_FILE_MAX_BYTES, &text, why);

    if (err != TRAP_OK)
        return err;
    rest = buf_bytes(&text);
    for (unsigned n = 1; err == TRAP_OK && bytes_split(&rest, '\n', &line); n++) {
        const char *what = "";

        err = add_line(line, l, &what);
        if (err != TRAP_OK)
            err_text_set(why, "%s:%u: %s", path, n, what);
    }
    buf_free(&text);
    return err;
}
