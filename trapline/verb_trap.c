/* verb_trap.c - `trapline trap add|import|retire|taint|list`: static traps by act; the snapshot is made anew
 * after each change. */
#include "trap_cli.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <base/num.h>
#include <store/act_words.h>

#include <stdio.h>
#include <stdlib.h>

bool trap_class_ok(struct bytes word)
{
    return bytes_eq(word, BYTES("pristine")) || bytes_eq(word, BYTES("recycled")) ||
           bytes_eq(word, BYTES("typo"));
}

bool trap_subject_ok(struct bytes s)
{
    const size_t at = bytes_find(s, '@');
    const struct bytes domain = at == s.n ? s : bytes_skip(s, at + 1);

    if (s.n == 0 || s.n > 320 || at == 0 || domain.n == 0 || bytes_find(domain, '@') != domain.n ||
        bytes_find(domain, '.') == domain.n)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* ---- acts ---- */

enum trap_err trap_flush(struct trap_change *t, struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    if (t->pending > 0)
        err = act_append(t->acts, t->batch, t->pending, why);
    t->built = t->built && t->pending == 0;
    if (err == TRAP_OK)
        t->total += t->pending;
    t->pending = 0;
    return err;
}

int trap_build(struct trap_change *t)
{
    struct err_text why = { "" };
    const enum trap_err err = trapdir_build(t->config->state_dir, t->acts, &why);

    t->built = true; /* or told */
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

/* Without an option the configuration says how a recycled trap begins; all others are armed at once. */
static uint32_t seconds_of(const char *word, span_t configured, struct bytes klass)
{
    span_t span = bytes_eq(klass, BYTES("recycled")) ? configured : SPAN_S(0);

    if (word != NULL && num_span(bytes_str(word), SPAN_D(TRAP_LIFE_SPAN_MAX_D), &span) != TRAP_OK)
        span = SPAN_S(0); /* trap_options() has looked at it */
    return (uint32_t)(span.ms / 1000);
}

enum trap_err trap_push(struct trap_change *t, enum act_kind kind, struct bytes subject, struct bytes klass,
                        struct err_text *why)
{
    const struct trap_birth birth = { .klass = klass,
                                      .condition_s = seconds_of(t->condition, t->config->trap_conditioning, klass),
                                      .observe_s = seconds_of(t->observe, t->config->trap_observing, klass) };
    struct act *a = &t->batch[t->pending];
    struct buf detail;

    *a = (struct act){
        .kind = (uint8_t)kind, .at = wall_now(), .subject = subject, .who = t->who, .why = t->why
    };
    if (kind == ACT_TRAP_ADD) {
        buf_init(&detail, sizeof t->detail[0]);
        trap_birth_put(&birth, &detail);
        TRAP_BUG_ON(detail.err != TRAP_OK);
        memcpy(t->detail[t->pending], detail.p, detail.n);
        a->detail = bytes_of(t->detail[t->pending], detail.n);
        buf_free(&detail);
    }
    t->pending++;
    return t->pending == ACT_BATCH_MAX ? trap_flush(t, why) : TRAP_OK;
}

int trap_options(struct cli *cli, struct trap_change *t)
{
    const char *why = NULL;
    span_t span;

    t->who = home_operator_by(cli);
    (void)cli_option(cli, "--why", &why);
    (void)cli_option(cli, "--condition", &t->condition);
    (void)cli_option(cli, "--observe", &t->observe);
    t->why = bytes_str(why);
    if ((t->condition != NULL &&
         num_span(bytes_str(t->condition), SPAN_D(TRAP_LIFE_SPAN_MAX_D), &span) != TRAP_OK) ||
        (t->observe != NULL && num_span(bytes_str(t->observe), SPAN_D(TRAP_LIFE_SPAN_MAX_D), &span) != TRAP_OK))
        return cli_fail(EXIT_USAGE, "trap: --condition and --observe need a length of time such as 365d, or 0");
    return 0;
}

/* ---- add, retire, taint ---- */

/* Retiring what is no trap would be on record for ever and do nothing: most likely a slip of the pen. */
static int check_known(const struct config *c, struct bytes subject)
{
    struct err_text why = { "" };
    struct trapdir *dir = NULL;
    const enum trap_err err = trapdir_new(c, &dir, &why);
    const size_t at = bytes_find(subject, '@');
    enum trapdir_answer answer;

    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    trapdir_set_time(dir, (wall_t){ INT64_MAX }); /* also one that is conditioned now */
    answer = at < subject.n ? trapdir_find(dir, bytes_take(subject, at), bytes_skip(subject, at + 1)).answer
                            : trapdir_find(dir, BYTES("any"), subject).answer;
    trapdir_free(&dir);
    if (answer == TRAPDIR_TRAP || (at == subject.n && answer != TRAPDIR_FOREIGN))
        return 0;
    return cli_fail(EXIT_USAGE, "trap: %s is not a static trap; `trapline trap list` shows them",
                    cli_text(subject));
}

/* An added minted domain would do nothing; a retired one would refuse all that its bait brings in. */
static int check_not_minted(const struct config *c, struct bytes subject)
{
    const struct conf_trap_domain *domain = config_trap_domain(c, subject);

    if (domain == NULL || domain->klass != CLASS_MINTED)
        return 0;
    return cli_fail(EXIT_USAGE,
                    "trap: %s is a minted trap_domain of the configuration, no static trap; change it there",
                    cli_text(subject));
}

static int change_one(struct trap_change *t, enum act_kind kind, struct bytes subject, struct bytes klass)
{
    struct err_text why = { "" };
    enum trap_err err;
    int code;

    if (!trap_subject_ok(subject))
        return cli_fail(EXIT_USAGE, "trap: \"%s\" is neither an address nor a domain", cli_text(subject));
    code = check_not_minted(t->config, subject);
    if (code != 0)
        return code;
    if (kind == ACT_TRAP_ADD && !trap_class_ok(klass))
        return cli_fail(EXIT_USAGE, "trap: the class is pristine, recycled or typo");
    if (kind == ACT_TRAP_RETIRE)
        code = check_known(t->config, subject);
    if (code != 0)
        return code;
    err = trap_push(t, kind, subject, klass, &why);
    if (err == TRAP_OK)
        err = trap_flush(t, &why);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

static int say_total(const struct trap_change *t, const struct cli *cli)
{
    if (cli->json)
        return cli_json(json_pack("{s:I}", "acts", (json_int_t)t->total));
    printf("%llu on record; running daemons follow within two seconds.\n", (unsigned long long)t->total);
    return 0;
}

static int do_add(struct trap_change *t, struct cli *cli)
{
    int code = cli_words(cli, "trap", 3, 3);

    if (code == 0)
        code = change_one(t, ACT_TRAP_ADD, bytes_str(cli->argv[1]), bytes_str(cli->argv[2]));
    if (code == 0)
        code = trap_build(t);
    return code == 0 ? say_total(t, cli) : code;
}

static int do_retire(struct trap_change *t, struct cli *cli)
{
    int code = cli_words(cli, "trap", 2, 2);

    if (code == 0)
        code = change_one(t, ACT_TRAP_RETIRE, bytes_str(cli->argv[1]), BYTES(""));
    if (code == 0)
        code = trap_build(t);
    return code == 0 ? say_total(t, cli) : code;
}

/* The same act as `trapline taint trap=…`. */
static int do_taint(struct trap_change *t, struct cli *cli)
{
    struct err_text why = { "" };
    struct buf subject;
    int code = cli_words(cli, "trap", 2, 2);
    enum trap_err err;

    if (code == 0 && t->why.n == 0)
        code = cli_fail(EXIT_USAGE, "trap: taint needs --why TEXT: it goes on record");
    if (code == 0)
        code = check_known(t->config, bytes_str(cli->argv[1]));
    if (code != 0)
        return code;
    buf_init(&subject, 1024);
    act_word_add(&subject, "trap", bytes_str(cli->argv[1]));
    err = trap_push(t, ACT_TAINT, buf_bytes(&subject), BYTES(""), &why);
    if (err == TRAP_OK)
        err = trap_flush(t, &why);
    buf_free(&subject);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    if (cli->json)
        return cli_json(json_pack("{s:I}", "act", (json_int_t)t->batch[0].seq));
    printf("Act %llu on record: nothing that came or comes to it counts, until `trapline revoke %llu`.\n",
           (unsigned long long)t->batch[0].seq, (unsigned long long)t->batch[0].seq);
    return 0;
}

static int change(struct cli *cli, int (*todo)(struct trap_change *, struct cli *))
{
    struct trap_change *t = calloc(1, sizeof *t);
    struct err_text why = { "" };
    enum trap_err err;
    int code;

    if (t == NULL)
        return cli_fail(EXIT_OSERR, "out of memory");
    code = trap_options(cli, t);
    if (code == 0)
        code = home_config(cli, &t->config);
    if (code == 0) {
        err = store_open(t->config->state_dir, STORE_ACTS, STORE_WRITE, &t->acts, &why);
        code = err == TRAP_OK ? todo(t, cli) : cli_fail_err(err, &why);
    }
    if (t->total > 0 && !t->built && todo != do_taint) { /* some of it is on record, then it failed */
        const int built = trap_build(t);

        code = code == 0 ? built : code;
    }
    store_close(&t->acts);
    config_free(&t->config);
    free(t);
    return code;
}

/* ---- list ---- */

struct list {
    bool all;
    const char *state; /* NULL: any */
    const struct taints *taints;
    json_t *out; /* NULL: as text */
};

static enum trap_err list_one(const struct trapdir_entry *e, void *arg)
{
    const struct list *l = arg;
    const bool retired = e->life == TRAP_RETIRED;
    const char *state =
        trap_life_name(!retired && taints_trap(l->taints, e->address) ? TRAP_TAINTED : e->life);
    const char *klass = e->rcpt_class == 0 ? "-" : rcpt_class_name(e->rcpt_class);
    char until[WALL_TEXT_MAX];

    if ((retired && !l->all && l->state == NULL) || (l->state != NULL && strcmp(l->state, state) != 0))
        return TRAP_OK;
    if (l->out != NULL)
        return json_array_append_new(l->out, json_pack("{s:o, s:s, s:s, s:s, s:o}", "trap", json_bytes(e->address),
                                                       "class", klass, "from", e->origin, "state", state, "until",
                                                       json_wall(e->ends))) == 0
                   ? TRAP_OK
                   : TRAP_ENOMEM;
    printf("%-50s %-10s %-14s %s%s%s\n", cli_text(e->address), klass, e->origin, state,
           e->ends.us != 0 ? " until " : "", e->ends.us != 0 ? wall_text(e->ends, until) : "");
    return TRAP_OK;
}

static int check_state(const char *word)
{
    for (enum trap_life l = TRAP_CONDITIONING; l <= TRAP_RETIRED; l++)
        if (word == NULL || strcmp(word, trap_life_name(l)) == 0)
            return 0;
    return cli_fail(EXIT_USAGE, "trap: --state is conditioning, observing, armed, tainted or retired");
}

static int list(struct cli *cli)
{
    struct list l = { .all = cli_flag(cli, "--all") };
    struct home h = { .config = NULL };
    struct err_text why = { "" };
    struct trapdir *dir = NULL;
    struct taints *taints = NULL;
    enum trap_err err;
    int code;

    (void)cli_option(cli, "--state", &l.state);
    code = cli_words(cli, "trap", 1, 1);
    if (code == 0)
        code = check_state(l.state);
    if (code == 0)
        code = home_open(cli, HOME_LOGS, &h);
    if (code != 0)
        return code;
    l.out = cli->json ? json_array() : NULL;
    err = taints_load(h.acts, h.now, &taints, &why);
    l.taints = taints;
    if (err == TRAP_OK)
        err = trapdir_new(h.config, &dir, &why);
    if (err == TRAP_OK)
        err = trapdir_each(dir, list_one, &l);
    trapdir_free(&dir);
    taints_free(&taints);
    home_close(&h);
    if (err != TRAP_OK) {
        json_decref(l.out);
        return cli_fail_err(err, &why);
    }
    return l.out == NULL ? 0 : cli_json(l.out);
}

int verb_trap(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*todo)(struct trap_change *, struct cli *);
    } kinds[] = {
        { "add", do_add },
        { "import", trap_import },
        { "retire", do_retire },
        { "taint", do_taint },
    };

    if (cli->argc == 0)
        return cli_usage("trap");
    if (strcmp(cli->argv[0], "list") == 0)
        return list(cli);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(cli->argv[0], kinds[i].name) == 0)
            return change(cli, kinds[i].todo);
    return cli_usage("trap");
}
