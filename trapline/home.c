/* home.c - see home.h. */
#include "home.h"

#include <base/daemon.h>
#include <base/file.h>
#include <policy/lists.h>
#include <store/log_filter.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

int home_as_owner(const struct config *c)
{
    const struct passwd *pw;
    struct stat st;

    if (geteuid() != 0 || stat(c->state_dir, &st) == -1 || st.st_uid == 0)
        return 0;
    pw = getpwuid(st.st_uid);
    if ((pw != NULL && initgroups(pw->pw_name, st.st_gid) == -1) || setegid(st.st_gid) == -1 ||
        seteuid(st.st_uid) == -1)
        return cli_fail(EXIT_NOPERM, "cannot become the owner of %s: %s", c->state_dir, strerror(errno));
    return 0;
}

struct bytes home_operator(void)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw;

    if (sudo != NULL && sudo[0] != '\0')
        return bytes_str(sudo);
    pw = getpwuid(getuid());
    return pw == NULL ? BYTES("unknown") : bytes_str(pw->pw_name);
}

struct bytes home_operator_by(struct cli *cli)
{
    const char *by = NULL;

    return cli_option(cli, "--by", &by) && by[0] != '\0' ? bytes_str(by) : home_operator();
}

void home_as_caller(void)
{
    TRAP_BUG_ON(seteuid(getuid()) == -1 || setegid(getgid()) == -1);
}

int home_config_read(const struct cli *cli, struct config **out, struct err_text *why)
{
    if (config_read(cli->conf_path, out, why) == TRAP_OK)
        return 0;
    return cli_fail(EXIT_CONFIG, "%s%s", why->text,
                    cli->conf_named || access(cli->conf_path, F_OK) == 0
                        ? ""
                        : "; name yours with -c or TRAPLINE_CONF, or make one (`trapline help init`)");
}

int home_config(const struct cli *cli, struct config **out)
{
    struct err_text why = { "" };
    int code = home_config_read(cli, out, &why);

    if (code != 0)
        return code;
    code = home_as_owner(*out);
    if (code != 0)
        config_free(out);
    return code;
}

int home_open(struct cli *cli, unsigned need, struct home *out)
{
    int code = home_config(cli, &out->config);

    if (code != 0)
        return code;
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
    if (code == 0 && (need & HOME_SAMPLES)) {
        struct err_text why; /* a convenience: nothing is refused without it */

        if (store_open(out->config->state_dir, STORE_SAMPLES, STORE_READ, &out->samples, &why) != TRAP_OK)
            out->samples = NULL;
    }
    if (code == 0 && (need & (HOME_DERIVED | HOME_POLICY)))
        code = open_db(out, STORE_DERIVED, &out->derived);
    if (out->derived != NULL && out->hits != NULL) {
        log_filter_use(out->hits, out->derived);
        log_filter_use(out->visits, out->derived);
    }
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
    return (struct policy_env){ .policy = p,
                                .lists = &h->lists,
                                .acts = &h->acts_view,
                                .key = h->policy_key,
                                .as_of = h->now,
                                .derived = h->derived,
                                .lookups = h->acts };
}
