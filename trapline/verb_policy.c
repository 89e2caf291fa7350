/* verb_policy.c - `trapline policy`: the rules that run, in plain words. */
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>

#include <stdio.h>

enum { POLICY_BYTES_MAX = 1 << 16 };

/* ---- list ---- */

static json_t *with_zones(const struct config *c, const struct conf_policy *p)
{
    json_t *zones = json_array();

    for (size_t i = 0; i < c->zone_count; i++)
        if (strcmp(c->zones[i].policy, p->name) == 0)
            json_array_append_new(
                zones, json_pack("{s:s, s:b}", "zone", c->zones[i].name, "published", c->zones[i].live));
    return json_pack("{s:s, s:s, s:o}", "policy", p->name, "preset", p->preset, "zones", zones);
}

/* The blocks of the file and the presets that a zone names, then the other presets. */
static json_t *gather_all(const struct config *c)
{
    static const char *const presets[] = { "aggressive", "standard", "conservative" };
    json_t *all = json_array();

    for (size_t i = 0; i < c->policy_count; i++)
        json_array_append_new(all, with_zones(c, &c->policies[i]));
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        const struct conf_policy *p = config_policy(c, presets[i]);

        if (p < c->policies || p >= c->policies + c->policy_count)
            json_array_append_new(all, with_zones(c, p));
    }
    return all;
}

static int list(const struct cli *cli, const struct config *c)
{
    json_t *all = gather_all(c), *p, *z;
    size_t i, k;

    if (cli->json)
        return cli_json(all);
    json_array_foreach(all, i, p)
    {
        printf("%s  (preset %s)%s\n", json_string_value(json_object_get(p, "policy")),
               json_string_value(json_object_get(p, "preset")),
               json_array_size(json_object_get(p, "zones")) == 0 ? "  no zone uses it" : "");
        json_array_foreach(json_object_get(p, "zones"), k, z)
            printf("  %s%s\n", json_string_value(json_object_get(z, "zone")),
                   json_is_true(json_object_get(z, "published")) ? "" : "  in shadow");
    }
    json_decref(all);
    return 0;
}

/* ---- show ---- */

static int show(const struct cli *cli, const struct config *c, const char *name)
{
    const struct conf_policy *named = config_policy(c, name);
    struct conf_policy own;
    const struct conf_policy *const p = named == NULL ? NULL : &own;
    struct buf text;
    const char *out;

    if (p == NULL)
        return cli_fail(EXIT_USAGE, "there is no policy \"%s\"; `trapline policy list` names them",
                        cli_text(bytes_str(name)));
    own = *named;
    own.guard_off = c->guard_off; /* also of a preset that no zone uses */
    buf_init(&text, POLICY_BYTES_MAX);
    if (cli->json)
        policy_json(p, &text);
    else
        policy_text(p, &text);
    out = buf_cstr(&text);
    if (out != NULL)
        (void)fputs(out, stdout);
    buf_free(&text);
    return out == NULL ? cli_fail(EXIT_OSERR, "out of memory") : 0;
}

int verb_policy(struct cli *cli)
{
    struct config *c = NULL;
    int code = cli_words(cli, "policy", 1, 2);

    if (code == 0)
        code = home_config(cli, &c);
    if (code != 0)
        return code;
    if (strcmp(cli->argv[0], "list") == 0 && cli->argc == 1)
        code = list(cli, c);
    else if (strcmp(cli->argv[0], "show") == 0 && cli->argc == 2)
        code = show(cli, c, cli->argv[1]);
    else
        code = cli_usage("policy");
    config_free(&c);
    return code;
}
