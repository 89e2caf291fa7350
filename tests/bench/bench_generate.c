/* bench_generate.c - fills the logs of an installation with a skewed load: `bench_generate DIR HITS`.
 *
 * One visit for five hits; one sender for ten hits, a tenth of the senders send half of the mail; nine of ten
 * hits go to minted addresses, the rest to a static trap. Numbers come from a fixed seed. Prints `visits=…
 * hits=…`.
 */
#include <base/daemon.h>
#include <base/num.h>
#include <mail/keyed.h>
#include <mail/mint.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAVE = 20000, ADDRESS_MAX = 64 };
static const char domain[] = "trap.test";

static uint64_t state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static _Atomic uint64_t waiting;
static void visit_done(struct commit_job *job, enum trap_err result)
{
    (void)job;
    TRAP_BUG_ON(result != TRAP_OK);
    atomic_fetch_sub(&waiting, 1);
}

static void wait_all(void)
{
    while (atomic_load(&waiting) > 0)
        (void)usleep(200);
}

static struct ip public_ip(uint64_t n)
{
    return ip_v4((uint8_t)(11 + n % 80), (uint8_t)(n / 80), (uint8_t)(n / 20480), (uint8_t)(1 + n / 5242880));
}

static int make_visits(const char *dir, uint64_t count, wall_t start)
{
    static struct visit_job jobs[WAVE];
    const struct conf_store conf = { .queue_max = 65536, .batch_max = 4096, .wal_max_bytes = 64 << 20 };
    struct err_text why = { "" };
    struct visit_log *log = NULL;

    if (visit_log_open(dir, &conf, NULL, NULL, &log, &why) != TRAP_OK) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_IOERR;
    }
    for (uint64_t done = 0; done < count;) {
        for (size_t i = 0; i < WAVE && done < count; i++, done++) {
            jobs[i] = (struct visit_job){ .job.done = visit_done };
            jobs[i].visit = (struct visit){ .at = { start.us + (int64_t)done * 1000 },
                                            .client = public_ip(next_random() % (count / 2 + 1)),
                                            .site = BYTES("www.example.com"),
                                            .page = BYTES("/contact.html"),
                                            .agent = BYTES("Mozilla/5.0"),
                                            .recipe = 0x030201 };
            atomic_fetch_add(&waiting, 1);
            TRAP_BUG_ON(visit_log_submit(log, &jobs[i]) != TRAP_OK);
        }
        wait_all();
    }
    visit_log_close(&log);
    return 0;
}

static struct ip sender_of(uint64_t senders)
{
    const uint64_t r = next_random();

    return public_ip(40000000 + (r & 1 ? r / 2 % (senders / 10 + 1) : r / 2 % (senders + 1)));
}

static int make_hits(const char *dir, uint64_t count, uint64_t visits, wall_t start, struct mint *mint)
{
    static struct hit_job jobs[WAVE];
    static struct hit_rcpt rcpts[WAVE];
    static uint8_t addresses[WAVE][ADDRESS_MAX];
    const struct conf_store conf = { .queue_max = 65536, .batch_max = 4096, .wal_max_bytes = 64 << 20 };
    const struct mint_domain tweak = mint_domain(mint, BYTES("trap.test"));
    struct err_text why = { "" };
    struct hit_log *log = NULL;

    if (hit_log_open(dir, &conf, NULL, NULL, &log, &why) != TRAP_OK) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_IOERR;
    }
    for (uint64_t done = 0; done < count;) {
        for (size_t i = 0; i < WAVE && done < count; i++, done++) {
            const struct mint_ref ref = { .node = 1,
                                          .epoch = 1,
                                          .serial = (uint32_t)(next_random() % visits),
                                          .slot = (uint8_t)(next_random() % 3) };
            size_t n = mint_encode(mint, tweak, ref, addresses[i]);

            addresses[i][n++] = '@';
            memcpy(addresses[i] + n, domain, sizeof(domain) - 1);
            n += sizeof(domain) - 1;
            rcpts[i] = (struct hit_rcpt){ .klass = RCPT_MINTED, .address = bytes_of(addresses[i], n) };
            if (done % 10 == 9)
                rcpts[i] = (struct hit_rcpt){ .klass = RCPT_PRISTINE, .address = BYTES("trap@pristine.test") };
            jobs[i] = (struct hit_job){ .job.done = visit_done };
            jobs[i].hit = (struct hit){ .at = { start.us + (int64_t)(done * 86400000000ULL * 20 / count) },
                                        .session = done + 1,
                                        .sender = sender_of(count / 10),
                                        .local = ip_v4(127, 0, 0, 1),
                                        .local_port = 25,
                                        .helo = BYTES("mail.bulk-offers.example"),
                                        .reverse_path = BYTES("offers@bulk-offers.example"),
                                        .size = 2000,
                                        .digest = next_random() % 5000,
                                        .rcpts = &rcpts[i],
                                        .rcpt_count = 1 };
            atomic_fetch_add(&waiting, 1);
            TRAP_BUG_ON(hit_log_submit(log, &jobs[i]) != TRAP_OK);
        }
        wait_all();
    }
    hit_log_close(&log);
    return 0;
}

int main(int argc, char **argv)
{
    const wall_t now = wall_now();
    struct keyring keys;
    struct err_text why = { "" };
    struct mint *mint = NULL;
    char path[1024];
    uint64_t hits = 0;
    int code;

    if (argc != 3 || num_u64(bytes_str(argv[2]), 10, 1000000000, &hits) != TRAP_OK || keyed_init() != TRAP_OK)
        return EXIT_USAGE;
    (void)snprintf(path, sizeof(path), "%s/keys/master.key", argv[1]);
    if (keyring_read(path, &keys, &why) != TRAP_OK || mint_new(&keys, &mint) != TRAP_OK) {
        fprintf(stderr, "%s\n", why.text);
        return EXIT_CONFIG;
    }
    code = make_visits(argv[1], hits / 5, (wall_t){ now.us - 22 * WALL_US_PER_DAY });
    if (code == 0)
        code = make_hits(argv[1], hits, hits / 5, (wall_t){ now.us - 21 * WALL_US_PER_DAY }, mint);
    mint_free(&mint);
    keyring_wipe(&keys);
    printf("visits=%" PRIu64 " hits=%" PRIu64 "\n", hits / 5, hits);
    return code;
}
