/* verb_explain.c - `trapline explain`: everything that is known of one address, and what the rules make of
 * it. */
#include "report.h"

#include "look_report.h"

#include <base/daemon.h>
#include <base/num.h>

#include <stdio.h>

static int explain_ip(struct cli *cli, struct home *h, struct prefix key)
{
    int code = 0;
    json_t *sender = report_sender(h, key, &code);
    json_t *harvester = sender == NULL ? NULL : report_harvester(h, key, &code);
    const char *special = special_use_name(key.ip);
    enum trap_err err = TRAP_OK;
    json_t *networks = harvester == NULL ? NULL : report_networks(h, key, &code);
    json_t *lookup = networks == NULL ? NULL : look_report_key(h, key, &err);

    if (lookup == NULL) {
        json_decref(sender);
        json_decref(harvester);
        json_decref(networks);
        return err == TRAP_OK ? code : cli_fail(daemon_exit_code(err), "cannot read the store (%s)", err_name(err));
    }
    if (cli->json)
        return cli_json(json_pack("{s:o, s:s?, s:o, s:o, s:o, s:o}", "key", json_prefix(key), "special_use",
                                  special, "lookup", lookup, "sender", sender, "networks", networks, "harvester", harvester));
    if (special != NULL)
        printf("This is special-use space (%s): it is never listed.\n\n", special);
    look_print_key(lookup);
    putchar('\n');
    report_print_sender(sender);
    report_print_networks(networks);
    putchar('\n');
    report_print_harvester(harvester);
    json_decref(networks);
    json_decref(lookup);
    json_decref(sender);
    json_decref(harvester);
    return 0;
}

/* A document, printed or as it is. */
static int tell(const struct cli *cli, json_t *doc, int code, void (*print)(const json_t *))
{
    if (doc == NULL)
        return code;
    if (cli->json)
        return cli_json(doc);
    print(doc);
    json_decref(doc);
    return 0;
}

static int explain_address(struct cli *cli, struct home *h, struct bytes address)
{
    int code = 0;
    json_t *doc = report_address(h, address, &code);

    return tell(cli, doc, code, report_print_address);
}

static int run(struct cli *cli, const char *verb, int (*todo)(struct cli *, struct home *, const char *))
{
    struct home h = { .config = NULL };
    int code = cli_words(cli, verb, 1, 1);

    if (code == 0)
        code = home_open(cli, HOME_KEYS | HOME_LOGS | HOME_SAMPLES | HOME_DERIVED | HOME_POLICY, &h);
    if (code == 0) {
        code = todo(cli, &h, cli->argv[0]);
        home_close(&h);
    }
    return code;
}

static int explain_domain(const struct cli *cli, const struct home *h, struct bytes name)
{
    const struct conf_trap_domain *d = config_trap_domain(h->config, name);

    if (d == NULL)
        return cli_fail(EXIT_USAGE,
                        "explain: \"%s\" is no IP address, prefix, e-mail address, number of a hit, nor one of the "
                        "configuration's trap domains",
                        cli_text(name));
    if (cli->json)
        return cli_json(json_pack("{s:s, s:s, s:s, s:s}", "domain", d->name, "class", trap_class_name(d->klass), "unknown",
                                  d->unknown_accept ? "accept" : "reject", "after_data",
                                  d->after_data_reject ? "reject" : "accept"));
    printf("%s: a trap domain of class %s. A recipient that is no trap is %s; a message for a trap is %s.\n", d->name,
           trap_class_name(d->klass), d->unknown_accept ? "taken, as a trap" : "refused with 550",
           d->after_data_reject ? "put on record and refused" : "put on record and taken");
    return 0;
}

static int explain_any(struct cli *cli, struct home *h, const char *word)
{
    const struct bytes what = bytes_str(word);
    struct prefix key;
    uint64_t hit = 0;
    int code = 0;
    json_t *doc;

    if (bytes_find(what, '@') < what.n)
        return explain_address(cli, h, what);
    if (num_u64(what, 1, INT64_MAX, &hit) == TRAP_OK) {
        doc = report_hit(h, hit, &code);
        return tell(cli, doc, code, report_print_hit);
    }
    if (cli_prefix(word, &key) != TRAP_OK)
        return explain_domain(cli, h, what);
    if (key.len == ip_key(key.ip).len)
        return explain_ip(cli, h, key);
    doc = report_prefix(h, key, &code);
    return tell(cli, doc, code, report_print_prefix);
}

static int trace_address(struct cli *cli, struct home *h, const char *word)
{
    if (bytes_find(bytes_str(word), '@') >= strlen(word))
        return cli_fail(EXIT_USAGE, "trace: \"%s\" is not an e-mail address", cli_text(bytes_str(word)));
    return explain_address(cli, h, bytes_str(word));
}

static int one_side(struct cli *cli, struct home *h, const char *word,
                    json_t *(*gather)(struct home *, struct prefix, int *), void (*print)(const json_t *))
{
    struct prefix key;
    int code = 0;
    json_t *doc;

    if (cli_prefix(word, &key) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "\"%s\" is not an IP address", cli_text(bytes_str(word)));
    doc = gather(h, key, &code);
    return tell(cli, doc, code, print);
}

static int sender(struct cli *cli, struct home *h, const char *word)
{
    return one_side(cli, h, word, report_sender, report_print_sender);
}

static int harvester(struct cli *cli, struct home *h, const char *word)
{
    return one_side(cli, h, word, report_harvester, report_print_harvester);
}

int verb_explain(struct cli *cli)
{
    return run(cli, "explain", explain_any);
}

int verb_trace(struct cli *cli)
{
    return run(cli, "trace", trace_address);
}

int verb_sender(struct cli *cli)
{
    return run(cli, "sender", sender);
}

int verb_harvester(struct cli *cli)
{
    return run(cli, "harvester", harvester);
}
