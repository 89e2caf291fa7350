/* runner_out.c - `trapexport --once --as-of T --serial N --out DIR`: the same inputs give the same bytes. */
#include "runner.h"

#include <base/file.h>
#include <base/keyring.h>

#include <stdio.h>
#include <stdlib.h>

enum trap_err runner_keys(const struct config *c, struct mint **mint_out, struct hash_key *policy_key_out,
                          struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    struct keyring keys;
    enum trap_err err;

    config_state_path(c, "keys/master.key", path);
    err = keyring_read(path, &keys, why);
    if (err != TRAP_OK)
        return err;
    if (!keys.has_master) {
        err = TRAP_EINVAL;
        err_text_set(why, "%s holds no master key: trapexport needs it to decode addresses", path);
    } else {
        err = mint_new(&keys, mint_out);
        if (err != TRAP_OK)
            err_text_set(why, "no memory for the keys");
        else
            *policy_key_out = keyed_purpose(keys.master, "policy");
    }
    keyring_wipe(&keys);
    return err;
}

/* The directory that holds path. */
static void parent_of(const char *path, char out[PATH_TEXT_MAX])
{
    size_t n = strlen(path);

    while (n > 0 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    while (n > 1 && path[n - 1] == '/')
        n--;
    (void)snprintf(out, PATH_TEXT_MAX, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : path);
}

static enum trap_err evaluate_to(const struct export_env *env, wall_t as_of, uint32_t serial,
                                 const char *out_dir, struct publish_result *out, struct err_text *why)
{
    struct publish_input in = { .as_of = as_of, .serial = serial };
    struct export_eval eval = { 0 };
    enum trap_err err = export_evaluate(env, as_of, NULL, &eval, why);

    if (err == TRAP_OK)
        err = export_datasets(env, &eval, &in.dataset, why);
    if (err == TRAP_OK) {
        in.lists = &eval.lists;
        in.acts = &eval.acts;
        in.policy_digest = eval.policy_digest;
        err = publish_out(env->config, env->plan, &in, out_dir, out, why);
    }
    export_datasets_free(env->plan, &in.dataset);
    export_eval_free(&eval);
    return err;
}

enum trap_err runner_out(const struct config *c, wall_t as_of, uint32_t serial, const char *out_dir,
                         struct publish_result *out, struct err_text *why)
{
    struct export_env env = { .config = c };
    struct export_scratch *scratch = NULL;
    struct mint *mint = NULL;
    struct plan plan = { 0 };
    char parent[PATH_TEXT_MAX];
    enum trap_err err = plan_make(c, &plan, why);

    parent_of(out_dir, parent);
    env.plan = &plan;
    if (err == TRAP_OK)
        err = runner_keys(c, &mint, &env.key, why);
    if (err == TRAP_OK)
        err = store_open(c->state_dir, STORE_ACTS, STORE_READ, &env.acts, why);
    if (err == TRAP_OK)
        err = export_scratch_open(c, mint, as_of, parent, &scratch, why);
    if (err == TRAP_OK) {
        env.derived = export_scratch_derived(scratch);
        err = evaluate_to(&env, as_of, serial, out_dir, out, why);
    }
    export_scratch_close(&scratch);
    store_close(&env.acts);
    mint_free(&mint);
    plan_free(&plan);
    return err;
}
