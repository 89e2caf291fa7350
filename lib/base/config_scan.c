#include "config_schema.h"

#include <stdlib.h>

enum { DEPTH_MAX = 8 };

struct cursor {
    uint8_t *text;
    size_t n, at;
    int line;
    uint8_t last; /* last byte that was neither blank nor comment */
    struct {
        int line;
        bool section; /* else a list */
    } open[DEPTH_MAX];
    unsigned depth;
};

static uint8_t peek(const struct cursor *c, size_t ahead)
{
    return ahead < c->n - c->at ? c->text[c->at + ahead] : 0;
}

static bool is_blank(uint8_t ch)
{
    return ch == ' ' || ch == '\t' || ch == '\n';
}

static void blank_to_line_end(struct cursor *c)
{
    while (c->at < c->n && c->text[c->at] != '\n')
        c->text[c->at++] = ' ';
}

static enum trap_err blank_comment(struct cursor *c, struct err_text *why)
{
    while (c->at < c->n && !(c->text[c->at] == '*' && peek(c, 1) == '/')) {
        c->line += c->text[c->at] == '\n';
        if (c->text[c->at] != '\n')
            c->text[c->at] = ' ';
        c->at++;
    }
    if (c->at == c->n) {
        err_text_set(why, "a comment begins here and never ends; close it with \"*/\"");
        return TRAP_EINVAL;
    }
    c->text[c->at] = c->text[c->at + 1] = ' ';
    c->at += 2;
    return TRAP_OK;
}

static enum trap_err skip_string(struct cursor *c, struct err_text *why)
{
    const uint8_t quote = c->text[c->at++];

    for (; c->at < c->n && c->text[c->at] != quote; c->at++) {
        if (c->text[c->at] == '$' && peek(c, 1) == '{') {
            err_text_set(why, "\"${\" is not replaced by the environment here; write the value itself");
            return TRAP_EINVAL;
        }
        if (c->text[c->at] == '\\' && c->at + 1 < c->n)
            c->at++;
        if (c->text[c->at] < ' ' || c->text[c->at] == 0x7f)
            break;
    }
    if (c->at == c->n || c->text[c->at] == '\n') {
        err_text_set(why, "a string begins on this line and has no closing %c", quote);
        return TRAP_EINVAL;
    }
    if (c->text[c->at] != quote) {
        err_text_set(why, "control character 0x%02x in a string; allowed: printable characters",
                     c->text[c->at]);
        return TRAP_EINVAL;
    }
    c->at++;
    return TRAP_OK;
}

static enum trap_err brace_open(struct cursor *c, struct err_text *why)
{
    if (c->depth == DEPTH_MAX) {
        err_text_set(why, "braces are nested more than %d deep", DEPTH_MAX);
        return TRAP_EINVAL;
    }
    c->open[c->depth].line = c->line;
    c->open[c->depth].section = c->last != '=';
    c->depth++;
    return TRAP_OK;
}

static enum trap_err brace_close(struct cursor *c, struct conf_scan *out, struct err_text *why)
{
    if (c->depth == 0) {
        err_text_set(why, "a closing brace without an opening one");
        return TRAP_EINVAL;
    }
    c->depth--;
    if (!c->open[c->depth].section)
        return TRAP_OK;
    if (out->n == out->cap) {
        const size_t cap = out->cap == 0 ? 16 : out->cap * 2;
        int *const v = reallocarray(out->section_lines, cap, sizeof *v);
        if (v == NULL) {
            err_text_set(why, "out of memory");
            return TRAP_ENOMEM;
        }
        out->section_lines = v;
        out->cap = cap;
    }
    out->section_lines[out->n++] = c->open[c->depth].line;
    return TRAP_OK;
}

/* One byte outside of strings and comments. */
static enum trap_err scan_byte(struct cursor *c, struct conf_scan *out, struct err_text *why)
{
    const uint8_t ch = c->text[c->at];
    enum trap_err err = TRAP_OK;

    if (ch == '\n') {
        c->line++;
    } else if (ch == '\r' && peek(c, 1) == '\n') {
        c->text[c->at] = ' ';
    } else if ((ch < ' ' && ch != '\t') || ch == 0x7f) {
        err_text_set(why, "control character 0x%02x; this is not a text file", ch);
        return TRAP_EINVAL;
    } else if (ch == '$' && peek(c, 1) == '{') {
        err_text_set(why, "\"${\" is not replaced by the environment here; write the value itself");
        return TRAP_EINVAL;
    } else if (ch == '{') {
        err = brace_open(c, why);
    } else if (ch == '}') {
        err = brace_close(c, out, why);
    }
    if (!is_blank(c->text[c->at]))
        c->last = ch;
    c->at++;
    return err;
}

/* "//" and slash-star begin a comment only at the begin of a word, so that an unquoted path may hold them. */
static bool at_word(const struct cursor *c)
{
    return c->at == 0 || is_blank(c->text[c->at - 1]) || bytes_find(BYTES("{}=,"), c->text[c->at - 1]) < 4;
}

static enum trap_err scan_next(struct cursor *c, struct conf_scan *out, struct err_text *why)
{
    const uint8_t ch = c->text[c->at];

    if (ch == '#' || (ch == '/' && peek(c, 1) == '/' && at_word(c))) {
        blank_to_line_end(c);
        return TRAP_OK;
    }
    if (ch == '/' && peek(c, 1) == '*' && at_word(c)) {
        const int begin = c->line;
        const enum trap_err err = blank_comment(c, why);
        if (err != TRAP_OK)
            c->line = begin;
        return err;
    }
    if (ch == '"' || ch == '\'') {
        c->last = ch;
        return skip_string(c, why);
    }
    return scan_byte(c, out, why);
}

enum trap_err conf_scan(uint8_t *text, size_t n, struct conf_scan *out, int *line_out, struct err_text *why)
{
    struct cursor c = { .text = text, .n = n, .line = 1 };

    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        memset(text, ' ', 3); /* the byte order mark of some editors */
    while (c.at < c.n) {
        const enum trap_err err = scan_next(&c, out, why);
        if (err != TRAP_OK) {
            *line_out = c.line;
            return err;
        }
    }
    if (c.depth > 0) {
        *line_out = c.open[c.depth - 1].line;
        err_text_set(why, "a brace is opened here and never closed");
        return TRAP_EINVAL;
    }
    return TRAP_OK;
}

void conf_scan_free(struct conf_scan *s)
{
    free(s->section_lines);
    *s = (struct conf_scan){ 0 };
}
