/* verb_trap.c - `trapline trap add|import|retire|list`: static traps by act; the snapshot is made anew after
 * each change. */
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <base/file.h>
#include <store/act_log.h>
#include <store/trapdir.h>

#include <stdio.h>
#include <stdlib.h>

enum { IMPORT_MAX_BYTES = 1 << 30 };

static bool class_ok(struct bytes word)
{
    return bytes_eq(word, BYTES("pristine")) || bytes_eq(word, BYTES("recycled")) ||
           bytes_eq(word, BYTES("typo"));
}

/* local@domain or a domain: no blanks, no control characters, a dot in the domain, at most one '@'. */
static bool subject_ok(struct bytes s)
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

struct trap_change {
    struct config *config;
    struct store_db *acts;
    struct bytes who;
    struct act batch[ACT_BATCH_MAX];
    size_t pending;
    uint64_t total;
};

static enum trap_err flush(struct trap_change *t, struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    if (t->pending > 0)
        err = act_append(t->acts, t->batch, t->pending, why);
    if (err == TRAP_OK)
        t->total += t->pending;
    t->pending = 0;
    return err;
}

static enum trap_err push(struct trap_change *t, enum act_kind kind, struct bytes subject,
                          struct bytes detail, struct err_text *why)
{
    t->batch[t->pending++] = (struct act){
        .kind = (uint8_t)kind, .at = wall_now(), .subject = subject, .detail = detail, .who = t->who
    };
    return t->pending == ACT_BATCH_MAX ? flush(t, why) : TRAP_OK;
}

static size_t first_blank(struct bytes line)
{
    const size_t space = bytes_find(line, ' '), tab = bytes_find(line, '\t');

    return space < tab ? space : tab;
}

static int import_lines(struct trap_change *t, const char *path, struct bytes text, bool apply)
{
    struct err_text why = { "" };
    struct bytes line;

    for (unsigned number = 1; bytes_split(&text, '\n', &line); number++) {
        struct bytes address, klass;

        line = bytes_trim(bytes_take(line, bytes_find(line, '#')));
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line = bytes_trim(bytes_take(line, line.n - 1));
        if (line.n == 0)
            continue;
        address = bytes_take(line, first_blank(line));
        klass = bytes_trim(bytes_skip(line, address.n));
        if (!subject_ok(address) || !class_ok(klass))
            return cli_fail(
                EXIT_USAGE,
                "%s:%u: expected `ADDRESS CLASS` with class pristine, recycled or typo; nothing was imported",
                path, number);
        if (!apply)
            continue;
        const enum trap_err err = push(t, ACT_TRAP_ADD, address, klass, &why);
        if (err != TRAP_OK)
            return cli_fail_err(err, &why);
    }
    return 0;
}

static int import(struct trap_change *t, const char *path)
{
    struct err_text why = { "" };
    struct buf text;
    const enum trap_err err = file_slurp(path, IMPORT_MAX_BYTES, &text, &why);
    int code;

    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    code =
        import_lines(t, path, buf_bytes(&text), false); /* all lines are checked before the first is used */
    if (code == 0)
        code = import_lines(t, path, buf_bytes(&text), true);
    if (code == 0) {
        const enum trap_err flushed = flush(t, &why);

        code = flushed == TRAP_OK ? 0 : cli_fail_err(flushed, &why);
    }
    buf_free(&text);
    return code;
}

/* Retiring what is no trap would be on record for ever and do nothing: most likely a slip of the pen. */
static int check_retire(const struct config *c, struct bytes subject)
{
    struct err_text why = { "" };
    struct trapdir *dir = NULL;
    const enum trap_err err = trapdir_new(c, &dir, &why);
    const size_t at = bytes_find(subject, '@');
    enum trapdir_answer answer;

    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    answer = at < subject.n ? trapdir_find(dir, bytes_take(subject, at), bytes_skip(subject, at + 1)).answer
                            : trapdir_find(dir, BYTES("any"), subject).answer;
    trapdir_free(&dir);
    if (answer == TRAPDIR_TRAP || (at == subject.n && answer != TRAPDIR_FOREIGN))
        return 0;
    return cli_fail(EXIT_USAGE, "trap: %s is not a static trap; `trapline trap list` shows them",
                    cli_text(subject));
}

static int change_one(struct trap_change *t, enum act_kind kind, struct bytes subject, struct bytes detail)
{
    struct err_text why = { "" };
    enum trap_err err;

    if (!subject_ok(subject))
        return cli_fail(EXIT_USAGE, "trap: \"%s\" is neither an address nor a domain", cli_text(subject));
    if (kind == ACT_TRAP_ADD && !class_ok(detail))
        return cli_fail(EXIT_USAGE, "trap: the class is pristine, recycled or typo");
    if (kind == ACT_TRAP_RETIRE) {
        const int code = check_retire(t->config, subject);

        if (code != 0)
            return code;
    }
    err = push(t, kind, subject, detail, &why);
    if (err == TRAP_OK)
        err = flush(t, &why);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

static int change(struct cli *cli, int (*todo)(struct trap_change *, struct cli *))
{
    struct trap_change t = { .config = NULL };
    struct err_text why = { "" };
    enum trap_err err;
    int code;

    code = home_config(cli, &t.config);
    if (code != 0)
        return code;
    t.who = home_operator();
    err = store_open(t.config->state_dir, STORE_ACTS, STORE_WRITE, &t.acts, &why);
    code = err == TRAP_OK ? todo(&t, cli) : cli_fail_err(err, &why);
    if (t.total > 0) {
        err = trapdir_build(t.config->state_dir, t.acts, &why);
        if (err != TRAP_OK && code == 0)
            code = cli_fail_err(err, &why);
    }
    store_close(&t.acts);
    config_free(&t.config);
    if (code == 0 && cli->json)
        return cli_json(json_pack("{s:I}", "acts", (json_int_t)t.total));
    if (code == 0)
        printf("%llu on record; running daemons follow within two seconds.\n", (unsigned long long)t.total);
    return code;
}

static int do_add(struct trap_change *t, struct cli *cli)
{
    return cli->argc != 3 ? cli_usage("trap")
                          : change_one(t, ACT_TRAP_ADD, bytes_str(cli->argv[1]), bytes_str(cli->argv[2]));
}

static int do_retire(struct trap_change *t, struct cli *cli)
{
    return cli->argc != 2 ? cli_usage("trap")
                          : change_one(t, ACT_TRAP_RETIRE, bytes_str(cli->argv[1]), BYTES(""));
}

static int do_import(struct trap_change *t, struct cli *cli)
{
    return cli->argc != 2 ? cli_usage("trap") : import(t, cli->argv[1]);
}

static enum trap_err list_one(const struct trapdir_entry *e, void *arg)
{
    json_t *list = arg;

    if (list != NULL)
        return json_array_append_new(list,
                                     json_pack("{s:o, s:s, s:s}", "trap", json_bytes(e->address), "class",
                                               rcpt_class_name(e->rcpt_class), "from", e->origin)) == 0
                   ? TRAP_OK
                   : TRAP_ENOMEM;
    printf("%-50s %-10s %s\n", cli_text(e->address), rcpt_class_name(e->rcpt_class), e->origin);
    return TRAP_OK;
}

static int list(struct cli *cli)
{
    struct home h = { .config = NULL };
    struct err_text why = { "" };
    struct trapdir *dir = NULL;
    json_t *out = cli->json ? json_array() : NULL;
    int code = home_open(cli, HOME_CONFIG, &h);
    enum trap_err err;

    if (code != 0)
        return code;
    err = trapdir_new(h.config, &dir, &why);
    if (err == TRAP_OK)
        err = trapdir_each(dir, list_one, out);
    trapdir_free(&dir);
    home_close(&h);
    if (err != TRAP_OK) {
        json_decref(out);
        return cli_fail_err(err, &why);
    }
    return out == NULL ? 0 : cli_json(out);
}

int verb_trap(struct cli *cli)
{
    static const struct {
        const char *name;
        int (*todo)(struct trap_change *, struct cli *);
    } kinds[] = {
        { "add", do_add },
        { "import", do_import },
        { "retire", do_retire },
    };
    const int usage = cli_words(cli, "trap", 1, 3);

    if (usage != 0)
        return usage;
    if (strcmp(cli->argv[0], "list") == 0)
        return cli->argc != 1 ? cli_usage("trap") : list(cli);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(cli->argv[0], kinds[i].name) == 0)
            return change(cli, kinds[i].todo);
    return cli_usage("trap");
}
