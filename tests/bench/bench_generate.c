/* bench_generate.c - fills the logs of an installation with a skewed load:
 * `bench_generate DIR HITS [VISITS [SENDERS [SEED]]]` (VISITS: as many as hits; SENDERS: a tenth of that; SEED: 1).
 *
 * Visits:  over 120 days. Every second one is by somebody who comes once; the others by 2,048 crawlers, of which few do
 *          most (Zipf), in crawls of 64 pages. A fifth is IPv6.
 * Mail:    over the last 60 days. Half of it from few senders (Zipf), half from all of them alike; a tenth of them IPv6.
 *          Campaigns (Zipf) of a week mail the haul of sixteen crawls, days to months old.
 * Traps:   of 1,000 recipients 850 minted, 40 minted and garbled by a harvester, 30 guessed, 10 minted and never shown,
 *          10 tried out by the visitor, 60 static. Every twentieth message has 2 to 8 recipients.
 * Session records: one unfinished DATA for twenty hits.
 *
 * Everything follows from the seed (integers only) and the moment at which the last hit came, which is now. Records go
 * through the store's own writers, in large batches. Prints `visits=… hits=… sessions=… seconds=…`.
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

enum {
    RING = 1 << 16, /* records under way */
    RCPTS_MAX = 8,
    TEXT_MAX = 80,
    CRAWL = 128, /* visits of which every second is of one crawler */
    CRAWLERS = 2048,
    CAMPAIGNS = 16384, /* of a week */
    HAULS = 16,        /* crawls that a campaign mails */
    VISIT_DAYS = 120,
    HIT_DAYS = 60
};
static const int64_t week_us = 7 * WALL_US_PER_DAY;
static const char *const domains[] = { "trap.test", "b.trap.test", "quellwerft.net", "lumen-atlas.org" };

struct load {
    const char *dir;
    uint64_t hits, visits, senders, seed;
    wall_t begin, end; /* of the visits; the mail ends with them */
    struct mint *mint;
    struct mint_domain tweak[4];
};

/* ---- numbers ---- */

static uint64_t state;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t n)
{
    return (next_random() >> 11) % n;
}

/* The same for the same inputs, whenever it is asked. */
static uint64_t scatter(uint64_t a, uint64_t b)
{
    uint64_t h = a * 0x9e3779b97f4a7c15ULL + b * 0xc2b2ae3d27d4eb4fULL;

    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
    return h ^ h >> 29;
}

/* Zipf's law with exponent 1 on 1 .. 2^bits - 1, in integers: every power of two is as likely as the next. */
static uint64_t zipf(uint64_t random, unsigned bits)
{
    const uint64_t low = (uint64_t)1 << random % bits;

    return low + (random >> 8) % low;
}

static unsigned bits_of(uint64_t n)
{
    unsigned bits = 1;

    while (n >> bits > 1)
        bits++;
    return bits;
}

static struct ip public_ip(uint64_t n, bool v6)
{
    struct ip six = { { 0x2a, 0x0a, (uint8_t)(n >> 32), (uint8_t)(n >> 24), (uint8_t)(n >> 16),
                        (uint8_t)(n >> 8), 0, (uint8_t)n, 0, 0, 0, 0, 0, 0, 0, 1 } };

    return v6 ? six
              : ip_v4((uint8_t)(11 + n % 80), (uint8_t)(n / 80), (uint8_t)(n / 20480),
                      (uint8_t)(1 + n / 5242880 % 250));
}

/* ---- visits ---- */

static wall_t visit_time(const struct load *l, uint64_t i)
{
    return (wall_t){ l->begin.us +
                     (int64_t)((double)(l->end.us - l->begin.us) * (double)i / (double)l->visits) };
}

static struct ip visit_client(const struct load *l, uint64_t i)
{
    const uint64_t h = scatter(l->seed, i % 2 == 0 ? i : i / CRAWL | (uint64_t)1 << 63);
    const uint64_t who =
        i % 2 == 0 ? 1000000 + h % 300000000 : scatter(l->seed, zipf(h, bits_of(CRAWLERS))) % 1000000;

    return public_ip(who, who % 5 == 0);
}

static _Atomic uint64_t finished;

static void job_done(struct commit_job *job, enum trap_err result)
{
    (void)job;
    TRAP_BUG_ON(result != TRAP_OK);
    atomic_fetch_add(&finished, 1);
}

/* Jobs end in the order in which they began. */
static size_t ring_slot(uint64_t number)
{
    while (number - atomic_load(&finished) >= RING)
        (void)usleep(200);
    return number % RING;
}

static struct conf_store store_conf(void)
{
    return (struct conf_store){ .queue_max = 2 * RING, .batch_max = RING / 2, .wal_max_bytes = 256 << 20 };
}

static int fail(const struct err_text *why)
{
    fprintf(stderr, "%s\n", why->text);
    return EXIT_IOERR;
}

static int make_visits(const struct load *l)
{
    static const struct bytes agents[] = { BYTES_INIT("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
                                           BYTES_INIT("Mozilla/5.0"), BYTES_INIT("curl/7.88.1"),
                                           BYTES_INIT("Java/17.0.2") };
    static const struct bytes pages[] = { BYTES_INIT("/"), BYTES_INIT("/contact.html"), BYTES_INIT("/team/"),
                                          BYTES_INIT("/forum/thread-1204.html") };
    static struct visit_job jobs[RING];
    const struct conf_store conf = store_conf();
    struct err_text why = { "" };
    struct visit_log *log = NULL;

    if (visit_log_open(l->dir, &conf, NULL, NULL, &log, &why) != TRAP_OK)
        return fail(&why);
    atomic_store(&finished, 0);
    for (uint64_t i = 0; i < l->visits; i++) {
        struct visit_job *job = &jobs[ring_slot(i)];
        const uint64_t r = next_random();

        *job = (struct visit_job){ .job.done = job_done };
        job->visit =
            (struct visit){ .at = visit_time(l, i),
                            .client = visit_client(l, i),
                            .site = BYTES("www.example.com"),
                            .page = pages[r % 4],
                            .agent = agents[r / 4 % 4],
                            .recipe = (1 + r / 16 % 9) | (1 + r / 256 % 9) << 8 | (1 + r / 4096 % 9) << 16 };
        TRAP_BUG_ON(visit_log_submit(log, job) != TRAP_OK);
    }
    visit_log_close(&log);
    return 0;
}

/* ---- mail ---- */

struct message {
    struct hit_job job;
    struct hit_rcpt rcpt[RCPTS_MAX];
    char address[RCPTS_MAX][TEXT_MAX], helo[TEXT_MAX], path[TEXT_MAX];
};

/* How many visits had been when mail of this time was harvested, at least one crawl. */
static uint64_t visits_before(const struct load *l, int64_t at_us)
{
    const int64_t since = at_us - l->begin.us;
    const uint64_t n =
        since <= 0 ? 0 : (uint64_t)((double)l->visits * (double)since / (double)(l->end.us - l->begin.us));

    return n < CRAWL ? CRAWL : n > l->visits ? l->visits : n;
}

/* A visit whose addresses this campaign of this week knows. */
static uint64_t harvested(const struct load *l, uint64_t campaign, int64_t week)
{
    const uint64_t crawls = visits_before(l, week * week_us - WALL_US_PER_DAY) / CRAWL;

    if (below(10) == 0) /* read by somebody who came once */
        return below(crawls * CRAWL) & ~(uint64_t)1;
    return scatter(campaign + l->seed, below(HAULS)) % crawls * CRAWL + (below(CRAWL) | 1);
}

static void write_minted(const struct load *l, struct message *m, size_t n, uint64_t visit,
                         const char *before)
{
    const uint64_t serial = visit < l->visits ? visit : l->visits * 2 + visit % 1000;
    const struct mint_ref ref = {
        .node = 1, .epoch = 1, .serial = (uint32_t)serial, .slot = (uint8_t)below(3)
    };
    const size_t d = serial % 4;
    uint8_t local[MINT_LOCAL_MAX];
    const size_t local_n = mint_encode(l->mint, l->tweak[d], ref, local);

    (void)snprintf(m->address[n], TEXT_MAX, "%s%.*s@%s", before, (int)local_n, (const char *)local,
                   domains[d]);
    m->rcpt[n].klass = before[0] == '\0' ? RCPT_MINTED : RCPT_GUESS;
}

static void write_rcpt(const struct load *l, struct message *m, size_t n, uint64_t campaign)
{
    static const char *const garbled[] = { "--", "u003e", "3d", "mailto", "20", "n" };
    static const char *const fixed[] = { "sales@shop.example", "info@old-brand.example",
                                         "a.b@gmial.example" };
    static const uint8_t classes[] = { RCPT_PRISTINE, RCPT_RECYCLED | RCPT_CATCHALL, RCPT_TYPO };
    const int64_t week = m->job.hit.at.us / week_us;
    const uint64_t kind = below(1000), pick = below(6);

    if (kind < 850) {
        write_minted(l, m, n, harvested(l, campaign, week), "");
    } else if (kind < 890) {
        write_minted(l, m, n, harvested(l, campaign, week), garbled[pick]);
    } else if (kind < 900) {
        write_minted(l, m, n, l->visits + pick, "");
    } else if (kind < 910) {
        const uint64_t visit = visits_before(l, m->job.hit.at.us) - 1;
        write_minted(l, m, n, visit, "");
        m->job.hit.sender = visit_client(l, visit);
    } else if (kind < 940) {
        (void)snprintf(m->address[n], TEXT_MAX, "info%u@%s", (unsigned)below(5000), domains[pick % 4]);
        m->rcpt[n].klass = RCPT_GUESS;
    } else {
        (void)snprintf(m->address[n], TEXT_MAX, "%s", fixed[pick % 3]);
        m->rcpt[n].klass = classes[pick % 3];
    }
    m->rcpt[n].address = bytes_str(m->address[n]);
}

static struct ip sender_of(const struct load *l)
{
    const uint64_t r = next_random() >> 3;
    const uint64_t who = (r & 1) == 0 ? zipf(r >> 1, bits_of(l->senders)) : (r >> 1) % l->senders;

    return public_ip(400000000 + who, who % 10 == 7);
}

static void make_hit(const struct load *l, struct message *m, uint64_t i)
{
    const uint64_t campaign = zipf(next_random() >> 5, bits_of(CAMPAIGNS));
    const size_t rcpts = below(20) == 0 ? 2 + below(RCPTS_MAX - 1) : 1;

    *m = (struct message){ .job.job.done = job_done };
    m->job.hit = (struct hit){
        .at = { l->end.us -
                (int64_t)((double)HIT_DAYS * WALL_US_PER_DAY * (double)(l->hits - i) / (double)l->hits) },
        .session = i + 1,
        .sender = sender_of(l),
        .local = ip_v4(127, 0, 0, 1),
        .local_port = 25,
        .helo =
            bytes_of((const uint8_t *)m->helo,
                     (size_t)snprintf(m->helo, TEXT_MAX, "mail%u.bulk-offers.example", (unsigned)below(100))),
        .reverse_path =
            bytes_of((const uint8_t *)m->path,
                     (size_t)snprintf(m->path, TEXT_MAX, "offers%" PRIu64 "@bulk-offers.example", campaign)),
        .size = 1500 + below(4000),
        .digest = scatter(campaign, 1),
        .rcpts = m->rcpt,
        .rcpt_count = rcpts,
        .first_command_ms = (uint32_t)below(400)
    };
    for (size_t n = 0; n < rcpts; n++)
        write_rcpt(l, m, n, campaign);
}

static int make_hits(const struct load *l)
{
    struct message *ring = calloc(RING, sizeof(*ring));
    const struct conf_store conf = store_conf();
    struct err_text why = { "no memory" };
    struct hit_log *log = NULL;

    if (ring == NULL || hit_log_open(l->dir, &conf, NULL, NULL, &log, &why) != TRAP_OK) {
        free(ring);
        return fail(&why);
    }
    atomic_store(&finished, 0);
    for (uint64_t i = 0; i < l->hits; i++) {
        struct message *m = &ring[ring_slot(i)];

        make_hit(l, m, i);
        TRAP_BUG_ON(hit_log_submit(log, &m->job) != TRAP_OK);
    }
    hit_log_close(&log);
    free(ring);
    return 0;
}

static int make_sessions(const struct load *l, uint64_t count)
{
    static struct session_job jobs[RING];
    const struct conf_store conf = store_conf();
    struct err_text why = { "" };
    struct hit_log *log = NULL;

    if (hit_log_open(l->dir, &conf, NULL, NULL, &log, &why) != TRAP_OK)
        return fail(&why);
    atomic_store(&finished, 0);
    for (uint64_t i = 0; i < count; i++) {
        struct session_job *job = &jobs[ring_slot(i)];

        *job = (struct session_job){ .job.done = job_done };
        job->session =
            (struct session_record){ .at = { l->end.us - (int64_t)((double)HIT_DAYS * WALL_US_PER_DAY *
                                                                   (double)(count - i) / (double)count) },
                                     .session = ((uint64_t)1 << 40) + i,
                                     .client = sender_of(l),
                                     .local = ip_v4(127, 0, 0, 1),
                                     .local_port = 25,
                                     .helo = BYTES("cut-off.example"),
                                     .attempt_class = RCPT_PRISTINE,
                                     .attempt_address = BYTES("sales@shop.example") };
        TRAP_BUG_ON(hit_log_submit_session(log, job) != TRAP_OK);
    }
    hit_log_close(&log);
    return 0;
}

/* ---- begin and end ---- */

static int usage(void)
{
    fprintf(stderr, "usage: bench_generate DIR HITS [VISITS [SENDERS [SEED]]]\n");
    return EXIT_USAGE;
}

static bool take_words(struct load *l, int argc, char **argv)
{
    uint64_t *const numbers[] = { &l->hits, &l->visits, &l->senders, &l->seed };

    for (int i = 2; i < argc; i++)
        if (num_u64(bytes_str(argv[i]), 1, MINT_EPOCH_SERIALS / 4, numbers[i - 2]) != TRAP_OK)
            return false;
    l->dir = argv[1];
    l->visits = l->visits == 0 ? l->hits : l->visits;
    l->senders = l->senders == 0 ? l->hits / 10 : l->senders;
    return l->hits >= 100 && l->visits >= CRAWL && l->senders > 0;
}

int main(int argc, char **argv)
{
    const mono_t began = mono_now();
    struct load l = { .seed = 1, .end = wall_now() };
    struct keyring keys;
    struct err_text why = { "" };
    char path[1024];
    int code;

    if (argc < 3 || argc > 6 || !take_words(&l, argc, argv) || keyed_init() != TRAP_OK)
        return usage();
    (void)snprintf(path, sizeof(path), "%s/keys/master.key", l.dir);
    if (keyring_read(path, &keys, &why) != TRAP_OK || mint_new(&keys, &l.mint) != TRAP_OK)
        return fail(&why);
    l.begin.us = l.end.us - VISIT_DAYS * WALL_US_PER_DAY;
    state = scatter(l.seed, 7) | 1;
    for (size_t i = 0; i < 4; i++)
        l.tweak[i] = mint_domain(l.mint, bytes_str(domains[i]));
    code = make_visits(&l);
    if (code == 0)
        code = make_hits(&l);
    if (code == 0)
        code = make_sessions(&l, l.hits / 20);
    mint_free(&l.mint);
    keyring_wipe(&keys);
    printf("visits=%" PRIu64 " hits=%" PRIu64 " sessions=%" PRIu64 " seconds=%.1f\n", l.visits, l.hits,
           l.hits / 20, (double)mono_diff(mono_now(), began).ms / 1000.0);
    return code;
}
