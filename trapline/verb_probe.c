/* verb_probe.c - `trapline probe`: does mail to the trap domains reach the sink of this machine?
 *
 * A marked message to postmaster of each domain goes through a mail server of the operator's, which looks up the MX as
 * everybody's does. The sink keeps mail to postmaster and it is never evidence; what arrives is known by its mark and
 * taken away again.
 */
#include "home.h"
#include "own_address.h"

#include "abuse_report.h"

#include <base/daemon.h>
#include <base/num.h>
#include <export/mail_out.h>
#include <mail/keyed.h>
#include <store/postmaster.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MARK_BYTES = 16,
    MARK_TEXT = 2 * MARK_BYTES,
    HEAD_MAX = 32 * 1024,
    MESSAGE_MAX = 4096,
    ANSWER_S = 60,
    PAUSE_MS = 200,
    TO_MAX = 320,
    DOMAINS_MAX = 100000
};

enum outcome { OUT_UNKNOWN, OUT_ARRIVED, OUT_REFUSED, OUT_DEFERRED, OUT_BROKEN, OUT_MISSING, OUTCOMES };
static const char *const outcome_names[OUTCOMES] = {
    [OUT_UNKNOWN] = "unknown",   [OUT_ARRIVED] = "arrived",  [OUT_REFUSED] = "refused",
    [OUT_DEFERRED] = "deferred", [OUT_BROKEN] = "no server", [OUT_MISSING] = "not arrived"
};
struct probe {
    const char *domain;
    enum outcome outcome;
    char mark[MARK_TEXT + 1];
    int64_t took_ms;
    mono_t sent;
    struct err_text said; /* by the mail server */
};
struct probes {
    const struct config *config;
    const char *from, *server;
    span_t wait;
    char dir[PATH_TEXT_MAX];
    struct probe *v;
    size_t n;
};

/* ---- sending ---- */

static void write_message(const struct probes *all, const struct probe *p, const char *to, struct buf *out)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const struct civil c = wall_civil(wall_now());

    buf_addf(out, "From: %s\r\nTo: %s\r\nSubject: test of mail delivery\r\n", all->from, to);
    buf_addf(out, "Date: %d %s %04d %02d:%02d:%02d +0000\r\nMessage-ID: <%s@", c.day, months[c.month - 1],
             c.year, c.hour, c.minute, c.second, p->mark);
    buf_add(out, abuse_report_domain(bytes_str(all->from)));
    buf_add_str(out,
                ">\r\nAuto-Submitted: auto-generated\r\n\r\nThis message tests whether mail arrives.\r\n");
}

static void send_one(const struct probes *all, struct probe *p)
{
    static const uint8_t outcomes[] = {
        [TRAP_OK] = OUT_UNKNOWN, [TRAP_EPERM] = OUT_REFUSED, [TRAP_EFULL] = OUT_DEFERRED
    };
    uint8_t mark[MARK_BYTES];
    struct buf message;
    char to[TO_MAX];
    enum trap_err err;

    keyed_random(mark, sizeof(mark));
    for (size_t i = 0; i < MARK_BYTES; i++)
        (void)snprintf(p->mark + 2 * i, 3, "%02x", mark[i]);
    (void)snprintf(to, sizeof(to), "postmaster@%s", p->domain);
    buf_init(&message, MESSAGE_MAX);
    write_message(all, p, to, &message);
    p->sent = mono_now();
    err = mail_out_send(&(struct mail_out){ .server = all->server,
                                            .helo = (const char *)abuse_report_domain(bytes_str(all->from)).p,
                                            .from = all->from,
                                            .to = to,
                                            .message = &message,
                                            .timeout_s = ANSWER_S },
                        &p->said);
    buf_free(&message);
    p->outcome =
        (size_t)err < sizeof(outcomes) && (err == TRAP_OK || outcomes[err] != 0) ? outcomes[err] : OUT_BROKEN;
}

/* ---- arriving ---- */

static int is_mail(const struct dirent *e)
{
    return postmaster_is_name(bytes_str(e->d_name)) ? 1 : 0;
}

static size_t waiting(const struct probes *all)
{
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++)
        n += all->v[i].outcome == OUT_UNKNOWN;
    return n;
}

/* A file that holds a mark is taken away. */
static void look_into(struct probes *all, const char *name)
{
    static uint8_t head[HEAD_MAX];
    char path[PATH_TEXT_MAX];
    FILE *f;
    size_t n;

    if (path_join(all->dir, name, path) != TRAP_OK || (f = fopen(path, "re")) == NULL)
        return;
    n = fread(head, 1, sizeof(head), f);
    (void)fclose(f);
    for (size_t i = 0; i < all->n; i++) {
        struct probe *p = &all->v[i];

        if (p->outcome != OUT_UNKNOWN || memmem(head, n, p->mark, MARK_TEXT) == NULL)
            continue;
        p->outcome = OUT_ARRIVED;
        p->took_ms = mono_diff(mono_now(), p->sent).ms;
        if (unlink(path) == -1)
            (void)cli_fail(0, "cannot remove %s; `trapline postmaster remove` does", path);
    }
}

static void look(struct probes *all)
{
    struct dirent **entries = NULL;
    const int n = scandir(all->dir, &entries, is_mail, alphasort);

    for (int i = n - 1; i >= 0; i--) { /* the newest first */
        look_into(all, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void await(struct probes *all)
{
    const mono_t end = mono_add(mono_now(), all->wait);
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

    look(all);
    while (waiting(all) > 0 && mono_diff(end, mono_now()).ms > 0) {
        (void)nanosleep(&pause, NULL);
        look(all);
    }
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].outcome == OUT_UNKNOWN)
            all->v[i].outcome = OUT_MISSING;
}

/* ---- the command ---- */

static void print(const struct probe *p)
{
    printf("%-11s  %s", outcome_names[p->outcome], p->domain);
    if (p->outcome == OUT_ARRIVED)
        printf("  after %lld.%03lld s", (long long)(p->took_ms / 1000), (long long)(p->took_ms % 1000));
    else if (p->outcome != OUT_MISSING)
        printf("  %s", cli_text(bytes_str(p->said.text)));
    putchar('\n');
}

static int tell(const struct cli *cli, const struct probes *all)
{
    json_t *list = json_array();
    int bad = 0, code = 0;

    for (size_t i = 0; i < all->n; i++) {
        const struct probe *p = &all->v[i];

        bad += p->outcome != OUT_ARRIVED;
        if (!cli->json)
            print(p);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:o, s:o}", "domain", p->domain, "outcome", outcome_names[p->outcome],
                            "ms", p->outcome == OUT_ARRIVED ? json_integer(p->took_ms) : json_null(),
                            "server_said", json_bytes(bytes_str(p->said.text))));
    }
    if (cli->json)
        code = cli_json(json_incref(list));
    json_decref(list);
    return code != 0 ? code : bad > 0 ? 1 : 0;
}

static int choose(const struct cli *cli, struct probes *all)
{
    const struct config *c = all->config;

    all->n = cli->argc > 0 ? (size_t)cli->argc : c->trap_domain_count;
    if (all->n == 0)
        return cli_fail(EXIT_USAGE, "probe: the configuration has no trap_domain");
    all->v = calloc(all->n, sizeof(*all->v));
    if (all->v == NULL)
        return cli_fail(EXIT_OSERR, "out of memory");
    for (size_t i = 0; i < all->n; i++) {
        const struct conf_trap_domain *d =
            cli->argc > 0 ? config_trap_domain(c, bytes_str(cli->argv[i])) : &c->trap_domains[i];

        if (d == NULL)
            return cli_fail(EXIT_USAGE, "probe: \"%s\" is no trap_domain of the configuration",
                            cli_text(bytes_str(cli->argv[i])));
        all->v[i].domain = d->name;
    }
    return 0;
}

int verb_probe(struct cli *cli)
{
    struct probes all = { .server = "localhost:25", .wait = SPAN_MIN(2) };
    struct config *config = NULL;
    const char *wait = NULL;
    int code;

    (void)cli_option(cli, "--from", &all.from);
    (void)cli_option(cli, "--via", &all.server);
    if (cli_option(cli, "--wait", &wait) && num_span(bytes_str(wait), SPAN_D(1), &all.wait) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "probe: --wait needs a length of time such as 5m, at most 1d");
    code = cli_words(cli, "probe", 0, DOMAINS_MAX);
    if (code == 0)
        code = home_config(cli, &config);
    if (code != 0)
        return code;
    all.config = config;
    config_state_path(config, "postmaster", all.dir);
    code = own_address_check(config, "probe", "--from", all.from);
    if (code == 0 && keyed_init() != TRAP_OK)
        code = cli_fail(EXIT_OSERR, "no random numbers");
    if (code == 0)
        code = choose(cli, &all);
    if (code == 0) {
        for (size_t i = 0; i < all.n; i++)
            send_one(&all, &all.v[i]);
        await(&all);
        code = tell(cli, &all);
    }
    free(all.v);
    config_free(&config);
    return code;
}
