/* What ends a process or changes it for good runs in a child. */
#include <base/daemon.h>
#include <base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/trapline-test-daemon-XXXXXX";
static char good_path[PATH_TEXT_MAX], bad_path[PATH_TEXT_MAX], socket_path[PATH_TEXT_MAX];

static int setup(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL || path_join(dir, "good.conf", good_path) != TRAP_OK ||
        path_join(dir, "bad.conf", bad_path) != TRAP_OK || path_join(dir, "notify", socket_path) != TRAP_OK)
        return -1;
    if (file_replace(good_path, BYTES("log_level = debug\n"), 0600, NULL) != TRAP_OK ||
        file_replace(bad_path, BYTES("\nnode_id = 0\n"), 0600, NULL) != TRAP_OK)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dir_remove(dir, NULL) == TRAP_OK ? 0 : -1;
}

static char out[4096], err_out[4096];

static void read_pipe(int fd, char text[4096])
{
    size_t n = 0;
    ssize_t got;

    while ((got = read(fd, text + n, 4095 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    (void)close(fd);
}

/* The exit code of fn in a child; what it printed is in out and err_out. */
static int in_child(int (*fn)(void *arg), void *arg)
{
    int o[2], e[2], status = -1;
    pid_t child;

    assert_int_equal(pipe(o), 0);
    assert_int_equal(pipe(e), 0);
    child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        (void)dup2(o[1], STDOUT_FILENO);
        (void)dup2(e[1], STDERR_FILENO);
        (void)close(o[0]);
        (void)close(e[0]);
        exit(fn(arg));
    }
    (void)close(o[1]);
    (void)close(e[1]);
    read_pipe(o[0], out);
    read_pipe(e[0], err_out);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct arguments {
    char *argv[5];
};

static int start(void *arg)
{
    struct arguments *const a = arg;
    int argc = 0;
    struct config *c;

    while (a->argv[argc] != NULL)
        argc++;
    c = daemon_start(argc, a->argv, "trapweb", "Usage: trapweb -c CONF\n");
    (void)printf("%s %d", c->path, log_wants(LOG_DEBUG));
    config_free(&c);
    return 0;
}

static void test_start(void **state)
{
    char program[] = "x", c[] = "-c", help[] = "--help", version[] = "--version", wrong[] = "--wrong",
         stray[] = "stray";
    char missing[] = "/nonexistent/t.conf";
    const struct {
        struct arguments a;
        int code;
        const char *out, *err;
    } cases[] = {
        { { { program, help } }, 0, "Usage: trapweb -c CONF\n", "" },
        { { { program, c, bad_path, help } }, 0, "Usage: trapweb -c CONF\n", "" },
        { { { program, version } }, 0, "trapweb 0.", "" },
        { { { program, wrong } }, 64, "", "trapweb: unknown argument \"--wrong\"; see trapweb --help\n" },
        { { { program, stray } }, 64, "", "trapweb: unknown argument \"stray\"; see trapweb --help\n" },
        { { { program, c } },
          64,
          "",
          "trapweb: a file's name is missing after \"-c\"; see trapweb --help\n" },
        { { { program, c, missing } },
          78,
          "",
          "trapweb: cannot open /nonexistent/t.conf: No such file or directory\n" },
        { { { program, c, bad_path } },
          78,
          "",
          "bad.conf:2: node_id: \"0\" is not allowed; allowed: a whole number" },
        { { { program, c, good_path } }, 0, "good.conf 1", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arguments a = cases[i].a;
        assert_int_equal(in_child(start, &a), cases[i].code);
        if (strstr(out, cases[i].out) == NULL || strstr(err_out, cases[i].err) == NULL)
            fail_msg("case %zu: %s | %s", i, out, err_out);
        if (cases[i].code != 0) {
            assert_string_equal(out, "");
            assert_ptr_equal(strchr(err_out, '\n'), err_out + strlen(err_out) - 1); /* one line */
        }
    }
}

static int start_by_environment(void *arg)
{
    struct arguments a = { { arg } };

    (void)setenv("TRAPLINE_CONF", good_path, 1);
    return start(&a);
}

static void test_default_config(void **state)
{
    char program[] = "x";

    (void)state;
    (void)unsetenv("TRAPLINE_CONF");
    assert_string_equal(daemon_default_config(), "/etc/trapline/trapline.conf");
    assert_int_equal(in_child(start_by_environment, program), 0);
    assert_non_null(strstr(out, "good.conf"));
}

static int print_limit(void *arg)
{
    struct rlimit limit = { 64, 128 };
    struct config *c;

    (void)arg;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        return 1;
    c = daemon_config(good_path, "t");
    config_free(&c);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 128 ? 0 : 2;
}

static void test_descriptor_limit(void **state)
{
    (void)state;
    assert_int_equal(in_child(print_limit, NULL), 0);
}

static void test_exit_codes(void **state)
{
    static const struct {
        enum trap_err err;
        int code;
    } cases[] = {
        { TRAP_OK, 0 },        { TRAP_EINVAL, 78 }, { TRAP_ENOMEM, 71 }, { TRAP_EIO, 74 },
        { TRAP_EEXIST, 73 },   { TRAP_EPERM, 77 },  { TRAP_EBUSY, 75 },  { TRAP_ECLOSED, 69 },
        { TRAP_ECORRUPT, 74 }, { TRAP_ENEWER, 78 }, { TRAP_ENOENT, 78 }, { (enum trap_err)99, 70 }
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(daemon_exit_code(cases[i].err), cases[i].code);
}

static int take_signals(void *arg)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    const int fd = daemon_signal_fd();
    int pipe_fds[2];

    (void)arg;
    for (size_t i = 0; i < 3; i++) {
        struct signalfd_siginfo info;
        if (kill(getpid(), signals[i]) == -1 || read(fd, &info, sizeof info) != sizeof info ||
            info.ssi_signo != (uint32_t)signals[i])
            return 1;
    }
    /* A peer that went away must not end the process. */
    if (pipe(pipe_fds) == -1 || close(pipe_fds[0]) == -1)
        return 2;
    return write(pipe_fds[1], "x", 1) == -1 && errno == EPIPE ? 0 : 3;
}

static void test_signals(void **state)
{
    (void)state;
    assert_int_equal(in_child(take_signals, NULL), 0);
}

static int say_ready(void *arg)
{
    if (arg != NULL)
        (void)setenv("NOTIFY_SOCKET", arg, 1);
    else
        (void)unsetenv("NOTIFY_SOCKET");
    daemon_ready();
    return 0;
}

static void test_ready(void **state)
{
    struct sockaddr_un here = { .sun_family = AF_UNIX };
    char text[32] = "";
    char gone[] = "/nonexistent/notify", odd[] = "relative";
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)state;
    assert_true(strlen(socket_path) < sizeof here.sun_path);
    memcpy(here.sun_path, socket_path, strlen(socket_path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(in_child(say_ready, NULL), 0);
    assert_int_equal(in_child(say_ready, odd), 0);
    assert_int_equal(recv(fd, text, sizeof text, 0), -1);
    assert_int_equal(in_child(say_ready, gone), 0);
    assert_non_null(strstr(err_out, "warning daemon.notify"));
    assert_int_equal(in_child(say_ready, socket_path), 0);
    assert_int_equal(recv(fd, text, sizeof text, 0), 7);
    assert_string_equal(text, "READY=1");
    (void)close(fd);
}

static int become(void *arg)
{
    struct config c = { .user = arg };
    struct err_text why = { "" };
    const enum trap_err err = daemon_drop_privileges(&c, &why);

    (void)printf("%s", why.text);
    if (err == TRAP_OK && c.user[0] != '\0' && (geteuid() == 0 || getgid() == 0 || setuid(0) != -1))
        return 99;
    return (int)err;
}

static void test_drop_privileges(void **state)
{
    char nobody[] = "nobody", none[] = "", missing[] = "no-such-user-here", root[] = "root";

    (void)state;
    assert_int_equal(in_child(become, none), TRAP_OK);
    if (geteuid() != 0) {
        assert_int_equal(in_child(become, missing), TRAP_OK); /* nothing to drop */
        return;
    }
    assert_int_equal(in_child(become, nobody), TRAP_OK);
    assert_int_equal(in_child(become, missing), TRAP_ENOENT);
    assert_non_null(strstr(out, "there is no user \"no-such-user-here\""));
    assert_int_equal(in_child(become, root), TRAP_EPERM);
    assert_non_null(strstr(out, "is root"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_default_config),
        cmocka_unit_test(test_descriptor_limit),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_drop_privileges),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
