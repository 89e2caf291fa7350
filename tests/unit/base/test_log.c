#include <base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char seen[16384];
static size_t seen_len;

static int saved_stderr;
static int capture_fd;

static void capture_start(void)
{
    char name[] = "/tmp/trapline-test-log-XXXXXX";

    capture_fd = mkostemp(name, O_CLOEXEC);
    assert_int_not_equal(capture_fd, -1);
    (void)unlink(name);
    saved_stderr = dup(STDERR_FILENO);
    assert_int_not_equal(dup2(capture_fd, STDERR_FILENO), -1);
}

static void capture_end(void)
{
    ssize_t n;

    assert_int_not_equal(dup2(saved_stderr, STDERR_FILENO), -1);
    (void)close(saved_stderr);
    n = pread(capture_fd, seen, sizeof seen - 1, 0);
    assert_int_not_equal(n, -1);
    seen[n] = '\0';
    seen_len = (size_t)n;
    (void)close(capture_fd);
}

/* What follows the time stamp; checks the stamp's form on the way. */
static const char *after_time(void)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (form[i] == 'd')
            assert_true(ascii_is_digit((uint8_t)seen[i]));
        else
            assert_int_equal(seen[i], form[i]);
    }
    return seen + sizeof form - 1;
}

static void test_fields(void **state)
{
    (void)state;
    log_init("trapsmtp", LOG_DEBUG);
    capture_start();
    log_warning("smtp.session.close", LOG_U64("id", 17), LOG_IP(ip_v4(192, 0, 2, 7)),
                LOG_STR("reason", "client quit"), LOG_I64("delta", INT64_MIN), LOG_SPAN("took", SPAN_S(2)),
                LOG_PREFIX("net", prefix_of(ip_v4(192, 0, 2, 0), 120)), LOG_U64("max", UINT64_MAX));
    capture_end();
    assert_string_equal(after_time(), "trapsmtp warning smtp.session.close id=17 ip=192.0.2.7 "
                                      "reason=\"client quit\" delta=-9223372036854775808 took=2000ms "
                                      "net=192.0.2.0/24 max=18446744073709551615\n");
}

static void test_no_fields(void **state)
{
    (void)state;
    log_init("trapweb", LOG_INFO);
    capture_start();
    log_info("start");
    capture_end();
    assert_string_equal(after_time(), "trapweb info start\n");
}

static void test_values(void **state)
{
    static const struct {
        struct bytes in;
        const char *out;
    } cases[] = {
        { BYTES_INIT(""), "\"\"" },
        { BYTES_INIT("plain"), "plain" },
        { BYTES_INIT("two words"), "\"two words\"" },
        { BYTES_INIT("a=b"), "\"a=b\"" },
        { BYTES_INIT("say \"x\""), "\"say \\\"x\\\"\"" },
        { BYTES_INIT("\""), "\"\\\"\"" },
        { BYTES_INIT("back\\slash"), "back\\\\slash" },
        { BYTES_INIT("line\r\nbreak"), "line\\x0d\\x0abreak" },
        { BYTES_INIT("\x1b[2J"), "\\x1b[2J" },
        { BYTES_INIT("nul\0in"), "nul\\x00in" },
        { BYTES_INIT("\x7f\x80\xff"), "\\x7f\\x80\\xff" },
        { BYTES_INIT("tab\there"), "tab\\x09here" },
    };

    (void)state;
    log_init("t", LOG_INFO);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[128];
        (void)snprintf(expected, sizeof expected, "t info e v=%s\n", cases[i].out);
        capture_start();
        log_info("e", LOG_BYTES("v", cases[i].in));
        capture_end();
        assert_string_equal(after_time(), expected);
    }
}

static void test_value_cut(void **state)
{
    char in[202];

    (void)state;
    log_init("t", LOG_INFO);
    memset(in, 'x', sizeof in);
    for (size_t n = 199; n <= 201; n++) {
        const size_t shown = n > 200 ? 200 : n;
        const char *text;

        capture_start();
        log_info("e", LOG_BYTES("v", bytes_of(in, n)));
        capture_end();
        text = after_time();
        assert_int_equal(strspn(text + strlen("t info e v="), "x"), shown);
        assert_string_equal(text + strlen("t info e v=") + shown, n > 200 ? "\xe2\x80\xa6\n" : "\n");
    }
}

static void test_line_limit(void **state)
{
    uint8_t raw[200];
    const char *text;

    (void)state;
    log_init("t", LOG_INFO);
    memset(raw, 0xff, sizeof raw); /* 800 bytes each when escaped */
    capture_start();
    log_info("e", LOG_BYTES("a", bytes_of(raw, 200)), LOG_BYTES("b", bytes_of(raw, 200)),
             LOG_BYTES("c", bytes_of(raw, 200)), LOG_BYTES("d", bytes_of(raw, 200)),
             LOG_BYTES("e", bytes_of(raw, 200)), LOG_BYTES("f", bytes_of(raw, 200)), LOG_U64("g", 1));
    capture_end();
    text = after_time();
    assert_in_range(seen_len, 4000, 4096);
    assert_non_null(strstr(text, " e="));
    assert_null(strstr(text, " f="));
    assert_null(strstr(text, " g="));
    assert_string_equal(seen + seen_len - strlen(" cut=1\n"), " cut=1\n");
}

static int evaluated;
static uint64_t count_evaluation(void)
{
    return (uint64_t)++evaluated;
}

static void test_levels(void **state)
{
    (void)state;
    for (int wanted = LOG_ERROR; wanted <= LOG_DEBUG; wanted++) {
        size_t lines = 0;

        evaluated = 0;
        log_init("t", (enum log_level)wanted);
        capture_start();
        log_error("e", LOG_U64("n", count_evaluation()));
        log_warning("e", LOG_U64("n", count_evaluation()));
        log_info("e", LOG_U64("n", count_evaluation()));
        log_debug("e", LOG_U64("n", count_evaluation()));
        capture_end();
        for (size_t i = 0; i < seen_len; i++)
            lines += seen[i] == '\n';
        assert_int_equal(lines, wanted + 1);
        assert_int_equal(evaluated, wanted + 1);
    }
}

static void test_errno(void **state)
{
    (void)state;
    log_init("t", LOG_INFO);
    capture_start();
    errno = ENOENT;
    log_error("e", LOG_ERRNO());
    assert_int_equal(errno, ENOENT);
    capture_end();
    assert_string_equal(after_time(), "t error e error=\"No such file or directory\"\n");
}

static off_t written(void)
{
    return lseek(STDERR_FILENO, 0, SEEK_END);
}

static void test_gather(void **state)
{
    struct log_gather g;
    off_t one;

    (void)state;
    log_init("trapsmtp", LOG_INFO);
    capture_start();
    log_gather(&g);
    log_info("first");
    assert_int_equal(written(), 0);
    log_flush();
    one = written();
    assert_true(one > 0);
    log_flush();
    assert_int_equal(written(), one);
    log_info("second");
    assert_int_equal(written(), one);
    log_warning("third"); /* at once, after what came before */
    assert_true(written() > 2 * one);
    log_info("fourth");
    log_gather(NULL);
    one = written();
    log_info("fifth");
    assert_true(written() > one);
    capture_end();
    assert_true(strstr(seen, "first") < strstr(seen, "second"));
    assert_true(strstr(seen, "second") < strstr(seen, "third"));
    assert_true(strstr(seen, "third") < strstr(seen, "fourth"));
    assert_true(strstr(seen, "fourth") < strstr(seen, "fifth"));
}

/* Any number of lines: each whole, none lost, no write longer than a pipe takes in one piece. */
static void test_gather_full(void **state)
{
    enum { LINES = 80 };
    struct log_gather g;
    char word[120];

    (void)state;
    log_init("trapsmtp", LOG_INFO);
    capture_start();
    log_gather(&g);
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    for (unsigned i = 0; i < LINES; i++) {
        log_info("line", LOG_U64("n", i), LOG_STR("word", word));
        assert_true(g.n <= LOG_GATHER_BYTES);
    }
    log_gather(NULL);
    capture_end();
    for (unsigned i = 0; i < LINES; i++) {
        char mark[32];

        (void)snprintf(mark, sizeof mark, "line n=%u word=x", i);
        assert_non_null(strstr(seen, mark));
    }
    assert_int_equal(seen[seen_len - 1], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_no_fields), cmocka_unit_test(test_values),
        cmocka_unit_test(test_value_cut),  cmocka_unit_test(test_levels),    cmocka_unit_test(test_errno),
        cmocka_unit_test(test_line_limit), cmocka_unit_test(test_gather),   cmocka_unit_test(test_gather_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
