/* sql_dump.c - rows of INSERT and COPY statements; all other statements are passed over.
 *
 * MySQL escapes with a backslash in quotes, PostgreSQL only in E'…' and in COPY; a dump of pg_dump says so in its
 * first lines.
 */
#include "trap_read.h"

#include <base/buf.h>

enum { HEAD_BYTES = 4096 };

struct dump {
    struct bytes text;
    size_t at;
    unsigned line;
    bool backslash; /* escapes in plain quotes */
    struct buf values;
    size_t start[SQL_COLUMNS_MAX + 1]; /* of each value in `values` */
    struct sql_row row;
    sql_row_fn *fn;
    void *arg;
};

static int peek(const struct dump *d)
{
    return d->at < d->text.n ? d->text.p[d->at] : -1;
}

static int next(struct dump *d)
{
    const int c = peek(d);

    if (c == -1)
        return -1;
    d->line += c == '\n';
    d->at++;
    return c;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct dump *d)
{
    while (is_blank(peek(d)))
        (void)next(d);
}

static bool is_word(int c)
{
    return c != -1 && (ascii_is_alnum((uint8_t)c) || c == '_');
}

/* A keyword, in any case; *at stays where it is not there. */
static bool take_keyword(struct dump *d, const char *word)
{
    const struct bytes w = bytes_str(word), rest = bytes_skip(d->text, d->at);

    if (!bytes_has_iprefix(rest, w) || (rest.n > w.n && is_word(rest.p[w.n])))
        return false;
    d->at += w.n;
    skip_blanks(d);
    return true;
}

/* A name, quoted with `, " or not at all; of schema.table the last part. */
static struct bytes take_name(struct dump *d)
{
    struct bytes name = { NULL, 0 };

    do {
        const int quote = peek(d) == '`' || peek(d) == '"' ? next(d) : -1;
        const size_t begin = d->at;

        while (peek(d) != -1 && (quote != -1 ? peek(d) != quote : is_word(peek(d))))
            (void)next(d);
        name = bytes_of(d->text.p + begin, d->at - begin);
        if (quote != -1)
            (void)next(d);
    } while (peek(d) == '.' && next(d) == '.');
    skip_blanks(d);
    return name;
}

static void take_columns(struct dump *d)
{
    d->row.columns = 0;
    if (peek(d) != '(')
        return;
    (void)next(d);
    while (peek(d) != -1 && peek(d) != ')') {
        skip_blanks(d);
        const struct bytes name = take_name(d);
        if (d->row.columns < SQL_COLUMNS_MAX)
            d->row.column[d->row.columns++] = name;
        if (peek(d) == ',')
            (void)next(d);
        else if (peek(d) != ')')
            break;
    }
    (void)next(d);
    skip_blanks(d);
}

static uint8_t unescaped(int c)
{
    static const char codes[] = "n\nr\rt\tb\bf\fv\v0";

    for (size_t i = 0; i + 1 < sizeof codes; i += 2)
        if (codes[i] == c)
            return (uint8_t)codes[i + 1];
    return (uint8_t)c;
}

/* ---- INSERT ---- */

static void take_string(struct dump *d, bool backslash)
{
    (void)next(d);
    while (peek(d) != -1) {
        const int c = next(d);

        if (c == '\'' && peek(d) != '\'')
            return;
        if (c == '\'')
            (void)next(d);
        buf_add_byte(&d->values, backslash && c == '\\' && peek(d) != -1 ? unescaped(next(d)) : (uint8_t)c);
    }
}

/* What is not quoted stands for itself: numbers, NULL, function calls. */
static void take_value(struct dump *d)
{
    int depth = 0;

    skip_blanks(d);
    if ((peek(d) == 'E' || peek(d) == 'e') && d->at + 1 < d->text.n && d->text.p[d->at + 1] == '\'') {
        (void)next(d);
        take_string(d, true);
    }
    while (peek(d) != -1 && (depth > 0 || (peek(d) != ',' && peek(d) != ')'))) {
        if (peek(d) == '\'') {
            take_string(d, d->backslash);
            continue;
        }
        depth += peek(d) == '(' ? 1 : peek(d) == ')' ? -1 : 0;
        buf_add_byte(&d->values, (uint8_t)next(d));
    }
}

static enum trap_err give_row(struct dump *d, size_t n)
{
    if (d->values.err != TRAP_OK)
        return d->values.err;
    d->row.values = n;
    for (size_t i = 0; i < n; i++)
        d->row.value[i] = bytes_of(d->values.p + d->start[i], d->start[i + 1] - d->start[i]);
    return d->fn(&d->row, d->arg);
}

static void begin_row(struct dump *d)
{
    buf_reset(&d->values);
    d->start[0] = 0;
    d->row.line = d->line;
}

static size_t end_value(struct dump *d, size_t n)
{
    if (n >= SQL_COLUMNS_MAX)
        return n;
    d->start[n + 1] = d->values.n;
    return n + 1;
}

static enum trap_err take_insert(struct dump *d)
{
    enum trap_err err = TRAP_OK;

    (void)take_keyword(d, "IGNORE");
    if (!take_keyword(d, "INTO"))
        return TRAP_OK;
    d->row.table = take_name(d);
    take_columns(d);
    if (!take_keyword(d, "VALUES"))
        return TRAP_OK;
    while (err == TRAP_OK && peek(d) == '(') {
        size_t n = 0;

        begin_row(d);
        do {
            (void)next(d); /* ( or , */
            take_value(d);
            n = end_value(d, n);
        } while (peek(d) == ',');
        (void)next(d);
        err = give_row(d, n);
        skip_blanks(d);
        if (peek(d) == ',')
            (void)next(d);
        skip_blanks(d);
    }
    return err;
}

/* ---- COPY ---- */

static enum trap_err copy_row(struct dump *d)
{
    size_t n = 0;

    begin_row(d);
    for (;;) {
        const int c = next(d);

        if (c == '\\' && peek(d) != -1)
            buf_add_byte(&d->values, unescaped(next(d)));
        else if (c == '\t')
            n = end_value(d, n);
        else if (c == '\n' || c == -1)
            return give_row(d, end_value(d, n));
        else
            buf_add_byte(&d->values, (uint8_t)c);
    }
}

static enum trap_err take_copy(struct dump *d)
{
    enum trap_err err = TRAP_OK;

    d->row.table = take_name(d);
    take_columns(d);
    if (!take_keyword(d, "FROM") || !bytes_has_iprefix(bytes_skip(d->text, d->at), BYTES("stdin")))
        return TRAP_OK;
    while (peek(d) != -1 && next(d) != '\n')
        ;
    while (err == TRAP_OK && peek(d) != -1) {
        if (bytes_has_prefix(bytes_skip(d->text, d->at), BYTES("\\."))) {
            d->at += 2;
            break;
        }
        err = copy_row(d);
    }
    return err;
}

/* ---- statements ---- */

static void skip_line(struct dump *d)
{
    while (peek(d) != -1 && next(d) != '\n')
        ;
}

/* To behind the next ';' that stands in no quotes. */
static void skip_statement(struct dump *d)
{
    while (peek(d) != -1) {
        if (peek(d) == '\'') {
            take_string(d, d->backslash);
            buf_reset(&d->values);
        } else if (next(d) == ';') {
            return;
        }
    }
}

enum trap_err sql_dump_read(struct bytes text, sql_row_fn *fn, void *arg)
{
    struct dump d = { .text = text, .line = 1, .fn = fn, .arg = arg };
    const struct bytes head = bytes_take(text, HEAD_BYTES);
    enum trap_err err = TRAP_OK;

    d.backslash = true;
    for (size_t i = 0; i < head.n; i++)
        if (bytes_has_prefix(bytes_skip(head, i), BYTES("PostgreSQL database dump")))
            d.backslash = false;
    buf_init(&d.values, (size_t)1 << 30);
    while (err == TRAP_OK && peek(&d) != -1) {
        skip_blanks(&d);
        if (peek(&d) == '-' || peek(&d) == '#' || peek(&d) == '\\')
            skip_line(&d);
        else if (take_keyword(&d, "INSERT"))
            err = take_insert(&d);
        else if (take_keyword(&d, "COPY"))
            err = take_copy(&d);
        else
            skip_statement(&d);
    }
    buf_free(&d.values);
    return err;
}
