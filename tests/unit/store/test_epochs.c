#include "scratch.h"

#include <store/epochs.h>

static void write_snapshot(const struct scratch *s, const char *text, size_t n)
{
    char path[PATH_TEXT_MAX];
    struct err_text why = { "" };

    assert_trap_ok(dir_make(scratch_path(s, "snap", path), 0700, &why), why);
    assert_trap_ok(file_replace(scratch_path(s, "snap/epochs", path), bytes_of(text, n), 0600, &why), why);
}

static void test_missing_is_empty(void **state)
{
    struct scratch s;
    struct mint_window *w = malloc(sizeof *w);
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, false);
    memset(w, 0xff, sizeof *w);
    assert_trap_ok(epochs_read(s.dir, w, &why), why);
    for (unsigned n = 0; n < 256; n++)
        assert_int_equal(w->node[n].newest + w->node[n].count, 0);
    free(w);
    scratch_end(&s);
}

static void test_announce_only_grows(void **state)
{
    static const struct {
        uint8_t node;
        uint32_t newest, then, count;
    } steps[] = { { 7, 1, 1, 1 },
                  { 7, 3, 3, 3 },
                  { 7, 2, 3, 3 },
                  { 7, 4, 4, 4 },
                  { 7, 5, 5, 4 },
                  { 255, 9, 9, 4 },
                  { 0, UINT32_MAX, UINT32_MAX, 4 } };
    struct scratch s;
    struct mint_window *w = malloc(sizeof *w);
    struct snapshot_stamp stamp = { 0 };
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, false);
    assert_false(epochs_changed(s.dir, &stamp));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_trap_ok(epochs_announce(s.dir, steps[i].node, steps[i].newest, &why), why);
        assert_trap_ok(epochs_read(s.dir, w, &why), why);
        assert_int_equal(w->node[steps[i].node].newest, steps[i].then);
        assert_int_equal(w->node[steps[i].node].count, steps[i].count);
        assert_int_equal(epochs_changed(s.dir, &stamp), steps[i].newest == steps[i].then);
        assert_false(epochs_changed(s.dir, &stamp));
    }
    assert_int_equal(w->node[7].newest, 5); /* the others' stay */
    free(w);
    scratch_end(&s);
}

static void test_damaged(void **state)
{
    static const char good[] = "trapline-epochs 1\n7 12\n";
    static const char *const bad[] = {
        "",
        "trapline-epochs 2\n7 12\n",
        "trapline-epochs 1\n256 1\n",
        "trapline-epochs 1\n7 0\n",
        "trapline-epochs 1\n7 12\n7 13\n",
        "trapline-epochs 1\n7\n",
        "trapline-epochs 1\n7 12 13\n",
        "trapline-epochs 1\n-7 12\n",
        "trapline-epochs 1\n7 4294967296\n",
        "7 12\n",
    };
    struct scratch s;
    struct mint_window *w = malloc(sizeof *w);
    struct err_text why = { "" };

    (void)state;
    scratch_begin(&s, false);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_snapshot(&s, bad[i], strlen(bad[i]));
        if (epochs_read(s.dir, w, &why) != TRAP_ECORRUPT)
            fail_msg("'%s' was read", bad[i]);
        assert_non_null(strstr(why.text, "snap/epochs:"));
        assert_int_equal(epochs_announce(s.dir, 7, 20, &why),
                         TRAP_ECORRUPT); /* not written over: others' lines would be lost */
    }
    for (size_t n = 0; n < sizeof good - 1; n++) { /* cut short */
        write_snapshot(&s, good, n);
        if (n == sizeof "trapline-epochs 1\n" - 1)
            continue; /* a whole file without nodes */
        assert_int_equal(epochs_read(s.dir, w, &why), TRAP_ECORRUPT);
    }
    write_snapshot(&s, good, sizeof good - 1);
    assert_trap_ok(epochs_read(s.dir, w, &why), why);
    assert_int_equal(w->node[7].newest, 12);
    free(w);
    scratch_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_is_empty),
        cmocka_unit_test(test_announce_only_grows),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
