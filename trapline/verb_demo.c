/* verb_demo.c - `trapline demo`: one harvester and two spammers, caught in a scratch directory, told step by
 * step.
 *
 * Addresses: global-looking ones, because special-use space can never be listed; nothing leaves 127.0.0.1.
 */
#include "demo_peers.h"
#include "init.h"
#include "report.h"
#include "supervisor.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/log.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HARVESTER "81.2.69.160"
#define SPAMMER_1 "89.160.20.112"
#define SPAMMER_2 "175.16.199.37"
#define ZONE      "bl.trap.test"

enum { ADDRESS_MAX = 320, ANSWER_MAX = 256 };

struct demo {
    char dir[PATH_TEXT_MAX], conf[PATH_TEXT_MAX];
    uint16_t web_port, smtp_port, dns_port;
    char address[ADDRESS_MAX];
    struct config *config;
    struct supervisor *supervisor;
    pid_t rbldnsd;
};

static int step(int number, const char *text)
{
    printf("\n%d. %s\n", number, text);
    (void)fflush(stdout);
    return 0;
}

static int make(struct demo *d)
{
    const char *tmp = getenv("TMPDIR");
    char parent[PATH_TEXT_MAX];
    struct buf text;
    int code;

    (void)snprintf(parent, sizeof(parent), "%s/trapline-demo.XXXXXX",
                   tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp);
    if (mkdtemp(parent) == NULL)
        return cli_fail(EXIT_CANTCREAT, "%s: %s", parent, strerror(errno));
    (void)chmod(parent, 0711); /* rbldnsd reads the zones under its own user */
    if (path_join(parent, "", d->dir) != TRAP_OK || path_join(parent, "trapline.conf", d->conf) != TRAP_OK)
        return cli_fail(EXIT_CANTCREAT, "TMPDIR is too long");
    d->dir[strlen(d->dir) - 1] = '\0';
    d->web_port = peer_free_port(false);
    do
        d->smtp_port = peer_free_port(false);
    while (d->smtp_port == d->web_port && d->smtp_port != 0); /* the kernel may give one port twice */
    d->dns_port = peer_free_port(true);
    buf_init(&text, 4096);
    buf_addf(&text,
             "state_dir = \"%s\"\nnode_id = %d\nlog_level = \"warning\"\ntrap_domain \"trap.test\" { class = "
             "\"minted\"  unknown = \"reject\" }\n"
             "web { listen = {\"127.0.0.1:%u\"}  trusted_proxies = {\"127.0.0.1/32\"} }\n"
             "smtp { listen = {\"127.0.0.1:%u\"}  hostname = \"mx.trap.test\"  tls = \"off\"  xclient_from = "
             "{\"127.0.0.1/32\"} }\n"
             "guard = \"off\"\npolicy \"demo\" { preset = \"aggressive\"  listing_delay = \"0\" }\n"
             "zone \"" ZONE "\" { kind = \"combined\"  policy = \"demo\"  publish = \"live\" }\n"
             "export { dir = \"%s/zones\"  interval = \"1s\" }\n",
             d->dir, INIT_NODE_ID, d->web_port, d->smtp_port, d->dir);
    code = text.err != TRAP_OK ? cli_fail(EXIT_OSERR, "out of memory") : init_make(d->dir, buf_bytes(&text));
    buf_free(&text);
    return code;
}

static int start(struct demo *d)
{
    struct err_text why = { "" };

    if (config_read(d->conf, &d->config, &why) != TRAP_OK)
        return cli_fail(EXIT_CONFIG, "%s", why.text);
    log_init("trapline", d->config->log_level);
    return supervisor_start(d->config, &d->supervisor);
}

static int harvest(struct demo *d)
{
    struct buf page;
    bool ok;

    buf_init(&page, 1 << 20);
    ok = peer_get(d->web_port, "/", HARVESTER, &page) &&
         peer_extract(buf_bytes(&page), d->address, sizeof(d->address));
    buf_free(&page);
    if (!ok)
        return cli_fail(EXIT_SOFTWARE, "demo: the page carried no address");
    printf("   It reads the page as harvesters do and takes the first address it finds:\n      %s\n",
           d->address);
    puts("   No person sees it, and nobody else was ever shown it: it was made for this visit, and the visit "
         "was on disk before the page went out.");
    return 0;
}

static int mail(struct demo *d, const char *client, const char *from)
{
    printf("   %s connects:\n", client);
    if (!peer_mail(d->smtp_port, client, from, d->address))
        return cli_fail(EXIT_SOFTWARE, "demo: the sink did not accept the message");
    return 0;
}

static bool start_rbldnsd(struct demo *d)
{
    char bind[64], zone[PATH_TEXT_MAX];
    pid_t pid;

    (void)snprintf(bind, sizeof(bind), "127.0.0.1/%u", d->dns_port);
    (void)snprintf(zone, sizeof(zone), ZONE ":combined:current/" ZONE ".combined");
    pid = fork();
    if (pid == 0) {
        char dir[PATH_TEXT_MAX];

        if (path_join(d->dir, "zones", dir) == TRAP_OK && freopen("/dev/null", "w", stdout) != NULL &&
            freopen("/dev/null", "w", stderr) != NULL) {
            (void)execlp("rbldnsd", "rbldnsd", "-n", "-c", "1", "-b", bind, "-w", dir, zone, (char *)NULL);
            (void)execl("/usr/sbin/rbldnsd", "rbldnsd", "-n", "-c", "1", "-b", bind, "-w", dir, zone,
                        (char *)NULL);
        }
        _exit(127);
    }
    d->rbldnsd = pid;
    (void)usleep(300000);
    if (pid == -1 || waitpid(pid, NULL, WNOHANG) == pid) {
        d->rbldnsd = 0;
        return false;
    }
    return true;
}

/* The exporter works once a second: waits until the listing is in the served set. */
static bool wait_listed(struct demo *d)
{
    for (int i = 0; i < 100; i++) {
        char path[PATH_TEXT_MAX];
        struct buf zone;
        bool found = false;

        if (path_join(d->dir, "zones/current/" ZONE ".combined", path) == TRAP_OK &&
            file_slurp(path, 1 << 20, &zone, NULL) == TRAP_OK) {
            found = memmem(zone.p, zone.n, SPAMMER_2, strlen(SPAMMER_2)) != NULL;
            buf_free(&zone);
        }
        if (found)
            return true;
        if (supervisor_wait(d->supervisor, 100) != -1)
            return false;
    }
    return false;
}

static bool ask(struct demo *d, const char *name, uint16_t type)
{
    char answer[ANSWER_MAX];
    const bool ok = peer_ask(d->dns_port, name, type, answer, sizeof(answer));

    printf("      %-50s %-4s %s\n", name, type == 1 ? "A" : "TXT", ok ? answer : "no answer");
    return ok && strcmp(answer, "NXDOMAIN") != 0;
}

static int ask_all(struct demo *d)
{
    bool ok;

    if (!start_rbldnsd(d)) {
        puts("   rbldnsd is not installed (Debian: apt-get install rbldnsd), so nobody can be asked. The "
             "zone file is there all the same.");
        return cli_fail(EXIT_UNAVAILABLE, "demo: not shown to its end, because rbldnsd is missing");
    }
    ok = ask(d, "112.20.160.89." ZONE, 1);
    ok = ask(d, "112.20.160.89." ZONE, 16) && ok;
    ok = ask(d, "37.199.16.175." ZONE, 1) && ok;
    puts("   and about the harvester, in the form of http:BL (127.days.threat.type, type 2 = harvester):");
    ok = ask(d, "160.69.2.81.harvesters." ZONE, 1) && ok;
    puts("   and about a stranger:");
    (void)ask(d, "8.8.8.8." ZONE, 1);
    return ok ? 0 : cli_fail(EXIT_SOFTWARE, "demo: a name server did not answer as it should");
}

static int explain(struct demo *d)
{
    struct cli cli = { .conf_path = d->conf };
    struct home h = { .config = NULL };
    struct prefix key;
    json_t *doc;
    int code = home_open(&cli, HOME_KEYS | HOME_LOGS | HOME_DERIVED | HOME_POLICY, &h);

    if (code != 0)
        return code;
    if (cli_prefix(SPAMMER_1, &key) == TRAP_OK && (doc = report_sender(&h, key, &code)) != NULL) {
        report_print_sender(doc);
        json_decref(doc);
    }
    home_close(&h);
    return code;
}

static int play(struct demo *d)
{
    int code;

    printf("This plays one harvester and two spammers against a real Trapline in %s, on this machine only.\n",
           d->dir);
    step(1, "The daemons start: trapweb shows bait, trapsmtp takes mail, trapexport makes the zones.");
    code = start(d);
    if (code == 0) {
        step(2, "A harvester, " HARVESTER ", reads a page.");
        code = harvest(d);
    }
    if (code == 0) {
        step(3, "It sells the address. Two spammers who bought it send mail. XCLIENT lets the demo speak for "
                "their addresses.");
        code = mail(d, SPAMMER_1, "offers@bulk-offers.example");
    }
    if (code == 0)
        code = mail(d, SPAMMER_2, "news@more-offers.example");
    if (code == 0) {
        step(4, "Correlation ties them together; the exporter writes a zone. Why is " SPAMMER_1
                " on it? `trapline explain` says:\n");
        if (!wait_listed(d))
            code = cli_fail(EXIT_SOFTWARE, "demo: the spammers were not on the zone within 10 s");
    }
    if (code == 0)
        code = explain(d);
    if (code == 0) {
        step(5, "A real rbldnsd serves the zone. A mail server asks it about the spammers:");
        code = ask_all(d);
    }
    if (code == 0)
        puts("\nCaught: harvester " HARVESTER ", senders " SPAMMER_1 " and " SPAMMER_2
             ". rbldnsd answered for all three.");
    return code;
}

static void end(struct demo *d, bool keep)
{
    struct err_text why = { "" };

    if (d->rbldnsd > 0) {
        (void)kill(d->rbldnsd, SIGTERM);
        (void)waitpid(d->rbldnsd, NULL, 0);
    }
    (void)supervisor_stop(&d->supervisor);
    config_free(&d->config);
    if (keep)
        printf("Kept: %s (trapline status -c %s)\n", d->dir, d->conf);
    else if (d->dir[0] != '\0' && dir_remove(d->dir, &why) != TRAP_OK)
        (void)cli_fail(EXIT_IOERR, "%s", why.text);
}

int verb_demo(struct cli *cli)
{
    struct demo d = { .dir = "" };
    const bool keep = cli_flag(cli, "--keep");
    int code = cli_words(cli, "demo", 0, 0);

    if (code != 0)
        return code;
    code = make(&d);
    if (code == 0)
        code = play(&d);
    end(&d, keep);
    return code;
}
