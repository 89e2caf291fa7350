/* event_dump.c - `trapline dump --events`: the logs as lines of JSON, while the daemons run.
 *
 * Order:   epochs and visits, messages, sessions, counter rows, acts, then what was erased. The end of the
 *          mail is noted before the visits are read: no message of the dump is newer than them.
 */
#include "event_dump.h"

#include <store/act_log.h>
#include <store/hit_log.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 5000, LINE_MAX_BYTES = 64 << 20 };

struct dumper {
    struct home *home;
    wall_t as_of;
    struct buf line;
    struct visit_epoch *epochs;
    size_t epoch_count, epoch_next;
    uint64_t bound; /* of the log under way */
    uint8_t log;
};

static enum trap_err write_line(struct dumper *d, enum event_kind kind, const void *record)
{
    enum trap_err err;

    buf_reset(&d->line);
    err = event_write(kind, record, &d->line);
    if (err == TRAP_OK && fwrite(d->line.p, 1, d->line.n, stdout) != d->line.n)
        err = TRAP_EIO;
    return err;
}

static bool takes(const struct dumper *d, uint64_t seq, wall_t at)
{
    return seq <= d->bound && at.us <= d->as_of.us;
}

/* Epochs that have begun when the next visit, with this sequence, came. */
static enum trap_err write_epochs(struct dumper *d, uint64_t seq)
{
    enum trap_err err = TRAP_OK;

    while (err == TRAP_OK && d->epoch_next < d->epoch_count && d->epochs[d->epoch_next].first_seq <= seq &&
           (d->epoch_next == 0 || d->epochs[d->epoch_next].started.us <= d->as_of.us))
        err = write_line(d, EVENT_EPOCH, &d->epochs[d->epoch_next++]);
    return err;
}

static enum trap_err on_visit(const struct visit *v, void *arg)
{
    struct dumper *d = arg;
    enum trap_err err;

    if (!takes(d, v->seq, v->at))
        return TRAP_OK;
    err = write_epochs(d, v->seq);
    return err == TRAP_OK ? write_line(d, EVENT_VISIT, v) : err;
}

static enum trap_err on_hit(const struct hit *h, void *arg)
{
    return takes(arg, h->seq, h->at) ? write_line(arg, EVENT_HIT, h) : TRAP_OK;
}

static enum trap_err on_session(const struct session_record *s, void *arg)
{
    return takes(arg, s->seq, s->at) ? write_line(arg, EVENT_SESSION, s) : TRAP_OK;
}

static enum trap_err on_counter(const struct counter_row *c, void *arg)
{
    const struct dumper *d = arg;

    return c->first.us <= d->as_of.us ? write_line(arg, EVENT_COUNTER, c) : TRAP_OK;
}

static enum trap_err on_act(const struct act *a, void *arg)
{
    return takes(arg, a->seq, a->at) ? write_line(arg, EVENT_ACT, a) : TRAP_OK;
}

static enum trap_err on_erasure(const struct erasure *e, void *arg)
{
    const struct dumper *d = arg;
    const struct event_erasure record = { d->log, *e };

    return write_line(arg, EVENT_ERASURE, &record);
}

static enum trap_err page(struct dumper *d, uint64_t after, uint64_t *last_out)
{
    const struct home *h = d->home;

    switch (d->log) {
    case RECORD_VISIT:
        return visit_each(h->visits, after, PAGE, on_visit, d, last_out);
    case RECORD_HIT:
        return hit_each(h->hits, after, PAGE, on_hit, d, last_out);
    case RECORD_SESSION:
        return session_each(h->hits, after, PAGE, on_session, d, last_out);
    default:
        return act_each(h->acts, after, PAGE, on_act, d, last_out);
    }
}

static enum trap_err walk(struct dumper *d, enum record_log log, uint64_t bound)
{
    uint64_t after = 0, last = 0;
    enum trap_err err = TRAP_OK;

    d->log = (uint8_t)log;
    d->bound = bound;
    do {
        after = last;
        err = page(d, after, &last);
    } while (err == TRAP_OK && last != after && last < bound);
    return err;
}

static enum trap_err erased(struct dumper *d, struct store_db *db, enum record_log log, uint64_t upto,
                            uint64_t last)
{
    const struct event_erased record = { (uint8_t)log, upto, upto == 0 ? 0 : last };
    enum trap_err err = TRAP_OK;

    d->log = (uint8_t)log;
    if (log != RECORD_SESSION) /* it shares hits.db */
        err = erasure_each(db, on_erasure, d);
    return err == TRAP_OK && upto > 0 ? write_line(d, EVENT_ERASED, &record) : err;
}

static enum trap_err dump_all(struct dumper *d)
{
    const struct home *h = d->home;
    uint64_t hits = 0, sessions = 0, visits = 0, acts = 0, no_hits = 0, no_sessions = 0, no_visits = 0;
    enum trap_err err = hit_bounds(h->hits, &hits, &no_hits);

    if (err == TRAP_OK)
        err = session_bounds(h->hits, &sessions, &no_sessions);
    if (err == TRAP_OK)
        err = visit_bounds(h->visits, &visits, &no_visits);
    if (err == TRAP_OK)
        err = act_last(h->acts, &acts);
    if (err == TRAP_OK)
        err = visit_epochs(h->visits, &d->epochs, &d->epoch_count);
    if (err == TRAP_OK)
        err = walk(d, RECORD_VISIT, visits);
    if (err == TRAP_OK)
        err = write_epochs(d, UINT64_MAX);
    if (err == TRAP_OK)
        err = walk(d, RECORD_HIT, hits);
    if (err == TRAP_OK)
        err = walk(d, RECORD_SESSION, sessions);
    if (err == TRAP_OK)
        err = counter_each(h->hits, on_counter, d);
    if (err == TRAP_OK)
        err = walk(d, RECORD_ACT, acts);
    if (err == TRAP_OK)
        err = erased(d, h->visits, RECORD_VISIT, no_visits, visits);
    if (err == TRAP_OK)
        err = erased(d, h->hits, RECORD_HIT, no_hits, hits);
    if (err == TRAP_OK)
        err = erased(d, h->hits, RECORD_SESSION, no_sessions, sessions);
    return err;
}

int event_dump(struct home *h, wall_t as_of)
{
    struct dumper d = { .home = h, .as_of = as_of };
    char text[WALL_TEXT_MAX];
    enum trap_err err;

    buf_init(&d.line, LINE_MAX_BYTES);
    printf("{\"trapline-events\":1,\"node\":%u,\"as_of\":\"%s\"}\n", h->config->node_id,
           wall_text(as_of, text));
    err = dump_all(&d);
    buf_free(&d.line);
    free(d.epochs);
    if (ferror(stdout))
        return 0; /* main() says so */
    return err == TRAP_OK ? 0 : cli_fail_err(err, &(struct err_text){ "" });
}
