/* The life of a trap is a function of its acts and the moment: what the sink answers, and what the list says. */
#include "scratch.h"

#include <store/act_log.h>
#include <store/trapdir.h>

#define T0 1772323200LL /* 2026-03-01T00:00:00Z */
enum { DAY = 86400 };

static wall_t at(int64_t s)
{
    return (wall_t){ (T0 + s) * WALL_US_PER_S };
}

/* ---- the act's detail ---- */

static void test_birth(void **state)
{
    static const struct {
        const char *detail;
        enum trap_err err;
        const char *klass;
        uint32_t condition, observe;
    } cases[] = {
        { "recycled", TRAP_OK, "recycled", 0, 0 },
        { "typo condition=86400", TRAP_OK, "typo", 86400, 0 },
        { "recycled condition=1 observe=2", TRAP_OK, "recycled", 1, 2 },
        { "recycled observe=315360000", TRAP_OK, "recycled", 0, 315360000 },
        { "recycled observe=315360001", TRAP_EINVAL, NULL, 0, 0 },
        { "recycled later=x observe=5", TRAP_OK, "recycled", 0, 5 },
        { "recycled condition=-1", TRAP_EINVAL, NULL, 0, 0 },
        { "recycled condition", TRAP_EINVAL, NULL, 0, 0 },
        { "recycled condition=1 ", TRAP_EINVAL, NULL, 0, 0 },
        { "", TRAP_OK, "", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trap_birth b;
        struct buf again;
        assert_int_equal(trap_birth_get(bytes_str(cases[i].detail), &b), cases[i].err);
        if (cases[i].err != TRAP_OK)
            continue;
        assert_true(bytes_eq(b.klass, bytes_str(cases[i].klass)));
        assert_int_equal(b.condition_s, cases[i].condition);
        assert_int_equal(b.observe_s, cases[i].observe);
        buf_init(&again, 256);
        trap_birth_put(&b, &again);
        if (strstr(cases[i].detail, "later") == NULL)
            assert_true(bytes_eq(buf_bytes(&again), bytes_str(cases[i].detail)));
        buf_free(&again);
    }
}

static void test_stretches(void **state)
{
    const struct trap_birth birth = { .condition_s = 100, .observe_s = 10 }, none = { .condition_s = 0 },
                            observed = { .observe_s = 10 };
    const struct trap_times t = trap_times_of((wall_t){ T0 * WALL_US_PER_S + 1 }, &birth); /* ends a second later */
    wall_t ends;

    (void)state;
    assert_int_equal(trap_life_at(t, (wall_t){ 0 }, &ends), TRAP_CONDITIONING);
    assert_int_equal(trap_life_at(t, (wall_t){ at(101).us - 1 }, &ends), TRAP_CONDITIONING);
    assert_int_equal(ends.us, at(101).us);
    assert_int_equal(trap_life_at(t, at(101), &ends), TRAP_OBSERVING);
    assert_int_equal(trap_life_at(t, (wall_t){ at(111).us - 1 }, &ends), TRAP_OBSERVING);
    assert_int_equal(ends.us, at(111).us);
    assert_int_equal(trap_life_at(t, at(111), &ends), TRAP_ARMED);
    assert_int_equal(ends.us, 0);
    assert_int_equal(trap_life_at(trap_times_of(at(0), &none), (wall_t){ 0 }, &ends), TRAP_ARMED);
    assert_int_equal(trap_life_at(trap_times_of(at(0), &observed), at(9), &ends), TRAP_OBSERVING);
    assert_int_equal(trap_life_at(trap_times_of(at(0), &observed), at(10), &ends), TRAP_ARMED);
}

/* ---- the directory ---- */

static char accepting[] = "old-brand.example", rejecting[] = "typo.example";
static struct conf_trap_domain domains[] = {
    { .name = accepting, .klass = CLASS_RECYCLED, .unknown_accept = true },
    { .name = rejecting, .klass = CLASS_TYPO },
};

static void act(const struct scratch *s, enum act_kind kind, int64_t when, const char *subject, const char *detail)
{
    struct act a = {
        .at = at(when), .kind = (uint8_t)kind, .subject = bytes_str(subject), .detail = bytes_str(detail)
    };
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, STORE_ACTS, STORE_WRITE, &db, &why), why);
    assert_trap_ok(act_append(db, &a, 1, &why), why);
    assert_trap_ok(trapdir_build(s->dir, db, &why), why);
    store_close(&db);
}

static void same(struct trapdir_result a, struct trapdir_result b)
{
    assert_int_equal(a.answer, b.answer);
    assert_int_equal(a.rcpt_class, b.rcpt_class);
    assert_int_equal(a.retired, b.retired);
    assert_ptr_equal(a.domain, b.domain);
}

static struct trapdir_result find(struct trapdir *d, int64_t when, const char *local, const char *domain)
{
    trapdir_set_time(d, at(when));
    return trapdir_find(d, bytes_str(local), bytes_str(domain));
}

/* All kinds of place where a trap can be added. */
static const struct {
    const char *subject, *local, *domain;
    unsigned catchall;
} places[] = {
    { "old@shop.example", "old", "shop.example", 0 },       /* a domain of its own */
    { "x@typo.example", "x", "typo.example", 0 },           /* a domain that refuses the unknown */
    { "lapsed.example", "anybody", "lapsed.example", RCPT_CATCHALL },
};

static void test_answers(void **state)
{
    struct scratch s;
    struct config c = { .trap_domains = domains, .trap_domain_count = 2 };
    struct trapdir *d = NULL;
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, true);
    c.state_dir = s.dir;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        act(&s, ACT_TRAP_ADD, 0, places[i].subject, "recycled condition=864000 observe=86400");
    act(&s, ACT_TRAP_ADD, 0, "any@old-brand.example", "pristine condition=864000");
    assert_trap_ok(trapdir_new(&c, &d, &why), why);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *local = places[i].local, *domain = places[i].domain;
        struct trapdir_result r = find(d, 5 * DAY, local, domain);
        assert_int_equal(r.answer, TRAPDIR_UNKNOWN);
        if (places[i].catchall == 0)
            same(r, find(d, 5 * DAY, "nobody", domain)); /* exactly that of an unknown recipient */
        r = find(d, 10 * DAY, local, domain);
        assert_int_equal(r.answer, TRAPDIR_TRAP);
        assert_int_equal(r.rcpt_class, RCPT_RECYCLED | RCPT_OBSERVED | places[i].catchall);
        r = find(d, 11 * DAY, local, domain);
        assert_int_equal(r.rcpt_class, RCPT_RECYCLED | places[i].catchall);
    }
    /* Inside a domain that takes all names, the one that is conditioned is refused. */
    assert_int_equal(find(d, 5 * DAY, "any", "old-brand.example").answer, TRAPDIR_UNKNOWN);
    assert_int_equal(find(d, 5 * DAY, "other", "old-brand.example").answer, TRAPDIR_TRAP);
    assert_int_equal(find(d, 10 * DAY, "any", "old-brand.example").rcpt_class, RCPT_PRISTINE);
    assert_int_equal(find(d, 5 * DAY, "postmaster", "lapsed.example").answer, TRAPDIR_ROLE);
    /* Added once more without a stretch: armed at once. Retired: for ever, and as if it had never been. */
    act(&s, ACT_TRAP_ADD, DAY, "old@shop.example", "recycled");
    trapdir_refresh(d);
    assert_int_equal(find(d, 2 * DAY, "old", "shop.example").rcpt_class, RCPT_RECYCLED);
    act(&s, ACT_TRAP_RETIRE, DAY, "old@shop.example", "");
    trapdir_refresh(d);
    assert_int_equal(find(d, 100 * DAY, "old", "shop.example").answer, TRAPDIR_UNKNOWN);
    trapdir_free(&d);
    scratch_end(&s);
}

struct seen {
    size_t n;
    enum trap_life life[8];
    wall_t ends[8];
};

static enum trap_err on_entry(const struct trapdir_entry *e, void *arg)
{
    struct seen *s = arg;

    assert_true(s->n < 8);
    s->life[s->n] = e->life;
    s->ends[s->n++] = e->ends;
    return TRAP_OK;
}

static void test_list(void **state)
{
    struct scratch s;
    struct config c = { .trap_domains = domains, .trap_domain_count = 2 };
    struct trapdir *d = NULL;
    struct err_text why = { "" };
    struct seen seen = { .n = 0 };

    (void)state;
    scratch_begin(&s, true);
    c.state_dir = s.dir;
    act(&s, ACT_TRAP_ADD, 0, "a@shop.example", "recycled condition=864000");
    act(&s, ACT_TRAP_ADD, 0, "b@shop.example", "recycled observe=864000");
    act(&s, ACT_TRAP_ADD, 0, "c@shop.example", "recycled");
    act(&s, ACT_TRAP_RETIRE, 0, "d@shop.example", "");
    assert_trap_ok(trapdir_new(&c, &d, &why), why);
    trapdir_set_time(d, at(DAY));
    assert_int_equal(trapdir_each(d, on_entry, &seen), TRAP_OK);
    /* Two domains of the configuration; then the acts' in the order of their names. */
    assert_int_equal(seen.n, 6);
    assert_int_equal(seen.life[0], TRAP_ARMED);
    assert_int_equal(seen.life[2], TRAP_CONDITIONING);
    assert_int_equal(seen.ends[2].us, at(864000).us);
    assert_int_equal(seen.life[3], TRAP_OBSERVING);
    assert_int_equal(seen.life[4], TRAP_ARMED);
    assert_int_equal(seen.life[5], TRAP_RETIRED);
    trapdir_free(&d);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_birth), cmocka_unit_test(test_stretches),
                                        cmocka_unit_test(test_answers), cmocka_unit_test(test_list) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
