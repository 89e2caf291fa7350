/* verb_check.c - `trapline check`: the configuration, read and said back in plain words, and what would keep
 * the daemons from starting. */
#include "home.h"
#include "ready.h"

#include <base/daemon.h>

#include <stdio.h>

static const char *zone_kind_name(enum zone_kind k)
{
    static const char *const name[] = {
        [ZONE_SENDERS4] = "senders4",     [ZONE_SENDERS6] = "senders6", [ZONE_SENDERS] = "senders",
        [ZONE_HARVESTERS] = "harvesters", [ZONE_COMBINED] = "combined", [ZONE_NETS] = "nets",
        [ZONE_BACKSCATTER] = "backscatter"
    };

    return name[k];
}

static void print_endpoints(const char *what, const struct endpoints *e)
{
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < e->n; i++)
        printf("%-14s %s port %u\n", i == 0 ? what : "", ip_text(e->v[i].ip, text), e->v[i].port);
}

static void print_config(const struct config *c)
{
    printf("%-14s %s (node %u)\n", "state", c->state_dir, c->node_id);
    for (size_t i = 0; i < c->trap_domain_count; i++)
        printf("%-14s %s, %s, unknown recipients %s\n", i == 0 ? "trap domains" : "", c->trap_domains[i].name,
               trap_class_name(c->trap_domains[i].klass),
               c->trap_domains[i].unknown_accept ? "accepted" : "refused");
    printf("%-14s %zu in the configuration%s%s\n", "static traps", c->trap_count,
           c->trap_file[0] == '\0' ? "" : ", more in ", c->trap_file);
    print_endpoints("web", &c->web.listen);
    print_endpoints("smtp", &c->smtp.listen);
    print_endpoints("smtp, TLS", &c->smtp.tls_listen);
    print_endpoints("smtp, PROXY", &c->smtp.proxy_listen);
    if (c->smtp.socketmap_listen[0] != '\0')
        printf("%-14s %s\n", "socketmap", c->smtp.socketmap_listen);
}

static void print_look(const struct config *c)
{
    if (!c->look.on)
        puts("look-ups       off");
    else if (c->look.resolvers.n == 0)
        puts("look-ups       on, by the resolvers of the system");
    else
        print_endpoints("look-ups by", &c->look.resolvers);
}

static void print_zones(const struct config *c)
{
    for (size_t i = 0; i < c->zone_count; i++)
        printf("%-14s %s: %s by policy %s, %s\n", i == 0 ? "zones" : "", c->zones[i].name,
               zone_kind_name(c->zones[i].kind), c->zones[i].policy,
               c->zones[i].live ? "live" : "shadow (written, not served)");
    if (c->guard_off)
        puts("guard          off: addresses of big mail providers can be listed");
}

static void print_text(const struct config *c, const struct ready *r)
{
    const bool right = json_array_size(r->problems) == 0;
    const json_t *o;
    size_t i;

    printf("%s: %s\n\n", c->path,
           right ? "no mistakes found" : "no mistakes in itself, but daemons would not start");
    print_config(c);
    json_array_foreach(r->certificates, i, o)
    {
        printf("%-14s %s", i == 0 ? "certificates" : "", json_string_value(json_object_get(o, "file")));
        printf(": %s, until %.10s\n", cli_text(bytes_str(json_string_value(json_object_get(o, "name")))),
               json_string_value(json_object_get(o, "until")));
    }
    print_look(c);
    print_zones(c);
    json_array_foreach(r->notes, i, o) printf("%-14s %s\n", "mind", json_string_value(o));
}

static int tell(const struct cli *cli, const struct config *c, const struct ready *r)
{
    const size_t count = json_array_size(r->problems);
    const json_t *o;
    size_t i;
    int code = 0;

    if (!cli->json)
        print_text(c, r);
    json_array_foreach(r->problems, i, o) code = cli_fail(EXIT_CONFIG, "%s", json_string_value(o));
    if (cli->json)
        (void)cli_json(json_pack("{s:b, s:o, s:O, s:O, s:O}", "ok", count == 0, "file",
                                 json_bytes(bytes_str(c->path)), "problems", r->problems, "notes", r->notes,
                                 "certificates", r->certificates));
    return code;
}

int verb_check(struct cli *cli)
{
    struct config *c = NULL;
    struct ready ready;
    struct err_text why = { "" };
    int code = cli_words(cli, "check", 0, 0);

    if (code != 0)
        return code;
    code = home_config_read(cli, &c, &why);
    if (code != 0) {
        if (cli->json)
            (void)cli_json(json_pack("{s:b, s:o}", "ok", 0, "error", json_bytes(bytes_str(why.text))));
        return code;
    }
    code = home_as_owner(c);
    if (code == 0) {
        ready_look(c, wall_now(), &ready);
        (void)json_array_extend(ready.notes, ready.guard);
        code = tell(cli, c, &ready);
        ready_free(&ready);
    }
    config_free(&c);
    return code;
}
