/* verb_init.c - `trapline init`: directory, keys, databases, configuration. Never overwrites.
 *
 * Order:   the configuration is written last, durably: a DIR without it was not finished and `init` says so.
 */
#include "init.h"

#include "certificate.h"

#include <base/buf.h>
#include <base/config.h>
#include <base/daemon.h>
#include <base/file.h>
#include <base/keyring.h>
#include <mail/keyed.h>
#include <mail/mint.h>
#include <store/epochs.h>
#include <store/file.h>

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DOMAINS_MAX = 32 };

struct init {
    char dir[PATH_TEXT_MAX]; /* absolute */
    const char *domains[DOMAINS_MAX];
    size_t domain_count;
    const char *hostname;
    bool tls_off;
    bool trying; /* no --domain: trap.test, only for this machine */
};

static bool dir_is_empty(const char *path, struct err_text *why)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    char conf[PATH_TEXT_MAX];
    bool empty = true;

    if (d == NULL) {
        err_text_set(why, "%s: %s", path, strerror(errno));
        return false;
    }
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            empty = false;
    (void)closedir(d);
    if (!empty && path_join(path, "trapline.conf", conf) == TRAP_OK && access(conf, F_OK) == 0)
        err_text_set(why,
                     "%s is not empty: init never overwrites; name a new directory, or use the installation "
                     "there with `trapline run -c %s`",
                     path, conf);
    else if (!empty)
        err_text_set(why,
                     "%s is not empty: init never overwrites; name a new directory, or empty this one if an "
                     "earlier `trapline init` failed half way",
                     path);
    return empty;
}

static void add_domains(struct buf *b, const struct init *in)
{
    for (size_t i = 0; i < in->domain_count; i++)
        buf_addf(b, "trap_domain \"%s\" { class = \"minted\"  unknown = \"reject\" }\n", in->domains[i]);
}

/* Who makes the installation owns it; root can start it then, too: on port 25 without more. */
static void add_user(struct buf *b)
{
    const struct passwd *pw = geteuid() == 0 ? NULL : getpwuid(geteuid());

    if (pw != NULL &&
        strspn(pw->pw_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
            strlen(pw->pw_name))
        buf_addf(b, "# The daemons become this user when root starts them.\nuser      = \"%s\"\n\n",
                 pw->pw_name);
}

/* The zones of a first installation are named below the first trap domain; trying on one machine publishes at
 * once. */
static void config_text(struct buf *b, const struct init *in)
{
    const char *publish = in->trying ? "live" : "shadow";

    buf_addf(b,
             "# Trapline, made by `trapline init`. Every key: trapline.conf(5). After a change: trapline "
             "check -c THIS_FILE\n\n"
             "state_dir = \"%s\"\nnode_id   = %d\n\n",
             in->dir, INIT_NODE_ID);
    add_user(b);
    if (in->trying)
        buf_add_str(b, "# trap.test exists only on this machine: for trying. Put your own trap domains here, "
                       "with MX records that\n"
                       "# point to this host, and make a new installation for them.\n");
    else
        buf_add_str(b,
                    "# Domains whose addresses nobody else ever got. Their MX records point to this host.\n");
    add_domains(b, in);
    buf_addf(b,
             "\nweb {\n    listen = {\"127.0.0.1:8080\"}\n"
             "    # The reverse proxy in front, which adds X-Forwarded-For. Nobody else is believed.\n"
             "    trusted_proxies = {\"127.0.0.1/32\"}\n}\n\n"
             "smtp {\n    listen = {%s}\n    hostname = \"%s\"\n%s%s}\n\n",
             in->trying ? "\"127.0.0.1:2525\"" : "\"0.0.0.0:25\", \"[::]:25\"", in->hostname,
             in->tls_off ? "    tls = \"off\"\n" : "",
             in->trying ? "    # May say whom it speaks for (swaks --xclient): for trying on this machine.\n"
                          "    xclient_from = {\"127.0.0.1/32\"}\n"
                        : "");
    buf_add_str(b, "# Never listed, whatever the evidence: your own networks and those of your "
                   "customers.\nnever_list = {}\n\n");
    if (in->trying)
        buf_add_str(b, "# The guard keeps the outbound servers of big mail providers off the senders zones. "
                       "Off: only for trying.\nguard = \"off\"\n\n");
    else
        buf_add_str(
            b, "# The guard keeps the outbound servers of big mail providers off the senders zones. traplook resolves their "
               "networks by their\n"
               "# SPF records; files with more of them may be named, one CIDR a line, not older than 7 days. While there are "
               "none, no\n"
               "# senders zone is published.\n"
               "guard = \"on\"\nguard_files = {}\n\n"
               "# Asks the resolvers of the system; one on this machine that validates DNSSEC is best: resolvers = "
               "{\"127.0.0.1:53\"}.\n"
               "look { lookups = \"on\" }\n\n");
    buf_addf(
        b,
        "policy \"standard\" { preset = \"standard\" }\n\n"
        "# \"shadow\" zones are written and counted, but not into the directory that rbldnsd serves. Look "
        "first, then say \"live\".\n"
        "zone \"bl.%s\" { kind = \"combined\"  policy = \"standard\"  publish = \"%s\" }\n\n"
        "export { dir = \"%s/zones\"  interval = \"1s\"  full_interval = \"10m\"  stale_after = \"6h\" }\n",
        in->domains[0], publish, in->dir);
}

static enum trap_err make_keys(const char *dir, struct err_text *why)
{
    struct keyring master = { .has_master = true };
    struct keyring web = { .has_node = true };
    char path[PATH_TEXT_MAX];
    enum trap_err err;

    keyed_random(master.master, sizeof(master.master));
    mint_node_keys(master.master, INIT_NODE_ID, &web);
    err = path_join(dir, "keys/master.key", path);
    if (err == TRAP_OK)
        err = keyring_create(path, &master, why);
    if (err == TRAP_OK)
        err = path_join(dir, "keys/web.key", path);
    if (err == TRAP_OK)
        err = keyring_create(path, &web, why);
    keyring_wipe(&master);
    keyring_wipe(&web);
    return err;
}

static enum trap_err make_dirs(const char *dir, struct err_text *why)
{
    static const char *const names[] = { "keys", "snap", "zones", "postmaster" };
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && err == TRAP_OK; i++) {
        char path[PATH_TEXT_MAX];

        err = path_join(dir, names[i], path);
        if (err == TRAP_OK)
            err = dir_make(path, strcmp(names[i], "zones") == 0 ? 0755 : 0700, why);
    }
    return err;
}

/* The text must pass our own parser before anything else is made: a wrong word on the command line is said
 * first, without FILE:LINE, because that file is gone again. */
static int check_text(struct bytes text, const char *dir, struct config **out)
{
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];
    enum trap_err err = path_join(dir, "trapline.conf.new", path);
    const char *what = why.text;

    if (err == TRAP_OK)
        err = file_replace(path, text, 0640, &why);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    err = config_read(path, out, &why);
    (void)unlink(path);
    if (err == TRAP_OK)
        return 0;
    if (strncmp(what, path, strlen(path)) == 0) {
        what += strlen(path);
        what += strspn(what, ":0123456789 ");
    }
    return cli_fail(EXIT_USAGE, "init: %s", what);
}

static enum trap_err make_certificates(const struct config *c, const char *dir, struct err_text *why)
{
    unsigned made;

    return c->smtp.tls_off ? TRAP_OK : certificates_make(dir, c->smtp.hostname, &made, why);
}

int init_make(const char *dir, struct bytes text)
{
    struct config *config = NULL;
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];
    /* 0711: rbldnsd, under its own user, must reach zones/; everything else inside is closed to others. */
    enum trap_err err = dir_make(dir, 0711, &why);
    int code;

    if (err == TRAP_OK && !dir_is_empty(dir, &why))
        return cli_fail(EXIT_CANTCREAT, "%s", why.text);
    code = err == TRAP_OK ? check_text(text, dir, &config) : 0;
    if (code != 0) {
        (void)rmdir(dir); /* a wrong word on the command line leaves nothing behind */
        return code;
    }
    if (err == TRAP_OK)
        err = make_dirs(dir, &why);
    if (err == TRAP_OK)
        err = make_keys(dir, &why);
    if (err == TRAP_OK)
        err = make_certificates(config, dir, &why);
    config_free(&config);
    if (err == TRAP_OK)
        err = store_create_all(dir, INIT_NODE_ID, &why);
    if (err == TRAP_OK)
        err = epochs_announce(dir, INIT_NODE_ID, 1, &why);
    if (err == TRAP_OK)
        err = path_join(dir, "trapline.conf", path);
    if (err == TRAP_OK)
        err = file_create(path, text, 0640, &why);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

static int absolute(const char *dir, char out[PATH_TEXT_MAX])
{
    char cwd[PATH_TEXT_MAX];

    if (dir[0] == '/')
        return path_join(dir, "", out) == TRAP_OK ? 0 : cli_fail(EXIT_USAGE, "--dir is too long");
    if (getcwd(cwd, sizeof(cwd)) == NULL || path_join(cwd, dir, out) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "--dir is too long, or the current directory is gone");
    return 0;
}

int verb_init(struct cli *cli)
{
    struct init in = { .hostname = NULL };
    const char *dir = NULL, *domain = NULL, *tls = NULL;
    struct buf text;
    int code;

    if (!cli_option(cli, "--dir", &dir) || dir[0] == '\0')
        return cli_usage("init");
    while (cli_option(cli, "--domain", &domain)) {
        if (in.domain_count == DOMAINS_MAX)
            return cli_fail(EXIT_USAGE, "at most %d --domain", DOMAINS_MAX);
        in.domains[in.domain_count++] = domain;
    }
    (void)cli_option(cli, "--hostname", &in.hostname);
    if (cli_option(cli, "--tls", &tls) && !(in.tls_off = strcmp(tls, "off") == 0) && strcmp(tls, "on") != 0)
        return cli_fail(EXIT_USAGE, "--tls is on or off");
    code = cli_words(cli, "init", 0, 0);
    if (code == 0)
        code = absolute(dir, in.dir);
    if (code != 0)
        return code;
    for (size_t n = strlen(in.dir); n > 1 && in.dir[n - 1] == '/'; n--)
        in.dir[n - 1] = '\0';
    in.trying = in.domain_count == 0;
    if (in.trying)
        in.domains[in.domain_count++] = "trap.test";
    if (in.hostname == NULL && !in.trying)
        return cli_fail(
            EXIT_USAGE,
            "--hostname is needed with --domain: the name that the MX records of the trap domains point to");
    if (in.hostname == NULL)
        in.hostname = "mx.trap.test";

    buf_init(&text, 65536);
    config_text(&text, &in);
    code = text.err == TRAP_OK ? init_make(in.dir, buf_bytes(&text)) : cli_fail(EXIT_OSERR, "out of memory");
    buf_free(&text);
    if (code != 0)
        return code;
    printf("Made %s: trapline.conf, keys, %sdatabases.\n", in.dir, in.tls_off ? "" : "TLS certificates, ");
    if (in.trying)
        puts("Trap domain: trap.test. It is only for trying on this machine; real bait needs --domain with a "
             "domain of your own.");
    if (geteuid() == 0 && !in.trying)
        printf("It belongs to root, and so would the daemons be, which face the network: give it to a user "
               "of its own "
               "(`chown -R USER %s`), and put user = \"USER\" into trapline.conf.\n",
               in.dir);
    printf("Next: look through %s/trapline.conf, then `trapline run -c %s/trapline.conf`.\n", in.dir, in.dir);
    printf("Keep a copy of the keys elsewhere: `trapline keys export -c %s/trapline.conf`. Losing them loses "
           "every address.\n",
           in.dir);
    return 0;
}
