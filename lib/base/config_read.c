/* config_read.c - trapline.conf through libconfuse, by the tables of config_schema.c.
 *
 * libconfuse has the grammar; every value reaches us as text with its line (value_read), is checked at once,
 * so that the line is right, and kept. After the whole file is read the structs are filled from the kept
 * texts, or from the defaults. libconfuse is not re-entrant and its error function takes no argument of ours:
 * one config_read() at a time in a process.
 */
#include "config_schema.h"

#include <base/file.h>

#include <confuse.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX_BYTES = 1024 * 1024, SECTIONS_MAX = 16, OPTIONS_MAX = 64 };

/* What libconfuse keeps for us: one value of the file. */
struct kept {
    int line;
    size_t n;
    char text[];
};

struct section_line {
    const cfg_t *section;
    int line;
};

struct conf_reader {
    const char *path;
    struct err_text *why; /* the first error; "" until then */
    cfg_t *root;
    struct conf_scan scan;
    struct section_line *begins; /* scan.n of them; ended_count are known */
    size_t ended_count;
};

/* For callbacks of libconfuse, which carry no argument. */
static struct conf_reader *current;

static void TRAP_PRINTF(3, 4) say(struct conf_reader *r, int line, const char *format, ...)
{
    char text[sizeof r->why->text];
    va_list args;

    if (r->why->text[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_text_set(r->why, "%s:%d: %s", r->path, line, text);
}

static const struct conf_section *section_of(const cfg_t *section)
{
    return conf_section_find(strcmp(section->name, "root") == 0 ? "" : section->name);
}

static void add_keys(struct buf *out, const struct conf_section *s)
{
    for (size_t i = 0; i < s->key_count; i++)
        buf_addf(out, "%s%s", i == 0 ? "" : ", ", s->keys[i].name);
    for (size_t i = 0; i < conf_section_count; i++)
        if (conf_sections[i].parent != NULL && strcmp(conf_sections[i].parent, s->name) == 0)
            buf_addf(out, ", %s", conf_sections[i].name);
}

/* quoted: " 'name'". */
static void say_unknown(const cfg_t *cfg, const struct conf_section *s, const char *quoted)
{
    const size_t n = strlen(quoted);
    struct buf near, allowed;

    buf_init(&near, sizeof current->why->text);
    buf_init(&allowed, sizeof current->why->text / 2);
    conf_nearest(s, n > 3 ? bytes_of(quoted + 2, n - 3) : bytes_of(NULL, 0), &near);
    add_keys(&allowed, s);
    say(current, cfg->line, "unknown key%s%s%s%s; allowed: %s", quoted, s->name[0] == '\0' ? "" : " in section ",
        s->name, near.n == 0 || near.err != TRAP_OK ? "" : buf_cstr(&near),
        allowed.err != TRAP_OK ? "see trapline.conf(5)" : buf_cstr(&allowed));
    buf_free(&near);
    buf_free(&allowed);
}

/* libconfuse's own messages say what is wrong; what is allowed is added here, by the begin of the message. */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    static const struct {
        const char *begin, *hint;
    } hints[] = {
        { "unexpected token", "; allowed: key = value, one after the other, lists in braces with commas" },
        { "missing equal sign", "; allowed: key = value" },
        { "missing opening brace",
          "; allowed: name { ... }, or name \"TITLE\" { ... } where the section has a title" },
        { "missing title", "; allowed: name \"TITLE\" { ... }" },
        { "found duplicate title", "; each stands once" },
        { "attempt to append", "; allowed: key = value" },
        { "premature end", "; a value is missing" },
    };
    const struct conf_section *const s = section_of(cfg);
    char text[256];
    const char *more = NULL;

    (void)vsnprintf(text, sizeof text, format, args);
    if (strncmp(text, "no such option", strlen("no such option")) == 0 && s != NULL)
        say_unknown(cfg, s, text + strlen("no such option"));
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strncmp(text, hints[i].begin, strlen(hints[i].begin)) == 0)
            more = hints[i].hint;
    say(current, cfg->line, "%s%s", text, more == NULL ? "" : more);
}

static const struct kept *kept_at(cfg_opt_t *opt, unsigned i)
{
    return i < cfg_opt_size(opt) ? cfg_opt_getnptr(opt, i) : NULL;
}

/* libconfuse takes the last of two settings without a word. `def.number` is not used by options of our type:
 * it keeps the line. */
static bool is_set_twice(cfg_t *cfg, cfg_opt_t *opt, const struct conf_key *key)
{
    const int first = (int)opt->def.number;

    if (first != 0 && (!conf_is_list(key) || kept_at(opt, 0) == NULL)) {
        say(current, cfg->line, "%s is already set on line %d; each key stands once", key->name, first);
        return true;
    }
    if (first == 0)
        opt->def.number = cfg->line;
    return false;
}

/* libconfuse found a value. */
static int value_read(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
    const struct conf_section *const s = section_of(cfg);
    const struct conf_key *const key = s == NULL ? NULL : conf_key_find(s, opt->name);
    const size_t n = strlen(text);
    struct err_text why;
    union conf_value ignored;
    struct kept *kept;

    if (key == NULL || is_set_twice(cfg, opt, key))
        return -1;
    if (conf_value_parse(key, bytes_of(text, n), &ignored, &why) != TRAP_OK) {
        say(current, cfg->line, "%s", why.text);
        return -1;
    }
    kept = malloc(sizeof *kept + n + 1);
    if (kept == NULL) {
        say(current, cfg->line, "out of memory");
        return -1;
    }
    kept->line = cfg->line;
    kept->n = n;
    memcpy(kept->text, text, n + 1);
    *(void **)result = kept;
    return 0;
}

static int check_required(const struct conf_section *s, cfg_t *section, int line)
{
    struct buf allowed;

    for (size_t i = 0; i < s->key_count; i++) {
        const char *text;
        if (!s->keys[i].required || cfg_size(section, s->keys[i].name) > 0)
            continue;
        buf_init(&allowed, 256);
        conf_allowed(&s->keys[i], &allowed);
        text = buf_cstr(&allowed);
        say(current, line, "%s \"%s\": %s is missing; allowed: %s", s->name, cfg_title(section),
            s->keys[i].name, text == NULL ? "" : text);
        buf_free(&allowed);
        return -1;
    }
    return 0;
}

/* libconfuse reached the end of a section. */
static int section_read(cfg_t *cfg, cfg_opt_t *opt)
{
    const struct conf_section *const s = conf_section_find(opt->name);
    cfg_t *const section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
    int line = cfg->line;

    if (current->ended_count < current->scan.n) {
        line = current->scan.section_lines[current->ended_count];
        current->begins[current->ended_count++] = (struct section_line){ section, line };
    }
    if (s->title == NULL && opt->def.number != 0) {
        say(current, line, "section %s already stands on line %ld; each section without a title stands once",
            s->name, opt->def.number);
        return -1;
    }
    opt->def.number = line;
    if (s->title != NULL) {
        struct err_text why;
        union conf_value ignored;
        if (conf_value_parse(s->title, bytes_str(cfg_title(section)), &ignored, &why) != TRAP_OK) {
            say(current, line, "%s %s", s->name, why.text);
            return -1;
        }
    }
    return check_required(s, section, line);
}

/* ---- the options of libconfuse, made from the tables ---- */

struct options {
    cfg_opt_t of[SECTIONS_MAX][OPTIONS_MAX];
};

static void options_build(struct options *o)
{
    TRAP_BUG_ON(conf_section_count > SECTIONS_MAX);
    for (size_t i = conf_section_count; i-- > 0;) { /* children stand behind their parents */
        const struct conf_section *const s = &conf_sections[i];
        size_t n = 0;

        for (size_t k = 0; k < s->key_count; k++) {
            const cfg_opt_t one = CFG_PTR_CB(s->keys[k].name, NULL, CFGF_NONE, value_read, free);
            const cfg_opt_t list = CFG_PTR_LIST_CB(s->keys[k].name, NULL, CFGF_NONE, value_read, free);
            TRAP_BUG_ON(n + 1 >= OPTIONS_MAX);
            memcpy(&o->of[i][n++], conf_is_list(&s->keys[k]) ? &list : &one, sizeof one);
        }
        for (size_t c = i + 1; c < conf_section_count; c++) {
            if (conf_sections[c].parent == NULL || strcmp(conf_sections[c].parent, s->name) != 0)
                continue;
            TRAP_BUG_ON(n + 1 >= OPTIONS_MAX);
            const cfg_flag_t flags =
                conf_sections[c].title == NULL ? CFGF_NONE : CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
            cfg_opt_t sub = CFG_SEC(conf_sections[c].name, o->of[c], flags);
            sub.validcb = section_read;
            memcpy(&o->of[i][n++], &sub, sizeof sub);
        }
        const cfg_opt_t end = CFG_END();
        memcpy(&o->of[i][n], &end, sizeof end);
    }
}

static enum trap_err parse(struct conf_reader *r, struct buf *text)
{
    struct options *const options = calloc(1, sizeof *options);
    FILE *file = NULL;
    enum trap_err err = TRAP_ENOMEM;

    if (options == NULL)
        return TRAP_ENOMEM;
    options_build(options);
    r->root = cfg_init(options->of[0], CFGF_NONE);
    free(options); /* libconfuse made its own copy */
    if (r->root == NULL)
        return TRAP_ENOMEM;
    if (text->n == 0)
        return TRAP_OK; /* fmemopen() does not take it */
    (void)cfg_set_error_function(r->root, on_error);
    r->root->filename = strdup(r->path);
    r->begins = calloc(r->scan.n + 1, sizeof *r->begins);
    file = fmemopen(text->p, text->n, "r");
    if (file != NULL && r->begins != NULL && r->root->filename != NULL)
        err = cfg_parse_fp(r->root, file) == CFG_SUCCESS ? TRAP_OK : TRAP_EINVAL;
    if (file != NULL)
        (void)fclose(file);
    if (err == TRAP_EINVAL)
        say(r, r->root->line, "not understood; see trapline.conf(5)");
    return err;
}

/* ---- from the kept texts to the structs ---- */

static enum trap_err store_text(const struct conf_key *key, struct bytes text, void *base)
{
    struct err_text why;
    union conf_value v;
    const enum trap_err err = conf_value_parse(key, text, &v, &why);

    TRAP_BUG_ON(err != TRAP_OK); /* a value that was checked, or a default of ours */
    return conf_value_store(key, &v, base);
}

/* The default of a list has blanks between its values. */
static enum trap_err store_default(const struct conf_key *key, void *base)
{
    struct bytes rest = bytes_str(key->fallback), one;
    enum trap_err err = TRAP_OK;

    if (!conf_is_list(key))
        return store_text(key, rest, base);
    while (err == TRAP_OK && bytes_split(&rest, ' ', &one))
        err = store_text(key, one, base);
    return err;
}

static enum trap_err fill_key(struct conf_reader *r, const struct conf_key *key, cfg_t *section, void *base)
{
    cfg_opt_t *const opt = cfg_getopt(section, key->name);
    enum trap_err err = TRAP_OK;

    if (kept_at(opt, 0) == NULL && opt->def.number != 0) { /* {"a"}, then {} */
        say(r, (int)opt->def.number, "%s is set here and again, to nothing; each key stands once", key->name);
        return TRAP_EINVAL;
    }
    if (kept_at(opt, 0) == NULL && key->fallback != NULL)
        err = store_default(key, base);
    for (unsigned i = 0; err == TRAP_OK && kept_at(opt, i) != NULL; i++)
        err = store_text(key, bytes_of(kept_at(opt, i)->text, kept_at(opt, i)->n), base);
    if (err == TRAP_OK && (key->type == CONF_PREFIXES || key->type == CONF_TRUSTED))
        err = prefix_set_seal((struct prefix_set *)(void *)((unsigned char *)base + key->offset));
    return err;
}

static enum trap_err fill(struct conf_reader *r, const struct conf_section *s, cfg_t *section, void *base)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; err == TRAP_OK && i < s->key_count; i++)
        err = fill_key(r, &s->keys[i], section, base);
    return err;
}

/* A policy starts as a copy of its preset. */
static enum trap_err fill_policy(struct conf_reader *r, cfg_t *section, struct conf_policy *p)
{
    const struct kept *const chosen = kept_at(cfg_getopt(section, "preset"), 0);
    const char *preset = chosen != NULL ? chosen->text : cfg_title(section);
    enum trap_err err = TRAP_OK;

    if (conf_preset(preset) == NULL)
        preset = "standard";
    *p = *conf_preset(preset);
    p->name = NULL;
    p->preset = strdup(preset);
    if (p->preset == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; err == TRAP_OK && i < conf_section_count; i++)
        if (conf_sections[i].parent != NULL && strcmp(conf_sections[i].parent, "policy") == 0)
            err = fill(r, &conf_sections[i], cfg_getsec(section, conf_sections[i].name), p);
    return err;
}

static enum trap_err fill_titled(struct conf_reader *r, const struct conf_section *s, struct config *c)
{
    const unsigned n = cfg_size(r->root, s->name);
    unsigned char *const array = n == 0 ? NULL : calloc(n, s->element_size);
    const size_t count = n;
    enum trap_err err = TRAP_OK;

    if (n > 0 && array == NULL)
        return TRAP_ENOMEM;
    memcpy((unsigned char *)c + s->array_offset, &array, sizeof array);
    memcpy((unsigned char *)c + s->count_offset, &count,
           sizeof count); /* config_free() takes empty elements */
    for (unsigned i = 0; err == TRAP_OK && i < n; i++) {
        cfg_t *const section = cfg_getnsec(r->root, s->name, i);
        void *const element = array + i * s->element_size;

        if (strcmp(s->name, "policy") == 0)
            err = fill_policy(r, section, element);
        if (err == TRAP_OK)
            err = store_text(s->title, bytes_str(cfg_title(section)), element);
        if (err == TRAP_OK)
            err = fill(r, s, section, element);
    }
    return err;
}

static enum trap_err fill_all(struct conf_reader *r, struct config *c)
{
    enum trap_err err = TRAP_OK;

    c->path = strdup(r->path);
    if (c->path == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; err == TRAP_OK && i < conf_section_count; i++) {
        const struct conf_section *const s = &conf_sections[i];
        if (s->parent == NULL)
            err = fill(r, s, r->root, c);
        else if (s->title != NULL)
            err = fill_titled(r, s, c);
        else if (s->parent[0] == '\0')
            err = fill(r, s, cfg_getsec(r->root, s->name), c);
    }
    return err;
}

static cfg_t *nth_section(const struct conf_reader *r, const char *section, size_t i)
{
    return section[0] == '\0' ? r->root : cfg_getnsec(r->root, section, (unsigned)i);
}

bool conf_is_set(const struct conf_reader *r, const char *section, size_t i, const char *key)
{
    return kept_at(cfg_getopt(nth_section(r, section, i), key), 0) != NULL;
}

int conf_line(const struct conf_reader *r, const char *section, size_t i, const char *key)
{
    cfg_t *const s = nth_section(r, section, i);
    const struct kept *const kept = key == NULL ? NULL : kept_at(cfg_getopt(s, key), 0);

    if (kept != NULL)
        return kept->line;
    for (size_t k = 0; k < r->ended_count; k++)
        if (r->begins[k].section == s)
            return r->begins[k].line;
    return 0;
}

static enum trap_err read_text(struct conf_reader *r, struct buf *text, struct config **out)
{
    struct config *c = NULL;
    struct err_text detail = { "" };
    int line = 0;
    enum trap_err err = conf_scan(text->p, text->n, &r->scan, &line, &detail);

    if (err == TRAP_OK)
        err = parse(r, text);
    if (err == TRAP_OK)
        c = calloc(1, sizeof *c);
    if (err == TRAP_OK && c == NULL)
        err = TRAP_ENOMEM;
    if (err == TRAP_OK)
        err = fill_all(r, c);
    if (err == TRAP_OK)
        err = conf_check(c, r, &line, &detail);
    if (err == TRAP_OK) {
        *out = c;
        c = NULL;
    } else if (detail.text[0] != '\0') {
        say(r, line, "%s", detail.text);
    }
    config_free(&c);
    return err;
}

enum trap_err config_read(const char *path, struct config **out, struct err_text *why)
{
    struct conf_reader reader = { .path = path, .why = why };
    struct buf text;
    enum trap_err err = file_slurp(path, FILE_MAX_BYTES, &text, why);

    if (err != TRAP_OK)
        return err;
    why->text[0] = '\0';
    current = &reader;
    err = read_text(&reader, &text, out);
    current = NULL;
    if (err != TRAP_OK && why->text[0] == '\0')
        err_text_set(why, "%s: out of memory", path);
    if (reader.root != NULL)
        (void)cfg_free(reader.root);
    free(reader.begins);
    conf_scan_free(&reader.scan);
    buf_free(&text);
    return err;
}
