/* verb_check.c - `trapline check`: the configuration, read and said back in plain words. */
#include "home.h"

#include <stdio.h>

static const char *zone_kind_name(enum zone_kind k)
{
    static const char *const name[] = { [ZONE_SENDERS4] = "senders4",
                                        [ZONE_SENDERS6] = "senders6",
                                        [ZONE_SENDERS] = "senders",
                                        [ZONE_HARVESTERS] = "harvesters",
                                        [ZONE_COMBINED] = "combined",
                                        [ZONE_NETS] = "nets" };

    return name[k];
}

static void print_endpoints(const char *what, const struct endpoints *e)
{
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < e->n; i++)
        printf("%-14s %s port %u\n", i == 0 ? what : "", ip_text(e->v[i].ip, text), e->v[i].port);
}

static int print_text(const struct config *c)
{
    printf("%s: no mistakes found\n\n", c->path);
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
    for (size_t i = 0; i < c->zone_count; i++)
        printf("%-14s %s: %s by policy %s, %s\n", i == 0 ? "zones" : "", c->zones[i].name,
               zone_kind_name(c->zones[i].kind), c->zones[i].policy,
               c->zones[i].live ? "live" : "shadow (written, not served)");
    if (c->guard_off)
        puts("guard          off: addresses of big mail providers can be listed");
    else if (c->guard_files.n == 0)
        puts("guard          on, but guard_files is empty: no senders zone will be published");
    return 0;
}

int verb_check(struct cli *cli)
{
    struct config *c = NULL;
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
    code = cli->json ? cli_json(json_pack("{s:b, s:o}", "ok", 1, "file", json_bytes(bytes_str(c->path))))
                     : print_text(c);
    config_free(&c);
    return code;
}
