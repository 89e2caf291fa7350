/* verb_rebuild.c - `trapline rebuild`: derived.db made again from the log. */
#include "home.h"

#include <base/daemon.h>
#include <base/num.h>
#include <store/log_filter.h>

#include <stdio.h>
#include <unistd.h>

static void progress(uint64_t done, uint64_t total, void *arg)
{
    (void)arg;
    if (!isatty(STDERR_FILENO))
        return;
    if (done < total)
        fprintf(stderr, "\r%llu of %llu records read (%u %%)", (unsigned long long)done,
                (unsigned long long)total, (unsigned)(done * 100 / total));
    else
        fputs("\r\033[Kwriting the evidence", stderr);
}

static int rebuild(struct home *h, struct store_db *derived, uint32_t batch, bool json)
{
    const struct fold_node node = { h->config->node_id, h->hits, h->visits };
    struct fold_options options = {
        .batch_max = batch, .as_of = { INT64_MAX }, .afresh = true, .progress = progress
    };
    struct fold_result r = { 0 };
    struct err_text why = { "" };
    struct fold *fold = NULL;
    struct taints *taints = NULL;
    const mono_t start = mono_now();
    enum trap_err err = taints_load(h->acts, options.as_of, &taints, &why);

    options.taints = taints;
    if (err == TRAP_OK)
        err = fold_new(h->config, h->mint, derived, &node, 1, &fold);
    if (err == TRAP_OK)
        err = fold_run(fold, &options, &r, &why);
    if (err == TRAP_OK) {
        err = log_filter_advance(derived, h->visits, h->hits, UINT64_MAX);
        err_text_set(&why, "cannot write where clients are in the logs: %s", err_name(err));
    }
    fold_free(&fold);
    taints_free(&taints);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);

    const uint64_t total = r.visits + r.hits + r.sessions;
    const int64_t ms = mono_diff(mono_now(), start).ms + 1;
    if (json)
        return cli_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "visits", (json_int_t)r.visits,
                                  "hits", (json_int_t)r.hits, "sessions", (json_int_t)r.sessions, "resolved",
                                  (json_int_t)r.resolved, "pending", (json_int_t)r.pending, "forged",
                                  (json_int_t)r.forged, "static", (json_int_t)r.static_traps, "ms",
                                  (json_int_t)ms));
    printf("Folded %llu visits, %llu hits, %llu session records in %.1f s (%llu records/s).\n",
           (unsigned long long)r.visits, (unsigned long long)r.hits, (unsigned long long)r.sessions,
           (double)ms / 1000.0, (unsigned long long)(total * 1000 / (uint64_t)ms));
    printf("Minted addresses: %llu resolved, %llu pending, %llu aged, %llu forged. Static traps: %llu.\n",
           (unsigned long long)r.resolved, (unsigned long long)r.pending, (unsigned long long)r.aged,
           (unsigned long long)r.forged, (unsigned long long)r.static_traps);
    return 0;
}

int verb_rebuild(struct cli *cli)
{
    struct home h = { .config = NULL };
    struct store_db *derived = NULL;
    struct err_text why = { "" };
    const char *word = NULL;
    uint32_t batch = 0;
    enum trap_err err;
    int code;

    if (cli_option(cli, "--batch", &word) && num_u32(bytes_str(word), 1, 10000000, &batch) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "--batch needs a number from 1 to 10000000");
    code = cli_words(cli, "rebuild", 0, 0);
    if (code == 0)
        code = home_open(cli, HOME_KEYS | HOME_LOGS, &h);
    if (code != 0)
        return code;
    err = store_open(h.config->state_dir, STORE_DERIVED, STORE_CREATE, &derived, &why);
    if (err == TRAP_EBUSY)
        code = cli_fail(EXIT_TEMPFAIL, "trapexport is running: stop it first (%s)", why.text);
    else
        code = err == TRAP_OK ? rebuild(&h, derived, batch, cli->json) : cli_fail_err(err, &why);
    store_close(&derived);
    home_close(&h);
    return code;
}
