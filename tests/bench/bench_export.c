/* bench_export.c - writes a zone of COUNT listings as DIR/zone, reads it back with our own checker (which
 * hashes it): `bench_export DIR COUNT`. Prints `seconds=… entries=…`.
 */
#include <base/daemon.h>
#include <base/num.h>
#include <export/zone.h>
#include <mail/keyed.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int run(int dir, const struct zone_entries *e, wall_t now)
{
    const struct strings ns = { NULL, 0 };
    const struct zone_file file = {
        .head = { .zone = "bl.trap.test",
                  .ns = &ns,
                  .contact = "",
                  .serial = 1,
                  .ttl_s = 300,
                  .refresh_s = 600,
                  .stale_s = 21600,
                  .as_of = now },
        .section = { { .type = ZONE_TYPE_IP4,
                       .subzones = "",
                       .code = 2,
                       .text = "Sent mail to a trap, see http://bl.trap.test/$",
                       .v = e->v,
                       .n = e->n } },
        .section_count = 1,
    };
    struct zone_facts facts;
    struct err_text why = { "" };
    const mono_t start = mono_now();
    enum trap_err err;

    (void)unlinkat(dir, "zone", 0);
    err = zone_file_write(dir, "zone", &file, now.us / WALL_US_PER_S, &why);
    if (err == TRAP_OK)
        err = zone_file_check(dir, "zone", &file, &facts, &why);
    if (err != TRAP_OK) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_SOFTWARE;
    }
    printf("seconds=%.3f entries=%" PRIu64 "\n", (double)mono_diff(mono_now(), start).ms / 1000.0,
           facts.entries);
    return 0;
}

int main(int argc, char **argv)
{
    struct zone_entries e = { NULL, 0, 0 };
    const wall_t now = wall_now();
    uint32_t count = 0;
    int dir, code;

    if (argc != 3 || num_u32(bytes_str(argv[2]), 1, 16000000, &count) != TRAP_OK || keyed_init() != TRAP_OK)
        return EXIT_USAGE;
    dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir == -1)
        return EXIT_IOERR;
    for (uint32_t i = 0; i < count; i++) { /* public addresses in order, not adjacent */
        const uint32_t a = 0x0b000000u + i * 97u;
        const struct zone_entry x = {
            .prefix =
                prefix_of(ip_v4((uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a), 128),
            .reason = LISTING_EVIDENCE,
            .value = 0x7f000002,
            .until = { now.us + WALL_US_PER_DAY }
        };

        if (zone_entries_add(&e, x) != TRAP_OK)
            return EXIT_OSERR;
    }
    code = run(dir, &e, now);
    zone_entries_free(&e);
    (void)close(dir);
    return code;
}
