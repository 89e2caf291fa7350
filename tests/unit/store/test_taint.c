#include "scratch.h"

#include <base/buf.h>
#include <store/act_log.h>
#include <store/taint.h>

#define NOON ((wall_t){ 1772366400LL * WALL_US_PER_S }) /* 2026-03-01T12:00:00Z */
#define EVER ((wall_t){ INT64_MAX })

/* ---- parsing ---- */

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "", "nonsense", "colour=red", "trap=", "trap=a%20b@c.example", "trap=@c.example", "visit=1", "visit=0/1", "visit=1/0",
        "visit=256/1", "slot=1", "visit=1/1 slot=8", "node=0", "node=256", "harvester=192.0.2.1/24", "harvester=x",
        "from=yesterday", "from=2026-03-02 to=2026-03-02", "visited-from=2026-03-02 visited-to=2026-03-01",
        "trap=a.example trap=b.example", "site=", "page=", "trap=a.example ", " trap=a.example",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err_text why = { "" };
        struct taint t;
        struct buf text;
        buf_init(&text, 4096);
        if (taint_parse(bytes_str(cases[i]), &text, &t, &why) != TRAP_EINVAL || why.text[0] == '\0')
            fail_msg("\"%s\": %s", cases[i], why.text);
        buf_free(&text);
    }
}

static void test_limits(void **state)
{
    char subject[700] = "page=";

    (void)state;
    for (size_t n = TAINT_TEXT_MAX - 1; n <= TAINT_TEXT_MAX + 1; n++) {
        struct err_text why = { "" };
        struct taint t;
        struct buf text;
        memset(subject + 5, 'p', n);
        subject[5 + n] = '\0';
        buf_init(&text, 4096);
        assert_int_equal(taint_parse(bytes_str(subject), &text, &t, &why),
                         n <= TAINT_TEXT_MAX ? TRAP_OK : TRAP_EINVAL);
        buf_free(&text);
    }
}

/* ---- matching ---- */

struct set {
    struct scratch s;
    struct store_db *acts;
    struct taints *taints;
};

static uint64_t say(struct set *set, enum act_kind kind, const char *subject, wall_t at)
{
    struct act a = { .kind = (uint8_t)kind, .subject = bytes_str(subject), .at = at };
    struct err_text why = { "" };

    assert_trap_ok(act_append(set->acts, &a, 1, &why), why);
    return a.seq;
}

static enum trap_err load(struct set *set, wall_t as_of)
{
    struct err_text why = { "" };

    taints_free(&set->taints);
    return taints_load(set->acts, as_of, &set->taints, &why);
}

static void begin(struct set *set)
{
    struct err_text why = { "" };

    *set = (struct set){ .taints = NULL };
    scratch_begin(&set->s, true);
    assert_trap_ok(store_open(set->s.dir, STORE_ACTS, STORE_WRITE, &set->acts, &why), why);
}

static void end(struct set *set)
{
    taints_free(&set->taints);
    store_close(&set->acts);
    scratch_end(&set->s);
}

/* One recipient and its visit, and what taints them. */
static const struct visit visit = { .seq = 77,
                                    .at = { 1772359200LL * WALL_US_PER_S }, /* 10:00 */
                                    .client = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 45, 10, 2, 3 } },
                                    .site = BYTES_INIT("WWW.shop.example"),
                                    .page = BYTES_INIT("/a b"),
                                    .recipe = 0x0102 };

static struct taint_mail mail_of(bool resolved)
{
    struct taint_mail m = { .sink_node = 2, .at = NOON, .address = BYTES("Sales@Shop.example") };

    if (resolved) {
        m.visit_node = 1;
        m.slot = 1;
        m.visit_seq = visit.seq;
        m.visit = &visit;
    }
    return m;
}

static void test_matching(void **state)
{
    static const struct {
        const char *subject;
        bool mail, unresolved, visit; /* what it taints */
    } cases[] = {
        { "trap=sales@shop.example", true, true, false },
        { "trap=SALES@SHOP.example", true, true, false },
        { "trap=shop.example", true, true, false },
        { "trap=sale@shop.example", false, false, false },
        { "trap=op.example", false, false, false },
        { "trap=sales@shop.example visit=1/77", true, false, false },
        { "trap=sales@shop.example from=2026-03-01T12:00:00Z", true, true, false },
        { "trap=sales@shop.example to=2026-03-01T12:00:00Z", false, false, false },
        { "visit=1/77", true, false, true },
        { "visit=2/77", false, false, false },
        { "visit=1/78", false, false, false },
        { "visit=1/77 slot=1", true, false, false },
        { "visit=1/77 slot=0", false, false, false },
        { "site=www.Shop.example", true, false, true },
        { "site=shop.example", false, false, false },
        { "page=/a%20b", true, false, true },
        { "page=/A%20b", false, false, false },
        { "site=www.shop.example page=/a", false, false, false },
        { "node=1", true, false, true },
        { "node=2", true, true, false },
        { "node=3", false, false, false },
        { "node=2 visit=1/77", true, false, false },
        { "harvester=45.10.2.0/24", true, false, true },
        { "harvester=45.10.2.3", true, false, true },
        { "harvester=45.10.2.4", false, false, false },
        { "harvester=2000::/3", false, false, false },
        { "from=2026-03-01T12:00:00Z to=2026-03-01T12:00:01Z", true, true, false },
        { "from=2026-03-01T12:00:01Z", false, false, false },
        { "visited-from=2026-03-01T10:00:00Z", true, false, true },
        { "visited-to=2026-03-01T10:00:00Z", false, false, false },
        { "visited-to=2026-03-01T10:00:01Z", true, false, true },
        { "visited-to=2026-03-01T10:00:01Z from=2026-03-01T11:00:00Z", true, false, false },
    };

    const struct taint_mail whole = mail_of(true), part = mail_of(false);
    struct set set;

    (void)state;
    begin(&set);
    (void)say(&set, ACT_TAINT, "trap=other@shop.example", NOON); /* neighbours in the order */
    (void)say(&set, ACT_TAINT, "visit=1/76", NOON);
    (void)say(&set, ACT_TAINT, "visit=3/1", NOON);
    (void)say(&set, ACT_TAINT, "node=9", NOON);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t act = say(&set, ACT_TAINT, cases[i].subject, NOON);
        char number[32];
        assert_int_equal(load(&set, EVER), TRAP_OK);
        if (taints_mail(set.taints, &whole) != cases[i].mail ||
            taints_mail(set.taints, &part) != cases[i].unresolved ||
            taints_visit(set.taints, 1, &visit) != cases[i].visit)
            fail_msg("%s", cases[i].subject);
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)act);
        (void)say(&set, ACT_REVOKE, number, NOON);
    }
    end(&set);
}

/* Retention leaves the /24 of a client: he stays tainted, and so do his neighbours of then. */
static void test_truncated(void **state)
{
    struct visit v = visit;
    struct set set;

    (void)state;
    begin(&set);
    (void)say(&set, ACT_TAINT, "harvester=45.10.2.3", NOON);
    assert_int_equal(load(&set, EVER), TRAP_OK);
    assert_true(taints_visit(set.taints, 1, &v));
    v.client = ip_network(v.client).ip;
    assert_false(taints_visit(set.taints, 1, &v));
    v.flags |= VISIT_TRUNCATED;
    assert_true(taints_visit(set.taints, 1, &v));
    v.client = ip_v4(45, 10, 3, 0);
    assert_false(taints_visit(set.taints, 1, &v));
    end(&set);
}

/* Before the texts of a visit are fetched: what cannot be tainted whatever they are. */
static void test_any_text(void **state)
{
    static const struct {
        const char *subject;
        bool could;
    } cases[] = {
        { "site=elsewhere.example page=/x", true },
        { "site=elsewhere.example visited-to=2026-03-01T10:00:01Z", true },
        { "site=elsewhere.example visited-to=2026-03-01T10:00:00Z", false },
        { "page=/x node=3", false },
        { "page=/x harvester=45.11.0.0/16", false },
    };
    struct taint_mail m = mail_of(true);
    struct set set;

    (void)state;
    m.any_text = true;
    begin(&set);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t act = say(&set, ACT_TAINT, cases[i].subject, NOON);
        char number[32];
        assert_int_equal(load(&set, EVER), TRAP_OK);
        if (taints_mail(set.taints, &m) != cases[i].could)
            fail_msg("%s", cases[i].subject);
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)act);
        (void)say(&set, ACT_REVOKE, number, NOON);
    }
    end(&set);
}

static void test_in_force(void **state)
{
    const struct taint_mail m = mail_of(true);
    struct set set;
    uint64_t first, revoke, digest;
    char text[32];

    (void)state;
    begin(&set);
    assert_int_equal(load(&set, EVER), TRAP_OK);
    assert_null(set.taints);
    assert_int_equal(taints_digest(NULL), 0);
    assert_false(taints_mail(NULL, &m) || taints_visit(NULL, 1, &visit) || taints_need_texts(NULL));

    first = say(&set, ACT_TAINT, "site=www.shop.example", NOON);
    assert_int_equal(load(&set, (wall_t){ NOON.us - 1 }), TRAP_OK);
    assert_null(set.taints);
    assert_int_equal(load(&set, NOON), TRAP_OK);
    assert_true(taints_mail(set.taints, &m) && taints_need_texts(set.taints));
    digest = taints_digest(set.taints);
    assert_true(digest != 0);

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)first);
    revoke = say(&set, ACT_REVOKE, text, (wall_t){ NOON.us + 10 });
    assert_int_equal(load(&set, (wall_t){ NOON.us + 9 }), TRAP_OK);
    assert_int_equal(taints_digest(set.taints), digest);
    assert_int_equal(load(&set, EVER), TRAP_OK);
    assert_null(set.taints);

    /* Taken back itself; and said once more. */
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)revoke);
    (void)say(&set, ACT_REVOKE, text, (wall_t){ NOON.us + 20 });
    assert_int_equal(load(&set, EVER), TRAP_OK);
    assert_int_equal(taints_digest(set.taints), digest);
    (void)say(&set, ACT_TAINT, "site=www.shop.example", NOON);
    assert_int_equal(load(&set, EVER), TRAP_OK);
    assert_int_equal(taints_digest(set.taints), digest);
    (void)say(&set, ACT_TAINT, "node=4", NOON);
    assert_int_equal(load(&set, EVER), TRAP_OK);
    assert_true(taints_digest(set.taints) != digest);

    (void)say(&set, ACT_TAINT, "nonsense", NOON);
    assert_int_equal(load(&set, EVER), TRAP_ECORRUPT);
    end(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
                                        cmocka_unit_test(test_matching), cmocka_unit_test(test_any_text), cmocka_unit_test(test_truncated),
                                        cmocka_unit_test(test_in_force) };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
