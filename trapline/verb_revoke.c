/* verb_revoke.c - `trapline revoke`: takes back an act `allow`, `deny`, `submit`, `delist` or `taint`; both stay on
 * record. */
#include "home.h"

#include <base/daemon.h>
#include <base/num.h>
#include <store/act_log.h>

#include <stdio.h>

static enum trap_err copy_kind(const struct act *a, void *arg)
{
    *(uint8_t *)arg = a->kind;
    return TRAP_OK;
}

/* Traps are taken back with `trap retire`, which also makes the snapshot anew; other acts tell what happened
 * and stay. */
static int check_kind(uint8_t kind, uint64_t seq)
{
    if (kind == ACT_ALLOW || kind == ACT_DENY || kind == ACT_DELIST || kind == ACT_SUBMIT || kind == ACT_TAINT)
        return 0;
    if (kind == 0)
        return cli_fail(EXIT_USAGE, "revoke: there is no act %llu", (unsigned long long)seq);
    return cli_fail(EXIT_USAGE, "revoke: act %llu is \"%s\"; only allow, deny, submit, delist and taint can be taken back%s",
                    (unsigned long long)seq, act_kind_name(kind),
                    kind == ACT_TRAP_ADD ? " (a trap: `trapline trap retire`)" : "");
}

static int revoke(struct cli *cli, struct store_db *db, uint64_t seq, struct bytes who, const char *reason)
{
    struct act act = { .kind = ACT_REVOKE,
                       .at = wall_now(),
                       .subject = bytes_str(cli->argv[0]),
                       .who = who,
                       .why = bytes_str(reason) };
    struct err_text why = { "" };
    uint64_t last = 0;
    uint8_t kind = 0;
    enum trap_err err = act_each(db, seq - 1, 1, copy_kind, &kind, &last);
    int code;

    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    code = check_kind(last == seq ? kind : 0, seq);
    if (code != 0)
        return code;
    err = act_append(db, &act, 1, &why);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    if (cli->json)
        return cli_json(json_pack("{s:I, s:s, s:I}", "act", (json_int_t)act.seq, "kind",
                                  act_kind_name(act.kind), "revokes", (json_int_t)seq));
    printf("Act %llu on record: act %llu (%s) is taken back with the next zone set.\n",
           (unsigned long long)act.seq, (unsigned long long)seq, act_kind_name(kind));
    return 0;
}

int verb_revoke(struct cli *cli)
{
    struct err_text why = { "" };
    struct config *c = NULL;
    struct store_db *db = NULL;
    const char *reason = NULL;
    uint64_t seq = 0;
    enum trap_err err;
    int code;

    const struct bytes who = home_operator_by(cli);

    (void)cli_option(cli, "--why", &reason);
    code = cli_words(cli, "revoke", 1, 1);
    if (code != 0)
        return code;
    if (num_u64(bytes_str(cli->argv[0]), 1, INT64_MAX, &seq) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "revoke: ACT is the number that the act printed");
    if (reason == NULL || reason[0] == '\0')
        return cli_fail(EXIT_USAGE, "revoke: --why TEXT is needed: it goes on record");
    code = home_config(cli, &c);
    if (code != 0)
        return code;
    err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &db, &why);
    code = err == TRAP_OK ? revoke(cli, db, seq, who, reason) : cli_fail_err(err, &why);
    store_close(&db);
    config_free(&c);
    return code;
}
