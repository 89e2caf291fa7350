/* verb_sample.c - `trapline sample`: the head of a message, or of the first one of its campaign. */
#include "home.h"

#include <base/daemon.h>
#include <base/num.h>
#include <store/hit_log.h>
#include <store/sample.h>

#include <stdio.h>
#include <unistd.h>

static enum trap_err take_digest(const struct hit *hit, void *arg)
{
    *(uint64_t *)arg = hit->digest;
    return TRAP_OK;
}

static int print(const struct cli *cli, uint64_t hit, const struct sample *s)
{
    static const char *const forms[] = {
        [SAMPLE_CONTENT] = "content", [SAMPLE_DATA] = "DATA", [SAMPLE_CHUNKS] = "BDAT"
    };
    struct buf content;
    int code = 0;

    buf_init(&content, s->data.n + 1);
    if (sample_content(s, &content) != TRAP_OK)
        code = cli_fail(EXIT_OSERR, "out of memory");
    else if (cli->json)
        code = cli_json(json_pack("{s:I, s:I, s:o, s:s, s:b, s:I, s:o}", "hit", (json_int_t)hit, "sample_of",
                                  (json_int_t)s->hit, "at", json_wall(s->at), "received_by", forms[s->form],
                                  "header_only", s->header_only, "bytes_on_the_wire", (json_int_t)s->data.n,
                                  "content", json_bytes(buf_bytes(&content))));
    else
        cli_print_content(buf_bytes(&content));
    buf_free(&content);
    return code;
}

static int show(const struct cli *cli, const struct home *h, uint64_t hit, bool wire)
{
    struct sample s;
    uint64_t digest = 0;
    enum trap_err err = hit_get(h->hits, hit, take_digest, &digest);
    int code = 0;

    if (err == TRAP_ENOENT)
        return cli_fail(EXIT_USAGE, "sample: there is no hit %llu", (unsigned long long)hit);
    if (err == TRAP_OK)
        err = h->samples == NULL ? TRAP_ENOENT : sample_of(h->samples, hit, digest, &s);
    if (err == TRAP_ENOENT)
        return cli_fail(EXIT_USAGE, "sample: none was kept of hit %llu and its campaign, or it is gone",
                        (unsigned long long)hit);
    if (err != TRAP_OK)
        return cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    if (wire)
        (void)fwrite(s.data.p, 1, s.data.n, stdout);
    else
        code = print(cli, hit, &s);
    sample_free(&s);
    return code;
}

int verb_sample(struct cli *cli)
{
    struct home h = { .config = NULL };
    const bool wire = cli_flag(cli, "--wire");
    uint64_t hit = 0;
    int code = cli_words(cli, "sample", 1, 1);

    if (code != 0)
        return code;
    if (num_u64(bytes_str(cli->argv[0]), 1, INT64_MAX, &hit) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "sample: \"%s\" is not the number of a hit",
                        cli_text(bytes_str(cli->argv[0])));
    if (wire && isatty(STDOUT_FILENO))
        return cli_fail(EXIT_USAGE,
                        "sample: --wire writes what the sender sent; send it to a file or a program");
    code = home_open(cli, HOME_LOGS | HOME_SAMPLES, &h);
    if (code == 0) {
        code = show(cli, &h, hit, wire);
        home_close(&h);
    }
    return code;
}
