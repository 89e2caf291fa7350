#include "scratch.h"

#include <store/act_log.h>
#include <store/trapdir.h>

/* Strings of the test's configuration are constants: nothing of it is freed. */
static char minted[] = "quellwerft.example", accepting[] = "old-brand.example", rejecting[] = "typo.example",
            open_minted[] = "open.example";
static char pristine[] = "sales@shop.example", in_minted[] = "info@quellwerft.example",
            in_typo[] = "x@typo.example";
static char own_name[] = "anna", own_other[] = "berta";
static char *own_names[] = { own_name, own_other };
static struct conf_trap_domain domains[] = {
    { .name = minted, .klass = CLASS_MINTED, .reserved = { own_names, 2 } },
    { .name = accepting, .klass = CLASS_RECYCLED, .unknown_accept = true, .reserved = { own_names, 1 } },
    { .name = rejecting, .klass = CLASS_TYPO },
    { .name = open_minted, .klass = CLASS_MINTED, .unknown_accept = true },
};
static struct conf_trap traps[] = { { pristine, CLASS_PRISTINE },
                                    { in_minted, CLASS_PRISTINE },
                                    { in_typo, CLASS_TYPO } };

static struct config config_of(struct scratch *s, char *trap_file)
{
    return (struct config){ .state_dir = s->dir,
                            .trap_domains = domains,
                            .trap_domain_count = 4,
                            .traps = traps,
                            .trap_count = 3,
                            .trap_file = trap_file };
}

static struct trapdir *open_dir(const struct config *c)
{
    struct trapdir *d = NULL;
    struct err_text why = { "" };

    assert_trap_ok(trapdir_new(c, &d, &why), why);
    return d;
}

struct expected {
    const char *local, *domain;
    enum trapdir_answer answer;
    uint8_t klass;
    int conf; /* index, -1: none */
};

static void check(const struct trapdir *d, const struct expected *e)
{
    const struct trapdir_result r = trapdir_find(d, bytes_str(e->local), bytes_str(e->domain));

    if (r.answer != e->answer || r.rcpt_class != e->klass ||
        r.domain != (e->conf < 0 ? NULL : &domains[e->conf]))
        fail_msg("%s@%s: answer %u class %u", e->local, e->domain, (unsigned)r.answer, r.rcpt_class);
}

static void test_configuration(void **state)
{
    static const struct expected cases[] = {
        { "anybody", "quellwerft.example", TRAPDIR_MINTED_DOMAIN, 0, 0 },
        { "Anybody", "QUELLWERFT.Example", TRAPDIR_MINTED_DOMAIN, 0, 0 },
        { "anybody", "open.example", TRAPDIR_MINTED_DOMAIN, 0, 3 },
        { "info", "quellwerft.example", TRAPDIR_TRAP, RCPT_PRISTINE, 0 },
        { "anna", "quellwerft.example", TRAPDIR_UNKNOWN, 0, 0 }, /* reserved */
        { "Berta", "QuellWerft.example", TRAPDIR_UNKNOWN, 0, 0 },
        { "anna", "old-brand.example", TRAPDIR_UNKNOWN, 0, 1 },
        { "berta", "old-brand.example", TRAPDIR_TRAP, RCPT_RECYCLED | RCPT_CATCHALL, 1 },
        { "anna", "open.example", TRAPDIR_MINTED_DOMAIN, 0, 3 },
        { "anybody", "old-brand.example", TRAPDIR_TRAP, RCPT_RECYCLED | RCPT_CATCHALL, 1 },
        { "x", "typo.example", TRAPDIR_TRAP, RCPT_TYPO, 2 },
        { "X", "TYPO.example", TRAPDIR_TRAP, RCPT_TYPO, 2 },
        { "y", "typo.example", TRAPDIR_UNKNOWN, 0, 2 },
        { "sales", "shop.example", TRAPDIR_TRAP, RCPT_PRISTINE, -1 },
        { "SALES", "Shop.Example", TRAPDIR_TRAP, RCPT_PRISTINE, -1 },
        { "sale", "shop.example", TRAPDIR_UNKNOWN, 0, -1 },
        { "saless", "shop.example", TRAPDIR_UNKNOWN, 0, -1 },
        { "sales", "shop.exampl", TRAPDIR_FOREIGN, 0, -1 },
        { "sales", "hop.example", TRAPDIR_FOREIGN, 0, -1 },
        { "anybody", "sub.quellwerft.example", TRAPDIR_FOREIGN, 0, -1 },
        { "postmaster", "quellwerft.example", TRAPDIR_ROLE, 0, 0 },
        { "ABUSE", "old-brand.example", TRAPDIR_ROLE, 0, 1 },
        { "abuse", "shop.example", TRAPDIR_ROLE, 0, -1 },
        { "postmaster", "elsewhere.example", TRAPDIR_FOREIGN, 0, -1 },
        { "postmasters", "typo.example", TRAPDIR_UNKNOWN, 0, 2 },
        { "", "typo.example", TRAPDIR_UNKNOWN, 0, 2 },
        { "", "", TRAPDIR_FOREIGN, 0, -1 },
        { "sales@shop.example", "", TRAPDIR_FOREIGN, 0, -1 },
    };
    struct scratch s;
    struct config c;
    struct trapdir *d;

    (void)state;
    scratch_begin(&s, false);
    c = config_of(&s, NULL);
    d = open_dir(&c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(d, &cases[i]);
    trapdir_free(&d);
    scratch_end(&s);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static void test_name_limits(void **state)
{
    struct scratch s;
    struct config c;
    struct trapdir *d;
    char local[80], domain[300], path[PATH_TEXT_MAX], text[512];

    (void)state;
    scratch_begin(&s, false);
    memset(local, 'l', sizeof local);
    memset(domain, 'd', sizeof domain);
    local[64] = domain[255] = '\0';
    (void)snprintf(text, sizeof text, "%s@%s pristine\n", local, domain);
    write_file(scratch_path(&s, "traps", path), text);
    c = config_of(&s, path);
    d = open_dir(&c);
    assert_int_equal(trapdir_find(d, bytes_str(local), bytes_str(domain)).answer, TRAPDIR_TRAP);
    /* One byte more or less on either side. */
    assert_int_equal(trapdir_find(d, bytes_of(local, 63), bytes_str(domain)).answer, TRAPDIR_UNKNOWN);
    local[64] = 'l';
    assert_int_equal(trapdir_find(d, bytes_of(local, 65), bytes_str(domain)).answer, TRAPDIR_UNKNOWN);
    domain[255] = 'd';
    assert_int_equal(trapdir_find(d, bytes_of(local, 64), bytes_of(domain, 256)).answer, TRAPDIR_FOREIGN);
    assert_int_equal(trapdir_find(d, bytes_of(local, 64), bytes_of(domain, 254)).answer, TRAPDIR_FOREIGN);
    assert_int_equal(trapdir_find(d, bytes_of(local, 80), bytes_of(domain, 300)).answer, TRAPDIR_FOREIGN);
    trapdir_free(&d);
    scratch_end(&s);
}

static void test_trap_file(void **state)
{
    static const struct {
        const char *text, *says; /* NULL: good */
    } cases[] = {
        { "", NULL },
        { "a@b.example pristine\n", NULL },
        { "# only this\n\n  \t\n", NULL },
        { "  A@B.example\t  Recycled  # why\r\nb.example typo", NULL },
        { "a@b.example\n", ":1: expected `ADDRESS CLASS`" },
        { "\n\na@b.example minted\n", ":3: expected `ADDRESS CLASS`" },
        { "a@b.example pristine more\n", ":1: expected `ADDRESS CLASS`" },
        { "a@b@c.example pristine\n", ":1: expected an address" },
        { "@b.example pristine\n", ":1: expected an address" },
        { "a@ pristine\n", ":1: expected an address" },
        { "a\001@b.example pristine\n", ":1: expected an address" },
    };
    struct scratch s;
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, false);
    (void)scratch_path(&s, "traps", path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c = config_of(&s, path);
        struct trapdir *d = NULL;
        struct err_text why = { "" };
        enum trap_err err;

        write_file(path, cases[i].text);
        err = trapdir_new(&c, &d, &why);
        if (cases[i].says == NULL && err != TRAP_OK)
            fail_msg("case %zu: %s", i, why.text);
        if (cases[i].says != NULL &&
            (err != TRAP_EINVAL || strstr(why.text, cases[i].says) == NULL || strstr(why.text, path) == NULL))
            fail_msg("case %zu: %s: '%s'", i, err_name(err), why.text);
        trapdir_free(&d);
    }
    {
        static const struct expected good[] = {
            { "a", "b.example", TRAPDIR_TRAP, RCPT_RECYCLED, -1 },
            { "c", "b.example", TRAPDIR_TRAP, RCPT_TYPO | RCPT_CATCHALL, -1 },
        };
        struct config c = config_of(&s, path);
        struct trapdir *d;

        write_file(path, "A@B.example Recycled\nb.example typo");
        d = open_dir(&c);
        check(d, &good[0]);
        check(d, &good[1]);
        trapdir_free(&d);
    }
    assert_int_equal(unlink(path), 0);
    {
        struct config c = config_of(&s, path);
        struct trapdir *d = NULL;
        struct err_text why = { "" };

        assert_int_equal(trapdir_new(&c, &d, &why), TRAP_ENOENT);
        assert_non_null(strstr(why.text, path));
    }
    scratch_end(&s);
}

static void act(const struct scratch *s, enum act_kind kind, const char *subject, const char *detail)
{
    struct act a = {
        .at = { 1 }, .kind = (uint8_t)kind, .subject = bytes_str(subject), .detail = bytes_str(detail)
    };
    struct store_db *db = NULL;
    struct err_text why = { "" };

    assert_trap_ok(store_open(s->dir, STORE_ACTS, STORE_WRITE, &db, &why), why);
    assert_trap_ok(act_append(db, &a, 1, &why), why);
    assert_trap_ok(trapdir_build(s->dir, db, &why), why);
    store_close(&db);
}

static void test_acts_win(void **state)
{
    static const struct {
        enum act_kind kind;
        const char *subject, *detail;
        struct expected expected;
    } steps[] = {
        { ACT_TRAP_ADD,
          "New@Shop.example",
          "recycled",
          { "new", "shop.example", TRAPDIR_TRAP, RCPT_RECYCLED, -1 } }, /* 1 */
        { ACT_TRAP_RETIRE,
          "new@shop.example",
          "",
          { "new", "shop.example", TRAPDIR_UNKNOWN, 0, -1 } },                               /* 2 */
        { ACT_REVOKE, "2", "", { "new", "shop.example", TRAPDIR_TRAP, RCPT_RECYCLED, -1 } }, /* 3 */
        { ACT_REVOKE, "1", "", { "new", "shop.example", TRAPDIR_UNKNOWN, 0, -1 } },          /* 4 */
        { ACT_TRAP_RETIRE,
          "sales@shop.example",
          "",
          { "sales", "shop.example", TRAPDIR_UNKNOWN, 0, -1 } }, /* 5 */
        { ACT_TRAP_ADD,
          "sales@shop.example",
          "typo",
          { "sales", "shop.example", TRAPDIR_TRAP, RCPT_TYPO, -1 } }, /* 6 */
        { ACT_TRAP_RETIRE,
          "old-brand.example",
          "",
          { "any", "old-brand.example", TRAPDIR_UNKNOWN, 0, 1 } }, /* 7 */
        { ACT_TRAP_ADD,
          "any@old-brand.example",
          "pristine",
          { "any", "old-brand.example", TRAPDIR_UNKNOWN, 0, 1 } },                                    /* 8 */
        { ACT_DELIST, "203.0.113.9", "", { "postmaster", "old-brand.example", TRAPDIR_ROLE, 0, 1 } }, /* 9 */
        { ACT_TRAP_ADD,
          "new.example",
          "pristine",
          { "x", "new.example", TRAPDIR_TRAP, RCPT_PRISTINE | RCPT_CATCHALL, -1 } },
        { ACT_TRAP_ADD, "one@alone.example", "pristine", { "two", "alone.example", TRAPDIR_UNKNOWN, 0, -1 } },
        { ACT_TRAP_RETIRE, "quellwerft.example", "", { "x", "quellwerft.example", TRAPDIR_UNKNOWN, 0, 0 } },
        { ACT_TRAP_ADD, "bad name", "pristine", { "x", "open.example", TRAPDIR_MINTED_DOMAIN, 0, 3 } },
        { ACT_TRAP_ADD,
          "typo.example",
          "typo",
          { "whoever", "typo.example", TRAPDIR_TRAP, RCPT_TYPO | RCPT_CATCHALL, 2 } },
        { ACT_REVOKE, "7", "", { "any", "old-brand.example", TRAPDIR_TRAP, RCPT_PRISTINE, 1 } },
        { ACT_REVOKE,
          "999999999999999999999",
          "",
          { "x", "new.example", TRAPDIR_TRAP, RCPT_PRISTINE | RCPT_CATCHALL, -1 } },
    };
    struct scratch s;
    struct config c;
    struct trapdir *live;

    (void)state;
    scratch_begin(&s, true);
    c = config_of(&s, NULL);
    live = open_dir(&c); /* before there is a snapshot */
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct trapdir *fresh;

        act(&s, steps[i].kind, steps[i].subject, steps[i].detail);
        fresh = open_dir(&c);
        check(fresh, &steps[i].expected);
        trapdir_free(&fresh);
        trapdir_refresh(live);
        check(live, &steps[i].expected);
    }
    trapdir_free(&live);
    scratch_end(&s);
}

/* Every byte of the snapshot, damaged: refused, and the last good one stays. */
static void test_damaged_snapshot(void **state)
{
    static const struct expected good = { "new", "shop.example", TRAPDIR_TRAP, RCPT_RECYCLED, -1 };
    struct scratch s;
    struct config c;
    struct trapdir *live, *fresh = NULL;
    struct err_text why = { "" };
    struct buf image = { 0 };
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, true);
    c = config_of(&s, NULL);
    act(&s, ACT_TRAP_ADD, "new@shop.example", "recycled");
    live = open_dir(&c);
    (void)scratch_path(&s, "snap/traps", path);
    assert_trap_ok(file_slurp(path, 1 << 20, &image, &why), why);
    log_init("test", LOG_ERROR);
    for (size_t i = 0; i < image.n; i++) {
        const enum trap_err expected = i >= 8 && i < 12 ? TRAP_ENEWER : TRAP_ECORRUPT; /* the version */

        image.p[i] ^= 0x40;
        write_file(path, ""); /* in place: must not show through to who has it loaded */
        assert_trap_ok(file_replace(path, buf_bytes(&image), 0600, &why), why);
        image.p[i] ^= 0x40;
        if (trapdir_new(&c, &fresh, &why) != expected)
            fail_msg("byte %zu: %s", i, why.text);
        assert_non_null(strstr(why.text, path));
        if (i % 100 == 0) {
            trapdir_refresh(live);
            check(live, &good);
        }
    }
    for (size_t n = 0; n < image.n; n += 13) { /* cut short */
        assert_trap_ok(file_replace(path, bytes_take(buf_bytes(&image), n), 0600, &why), why);
        assert_int_equal(trapdir_new(&c, &fresh, &why), TRAP_ECORRUPT);
    }
    trapdir_refresh(live);
    check(live, &good);
    /* A good one again is taken. */
    act(&s, ACT_TRAP_RETIRE, "new@shop.example", "");
    trapdir_refresh(live);
    assert_int_equal(trapdir_find(live, BYTES("new"), BYTES("shop.example")).answer, TRAPDIR_UNKNOWN);
    trapdir_free(&live);
    buf_free(&image);
    scratch_end(&s);
}

struct lines {
    char text[2048];
    size_t n;
};

static enum trap_err on_entry(const struct trapdir_entry *e, void *arg)
{
    struct lines *l = arg;

    l->n += (size_t)snprintf(l->text + l->n, sizeof l->text - l->n, "%.*s %u %s\n", (int)e->address.n,
                             (const char *)e->address.p, e->rcpt_class, e->origin);
    return TRAP_OK;
}

static void test_each(void **state)
{
    struct scratch s;
    struct config c;
    struct trapdir *d;
    struct lines l = { .n = 0 };
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, true);
    write_file(scratch_path(&s, "file", path),
               "f@file.example typo\ng.example recycled\nsales@shop.example typo\n");
    c = config_of(&s, path);
    act(&s, ACT_TRAP_ADD, "x@typo.example", "recycled");
    act(&s, ACT_TRAP_ADD, "new.example", "pristine");
    act(&s, ACT_TRAP_RETIRE, "info@quellwerft.example", "");
    d = open_dir(&c);
    assert_int_equal(trapdir_each(d, on_entry, &l), TRAP_OK);
    assert_string_equal(l.text, "f@file.example 4 file\n"
                                "g.example 19 file\n"
                                "old-brand.example 19 configuration\n"
                                "sales@shop.example 2 configuration\n"
                                "typo.example 4 configuration\n"
                                "info@quellwerft.example 0 act\n" /* retired */
                                "new.example 18 act\n"
                                "x@typo.example 3 act\n");
    trapdir_free(&d);
    scratch_end(&s);
}

static void test_many(void **state)
{
    enum { MANY = 50000 };
    struct scratch s;
    struct config c;
    struct trapdir *d;
    char path[PATH_TEXT_MAX], name[32];
    FILE *f;

    (void)state;
    scratch_begin(&s, false);
    f = fopen(scratch_path(&s, "file", path), "w");
    assert_non_null(f);
    for (unsigned i = 0; i < MANY; i++)
        (void)fprintf(f, "trap%u@many.example %s\n", i, i % 2 ? "pristine" : "typo");
    assert_int_equal(fclose(f), 0);
    c = config_of(&s, path);
    d = open_dir(&c);
    for (unsigned i = 0; i < MANY + 100; i++) {
        struct trapdir_result r;

        (void)snprintf(name, sizeof name, "Trap%u", i);
        r = trapdir_find(d, bytes_str(name), BYTES("many.example"));
        assert_int_equal(r.answer, i < MANY ? TRAPDIR_TRAP : TRAPDIR_UNKNOWN);
        assert_int_equal(r.rcpt_class, i >= MANY ? 0 : i % 2 ? RCPT_PRISTINE : RCPT_TYPO);
    }
    trapdir_free(&d);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_name_limits),
        cmocka_unit_test(test_trap_file),
        cmocka_unit_test(test_acts_win),
        cmocka_unit_test(test_damaged_snapshot),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
