#include "world.h"

#include "trap_cmocka.h"

#include <base/file.h>
#include <store/file.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DOMAIN "quellwerft.net"
enum { SMALL_HITS = 1000 };

/* ---- the story ---- */

uint64_t story_random(struct story *s, uint64_t below)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return s->seed % below;
}

void story_address(struct story *s, struct mint_ref ref, const char *before, char out[ADDRESS_MAX])
{
    uint8_t local[MINT_LOCAL_MAX];
    const size_t n = mint_encode(s->mint, mint_domain(s->mint, BYTES(DOMAIN)), ref, local);

    (void)snprintf(out, ADDRESS_MAX, "%s%.*s@" DOMAIN, before, (int)n, (const char *)local);
}

static wall_t random_time(struct story *s, uint32_t days)
{
    return (wall_t){ (WORLD_BEGIN + (int64_t)story_random(s, days * 86400ULL)) * WALL_US_PER_S +
                     (int64_t)story_random(s, 1000000) };
}

/* Few networks, so that they meet again; every fifth is IPv6. */
static struct ip random_ip(struct story *s, uint8_t family)
{
    struct ip v6 = { { 0x2a, 0x00, 0x12, 0x34, 0, (uint8_t)story_random(s, 3), 0, (uint8_t)story_random(s, 3),
                       0, family } };

    v6.b[15] = (uint8_t)(1 + story_random(s, 3));
    return story_random(s, 5) == 0
               ? v6
               : ip_v4(45, family, (uint8_t)story_random(s, 4), (uint8_t)(1 + story_random(s, 6)));
}

static int by_time_visit(const void *a, const void *b)
{
    const struct story_visit *x = a, *y = b;
    return (x->at.us > y->at.us) - (x->at.us < y->at.us);
}

static int by_time_hit(const void *a, const void *b)
{
    const struct story_hit *x = a, *y = b;
    return (x->at.us > y->at.us) - (x->at.us < y->at.us);
}

static int by_time_session(const void *a, const void *b)
{
    const struct story_session *x = a, *y = b;
    return (x->at.us > y->at.us) - (x->at.us < y->at.us);
}

static void make_visits(struct story *s, struct story_size size)
{
    uint32_t epoch[WORLD_NODES] = { 1, 1 }, serial[WORLD_NODES] = { 0 };

    for (size_t i = 0; i < s->visits; i++) {
        struct story_visit *v = &s->visit[i];
        *v = (struct story_visit){ .node = (uint8_t)(1 + story_random(s, WORLD_NODES)),
                                   .at = random_time(s, size.days) };
        v->client = random_ip(s, 10);
        for (unsigned slot = 0; slot < VISIT_SLOTS; slot++)
            v->recipe |= (story_random(s, 3) == 0 ? 0 : 1 + story_random(s, 9)) << (8 * slot);
        v->flags = story_random(s, 8) == 0 ? VISIT_BATCH : story_random(s, 8) == 0 ? VISIT_CRAWLER : 0;
        v->raise = story_random(s, 25) == 0 && !size.one_epoch;
    }
    qsort(s->visit, s->visits, sizeof *s->visit, by_time_visit);
    for (size_t i = 0; i < s->visits; i++) {
        struct story_visit *v = &s->visit[i];
        if (v->raise) {
            epoch[v->node - 1]++;
            serial[v->node - 1] = 0;
        }
        v->epoch = epoch[v->node - 1];
        v->serial = serial[v->node - 1]++;
    }
}

/* One recipient; the first decides when the mail came. */
static void make_rcpt(struct story *s, struct story_hit *h, size_t n)
{
    static const char *const fixed[] = { "sales@shop.example", "Info@old-brand.example",
                                         "a.b@gmial.example" };
    static const uint8_t classes[] = { RCPT_PRISTINE, RCPT_RECYCLED | RCPT_CATCHALL, RCPT_TYPO };
    static const char *const before[] = { "", "", "", "--", "u003e", "3d", "Mail" };
    const struct story_visit *v = &s->visit[story_random(s, s->visits)];
    struct mint_ref ref = { v->node, v->epoch, v->serial, (uint8_t)story_random(s, 3) };
    const uint64_t kind = story_random(s, 20);
    const size_t garble = story_random(s, 7), k = story_random(s, 3);

    h->rcpt[n].klass = before[garble][0] == '\0' ? RCPT_MINTED : RCPT_GUESS;
    if (n == 0)
        h->at.us = v->at.us + ((int64_t)story_random(s, 10 * 86400) - 1200) * WALL_US_PER_S;
    if (kind == 0)
        ref.serial += 1000 + (uint32_t)story_random(s, 100000); /* never shown */
    else if (kind == 1)
        ref.node = 9; /* a node that nobody has heard of */
    else if (kind == 2)
        h->at.us = v->at.us + (int64_t)story_random(s, 120) * WALL_US_PER_S; /* tried out? */
    if (kind == 2 && story_random(s, 2) == 0)
        h->sender = v->client;
    story_address(s, ref, before[garble], h->rcpt[n].address);
    if (kind >= 16) {
        h->rcpt[n].klass = classes[k];
        (void)snprintf(h->rcpt[n].address, ADDRESS_MAX, "%s", fixed[k]);
    } else if (kind == 15) {
        h->rcpt[n].klass = RCPT_GUESS;
        (void)snprintf(h->rcpt[n].address, ADDRESS_MAX, "info%u@" DOMAIN, (unsigned)story_random(s, 50));
    }
}

/* Every fifth is no plain mail. From the time alone: the rest of the story stays as it is. */
static uint32_t flags_of(wall_t at)
{
    static const uint32_t flags[] = { HIT_LIST_HEADER, HIT_AUTOMATIC | HIT_LIST_HEADER,
                                      HIT_NULL_SENDER | HIT_AUTOMATIC | HIT_BACKSCATTER };

    return at.us % 5 == 0 ? flags[at.us / 5 % 3] : 0;
}

static void make_hits(struct story *s, uint32_t days)
{
    for (size_t i = 0; i < s->hits; i++) {
        struct story_hit *h = &s->hit[i];
        *h = (struct story_hit){ .node = (uint8_t)(1 + story_random(s, WORLD_NODES)),
                                 .at = random_time(s, days) };
        h->sender = random_ip(s, 20);
        h->rcpt_count = 1 + (story_random(s, 3) == 0 ? story_random(s, RCPTS_MAX) : 0);
        for (size_t n = 0; n < h->rcpt_count; n++)
            make_rcpt(s, h, n);
        h->flags = flags_of(h->at);
    }
    qsort(s->hit, s->hits, sizeof *s->hit, by_time_hit);
}

static void make_sessions(struct story *s, uint32_t days)
{
    for (size_t i = 0; i < s->sessions; i++) {
        struct story_session *x = &s->session[i];
        const struct story_visit *v = &s->visit[story_random(s, s->visits)];
        *x = (struct story_session){ .node = (uint8_t)(1 + story_random(s, WORLD_NODES)),
                                     .at = random_time(s, days) };
        x->client = random_ip(s, 20);
        x->klass = (uint8_t)(story_random(s, 2) == 0   ? RCPT_MINTED
                             : story_random(s, 2) == 0 ? RCPT_PRISTINE
                                                       : 0);
        if (x->klass == RCPT_MINTED)
            story_address(s, (struct mint_ref){ v->node, v->epoch, v->serial, 0 }, "", x->address);
        else if (x->klass != 0)
            (void)snprintf(x->address, ADDRESS_MAX, "Sales@shop.example");
    }
    qsort(s->session, s->sessions, sizeof *s->session, by_time_session);
}

void story_make(struct story *s, uint64_t seed, struct story_size size)
{
    struct keyring keys = { .has_master = true, .master = { 3, 1, 4, 1, 5, 9 } };

    *s = (struct story){ .seed = seed * 0x9e3779b97f4a7c15ULL + 1,
                         .visits = size.visits,
                         .hits = size.hits,
                         .sessions = size.sessions };
    assert_int_equal(mint_new(&keys, &s->mint), TRAP_OK);
    s->visit = calloc(size.visits + 1, sizeof *s->visit);
    s->hit = calloc(size.hits + 1, sizeof *s->hit);
    s->session = calloc(size.sessions + 1, sizeof *s->session);
    assert_true(s->visit != NULL && s->hit != NULL && s->session != NULL);
    make_visits(s, size);
    make_hits(s, size.days);
    make_sessions(s, size.days);
}

void story_free(struct story *s)
{
    mint_free(&s->mint);
    free(s->visit);
    free(s->hit);
    free(s->session);
}

/* ---- the files ---- */

static const char *node_dir(const struct world *w, uint8_t node)
{
    return node == 1 ? w->dir : w->second;
}

void world_restart(struct world *w, bool turned)
{
    const struct fold_node nodes[WORLD_NODES] = { { 1, w->hits[0], w->visits[0] },
                                                  { 2, w->hits[1], w->visits[1] } };
    const struct fold_node other_way[WORLD_NODES] = { nodes[1], nodes[0] };

    fold_free(&w->fold);
    assert_int_equal(
        fold_new(&w->config, w->story->mint, w->derived, turned ? other_way : nodes, WORLD_NODES, &w->fold),
        TRAP_OK);
}

void world_begin(struct world *w, const struct story *s, bool turned)
{
    struct err_text why = { "" };
    char nodes[80];

    *w = (struct world){ .story = s };
    /* Nothing here asks for durability: a small world lives in memory, where fsync costs nothing. */
    const bool small = s->hits <= SMALL_HITS && access("/dev/shm", W_OK) == 0;
    (void)snprintf(w->dir, sizeof w->dir, "%s/trapline-fold-XXXXXX", small ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(nodes, sizeof nodes, "%s/nodes", w->dir);
    (void)snprintf(w->second, sizeof w->second, "%s/2", nodes);
    assert_trap_ok(store_create_all(w->dir, 1, &why), why);
    assert_trap_ok(dir_make(nodes, 0700, &why), why);
    assert_trap_ok(dir_make(w->second, 0700, &why), why);
    assert_trap_ok(store_create_all(w->second, 2, &why), why);
    assert_trap_ok(store_open(w->dir, STORE_DERIVED, STORE_WRITE, &w->derived, &why), why);
    assert_trap_ok(store_open(w->dir, STORE_ACTS, STORE_WRITE, &w->acts, &why), why);
    for (uint8_t i = 0; i < WORLD_NODES; i++) {
        assert_trap_ok(store_open(node_dir(w, (uint8_t)(i + 1)), STORE_HITS, STORE_READ, &w->hits[i], &why),
                       why);
        assert_trap_ok(
            store_open(node_dir(w, (uint8_t)(i + 1)), STORE_VISITS, STORE_READ, &w->visits[i], &why), why);
    }
    world_restart(w, turned);
}

void world_end(struct world *w)
{
    char command[128];
    struct err_text why = { "" };

    fold_free(&w->fold);
    store_close(&w->derived);
    store_close(&w->acts);
    taints_free(&w->taints);
    for (size_t i = 0; i < WORLD_NODES; i++) {
        store_close(&w->hits[i]);
        store_close(&w->visits[i]);
    }
    assert_trap_ok(dir_remove(w->second, &why), why);
    (void)snprintf(command, sizeof command, "%s/nodes", w->dir);
    assert_trap_ok(dir_remove(command, &why), why);
    assert_trap_ok(dir_remove(w->dir, &why), why);
}

static struct conf_store store_conf(void)
{
    return (struct conf_store){ .queue_max = 1000000,
                                .batch_max = 10000,
                                .wal_max_bytes = 64 << 20,
                                .sample_max_bytes = 0,
                                .samples_max_bytes = 0,
                                .free_min_bytes = 0 };
}

static void visit_done(struct commit_job *job, enum trap_err result)
{
    job->result = result;
}

static void write_visits(struct world *w, uint8_t node, size_t from, size_t upto, wall_t until)
{
    const struct conf_store conf = store_conf();
    struct visit_job *jobs = calloc(upto - from + 1, sizeof *jobs);
    struct visit_log *log = NULL;
    struct err_text why = { "" };

    assert_non_null(jobs);
    assert_trap_ok(visit_log_open(node_dir(w, node), &conf, NULL, NULL, &log, &why), why);
    for (size_t i = from; i < upto; i++) {
        const struct story_visit *v = &w->story->visit[i];
        if (v->node != node || v->at.us > until.us)
            continue;
        if (v->raise) {
            uint32_t epoch = 0;
            visit_log_close(&log);
            assert_trap_ok(visit_epoch_raise(node_dir(w, node), &epoch, &why), why);
            assert_trap_ok(visit_log_open(node_dir(w, node), &conf, NULL, NULL, &log, &why), why);
        }
        jobs[i - from] = (struct visit_job){ .job = { .done = visit_done },
                                             .visit = { .at = v->at,
                                                        .client = v->client,
                                                        .site = BYTES("www.shop.example"),
                                                        .page = BYTES("/"),
                                                        .recipe = v->recipe,
                                                        .flags = v->flags } };
        assert_int_equal(visit_log_submit(log, &jobs[i - from]), TRAP_OK);
    }
    visit_log_close(&log); /* commits what waits */
    for (size_t i = from; i < upto; i++) {
        const struct story_visit *v = &w->story->visit[i];
        if (v->node != node || v->at.us > until.us)
            continue;
        assert_int_equal(jobs[i - from].visit.epoch, v->epoch);
        assert_int_equal(jobs[i - from].visit.serial, v->serial);
    }
    free(jobs);
}

static void write_hits(struct world *w, uint8_t node, size_t from, size_t upto, wall_t until)
{
    const struct conf_store conf = store_conf();
    struct hit_job *jobs = calloc(upto - from + 1, sizeof *jobs);
    struct hit_rcpt(*rcpts)[RCPTS_MAX] = calloc(upto - from + 1, sizeof *rcpts);
    struct hit_log *log = NULL;
    struct err_text why = { "" };

    assert_true(jobs != NULL && rcpts != NULL);
    assert_trap_ok(hit_log_open(node_dir(w, node), &conf, NULL, NULL, &log, &why), why);
    for (size_t i = from; i < upto; i++) {
        const struct story_hit *h = &w->story->hit[i];
        if (h->node != node || h->at.us > until.us || h->left_out)
            continue;
        for (size_t n = 0; n < h->rcpt_count; n++)
            rcpts[i - from][n] = (struct hit_rcpt){ .klass = h->rcpt[n].klass,
                                                        .address = bytes_str(h->rcpt[n].address) };
        jobs[i - from] = (struct hit_job){ .job = { .done = visit_done },
                                           .hit = { .at = h->at,
                                                    .session = i + 1,
                                                    .sender = h->sender,
                                                    .flags = h->flags,
                                                    .local = ip_v4(203, 0, 113, 1),
                                                    .local_port = 25,
                                                    .size = 100,
                                                    .digest = i,
                                                    .rcpts = rcpts[i - from],
                                                    .rcpt_count = h->rcpt_count } };
        assert_int_equal(hit_log_submit(log, &jobs[i - from]), TRAP_OK);
    }
    hit_log_close(&log);
    free(rcpts);
    free(jobs);
}

static void write_sessions(struct world *w, uint8_t node, size_t from, size_t upto, wall_t until)
{
    const struct conf_store conf = store_conf();
    struct session_job *jobs = calloc(upto - from + 1, sizeof *jobs);
    struct hit_log *log = NULL;
    struct err_text why = { "" };

    assert_non_null(jobs);
    assert_trap_ok(hit_log_open(node_dir(w, node), &conf, NULL, NULL, &log, &why), why);
    for (size_t i = from; i < upto; i++) {
        const struct story_session *s = &w->story->session[i];
        if (s->node != node || s->at.us > until.us)
            continue;
        jobs[i - from] = (struct session_job){ .job = { .done = visit_done },
                                               .session = { .at = s->at,
                                                            .session = 1000000 + i,
                                                            .client = s->client,
                                                            .local = ip_v4(203, 0, 113, 1),
                                                            .local_port = 25,
                                                            .attempt_class = s->klass,
                                                            .attempt_address = bytes_str(s->address) } };
        assert_int_equal(hit_log_submit_session(log, &jobs[i - from]), TRAP_OK);
    }
    hit_log_close(&log);
    free(jobs);
}

void world_write(struct world *w, enum world_log log, uint8_t node, size_t upto, wall_t until)
{
    static void (*const write[])(struct world *, uint8_t, size_t, size_t,
                                 wall_t) = { write_visits, write_hits, write_sessions };
    const size_t from = w->written[log][node - 1];

    if (from >= upto)
        return;
    write[log](w, node, from, upto, until);
    w->written[log][node - 1] = upto;
}

void world_write_all(struct world *w)
{
    const wall_t all = { INT64_MAX };

    for (uint8_t node = 1; node <= WORLD_NODES; node++) {
        world_write(w, WORLD_VISITS, node, w->story->visits, all);
        world_write(w, WORLD_HITS, node, w->story->hits, all);
        world_write(w, WORLD_SESSIONS, node, w->story->sessions, all);
    }
}

uint64_t world_act(struct world *w, enum act_kind kind, const char *subject, wall_t at)
{
    struct act act = { .kind = (uint8_t)kind, .at = at, .subject = bytes_str(subject), .who = BYTES("test") };
    struct err_text why = { "" };

    assert_trap_ok(act_append(w->acts, &act, 1, &why), why);
    taints_free(&w->taints);
    assert_trap_ok(taints_load(w->acts, (wall_t){ INT64_MAX }, &w->taints, &why), why);
    return act.seq;
}

struct fold_result world_fold_bulk(struct world *w, size_t rows_max, wall_t as_of, bool afresh)
{
    const struct fold_options options = {
        .as_of = as_of, .taints = w->taints, .afresh = afresh, .bulk_min = 1, .bulk_rows_max = rows_max
    };
    struct fold_result result = { 0 };
    struct err_text why = { "" };

    assert_trap_ok(fold_run(w->fold, &options, &result, &why), why);
    return result;
}

struct fold_result world_fold(struct world *w, uint32_t batch_max, wall_t as_of)
{
    const struct fold_options options = { .batch_max = batch_max, .as_of = as_of, .taints = w->taints };
    struct fold_result result = { 0 };
    struct err_text why = { "" };

    assert_trap_ok(fold_run(w->fold, &options, &result, &why), why);
    return result;
}
