/* seek.c - see seek.h. */
#include "seek.h"

#include "batch.h"

#include <base/file.h>
#include <base/log.h>
#include <base/num.h>
#include <store/evidence.h>
#include <store/hit_log.h>
#include <store/lookup.h>
#include <store/visit_log.h>

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_HITS = 500, BATCHES_A_TURN = 20, LINKS_MAX = 200 };
#define CRAWLER_ASKED_FOR SPAN_D(7)

struct seek {
    struct look_env *env;
    struct store_db *hits, *visits, *derived;
    struct batch batch;
    uint64_t mark, batch_end; /* the last message that was dealt with; of the present batch */
    uint64_t folded;
    char mark_path[PATH_TEXT_MAX];
    mono_t hour;              /* when this one began */
    uint64_t hour_questions;  /* asked before it */
    wall_t undecided_seen;
    bool failure_told;
};

/* ---- the mark ---- */

static void read_mark(struct seek *s)
{
    struct buf text;

    if (file_slurp(s->mark_path, 64, &text, NULL) != TRAP_OK)
        return;
    const struct bytes line = bytes_take(buf_bytes(&text), bytes_find(buf_bytes(&text), '\n'));
    if (num_u64(line, 0, INT64_MAX, &s->mark) != TRAP_OK)
        s->mark = 0;
    buf_free(&text);
}

static void write_mark(struct seek *s)
{
    char text[32];
    struct err_text why = { "" };

    (void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)s->mark);
    if (file_replace(s->mark_path, bytes_str(text), 0600, &why) != TRAP_OK)
        log_warning("look.mark", LOG_STR("error", why.text));
}

/* ---- the databases ---- */

static enum trap_err open_one(struct seek *s, enum store_file f, struct store_db **db, struct err_text *why)
{
    return *db != NULL ? TRAP_OK : store_open(s->env->config->state_dir, f, STORE_READ, db, why);
}

/* Another program may still be making or migrating them. */
static enum trap_err open_all(struct seek *s, struct err_text *why)
{
    enum trap_err err = open_one(s, STORE_HITS, &s->hits, why);

    if (err == TRAP_OK)
        err = open_one(s, STORE_VISITS, &s->visits, why);
    if (err == TRAP_OK)
        err = open_one(s, STORE_DERIVED, &s->derived, why);
    return err;
}

static void close_all(struct seek *s)
{
    store_close(&s->derived);
    store_close(&s->visits);
    store_close(&s->hits);
}

/* ---- a batch ---- */

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    struct seek *s = arg;
    struct address_ask ask = { .ip = h->sender, .sender = true };

    if (h->helo.n < sizeof(ask.helo))
        memcpy(ask.helo, h->helo.p, h->helo.n);
    if (memchr(ask.helo, '\0', h->helo.n) != NULL)
        ask.helo[0] = '\0';
    enum trap_err err = TRAP_ENOENT; /* the fold has not come so far */

    if (h->seq <= s->folded)
        err = batch_add(&s->batch, &ask);
    if (err == TRAP_OK)
        s->batch_end = h->seq;
    return err;
}

static enum trap_err on_visit(const struct visit *v, void *arg)
{
    *(struct ip *)arg = v->client;
    return TRAP_OK;
}

struct links {
    struct prefix key[LINKS_MAX];
    size_t n;
};

static enum trap_err on_link(const struct link_row *row, void *arg)
{
    struct links *l = arg;

    for (size_t i = 0; i < l->n; i++)
        if (prefix_cmp(l->key[i], row->harvester) == 0)
            return TRAP_OK;
    if (l->n < LINKS_MAX)
        l->key[l->n++] = row->harvester;
    return TRAP_OK;
}

static enum trap_err add_harvester(struct seek *s, struct prefix key)
{
    struct address_ask ask = { .ip = key.ip, .harvester = true };
    enum trap_err err = TRAP_OK;

    if (!ip_is_v4(key.ip)) /* of the /64 the address that came last */
        err = visit_by_client(s->visits, key, 1, on_visit, &ask.ip);
    return err == TRAP_OK ? batch_add(&s->batch, &ask) : err;
}

static enum trap_err add_harvesters(struct seek *s)
{
    const size_t senders = s->batch.n;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < senders && err == TRAP_OK; i++) {
        struct links links = { .n = 0 };

        err = link_by_sender(s->derived, ip_key(s->batch.v[i].ip), on_link, &links);
        for (size_t k = 0; k < links.n && err == TRAP_OK; k++)
            err = add_harvester(s, links.key[k]);
    }
    return err;
}

static enum trap_err on_crawler(const struct act *a, void *arg)
{
    struct seek *s = arg;
    const span_t since = wall_diff(wall_now(), a->at);
    struct address_ask ask = { .harvester = true };

    if (!lookup_word_is(a->detail, "crawler", "undecided") || since.ms > CRAWLER_ASKED_FOR.ms ||
        ip_parse(bytes_skip(a->subject, strlen(LOOKUP_CRAWLER)), &ask.ip) != TRAP_OK)
        return TRAP_OK;
    return batch_add(&s->batch, &ask);
}

/* Once an hour. */
static enum trap_err add_undecided(struct seek *s)
{
    if (wall_diff(wall_now(), s->undecided_seen).ms < SPAN_H(1).ms)
        return TRAP_OK;
    s->undecided_seen = wall_now();
    return lookup_each(s->env->acts, LOOKUP_CRAWLER, on_crawler, s);
}

/* Where the log ends before the mark it is another one: a restored store. */
static enum trap_err check_mark(struct seek *s)
{
    uint64_t last = 0, ignored = 0;
    const enum trap_err err = hit_bounds(s->hits, &last, &ignored);

    if (err == TRAP_OK && last < s->mark)
        s->mark = s->batch_end = 0;
    return err;
}

static enum trap_err read_batch(struct seek *s, struct err_text *why)
{
    enum trap_err err = open_all(s, why);
    uint64_t last = 0;

    if (err == TRAP_OK)
        err = derived_mark_get(s->derived, s->env->config->node_id, RECORD_HIT, &s->folded);
    if (err == TRAP_OK && s->folded < s->mark)
        err = check_mark(s);
    if (err == TRAP_OK && s->folded > s->mark) {
        err = hit_each(s->hits, s->mark, BATCH_HITS, on_hit, s, &last);
        if (err == TRAP_ENOENT || err == TRAP_EFULL)
            err = TRAP_OK;
    }
    if (err == TRAP_OK)
        err = add_harvesters(s);
    if (err == TRAP_OK)
        err = add_undecided(s);
    return err == TRAP_EFULL ? TRAP_OK : err;
}

/* ---- turns ---- */

static bool may_ask(void *arg)
{
    struct seek *s = arg;
    const mono_t now = mono_now();

    if (mono_diff(now, s->hour).ms >= SPAN_H(1).ms) {
        s->hour = now;
        s->hour_questions = s->env->questions;
    }
    return s->env->questions - s->hour_questions + ADDRESS_QUESTIONS_MAX <=
           s->env->config->look.queries_per_hour;
}

static void end_batch(struct seek *s)
{
    if (s->batch_end > s->mark) {
        s->mark = s->batch_end;
        write_mark(s);
    }
    batch_clear(&s->batch);
}

static void give_up(struct seek *s, enum trap_err err, const struct err_text *why)
{
    if (!s->failure_told)
        log_warning("look.seek.failed", LOG_STR("kind", err_name(err)), LOG_STR("error", why->text));
    s->failure_told = true;
    s->batch_end = s->mark;
    batch_clear(&s->batch);
    close_all(s);
}

/* Batches of addresses that are all on record end at once: then the next one follows. */
void seek_turn(struct seek *s)
{
    for (unsigned i = 0; i < BATCHES_A_TURN; i++) {
        struct err_text why = { "" };
        enum trap_err err;

        if (!batch_is_done(&s->batch)) {
            batch_turn(&s->batch);
            return;
        }
        end_batch(s);
        err = read_batch(s, &why);
        if (err != TRAP_OK) {
            give_up(s, err, &why);
            return;
        }
        s->failure_told = false;
        batch_turn(&s->batch);
        if (s->batch_end == s->mark)
            return;
    }
}

enum trap_err seek_new(struct look_env *env, struct seek **out)
{
    struct seek *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return TRAP_ENOMEM;
    s->env = env;
    s->hour = mono_now();
    config_state_path(env->config, "snap/look", s->mark_path);
    read_mark(s);
    s->batch_end = s->mark;
    batch_init(&s->batch, env, may_ask, s);
    *out = s;
    return TRAP_OK;
}

void seek_free(struct seek **seek)
{
    struct seek *s = *seek;

    if (s == NULL)
        return;
    batch_clear(&s->batch);
    close_all(s);
    free(s);
    *seek = NULL;
}
