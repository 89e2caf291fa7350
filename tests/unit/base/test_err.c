#include <base/err.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_text_is_cut_and_terminated(void **state)
{
    (void)state;
    struct err_text e;

    memset(&e, 'x', sizeof e);
    err_text_set(&e, "%0600d", 7);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_text_set(&e, "short");
    assert_string_equal(e.text, "short");
    err_text_set(NULL, "nobody wants to know");
}

static void test_text_may_hold_its_own_old_text(void **state)
{
    (void)state;
    struct err_text e;

    err_text_set(&e, "the port is in use");
    err_text_set(&e, "%s:%d: %s", "a.conf", 3, e.text);
    assert_string_equal(e.text, "a.conf:3: the port is in use");
}

static void test_every_code_has_its_own_name(void **state)
{
    (void)state;

    for (int i = TRAP_OK; i <= TRAP_ECLOSED; i++) {
        assert_non_null(err_name((enum trap_err)i));
        for (int j = TRAP_OK; j < i; j++)
            assert_string_not_equal(err_name((enum trap_err)i), err_name((enum trap_err)j));
    }
    assert_string_equal(err_name((enum trap_err)(TRAP_ECLOSED + 1)), "unknown");
}

static void test_bug_aborts(void **state)
{
    (void)state;
    int status = 0;
    const pid_t child = fork();

    assert_int_not_equal(child, -1);
    if (child == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        TRAP_BUG_ON(child == 0);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_cut_and_terminated),
        cmocka_unit_test(test_text_may_hold_its_own_old_text),
        cmocka_unit_test(test_every_code_has_its_own_name),
        cmocka_unit_test(test_bug_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
