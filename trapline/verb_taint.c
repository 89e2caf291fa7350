/* verb_taint.c - `trapline taint`: evidence that must not count, with who, when and why; and the notices of it. */
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <store/act_log.h>
#include <store/act_words.h>
#include <store/taint.h>

#include <stdio.h>
#include <stdlib.h>

enum { SUBJECT_MAX = 8192 };

/* ---- one more ---- */

static enum trap_err note_visit(const struct visit *v, void *arg)
{
    *(uint64_t *)arg = v->seq;
    return TRAP_OK;
}

/* A minted address has no name of its own in the log, where it comes garbled in many ways: it is its visit and
 * slot. Any other one stands for itself. */
static int add_trap(struct cli *cli, struct bytes address, struct buf *subject)
{
    struct fold_trace trace = { .outcome = TRACE_NOT_MINTED };
    struct home h = { .config = NULL };
    uint64_t visit = 0;
    char text[64];
    enum trap_err err;
    int code;

    if (bytes_find(address, '@') == address.n) {
        act_word_add(subject, "trap", address);
        return 0;
    }
    code = home_open(cli, HOME_KEYS | HOME_LOGS | HOME_DERIVED | HOME_POLICY, &h);
    if (code != 0)
        return code;
    err = fold_trace(h.fold, address, h.now, &trace, note_visit, &visit);
    home_close(&h);
    if (err != TRAP_OK)
        return cli_fail(daemon_exit_code(err), "taint: the address cannot be looked up: %s", err_name(err));
    if (trace.outcome != TRACE_RESOLVED) {
        act_word_add(subject, "trap", address);
        return 0;
    }
    (void)snprintf(text, sizeof text, "%u/%llu", (unsigned)trace.ref.node, (unsigned long long)visit);
    act_word_add(subject, "visit", bytes_str(text));
    (void)snprintf(text, sizeof text, "%u", (unsigned)trace.ref.slot);
    act_word_add(subject, "slot", bytes_str(text));
    return 0;
}

static int add_word(struct cli *cli, const char *word, struct buf *subject)
{
    const struct bytes whole = bytes_str(word);
    const size_t equals = bytes_find(whole, '=');
    const struct bytes value = bytes_skip(whole, equals + 1);
    char key[32];

    if (equals == 0 || equals >= whole.n || equals >= sizeof key)
        return cli_fail(EXIT_USAGE, "taint: \"%s\" is not WHAT=VALUE, such as trap=sales@shop.example",
                        cli_text(whole));
    memcpy(key, word, equals);
    key[equals] = '\0';
    if (strcmp(key, "trap") == 0)
        return add_trap(cli, value, subject);
    act_word_add(subject, key, value);
    return 0;
}

static int check(const struct buf *subject)
{
    struct err_text why = { "" };
    struct taint taint;
    struct buf text;
    enum trap_err err;

    if (subject->err != TRAP_OK)
        return cli_fail(EXIT_USAGE, "taint: that is too long");
    buf_init(&text, SUBJECT_MAX);
    err = taint_parse(buf_bytes(subject), &text, &taint, &why);
    buf_free(&text);
    return err == TRAP_OK ? 0 : cli_fail(EXIT_USAGE, "taint: %s", why.text);
}

static int append(struct cli *cli, struct act *a)
{
    struct err_text why = { "" };
    struct config *c = NULL;
    struct store_db *db = NULL;
    int code = home_config(cli, &c);
    enum trap_err err;

    if (code != 0)
        return code;
    a->at = wall_now();
    err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &db, &why);
    if (err == TRAP_OK)
        err = act_append(db, a, 1, &why);
    store_close(&db);
    config_free(&c);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    if (cli->json)
        return cli_json(json_pack("{s:I, s:s, s:o, s:o}", "act", (json_int_t)a->seq, "kind",
                                  act_kind_name(a->kind), "subject", json_bytes(a->subject), "by",
                                  json_bytes(a->who)));
    printf("Act %llu on record: taint %s. trapexport makes the evidence anew without it;\n`trapline revoke %llu` "
           "takes it back.\n",
           (unsigned long long)a->seq, cli_text(a->subject), (unsigned long long)a->seq);
    return 0;
}

static int add(struct cli *cli)
{
    struct act a = { .kind = ACT_TAINT, .who = home_operator_by(cli) };
    const char *why = NULL;
    struct buf subject;
    int code;

    (void)cli_option(cli, "--why", &why);
    code = cli_words(cli, "taint", 1, 12);
    if (code != 0)
        return code;
    if (why == NULL || why[0] == '\0')
        return cli_fail(EXIT_USAGE, "taint: --why TEXT is needed: it goes on record");
    a.why = bytes_str(why);
    buf_init(&subject, SUBJECT_MAX);
    for (int i = 0; i < cli->argc && code == 0; i++)
        code = add_word(cli, cli->argv[i], &subject);
    if (code == 0)
        code = check(&subject);
    a.subject = buf_bytes(&subject);
    if (code == 0)
        code = append(cli, &a);
    buf_free(&subject);
    return code;
}

/* ---- the list ---- */

/* What may be told to anybody: kind and times, no trap, page, site or address. */
static void public_words(const struct taint *t, struct buf *out)
{
    static const struct {
        enum taint_condition condition;
        const char *words;
    } words[] = {
        { TAINT_TRAP, "a trap" },
        { TAINT_VISIT, "one visit to a page of ours" },
        { TAINT_PAGE, "a page of ours" },
        { TAINT_SITE, "a site of ours" },
        { TAINT_NODE, "one of our machines" },
        { TAINT_HARVESTER, "one visitor's network" },
    };
    const struct {
        enum taint_condition condition;
        const char *words;
        wall_t at;
    } times[] = { { TAINT_FROM, "mail from", t->from },
                  { TAINT_TO, "mail before", t->to },
                  { TAINT_VISITED_FROM, "visits from", t->visited_from },
                  { TAINT_VISITED_TO, "visits before", t->visited_to } };
    char text[WALL_TEXT_MAX];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (t->has & words[i].condition)
            buf_addf(out, "%s%s", out->n > 0 ? ", " : "", words[i].words);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (t->has & times[i].condition)
            buf_addf(out, "%s%s %s", out->n > 0 ? ", " : "", times[i].words, wall_text(times[i].at, text));
}

struct list {
    bool notices;
    json_t *out;
};

static enum trap_err list_one(const struct act *a, void *arg)
{
    struct list *l = arg;
    struct err_text why = { "" };
    struct taint taint;
    struct buf text, notice;
    json_t *o;
    enum trap_err err;

    buf_init(&text, SUBJECT_MAX);
    buf_init(&notice, SUBJECT_MAX);
    err = taint_parse(a->subject, &text, &taint, &why);
    if (err == TRAP_OK)
        public_words(&taint, &notice);
    o = json_pack("{s:I, s:o, s:o}", "act", (json_int_t)a->seq, "at", json_wall(a->at), "notice",
                  json_bytes(buf_bytes(&notice)));
    if (!l->notices) {
        json_object_set_new(o, "subject", json_bytes(a->subject));
        json_object_set_new(o, "by", json_bytes(a->who));
        json_object_set_new(o, "why", json_bytes(a->why));
    }
    buf_free(&notice);
    buf_free(&text);
    return json_array_append_new(l->out, o) == 0 ? TRAP_OK : TRAP_ENOMEM;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text == NULL ? "" : text;
}

static void print_list(const struct list *l)
{
    const json_t *o;
    size_t i;

    json_array_foreach(l->out, i, o)
    {
        const long long act = (long long)json_integer_value(json_object_get(o, "act"));

        if (l->notices)
            printf("%s  Withdrawn: the evidence of %s.\n", text_of(o, "at"), text_of(o, "notice"));
        else
            printf("%-6lld %s  %s\n       %s: %s\n", act, text_of(o, "at"), text_of(o, "subject"), text_of(o, "by"),
                   text_of(o, "why"));
    }
    if (json_array_size(l->out) == 0)
        puts("Nothing is tainted.");
}

static int list(struct cli *cli)
{
    struct list l = { .notices = cli_flag(cli, "--notices") };
    struct home h = { .config = NULL };
    enum trap_err err;
    int code = cli_words(cli, "taint", 1, 1);

    if (code == 0)
        code = home_open(cli, HOME_LOGS, &h);
    if (code != 0)
        return code;
    l.out = json_array();
    err = act_each_standing(h.acts, h.now, UINT32_C(1) << ACT_TAINT, list_one, &l);
    home_close(&h);
    if (err != TRAP_OK) {
        json_decref(l.out);
        return cli_fail(daemon_exit_code(err), "taint: cannot read the acts: %s", err_name(err));
    }
    if (cli->json)
        return cli_json(l.out);
    print_list(&l);
    json_decref(l.out);
    return 0;
}

int verb_taint(struct cli *cli)
{
    return cli->argc > 0 && strcmp(cli->argv[0], "list") == 0 ? list(cli) : add(cli);
}
