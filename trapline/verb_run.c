/* verb_run.c - `trapline run`: the daemons under a supervisor, and what to do next in ten lines. */
#include "home.h"
#include "supervisor.h"

#include <base/daemon.h>
#include <base/log.h>
#include <store/file.h>

#include <stdio.h>

static void print_endpoints(const char *what, const struct endpoints *e, const char *how)
{
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < e->n; i++)
        printf("  %-6s %s port %u%s\n", what, ip_text(e->v[i].ip, text), e->v[i].port, how);
}

static void print_next(const struct config *c)
{
    char ip[IP_TEXT_MAX] = "127.0.0.1", bin[PATH_TEXT_MAX], program[PATH_TEXT_MAX];
    const unsigned port = c->web.listen.n > 0 ? c->web.listen.v[0].port : 8080;

    if (c->web.listen.n > 0)
        (void)ip_text(c->web.listen.v[0].ip, ip);
    if (cli_bin_dir(bin) != TRAP_OK || path_join(bin, "trapline", program) != TRAP_OK)
        memcpy(program, "trapline", sizeof("trapline"));
    puts("Trapline runs. Stop it with Ctrl-C or SIGTERM.");
    print_endpoints("bait", &c->web.listen, "");
    print_endpoints("sink", &c->smtp.listen, "");
    print_endpoints("sink", &c->smtp.tls_listen, ", TLS");
    print_endpoints("sink", &c->smtp.proxy_listen, ", PROXY");
    printf("  zones  %s/current\n", c->export.dir);
    puts("Next:");
    printf("  see a bait page      curl -s -H 'X-Forwarded-For: 81.2.69.160' http://%s:%u/\n", ip, port);
    printf("  see a whole catch    %s demo\n", program);
    printf("  look inside          %s status -c %s\n", program, c->path);
    printf("  why is one listed    %s explain -c %s IP\n", program, c->path);
    puts("  for a real site, a real MX and rbldnsd: README.md, docs/bait.md, docs/zones.md");
    (void)fflush(stdout);
}

/* acts.db has no daemon that writes it: after an upgrade it is brought up to date here, before those who read it begin. */
static int upgrade_acts(const struct config *c)
{
    struct store_db *acts = NULL;
    struct err_text why = { "" };
    const enum trap_err err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &acts, &why);

    store_close(&acts);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

int verb_run(struct cli *cli)
{
    struct supervisor *s = NULL;
    struct config *c = NULL;
    struct err_text why = { "" };
    int code = cli_words(cli, "run", 0, 0);

    if (code != 0)
        return code;
    code = home_config_read(cli, &c, &why);
    if (code != 0)
        return code;
    log_init("trapline", c->log_level);
    code = upgrade_acts(c);
    if (code == 0)
        code = supervisor_start(c, &s);
    if (code == 0) {
        print_next(c);
        code = supervisor_wait(s, -1);
        const int stopped = supervisor_stop(&s);
        code = code != 0 ? code : stopped;
    }
    config_free(&c);
    return code;
}
