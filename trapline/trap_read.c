#include "trap_read.h"

#include <base/buf.h>

enum { HEAD_LINES = 100 };

/* ---- which form ---- */

static bool is_statement(struct bytes line)
{
    static const struct bytes begins[] = { BYTES_INIT("INSERT "), BYTES_INIT("COPY "), BYTES_INIT("CREATE "),
                                           BYTES_INIT("SET "), BYTES_INIT("-- MySQL dump"),
                                           BYTES_INIT("-- PostgreSQL database dump"), BYTES_INIT("/*!") };

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (bytes_has_iprefix(line, begins[i]))
            return true;
    return false;
}

static bool has(struct bytes s, uint8_t c)
{
    return bytes_find(s, c) < s.n;
}

/* In a list a blank or nothing divides, and '#' begins a comment. */
enum trap_form trap_form_of(struct bytes text)
{
    struct bytes line;

    for (unsigned n = 0; n < HEAD_LINES && bytes_split(&text, '\n', &line); n++) {
        line = bytes_trim(line);
        if (is_statement(line))
            return TRAP_FORM_SQL;
        if (line.n == 0 || line.p[0] == '#' || bytes_has_prefix(line, BYTES("--")))
            continue;
        line = bytes_take(line, bytes_find(line, '#'));
        if (has(line, ',') || has(line, ';') || has(line, '"'))
            return TRAP_FORM_CSV;
        return TRAP_FORM_LIST;
    }
    return TRAP_FORM_LIST;
}

/* ---- lists ---- */

static size_t first_blank(struct bytes line)
{
    const size_t space = bytes_find(line, ' '), tab = bytes_find(line, '\t');

    return space < tab ? space : tab;
}

static struct bytes without_cr(struct bytes line)
{
    return line.n > 0 && line.p[line.n - 1] == '\r' ? bytes_take(line, line.n - 1) : line;
}

static enum trap_err read_list(struct bytes text, trap_candidate_fn *fn, void *arg)
{
    enum trap_err err = TRAP_OK;
    struct bytes line;

    for (unsigned n = 1; err == TRAP_OK && bytes_split(&text, '\n', &line); n++) {
        struct trap_candidate c = { .line = n };

        line = bytes_trim(without_cr(bytes_trim(bytes_take(line, bytes_find(line, '#')))));
        if (line.n == 0)
            continue;
        c.address = bytes_take(line, first_blank(line));
        c.klass = bytes_trim(bytes_skip(line, c.address.n));
        err = fn(&c, arg);
    }
    return err;
}

/* ---- CSV ---- */

enum { CSV_COLUMNS = 64 };

struct csv {
    struct bytes text;
    unsigned line;
    uint8_t divider;
    struct buf fields;
    size_t start[CSV_COLUMNS + 1];
    size_t n;
    size_t address, klass; /* columns */
};

static struct bytes field(const struct csv *c, size_t i)
{
    return i < c->n ? bytes_trim(bytes_of(c->fields.p + c->start[i], c->start[i + 1] - c->start[i]))
                    : bytes_of(NULL, 0);
}

static void end_field(struct csv *c)
{
    if (c->n < CSV_COLUMNS)
        c->start[++c->n] = c->fields.n;
}

/* One record, which may have line ends inside quotes; false: there is none left. */
static bool next_record(struct csv *c)
{
    bool quoted = false;
    size_t i = 0;

    if (c->text.n == 0)
        return false;
    buf_reset(&c->fields);
    c->n = c->start[0] = 0;
    for (; i < c->text.n; i++) {
        const uint8_t b = c->text.p[i];

        c->line += b == '\n';
        if (b == '"') {
            if (quoted && i + 1 < c->text.n && c->text.p[i + 1] == '"')
                buf_add_byte(&c->fields, c->text.p[++i]);
            else
                quoted = !quoted;
        } else if (!quoted && b == '\n') {
            i++;
            break;
        } else if (!quoted && b == c->divider) {
            end_field(c);
        } else if (quoted || b != '\r') {
            buf_add_byte(&c->fields, b);
        }
    }
    end_field(c);
    c->text = bytes_skip(c->text, i);
    return true;
}

static bool one_of(struct bytes word, const char *const *names)
{
    for (; *names != NULL; names++)
        if (bytes_ieq(word, bytes_str(*names)))
            return true;
    return false;
}

/* The first record names the columns where no field of it is an address. */
static bool take_header(struct csv *c)
{
    static const char *const addresses[] = { "address", "email", "trap", "recipient", "rcpt", NULL };
    static const char *const classes[] = { "class", "type", NULL };
    bool named = false;

    for (size_t i = 0; i < c->n; i++)
        if (has(field(c, i), '@'))
            return false;
    for (size_t i = c->n; i > 0; i--) {
        if (one_of(field(c, i - 1), addresses)) {
            c->address = i - 1;
            named = true;
        }
        if (one_of(field(c, i - 1), classes))
            c->klass = i - 1;
    }
    if (named && c->klass == c->address)
        c->klass = CSV_COLUMNS;
    return named;
}

static uint8_t divider_of(struct bytes text)
{
    const struct bytes line = bytes_take(text, bytes_find(text, '\n'));

    return has(line, ',') ? ',' : has(line, ';') ? ';' : '\t';
}

static enum trap_err read_csv(struct bytes text, trap_candidate_fn *fn, void *arg)
{
    struct csv c = { .text = text, .line = 1, .divider = divider_of(text), .klass = 1 };
    enum trap_err err = TRAP_OK;
    bool first = true;

    buf_init(&c.fields, text.n + 1);
    for (unsigned line = 1; err == TRAP_OK && next_record(&c); line = c.line) {
        const struct trap_candidate one = { .line = line, .address = field(&c, c.address), .klass = field(&c, c.klass) };
        const bool header = first && take_header(&c);

        first = first && c.n <= 1 && one.address.n == 0;
        if (header || (c.n <= 1 && one.address.n == 0) || (one.address.n > 0 && one.address.p[0] == '#'))
            continue;
        err = c.fields.err == TRAP_OK ? fn(&one, arg) : c.fields.err;
    }
    buf_free(&c.fields);
    return err;
}

/* ---- Spamikaze ---- */

struct spamikaze {
    trap_candidate_fn *fn;
    void *arg;
};

/* The addresses in a field-body: everything between angle brackets, or else its first word. */
static enum trap_err give_addresses(const struct spamikaze *s, unsigned line, struct bytes body)
{
    const size_t open = bytes_find(body, '<');
    struct trap_candidate c = { .line = line };

    body = open < body.n ? bytes_skip(body, open + 1) : bytes_trim(body);
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] <= ' ' || body.p[i] == '>' || body.p[i] == ',' || body.p[i] == ';')
            body = bytes_take(body, i);
    c.address = body;
    return has(body, '@') ? s->fn(&c, s->arg) : TRAP_OK;
}

/* The word "for" and a path, on whatever line of the field. */
static enum trap_err give_received(const struct spamikaze *s, unsigned line, struct bytes body)
{
    for (size_t i = 1; i < body.n; i++)
        if (body.p[i - 1] <= ' ' && bytes_has_iprefix(bytes_skip(body, i), BYTES("for <")))
            return give_addresses(s, line, bytes_skip(body, i + 4));
    return TRAP_OK;
}

/* Cuts the next header field off, with the lines that continue it. False at the end of the header. */
static bool next_field(struct bytes *head, struct bytes *name, struct bytes *body)
{
    size_t end = bytes_find(*head, '\n'), colon;

    while (end + 1 < head->n && (head->p[end + 1] == ' ' || head->p[end + 1] == '\t'))
        end += 1 + bytes_find(bytes_skip(*head, end + 1), '\n');
    const struct bytes whole = bytes_take(*head, end);
    colon = bytes_find(whole, ':');
    if (whole.n == 0 || (whole.n == 1 && whole.p[0] == '\r'))
        return false;
    *name = bytes_take(whole, colon);
    *body = bytes_skip(whole, colon + 1);
    *head = bytes_skip(*head, end + 1);
    return true;
}

static enum trap_err read_message(const struct spamikaze *s, unsigned line, struct bytes message)
{
    static const char *const fields[] = { "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", NULL };
    struct bytes name, body;
    bool received = false;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && next_field(&message, &name, &body)) {
        if (one_of(name, fields))
            err = give_addresses(s, line, body);
        else if (!received && bytes_ieq(name, BYTES("Received"))) {
            received = true;
            err = give_received(s, line, body);
        }
    }
    return err;
}

/* Of the table `emails` the column of that name; without names the order of Spamikaze's schema: ip, time, spam,
 * email. */
static enum trap_err on_row(const struct sql_row *row, void *arg)
{
    enum { EMAIL_COLUMN = 3 };
    const struct spamikaze *s = arg;
    const struct trap_candidate other = { .line = row->line, .left_out = row->table };
    size_t column = row->columns == 0 ? EMAIL_COLUMN : SQL_COLUMNS_MAX;

    for (size_t i = 0; i < row->columns; i++)
        if (bytes_ieq(row->column[i], BYTES("email")))
            column = i;
    if (!bytes_ieq(row->table, BYTES("emails")) || column >= row->values)
        return s->fn(&other, s->arg);
    return read_message(s, row->line, row->value[column]);
}

enum trap_err trap_read(struct bytes text, enum trap_form form, trap_candidate_fn *fn, void *arg)
{
    struct spamikaze s = { fn, arg };

    return form == TRAP_FORM_SQL   ? sql_dump_read(text, on_row, &s)
           : form == TRAP_FORM_CSV ? read_csv(text, fn, arg)
                                   : read_list(text, fn, arg);
}
