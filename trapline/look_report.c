/* look_report.c - see look_report.h. */
#include "look_report.h"

#include <store/lookup.h>

#include <stdio.h>

/* ---- from an act to a document ---- */

static void add_words(json_t *o, struct bytes detail)
{
    struct bytes rest = detail, word;

    while (bytes_split(&rest, ' ', &word)) {
        const size_t n = bytes_find(word, '=');
        struct buf text;
        char key[32];

        if (n == 0 || n >= sizeof(key) || n == word.n)
            continue;
        memcpy(key, word.p, n);
        key[n] = '\0';
        buf_init(&text, LOOKUP_DETAIL_MAX);
        if (lookup_word_text(detail, key, &text))
            json_object_set_new(o, key, json_bytes(buf_bytes(&text)));
        buf_free(&text);
    }
}

struct newest {
    json_t *doc; /* NULL: none yet */
    wall_t at;
};

static enum trap_err on_act(const struct act *a, void *arg)
{
    struct newest *n = arg;

    if (n->doc != NULL && a->at.us <= n->at.us)
        return TRAP_OK;
    json_decref(n->doc);
    n->at = a->at;
    n->doc = json_pack("{s:o, s:o}", "subject", json_bytes(a->subject), "at", json_wall(a->at));
    add_words(n->doc, a->detail);
    return TRAP_OK;
}

static enum trap_err look_at(struct home *h, struct bytes subject, struct newest *n)
{
    const enum trap_err err = lookup_newest(h->acts, subject, on_act, n);

    return err == TRAP_ENOENT ? TRAP_OK : err;
}

static json_t *finish(struct newest *n, enum trap_err err, enum trap_err *err_out)
{
    *err_out = err;
    if (err == TRAP_OK)
        return n->doc == NULL ? json_null() : n->doc;
    json_decref(n->doc);
    return NULL;
}

/* ---- one address ---- */

json_t *look_report_key(struct home *h, struct prefix key, enum trap_err *err_out)
{
    struct newest n = { .doc = NULL };
    char subject[PREFIX_TEXT_MAX];

    return finish(&n, look_at(h, bytes_str(prefix_text(key, subject)), &n), err_out);
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s == NULL ? "" : s;
}

static void print_word(const json_t *o, const char *key, const char *before, const char *behind)
{
    if (text(o, key)[0] != '\0')
        printf("%s%s%s", before, text(o, key), behind);
}

void look_print_key(const json_t *o)
{
    if (!json_is_object(o)) {
        puts("Looked up: never.");
        return;
    }
    printf("Looked up %s at %s:\n  reverse name %s", text(o, "address"), text(o, "at"), text(o, "reverse"));
    print_word(o, "name", ": ", "");
    print_word(o, "form", " (", " form)");
    if (text(o, "helo")[0] != '\0')
        printf("; HELO %s: %s", text(o, "helo_name"), text(o, "helo"));
    putchar('\n');
    if (text(o, "country")[0] != '\0')
        printf("  country %s (database of %s)\n", text(o, "country"), text(o, "country_built"));
    if (text(o, "as")[0] != '\0')
        printf("  network AS%s %s (database of %s)\n", text(o, "as"), text(o, "as_name"), text(o, "as_built"));
    if (text(o, "dnswl")[0] != '\0') {
        printf("  whitelist: %s", text(o, "dnswl"));
        print_word(o, "dnswl_score", ", score ", "");
        putchar('\n');
    }
    print_word(o, "crawler", "  crawler: ", "\n");
}

/* ---- providers ---- */

json_t *look_report_provider(struct home *h, const char *domain, enum trap_err *err_out)
{
    char subject[LOOKUP_SUBJECT_MAX];
    struct newest n = { .doc = NULL };

    (void)snprintf(subject, sizeof(subject), LOOKUP_PROVIDER "%s", domain);
    return finish(&n, look_at(h, bytes_str(subject), &n), err_out);
}

/* In the order of subjects: the last act of each replaces those before it. */
static enum trap_err on_provider(const struct act *a, void *arg)
{
    json_t *list = arg, *o = json_object(), *ranges = NULL;
    const size_t n = json_array_size(list);
    const json_t *last = n == 0 ? NULL : json_array_get(list, n - 1);

    json_object_set_new(o, "provider", json_bytes(bytes_skip(a->subject, strlen(LOOKUP_PROVIDER))));
    json_object_set_new(o, "at", json_wall(a->at));
    add_words(o, a->detail);
    ranges = json_object_get(o, "ranges");
    if (ranges != NULL)
        (void)json_object_del(o, "ranges");
    if (last != NULL && strcmp(text(last, "provider"), text(o, "provider")) == 0)
        (void)json_array_set_new(list, n - 1, o);
    else
        (void)json_array_append_new(list, o);
    return TRAP_OK;
}

json_t *look_report_providers(struct home *h, enum trap_err *err_out)
{
    json_t *list = json_array();

    *err_out = lookup_each(h->acts, LOOKUP_PROVIDER, on_provider, list);
    if (*err_out == TRAP_OK)
        return list;
    json_decref(list);
    return NULL;
}

static size_t count_recent(const struct acts_view *v, wall_t now)
{
    size_t n = 0;

    for (size_t i = 0; i < v->range_count; i++)
        n += wall_diff(now, v->ranges[i].at).ms <= SPAN_D(7).ms;
    return n;
}

json_t *look_report_guard(struct home *h, enum trap_err *err_out)
{
    struct acts_view view = { 0 };
    struct lists lists = { 0 };
    struct err_text why = { "" };
    json_t *o = NULL;

    *err_out = acts_view_load(h->acts, h->now, &view, &why);
    if (*err_out != TRAP_OK)
        return NULL;
    o = json_pack("{s:I, s:o}", "resolved_ranges", (json_int_t)count_recent(&view, h->now), "newest",
                  json_wall(view.ranges_newest));
    if (h->config->guard_off) {
        json_object_set_new(o, "state", json_string("off"));
    } else if (lists_load(h->config, &view, h->now, &lists, &why) != TRAP_OK) {
        json_object_set_new(o, "state", json_string("unreadable"));
        json_object_set_new(o, "why", json_bytes(bytes_str(why.text)));
    } else {
        json_object_set_new(o, "state", json_string(lists.guard_missing ? "missing" : "on"));
        if (lists.guard_missing)
            json_object_set_new(o, "why", json_bytes(bytes_str(lists.guard_why.text)));
        json_object_set_new(o, "networks", json_integer((json_int_t)lists.set[LIST_GUARD].n));
        lists_free(&lists);
    }
    acts_view_free(&view);
    return o;
}

void look_print_guard(const json_t *o)
{
    printf("guard     %s", text(o, "state"));
    if (json_is_integer(json_object_get(o, "networks")))
        printf(": %lld networks, %lld from look-ups", (long long)json_integer_value(json_object_get(o, "networks")),
               (long long)json_integer_value(json_object_get(o, "resolved_ranges")));
    print_word(o, "newest", " (newest ", ")");
    print_word(o, "why", "; ", "");
    putchar('\n');
}
