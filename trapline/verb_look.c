/* verb_look.c - `trapline look`: what traplook wrote down of an address or a mail provider; --now: asks. */
#include "look_report.h"

#include <base/daemon.h>
#include <mail/dns_name.h>

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* traplook asks; this program sees no DNS. */
static int ask_now(const struct cli *cli, const char *word)
{
    char bin[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
    int status = 0;
    pid_t pid;

    if (cli_bin_dir(bin) != TRAP_OK || path_join(bin, "traplook", path) != TRAP_OK)
        return cli_fail(EXIT_OSERR, "look: cannot find traplook beside this program");
    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        (void)execl(path, "traplook", "-c", cli->conf_path, "--ask", word, (char *)NULL);
        fprintf(stderr, "trapline: cannot start %s: %s\n", path, strerror(errno));
        _exit(EXIT_OSERR);
    }
    if (pid == -1 || waitpid(pid, &status, 0) != pid)
        return cli_fail(EXIT_OSERR, "look: cannot start traplook: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SOFTWARE;
}

static int failed(enum trap_err err)
{
    return cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s == NULL ? "" : s;
}

static int show_address(const struct cli *cli, struct home *h, struct prefix key)
{
    enum trap_err err;
    json_t *doc = look_report_key(h, key, &err);

    if (doc == NULL)
        return failed(err);
    if (cli->json)
        return cli_json(json_pack("{s:o, s:o}", "key", json_prefix(key), "lookup", doc));
    look_print_key(doc);
    json_decref(doc);
    return 0;
}

static int show_provider(const struct cli *cli, struct home *h, const char *domain)
{
    enum trap_err err;
    json_t *doc = look_report_provider(h, domain, &err);

    if (doc == NULL)
        return failed(err);
    if (cli->json)
        return cli_json(json_pack("{s:s, s:o}", "provider", domain, "lookup", doc));
    if (!json_is_object(doc)) {
        printf("%s was never resolved; is it in the list of providers?\n", domain);
    } else {
        printf("%s at %s: %s, %s networks, %s look-ups, %s refused\n", domain, text(doc, "at"), text(doc, "spf"),
               text(doc, "count"), text(doc, "lookups"), text(doc, "refused"));
        for (const char *p = text(doc, "ranges"); *p != '\0'; p++)
            putchar(*p == ',' ? '\n' : *p);
        if (text(doc, "ranges")[0] != '\0')
            putchar('\n');
    }
    json_decref(doc);
    return 0;
}

static int show_providers(const struct cli *cli, struct home *h)
{
    enum trap_err err;
    json_t *list = look_report_providers(h, &err), *guard = list == NULL ? NULL : look_report_guard(h, &err);
    const json_t *o;
    size_t i;

    if (guard == NULL) {
        json_decref(list);
        return failed(err);
    }
    if (cli->json)
        return cli_json(json_pack("{s:o, s:o}", "guard", guard, "providers", list));
    look_print_guard(guard);
    json_array_foreach(list, i, o)
        printf("%-30s %-9s %5s networks  %s\n", text(o, "provider"), text(o, "spf"), text(o, "count"), text(o, "at"));
    if (json_array_size(list) == 0)
        puts("No provider was looked up yet: does traplook run (look.lookups)?");
    json_decref(guard);
    json_decref(list);
    return 0;
}

int verb_look(struct cli *cli)
{
    const bool now = cli_flag(cli, "--now");
    struct home h = { .config = NULL };
    char domain[DNS_NAME_TEXT_MAX] = "";
    struct prefix key = { .len = 0 };
    int code = cli_words(cli, "look", 0, 1);

    if (code != 0)
        return code;
    if (cli->argc == 1 && cli_prefix(cli->argv[0], &key) != TRAP_OK &&
        dns_name_read(bytes_str(cli->argv[0]), domain) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "look: \"%s\" is neither an IP address nor a domain",
                        cli_text(bytes_str(cli->argv[0])));
    if (now && (cli->argc == 0 || domain[0] != '\0'))
        return cli_fail(EXIT_USAGE, "look: --now needs an IP address");
    code = home_open(cli, HOME_LOGS, &h); /* first: it says what is wrong, and becomes the owner */
    if (code == 0 && now)
        code = ask_now(cli, cli->argv[0]);
    if (code == 0)
        code = cli->argc == 0        ? show_providers(cli, &h)
               : domain[0] != '\0' ? show_provider(cli, &h, domain)
                                     : show_address(cli, &h, key);
    home_close(&h);
    return code;
}
