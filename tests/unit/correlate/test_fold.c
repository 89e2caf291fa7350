/* One record at a time: which rows it makes. */
#include "world.h"

#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after those above */
#include <cmocka.h>

#define EVER ((wall_t){ INT64_MAX })

static wall_t minute(int64_t m)
{
    return (wall_t){ (WORLD_BEGIN + m * 60) * WALL_US_PER_S };
}

/* Three visits: a person at node 1, a batch at node 1, and at node 2 a neighbour of the first one's
 * network. */
static void begin(struct story *s, struct world *w)
{
    static const struct {
        uint8_t node;
        int64_t at;
        uint32_t flags, serial;
    } visits[] = { { 1, 0, 0, 0 }, { 1, 1, VISIT_BATCH, 1 }, { 2, 2, VISIT_NO_AGENT, 0 } };

    story_make(s, 1, (struct story_size){ .visits = 3, .hits = 8, .sessions = 3, .days = 1 });
    for (size_t i = 0; i < s->visits; i++)
        s->visit[i] = (struct story_visit){ .node = visits[i].node,
                                            .at = minute(visits[i].at),
                                            .client = ip_v4(45, 10, 1, (uint8_t)(7 + i)),
                                            .recipe = 0x0302, /* slots 0 and 1 */
                                            .flags = visits[i].flags,
                                            .epoch = 1,
                                            .serial = visits[i].serial };
    s->hits = s->sessions = 0;
    world_begin(w, s, false);
}

static void end(struct story *s, struct world *w)
{
    world_end(w);
    story_free(s);
}

static struct story_hit *mail(struct story *s, int64_t at)
{
    struct story_hit *h = &s->hit[s->hits++];

    *h = (struct story_hit){ .node = 1, .at = minute(at), .sender = ip_v4(45, 20, 0, 5) };
    return h;
}

static void to_minted(struct story *s, struct story_hit *h, size_t visit, uint8_t slot, const char *before)
{
    const struct story_visit *v = &s->visit[visit];

    h->rcpt[h->rcpt_count].klass = before[0] == '\0' ? RCPT_MINTED : RCPT_GUESS;
    story_address(s, (struct mint_ref){ v->node, v->epoch, v->serial, slot }, before,
                  h->rcpt[h->rcpt_count++].address);
}

static void to_address(struct story_hit *h, uint8_t klass, const char *address)
{
    h->rcpt[h->rcpt_count].klass = klass;
    (void)snprintf(h->rcpt[h->rcpt_count++].address, ADDRESS_MAX, "%s", address);
}

static void assert_rows(struct world *w, const char *want)
{
    struct buf out;

    world_dump(w, true, &out);
    assert_string_equal(buf_cstr(&out), want);
    buf_free(&out);
}

/* What world_dump writes, with the numbers that never change here. */
static char *line(const char *format, ...) TRAP_PRINTF(1, 2);
static char *line(const char *format, ...)
{
    static char text[4096];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

#define HOUR0     ((unsigned)(WORLD_BEGIN / 3600))
#define DAY0      ((unsigned)(WORLD_BEGIN / 86400))
#define US(m)     ((long long)(WORLD_BEGIN + (m)*60) * 1000000)
#define VISITOR_1 "visitor 45.10.1.7: 1 1772323200000000 1772323200000000\n"
#define VISITOR_2 "visitor 45.10.1.9: 1 1772323320000000 1772323320000000\n"
#define NET     \
    "100000000" \
    "02d0a01" /* 45.10.1.0/24 */

static unsigned long long trap(const char *address)
{
    return (unsigned long long)source_of_name(SOURCE_TRAP, bytes_str(address));
}

static unsigned long long domain(const char *name)
{
    return (unsigned long long)source_of_name(SOURCE_DOMAIN, bytes_str(name));
}

/* Two slots of one visit and a static trap: two sources, two links. The same address twice, once garbled: one
 * link. */
static void test_several_recipients(void **state)
{
    struct story s;
    struct world w;

    (void)state;
    begin(&s, &w);
    struct story_hit *h = mail(&s, 70);
    to_minted(&s, h, 0, 0, "");
    to_minted(&s, h, 0, 1, "");
    to_minted(&s, h, 0, 1, "u003e");
    to_address(h, RCPT_PRISTINE, "Sales@shop.example");
    world_write_all(&w);
    const struct fold_result r = world_fold(&w, 0, EVER);
    assert_int_equal(r.resolved, 3);
    assert_int_equal(r.static_traps, 1);
    assert_rows(
        &w, line("evidence 45.20.0.5 " NET " minted %u node 1: 1 %lld %lld\n"
                 "evidence 45.20.0.5 %llx pristine %u node 1: 1 %lld %lld\n"
                 "link 45.10.1.7 45.20.0.5 1/1/0 by 2 day %u: 1 %lld %lld visited %lld flags 0\n"
                 "link 45.10.1.7 45.20.0.5 1/1/1 by 3 day %u: 1 %lld %lld visited %lld flags 0\n" VISITOR_1
                     VISITOR_2,
                 HOUR0 + 1, US(70), US(70), trap("sales@shop.example"), HOUR0 + 1, US(70), US(70), DAY0,
                 US(70), US(70), US(0), DAY0, US(70), US(70), US(0)));
    end(&s, &w);
}

/* Two messages of one hour are one row; another hour is another one. */
static void test_hours(void **state)
{
    struct story s;
    struct world w;

    (void)state;
    begin(&s, &w);
    to_address(mail(&s, 59), RCPT_RECYCLED | RCPT_CATCHALL, "Info@Old-brand.example");
    to_address(mail(&s, 58), RCPT_RECYCLED | RCPT_CATCHALL, "else@old-brand.example");
    to_address(mail(&s, 60), RCPT_TYPO | RCPT_CATCHALL, "else@old-brand.example");
    world_write_all(&w);
    (void)world_fold(&w, 1, EVER);
    assert_rows(&w, line("evidence 45.20.0.5 %llx recycled %u node 1: 2 %lld %lld\n"
                         "evidence 45.20.0.5 %llx typo %u node 1: 1 %lld %lld\n" VISITOR_1 VISITOR_2,
                         domain("old-brand.example"), HOUR0, US(58), US(59), domain("old-brand.example"),
                         HOUR0 + 1, US(60), US(60)));
    end(&s, &w);
}

/* Tried out from the visitor's network; from a batch; forged; a guess. None of them makes a link. */
static void test_no_links(void **state)
{
    struct story s;
    struct world w;
    char sum[2048];

    (void)state;
    begin(&s, &w);
    struct story_hit *h = mail(&s, 1);
    to_minted(&s, h, 0, 0, "");
    h->sender = ip_v4(45, 10, 1, 200);
    to_minted(&s, mail(&s, 70), 1, 0, "");
    to_minted(&s, mail(&s, 80), 0, 5, ""); /* the page had no slot 5 */
    to_address(mail(&s, 81), RCPT_GUESS, "info@quellwerft.net");
    world_write_all(&w);
    const struct fold_result r = world_fold(&w, 0, EVER);
    assert_int_equal(r.tests, 1);
    assert_int_equal(r.forged, 1);
    assert_int_equal(r.guesses, 1);
    (void)snprintf(sum, sizeof sum,
                   "evidence 45.10.1.200 " NET " test %u node 1: 1 %lld %lld\n"
                   "evidence 45.20.0.5 3001000000000002 minted %u node 1: 1 %lld %lld\n"
                   "evidence 45.20.0.5 %llx guess %u node 1: 2 %lld %lld\n" VISITOR_1 VISITOR_2,
                   HOUR0, US(1), US(1), HOUR0 + 1, US(70), US(70), domain("quellwerft.net"), HOUR0 + 1,
                   US(80), US(81));
    assert_rows(&w, sum);
    end(&s, &w);
}

static void test_attempts(void **state)
{
    struct story s;
    struct world w;

    (void)state;
    begin(&s, &w);
    s.sessions = 3;
    s.session[0] = (struct story_session){ .node = 1, .at = minute(5), .client = ip_v4(45, 20, 0, 5) };
    s.session[1] = s.session[2] = s.session[0];
    s.session[1].klass = RCPT_MINTED;
    story_address(&s, (struct mint_ref){ 1, 1, 0, 0 }, "", s.session[1].address);
    s.session[2].klass = RCPT_PRISTINE;
    (void)snprintf(s.session[2].address, ADDRESS_MAX, "Sales@shop.example");
    world_write_all(&w);
    const struct fold_result r = world_fold(&w, 0, EVER);
    assert_int_equal(r.sessions, 3);
    assert_int_equal(r.attempts, 2);
    const unsigned long long a = domain("quellwerft.net"), b = trap("sales@shop.example");
    char at[2][200];
    (void)snprintf(at[a > b], sizeof at[0], "evidence 45.20.0.5 %llx attempt %u node 1: 1 %lld %lld\n", a,
                   HOUR0, US(5), US(5));
    (void)snprintf(at[a < b], sizeof at[0], "evidence 45.20.0.5 %llx attempt %u node 1: 1 %lld %lld\n", b,
                   HOUR0, US(5), US(5));
    assert_rows(&w, line("%s%s" VISITOR_1 VISITOR_2, at[0], at[1]));
    end(&s, &w);
}

/* One recipient resolves at once, two wait for the other node. All three name one network: the message counts
 * once. */
static void test_pending_counts_once(void **state)
{
    struct story s;
    struct world w;

    (void)state;
    begin(&s, &w);
    struct story_hit *h = mail(&s, 70);
    to_minted(&s, h, 0, 0, "");
    to_minted(&s, h, 2, 0, "");
    to_minted(&s, h, 2, 1, "");
    world_write(&w, WORLD_VISITS, 1, s.visits, EVER);
    world_write(&w, WORLD_HITS, 1, s.hits, EVER);
    struct fold_result r = world_fold(&w, 0, EVER);
    assert_int_equal(r.resolved, 1);
    assert_int_equal(r.pending, 2);
    assert_rows(
        &w, line("evidence 45.20.0.5 " NET " minted %u node 1: 1 %lld %lld\n"
                 "link 45.10.1.7 45.20.0.5 1/1/0 by 2 day %u: 1 %lld %lld visited %lld flags 0\n" VISITOR_1
                 "pending 1/1/1 45.20.0.5 45.20.0.5 %lld: 2/1/0/0\npending 1/1/2 45.20.0.5 45.20.0.5 %lld: "
                 "2/1/0/1\n",
                 HOUR0 + 1, US(70), US(70), DAY0, US(70), US(70), US(0), US(70), US(70)));
    world_write_all(&w);
    r = world_fold(&w, 0, EVER);
    assert_int_equal(r.resolved, 2);
    assert_int_equal(r.hits, 0);
    assert_rows(
        &w, line("evidence 45.20.0.5 " NET " minted %u node 1: 1 %lld %lld\n"
                 "link 45.10.1.7 45.20.0.5 1/1/0 by 2 day %u: 1 %lld %lld visited %lld flags 0\n"
                 "link 45.10.1.9 45.20.0.5 2/1/0 by 2 day %u: 1 %lld %lld visited %lld flags 8\n"
                 "link 45.10.1.9 45.20.0.5 2/1/1 by 3 day %u: 1 %lld %lld visited %lld flags 8\n" VISITOR_1
                     VISITOR_2,
                 HOUR0 + 1, US(70), US(70), DAY0, US(70), US(70), US(0), DAY0, US(70), US(70), US(2), DAY0,
                 US(70), US(70), US(2)));
    end(&s, &w);
}

/* The sink vouches for an address of a node that we have not heard of: it waits. A guess that we cannot read
 * is a guess. */
static void test_unread(void **state)
{
    struct story s;
    struct world w;
    char address[ADDRESS_MAX];

    (void)state;
    begin(&s, &w);
    story_address(&s, (struct mint_ref){ 9, 1, 0, 0 }, "", address);
    to_address(mail(&s, 70), RCPT_MINTED, address);
    to_address(mail(&s, 71), RCPT_GUESS, address);
    world_write_all(&w);
    const struct fold_result r = world_fold(&w, 0, EVER);
    assert_int_equal(r.pending, 1);
    assert_int_equal(r.guesses, 1);
    assert_rows(&w, line("evidence 45.20.0.5 %llx guess %u node 1: 1 %lld %lld\n" VISITOR_1 VISITOR_2
                         "pending 1/1/0 45.20.0.5 45.20.0.5 %lld: 0/0/0/0\n",
                         domain("quellwerft.net"), HOUR0 + 1, US(71), US(71), US(70)));
    end(&s, &w);
}

/* One text in 512 would also read under an epoch that has not begun. Nobody can have been shown that one: no
 * address waits for it. */
static void test_no_epoch_ahead(void **state)
{
    enum { VISITS = 3000 };
    struct story s;
    struct world w;

    (void)state;
    story_make(&s, 11, (struct story_size){ .visits = VISITS, .hits = VISITS, .days = 1, .one_epoch = true });
    s.hits = s.sessions = 0;
    for (size_t i = 0; i < s.visits; i++) {
        s.visit[i].recipe |= 1;
        s.visit[i].flags &= ~(uint32_t)VISIT_NOT_SHOWN;
        to_minted(&s, mail(&s, 2 * 24 * 60), i, 0, "");
    }
    world_begin(&w, &s, false);
    world_write_all(&w);
    const struct fold_result r = world_fold(&w, 0, EVER);
    assert_int_equal(r.resolved, VISITS);
    assert_int_equal(r.pending, 0);
    end(&s, &w);
}

/* ---- trace ---- */

static enum trap_err count_visit(const struct visit *v, void *arg)
{
    *(uint64_t *)arg += v->seq;
    return bytes_eq(v->page, BYTES("/")) ? TRAP_OK : TRAP_ECORRUPT;
}

static void assert_trace(struct world *w, const char *address, int64_t mailed, int outcome, bool repaired)
{
    struct fold_trace t;
    uint64_t seen = 0;

    assert_int_equal(fold_trace(w->fold, bytes_str(address), minute(mailed), &t, count_visit, &seen),
                     TRAP_OK);
    assert_int_equal(t.outcome, outcome);
    assert_int_equal(t.minted, outcome != TRACE_NOT_MINTED);
    assert_int_equal(t.repaired, repaired);
    assert_int_equal(seen, outcome == TRACE_RESOLVED ? 1 : 0);
}

static void test_trace(void **state)
{
    struct conf_trap_domain domains[1] = { { .klass = CLASS_PRISTINE } };
    char name[] = "quellwerft.net", text[ADDRESS_MAX];
    struct story s;
    struct world w;

    (void)state;
    begin(&s, &w);
    world_write_all(&w);
    story_address(&s, (struct mint_ref){ 1, 1, 0, 1 }, "", text);
    assert_trace(&w, text, 5, TRACE_RESOLVED, false);
    assert_trace(&w, text, -10, TRACE_RESOLVED, false);
    assert_trace(&w, text, -11, TRACE_FORGED, false);
    story_address(&s, (struct mint_ref){ 1, 1, 0, 1 }, "--", text);
    assert_trace(&w, text, 5, TRACE_RESOLVED, true);
    story_address(&s, (struct mint_ref){ 1, 1, 0, 6 }, "", text);
    assert_trace(&w, text, 5, TRACE_FORGED, false);
    story_address(&s, (struct mint_ref){ 1, 1, 77, 0 }, "", text);
    assert_trace(&w, text, 5, TRACE_PENDING, false);
    assert_trace(&w, "sales@shop.example", 5, TRACE_NOT_MINTED, false);
    assert_trace(&w, "no address", 5, TRACE_NOT_MINTED, false);
    assert_trace(&w, "", 5, TRACE_NOT_MINTED, false);
    assert_trace(&w, "runa@", 5, TRACE_NOT_MINTED, false);
    domains[0].name = name;
    w.config.trap_domains = domains;
    w.config.trap_domain_count = 1;
    assert_trace(&w, text, 5, TRACE_NOT_MINTED, false); /* the domain is said to be of another class */
    domains[0].klass = CLASS_MINTED;
    assert_trace(&w, text, 5, TRACE_PENDING, false);
    end(&s, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_recipients),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_no_links),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_pending_counts_once),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_no_epoch_ahead),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
