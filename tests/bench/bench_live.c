/* bench_live.c - what it takes to fold and list new mail on top of what is on record: `bench_live CONF HITS ROUNDS`, on an
 * installation that bench_generate filled and that was rebuilt. Each round writes HITS messages to addresses that were
 * shown, from senders that are on record, then folds them and brings the listings of the first policy up to date. Prints
 * the medians `fold_ms=… list_ms=… both_ms=… cpu_ms=…`, and for everybody judged once `whole_ms=… listed=…`.
 */
#include <base/daemon.h>
#include <base/file.h>
#include <base/num.h>
#include <correlate/fold.h>
#include <mail/keyed.h>
#include <policy/live.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HITS_MAX = 100000, ROUNDS_MAX = 100, ADDRESS_MAX = 64, SENDERS = 400000000 };

struct bench {
    struct config *config;
    struct keyring keys;
    struct mint *mint;
    struct store_db *hits, *visits, *derived;
    struct fold *fold;
    struct lists lists;
    struct live *live;
    uint64_t visits_last, hits_last;
};

static uint64_t state = 88172645463325252ULL;

static uint64_t below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

static double ms_of(clockid_t clock)
{
    struct timespec t = { 0 };

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1000.0 + (double)t.tv_nsec / 1e6;
}

static void must(enum trap_err err, const struct err_text *why)
{
    if (err == TRAP_OK)
        return;
    fprintf(stderr, "%s: %s\n", err_name(err), why->text);
    exit(EXIT_SOFTWARE);
}

static void open_all(struct bench *b, const char *conf)
{
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];
    struct acts_view none = { 0 };
    const char *dir;

    must(config_read(conf, &b->config, &why), &why);
    dir = b->config->state_dir;
    must(path_join(dir, "keys/master.key", path), &why);
    must(keyring_read(path, &b->keys, &why), &why);
    must(mint_new(&b->keys, &b->mint), &why);
    must(store_open(dir, STORE_HITS, STORE_READ, &b->hits, &why), &why);
    must(store_open(dir, STORE_VISITS, STORE_READ, &b->visits, &why), &why);
    must(store_open(dir, STORE_DERIVED, STORE_WRITE, &b->derived, &why), &why);
    const struct fold_node node = { b->config->node_id, b->hits, b->visits };
    must(fold_new(b->config, b->mint, b->derived, &node, 1, &b->fold), &why);
    must(lists_load(b->config, &none, wall_now(), &b->lists, &why), &why);
    must(live_new(LISTINGS_SENDERS, &b->live), &why);
    must(derived_watch(b->derived), &why);
    must(visit_bounds(b->visits, &b->visits_last, &b->hits_last), &why);
}

static void job_done(struct commit_job *job, enum trap_err result)
{
    (void)job;
    TRAP_BUG_ON(result != TRAP_OK);
}

static void write_hits(struct bench *b, uint64_t count)
{
    static struct hit_job jobs[HITS_MAX];
    static struct hit_rcpt rcpt[HITS_MAX];
    static char address[HITS_MAX][ADDRESS_MAX];
    const struct conf_store conf = { .queue_max = 2 * HITS_MAX, .batch_max = HITS_MAX, .wal_max_bytes = 64 << 20 };
    const struct mint_domain tweak = mint_domain(b->mint, BYTES("trap.test"));
    struct err_text why = { "" };
    struct hit_log *log = NULL;

    must(hit_log_open(b->config->state_dir, &conf, NULL, NULL, &log, &why), &why);
    for (uint64_t i = 0; i < count; i++) {
        const struct mint_ref ref = { 1, 1, (uint32_t)below(b->visits_last), (uint8_t)below(3) };
        const uint64_t who = SENDERS + below(b->visits_last / 10);
        uint8_t local[MINT_LOCAL_MAX];
        const size_t n = mint_encode(b->mint, tweak, ref, local);

        (void)snprintf(address[i], ADDRESS_MAX, "%.*s@trap.test", (int)n, (const char *)local);
        rcpt[i] = (struct hit_rcpt){ .klass = RCPT_MINTED, .address = bytes_str(address[i]) };
        jobs[i] = (struct hit_job){ .job.done = job_done };
        jobs[i].hit = (struct hit){ .at = wall_now(),
                                    .session = below(UINT32_MAX),
                                    .sender = ip_v4((uint8_t)(11 + who % 80), (uint8_t)(who / 80), (uint8_t)(who / 20480),
                                                    (uint8_t)(1 + who / 5242880 % 250)),
                                    .local = ip_v4(127, 0, 0, 1),
                                    .local_port = 25,
                                    .size = 2000,
                                    .rcpts = &rcpt[i],
                                    .rcpt_count = 1 };
        must(hit_log_submit(log, &jobs[i]), &why);
    }
    hit_log_close(&log);
}

static size_t list(struct bench *b)
{
    const struct acts_view none = { 0 };
    const struct policy_env env = { .policy = &b->config->policies[0],
                                    .lists = &b->lists,
                                    .acts = &none,
                                    .key = keyed_purpose(b->keys.master, "policy"),
                                    .as_of = wall_now(),
                                    .derived = b->derived };
    struct derived_changes changes;
    struct listings listings = { 0 };
    struct err_text why = { "" };
    size_t n;

    derived_changes_take(b->derived, &changes);
    must(live_update(b->live, &env, &changes, &listings, &why), &why);
    derived_changes_free(&changes);
    n = listings.n;
    listings_free(&listings);
    return n;
}

static uint64_t fold(struct bench *b)
{
    const struct fold_options options = { .as_of = { INT64_MAX } };
    struct fold_result result = { 0 };
    struct err_text why = { "" };

    must(fold_run(b->fold, &options, &result, &why), &why);
    return result.hits;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    return v[n / 2];
}

int main(int argc, char **argv)
{
    static double folds[ROUNDS_MAX], lists[ROUNDS_MAX], both[ROUNDS_MAX], cpu[ROUNDS_MAX];
    struct bench b = { .config = NULL };
    uint64_t hits = 0, rounds = 0;
    double whole;
    size_t listed;

    if (argc != 4 || num_u64(bytes_str(argv[2]), 1, HITS_MAX, &hits) != TRAP_OK ||
        num_u64(bytes_str(argv[3]), 1, ROUNDS_MAX, &rounds) != TRAP_OK || keyed_init() != TRAP_OK)
        return EXIT_USAGE;
    open_all(&b, argv[1]);
    (void)fold(&b);
    whole = ms_of(CLOCK_MONOTONIC);
    listed = list(&b);
    whole = ms_of(CLOCK_MONOTONIC) - whole;
    for (size_t i = 0; i < rounds; i++) {
        write_hits(&b, hits);
        const double begin = ms_of(CLOCK_MONOTONIC), begin_cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID);
        TRAP_BUG_ON(fold(&b) != hits);
        const double middle = ms_of(CLOCK_MONOTONIC);
        listed = list(&b);
        const double end = ms_of(CLOCK_MONOTONIC);
        folds[i] = middle - begin;
        lists[i] = end - middle;
        both[i] = end - begin;
        cpu[i] = ms_of(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu;
    }
    printf("fold_ms=%.1f list_ms=%.1f both_ms=%.1f cpu_ms=%.1f whole_ms=%.0f listed=%zu\n", median(folds, rounds),
           median(lists, rounds), median(both, rounds), median(cpu, rounds), whole, listed);
    return 0;
}
