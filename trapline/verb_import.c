/* verb_import.c - `trapline import --events FILE`: a log with its own clock into an installation that does
 * not run. */
#include "event.h"
#include "home.h"

#include <base/daemon.h>
#include <store/act_log.h>
#include <store/epochs.h>
#include <store/trapdir.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 64 << 20 };

struct import {
    struct home *home;
    struct store_import *store;
    uint64_t line, count[EVENT_KINDS];
    bool acts; /* some of them may be about traps */
};

/* ---- one record ---- */

/* Keys are asked for by those alone who use addresses of this installation. */
static enum trap_err open_mint(struct home *h, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    enum trap_err err;

    if (h->mint != NULL)
        return TRAP_OK;
    config_state_path(h->config, "keys/master.key", path);
    err = keyring_read(path, &h->keys, why);
    return err == TRAP_OK ? mint_new(&h->keys, &h->mint) : err;
}

static enum trap_err mint_one(struct import *i, const struct event_mint *m, struct buf *out,
                              struct err_text *why)
{
    struct visit v;
    enum trap_err err = store_import_find(i->store, m->visit, &v);

    if (err != TRAP_OK) {
        err_text_set(why, "rcpt: there is no visit %" PRIu64 " before it", m->visit);
        return err;
    }
    err = open_mint(i->home, why);
    if (err == TRAP_OK) {
        const struct mint_ref ref = { store_import_node(i->store), v.epoch, v.serial, m->slot };
        uint8_t local[MINT_LOCAL_MAX];
        const size_t n = mint_encode(i->home->mint, mint_domain(i->home->mint, m->domain), ref, local);

        buf_add(out, bytes_of(local, n));
        buf_add_byte(out, '@');
        buf_add(out, m->domain);
        err = out->err;
    }
    return err;
}

static enum trap_err put_hit(struct import *i, struct event *e, struct err_text *why)
{
    struct buf text;
    size_t at = 0;
    enum trap_err err = TRAP_OK;

    buf_init(&text, (e->mint_count + 1) * (MINT_LOCAL_MAX + 1 + MINT_DOMAIN_MAX));
    if (buf_reserve(&text, text.max) == NULL) /* never moves */
        err = TRAP_ENOMEM;
    for (size_t k = 0; k < e->mint_count && err == TRAP_OK; k++) {
        err = e->mints[k].domain.n > MINT_DOMAIN_MAX ? TRAP_EINVAL : mint_one(i, &e->mints[k], &text, why);
        e->rcpts[e->mints[k].rcpt].address = bytes_of(text.p + at, text.n - at);
        at = text.n;
    }
    if (err == TRAP_OK)
        err = store_import_hit(i->store, &e->u.hit);
    buf_free(&text);
    return err;
}

static enum trap_err put(struct import *i, struct event *e, struct err_text *why)
{
    switch (e->kind) {
    case EVENT_VISIT:
        return store_import_visit(i->store, &e->u.visit);
    case EVENT_EPOCH:
        return store_import_epoch(i->store, &e->u.epoch);
    case EVENT_HIT:
        return put_hit(i, e, why);
    case EVENT_SESSION:
        return store_import_session(i->store, &e->u.session);
    case EVENT_COUNTER:
        return store_import_counter(i->store, &e->u.counter);
    case EVENT_ACT:
        i->acts = true;
        return store_import_act(i->store, &e->u.act);
    case EVENT_ERASED:
        return store_import_erased(i->store, (enum record_log)e->u.erased.log, e->u.erased.upto,
                                   e->u.erased.last);
    case EVENT_ERASURE:
        return store_import_erasure(i->store, (enum record_log)e->u.erasure.log, &e->u.erasure.erasure);
    case EVENT_KINDS:
        break;
    }
    return TRAP_EINVAL;
}

/* ---- the file ---- */

/* {"trapline-events": 1, "node": 1}: the first line, or none. */
static enum trap_err check_head(const struct import *i, const json_t *doc, struct err_text *why)
{
    const json_t *node = json_object_get(doc, "node");

    if (json_integer_value(json_object_get(doc, "trapline-events")) != 1) {
        err_text_set(why, "made by a newer Trapline; install that version");
        return TRAP_ENEWER;
    }
    if (node != NULL && json_integer_value(node) != store_import_node(i->store)) {
        err_text_set(why, "the log of node %d, and this is node %d: its addresses would not be known here",
                     (int)json_integer_value(node), store_import_node(i->store));
        return TRAP_EINVAL;
    }
    return TRAP_OK;
}

static enum trap_err take_line(struct import *i, struct bytes line, struct err_text *why)
{
    struct event e;
    enum trap_err err = event_read(line, &e, why);

    if (err != TRAP_OK && i->line == 1 && e.doc != NULL &&
        json_object_get(e.doc, "trapline-events") != NULL) {
        err = check_head(i, e.doc, why);
    } else if (err == TRAP_OK) {
        err_text_set(why, "%s: %s", event_forms[e.kind].name,
                     "its \"seq\" (or \"epoch\") is not above the last one, or it is too long");
        err = put(i, &e, why);
        i->count[e.kind] += err == TRAP_OK;
    }
    event_end(&e);
    return err;
}

static enum trap_err take_file(struct import *i, FILE *in, struct err_text *why)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = 0;
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && (n = getline(&line, &room, in)) != -1) {
        const struct bytes text =
            bytes_trim(bytes_take(bytes_of(line, (size_t)n), (size_t)n - (line[n - 1] == '\n')));

        i->line++;
        if (text.n > LINE_BYTES_MAX) {
            err_text_set(why, "the line is too long");
            err = TRAP_ERANGE;
        } else if (text.n > 0 && text.p[0] != '#') {
            err = take_line(i, text, why);
        }
    }
    free(line);
    if (err == TRAP_OK && ferror(in)) {
        err_text_set(why, "cannot be read: %s", strerror(errno));
        err = TRAP_EIO;
    }
    return err;
}

/* What the daemons read beside the logs. */
static enum trap_err make_snapshots(const struct import *i, struct err_text *why)
{
    struct store_db *acts = NULL;
    enum trap_err err;

    if (!i->acts)
        return TRAP_OK;
    err = store_open(i->home->config->state_dir, STORE_ACTS, STORE_READ, &acts, why);
    if (err == TRAP_OK)
        err = trapdir_build(i->home->config->state_dir, acts, why);
    store_close(&acts);
    return err;
}

static int report(const struct import *i, bool json)
{
    if (json) {
        json_t *doc = json_object();

        for (unsigned k = 0; k < EVENT_KINDS; k++)
            json_object_set_new(doc, event_forms[k].name, json_integer((json_int_t)i->count[k]));
        return cli_json(doc);
    }
    printf("Imported %" PRIu64 " visits, %" PRIu64 " messages, %" PRIu64 " sessions, %" PRIu64 " acts.\n",
           i->count[EVENT_VISIT], i->count[EVENT_HIT], i->count[EVENT_SESSION], i->count[EVENT_ACT]);
    return 0;
}

static int import(struct home *h, const char *path, FILE *in, bool json)
{
    struct import i = { .home = h };
    struct err_text why = { "" }, closing = { "" };
    enum trap_err err = store_import_open(h->config->state_dir, &i.store, &why), closed;

    if (err == TRAP_EBUSY)
        return cli_fail(EXIT_TEMPFAIL, "a daemon runs on %s: stop it first (%s)", h->config->state_dir,
                        why.text);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    err = take_file(&i, in, &why);
    closed = store_import_close(&i.store, true, &closing);
    if (err != TRAP_OK)
        return cli_fail(daemon_exit_code(err), "%s:%" PRIu64 ": %s; what stands before it was imported", path,
                        i.line, why.text);
    if (closed != TRAP_OK)
        return cli_fail_err(closed, &closing);
    err = make_snapshots(&i, &why);
    return err == TRAP_OK ? report(&i, json) : cli_fail_err(err, &why);
}

int verb_import(struct cli *cli)
{
    struct home h = { .config = NULL };
    const char *path = NULL;
    FILE *in = NULL;
    int code;

    if (!cli_option(cli, "--events", &path))
        return cli_usage("import");
    code = cli_words(cli, "import", 0, 0);
    if (code != 0)
        return code;
    in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re"); /* as who calls: the file is his */
    if (in == NULL)
        return cli_fail(EXIT_USAGE, "%s: %s", path, strerror(errno));
    code = home_open(cli, HOME_CONFIG, &h);
    if (code == 0) {
        code = import(&h, path, in, cli->json);
        home_close(&h);
    }
    if (in != stdin)
        (void)fclose(in);
    return code;
}
