/* Orders to forget a subject: what they name, and the file they stand in. */
#include "scratch.h"

#include <store/forget.h>

static void test_subjects(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "192.0.2.0/24", "192.0.2.0/24" },
        { "2001:db8::1", "2001:db8::/64" },
        { "2001:db8::/32", "2001:db8::/32" },
        { "2001:db8::8/126", "2001:db8::/64" },
        { "EXAMPLE.net.", "example.net" },
        { "a.b_c.example", "a.b_c.example" },
        { "example", NULL },
        { "", NULL },
        { ".", NULL },
        { "a b.example", NULL },
        { "a\n.example", NULL },
        { "eva@example.net", NULL },
    };
    static const struct {
        const char *name, *domain;
        bool under;
    } names[] = {
        { "example.net", "example.net", true },  { "MX.Example.NET", "example.net", true },
        { "example.net.", "example.net", true }, { "notexample.net", "example.net", false },
        { "net", "example.net", false },         { "", "example.net", false },
        { ".example.net", "example.net", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct forget_order o = { .number = 3 };
        char text[FORGET_SUBJECT_MAX];
        const enum trap_err err = forget_subject(bytes_str(cases[i].in), &o);

        assert_int_equal(err, cases[i].out == NULL ? TRAP_EINVAL : TRAP_OK);
        assert_int_equal(o.number, 3);
        if (err == TRAP_OK)
            assert_string_equal(forget_text(&o, text), cases[i].out);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(forget_is_under(bytes_str(names[i].name), bytes_str(names[i].domain)),
                         names[i].under);
}

/* A damaged order is said and left alone. */
static void test_order_file(void **state)
{
    static const char *const wrong[] = { "",
                                         "x",
                                         "trapline-forget 1\n",
                                         "trapline-forget 1\n1\n",
                                         "trapline-forget 1\n0 1.2.3.4\n",
                                         "trapline-forget 1\n1 1.2.3.4",
                                         "trapline-forget 2\n1 1.2.3.4\n" };
    struct forget_order o = { .number = 9 }, got = { .number = 0 };
    struct err_text why = { "" };
    struct scratch s;
    char path[PATH_TEXT_MAX];

    (void)state;
    scratch_begin(&s, false);
    assert_int_equal(forget_read(s.dir, &got, &why), TRAP_OK);
    assert_int_equal(got.number, 0);
    assert_int_equal(forget_subject(BYTES("2001:db8::/48"), &o), TRAP_OK);
    assert_trap_ok(forget_give(s.dir, &o, &why), why);
    assert_trap_ok(forget_read(s.dir, &got, &why), why);
    assert_true(got.number == 9 && !got.is_domain && prefix_cmp(got.prefix, o.prefix) == 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(file_replace(scratch_path(&s, "snap/forget", path), bytes_str(wrong[i]), 0600, &why),
                         TRAP_OK);
        got.number = 7;
        /* the last line needs no end */
        assert_int_equal(forget_read(s.dir, &got, &why), i == 5 ? TRAP_OK : TRAP_ECORRUPT);
    }
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_order_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
