/* config_schema.h - the tables behind config.h, private to lib/base.
 *
 * A key is one line of a table: name, type, default, smallest, largest, place in the struct, documentation.
 * Reading, checking, the error texts, config_free() and trapline.conf(5) all walk these tables; a new key is
 * one new line. Presets of policies are data, too.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <base/buf.h>
#include <base/config.h>

#include <stddef.h>

/* What a value looks like in the file, and what it is stored as. */
enum conf_type {
    CONF_U8,        /* uint8_t */
    CONF_U32,       /* uint32_t */
    CONF_U64,       /* uint64_t */
    CONF_COUNT,     /* uint32_t, "any" = UINT32_MAX */
    CONF_SPAN,      /* span_t */
    CONF_DELAY,     /* span_t and another: "0" or "10m-60m" */
    CONF_SIZE,      /* uint64_t, bytes */
    CONF_MILLI,     /* uint32_t, thousandths */
    CONF_BOOL,      /* bool, by words */
    CONF_ENUM,      /* an enum, by words */
    CONF_TEXT,      /* char *, printable ASCII */
    CONF_PATH,      /* char *, absolute or empty */
    CONF_WORD,      /* char *, letters, digits, '-', '_', '.' */
    CONF_HOST,      /* char *, a host name, lower case */
    CONF_DOMAIN,    /* char *, a domain name with at least two labels, lower case */
    CONF_ADDRESS,   /* char *, local@domain, lower case */
    CONF_SOCKET,    /* char *, "", a path or IP:PORT */
    CONF_PATHS,     /* struct strings */
    CONF_DOMAINS,   /* struct strings */
    CONF_LOCALS,    /* struct strings: local parts, lower case */
    CONF_ENDPOINTS, /* struct endpoints */
    CONF_PREFIXES,  /* struct prefix_set */
    CONF_SPANS,     /* struct spans */
    CONF_TRUSTED,   /* struct prefix_set whose members may name another client: nothing wide */
    CONF_ESCALATIONS, /* struct conf_escalations */
    CONF_FLAGS,     /* uint32_t, a bit for each of the words */
    CONF_TYPES
};

struct conf_word {
    const char *word; /* NULL ends the list */
    int value;
};

struct conf_key {
    const char *name;
    const char *fallback; /* default as it would stand in the file; NULL: none, or made by config_check.c */
    const char *doc;
    const struct conf_word *words;
    uint64_t min, max; /* in the unit of storage; texts: length in bytes */
    size_t offset;     /* in the section's struct */
    enum conf_type type;
    bool required;
};

struct conf_section {
    const char *name;             /* "" is the top level */
    const char *parent;           /* NULL for the top level, "" for a section of it */
    const struct conf_key *title; /* NULL: stands once, without a title */
    const struct conf_key *keys;
    size_t key_count;
    size_t element_size;               /* titled: of one struct … */
    size_t array_offset, count_offset; /* … of an array in struct config */
    const char *doc;
};

/* Order of names, ASCII case folded. */
int conf_name_cmp(struct bytes a, struct bytes b);

extern const struct conf_section conf_sections[];
extern const size_t conf_section_count;

/* By name of the section; NULL when unknown. */
const struct conf_section *conf_section_find(const char *name);
const struct conf_key *conf_key_find(const struct conf_section *s, const char *name);

/* Presets: `name` and `preset` of what is returned are the preset's own. NULL when unknown. */
const struct conf_policy *conf_preset(const char *name);

/* --- one value: config_parse.c, config_value.c, config_allowed.c --- */

union conf_value {
    uint64_t u;
    span_t span[2];
    struct prefix prefix;
    struct endpoint endpoint;
    struct conf_escalation escalation;
    struct bytes text;
};

bool conf_is_list(const struct conf_key *key);
/* Text of the file to a value. On error *why says what is wrong and what is allowed, without file and line.
 */
TRAP_NODISCARD enum trap_err conf_value_parse(const struct conf_key *key, struct bytes in,
                                              union conf_value *out, struct err_text *why);
/* Puts it at base + key->offset; lists grow by it. A text that stood there is freed. */
TRAP_NODISCARD enum trap_err conf_value_store(const struct conf_key *key, const union conf_value *v,
                                              void *base);
void conf_value_free(const struct conf_key *key, void *base);
/* "a whole number from 1 to 64": for error texts and the manual. */
void conf_allowed(const struct conf_key *key, struct buf *out);
/* "; nearest: tls_listen", "; it belongs into section smtp", or nothing. */
void conf_nearest(const struct conf_section *s, struct bytes wrong, struct buf *out);

/* --- config_scan.c: the text before libconfuse sees it --- */

/* Lines on which sections begin, in the order in which they end: the order in which libconfuse reports them.
 */
struct conf_scan {
    int *section_lines;
    size_t n, cap;
};
/* Blanks comments out (libconfuse 3.3 miscounts lines in them) and refuses what libconfuse lets pass: NUL and
 * other control characters, strings over a line end, braces and comments left open, "${" (it would be
 * replaced by the environment). */
TRAP_NODISCARD enum trap_err conf_scan(uint8_t *text, size_t n, struct conf_scan *out, int *line_out,
                                       struct err_text *why);
void conf_scan_free(struct conf_scan *s);

/* --- config_read.c and config_check.c --- */

struct conf_reader;
/* Line of a key of the i-th section of that name (as in the arrays of struct config), else the line where the
 * section begins, else 0. */
int conf_line(const struct conf_reader *r, const char *section, size_t i, const char *key);
bool conf_is_set(const struct conf_reader *r, const char *section, size_t i, const char *key);
/* Fills in the defaults that depend on other keys and checks what depends on more than one key. */
TRAP_NODISCARD enum trap_err conf_check(struct config *c, const struct conf_reader *r, int *line_out,
                                        struct err_text *why);

#endif
