/* home.c - see home.h. */
#include "home.h"

#include <base/daemon.h>
#include <base/file.h>
#include <policy/lists.h>

static int open_db(struct home *h, enum store_file f, struct store_db **out)
{
    struct err_text why = { "" };
    const enum trap_err err = store_open(h->config->state_dir, f, STORE_READ, out, &why);

    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

static int open_keys(struct home *h)
{
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];
    enum trap_err err;

    config_state_path(h->config, "keys/master.key", path);
    err = keyring_read(path, &h->keys, &why);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    err = mint_new(&h->keys, &h->mint);
    if (err != TRAP_OK)
        return cli_fail(EXIT_OSERR, "out of memory");
    h->policy_key = keyed_purpose(h->keys.master, "policy");
    return 0;
}

static int open_policy(struct home *h)
{
    struct err_text why = { "" };
    const struct fold_node node = { h->config->node_id, h->hits, h->visits };
    enum trap_err err = acts_view_load(h->acts, h->now, &h->acts_view, &why);

    if (err == TRAP_OK)
        err = lists_load(h->config, &h->acts_view, h->now, &h->lists, &why);
    if (err == TRAP_OK)
        err = fold_new(h->config, h->mint, h->derived, &node, 1, &h->fold);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

int home_open(struct cli *cli, unsigned need, struct home *out)
{
    struct err_text why = { "" };
    enum trap_err err = config_read(cli->conf_path, &out->config, &why);
    int code = 0;

    if (err != TRAP_OK)
        return cli_fail(EXIT_CONFIG, "%s", why.text);
    out->now = wall_now();
    if (need & (HOME_KEYS | HOME_POLICY))
        code = open_keys(out);
    if (code == 0 && (need & (HOME_LOGS | HOME_POLICY))) {
        code = open_db(out, STORE_HITS, &out->hits);
        if (code == 0)
            code = open_db(out, STORE_VISITS, &out->visits);
        if (code == 0)
            code = open_db(out, STORE_ACTS, &out->acts);
    }
    if (code == 0 && (need & (HOME_DERIVED | HOME_POLICY)))
        code = open_db(out, STORE_DERIVED, &out->derived);
    if (code == 0 && (need & HOME_PUBLISHED))
        code = open_db(out, STORE_PUBLISHED, &out->published);
    if (code == 0 && (need & HOME_POLICY))
        code = open_policy(out);
    if (code != 0)
        home_close(out);
    return code;
}

void home_close(struct home *h)
{
    fold_free(&h->fold);
    lists_free(&h->lists);
    acts_view_free(&h->acts_view);
    store_close(&h->published);
    store_close(&h->derived);
    store_close(&h->acts);
    store_close(&h->samples);
    store_close(&h->visits);
    store_close(&h->hits);
    mint_free(&h->mint);
    keyring_wipe(&h->keys);
    config_free(&h->config);
}

struct policy_env home_policy(const struct home *h, const struct conf_policy *p)
{
    return (struct policy_env){ .policy = p, .lists = &h->lists, .acts = &h->acts_view, .key = h->policy_key,
                                .as_of = h->now, .derived = h->derived };
}
