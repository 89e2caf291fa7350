/* Listening sockets: what they are bound to, and what is said when that cannot be. */
#include <base/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The kernel's choice of port for an address of this machine. */
static struct endpoint bound_to(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct endpoint e;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&sa, &e.ip, &e.port), TRAP_OK);
    return e;
}

static struct endpoint local(const char *text)
{
    struct endpoint e = { .port = 0 };

    assert_int_equal(ip_parse(bytes_str(text), &e.ip), TRAP_OK);
    return e;
}

static void test_listens(void **state)
{
    int fd, on = 0;
    socklen_t len = sizeof(on);
    struct err_text why;

    (void)state;
    assert_int_equal(socket_listen("a.b", local("127.0.0.1"), &fd, &why), TRAP_OK);
    assert_true(ip_eq(bound_to(fd).ip, ip_v4(127, 0, 0, 1)));
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
    assert_int_equal(on, 1);
    assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    assert_int_equal(close(fd), 0);
}

static void test_families_side_by_side(void **state)
{
    int four, six, only = 0;
    socklen_t len = sizeof(only);
    struct endpoint e;
    struct err_text why;

    (void)state;
    assert_int_equal(socket_listen("a.b", local("0.0.0.0"), &four, &why), TRAP_OK);
    e = local("::");
    e.port = bound_to(four).port;
    assert_int_equal(socket_listen("a.b", e, &six, &why), TRAP_OK);
    assert_int_equal(getsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len), 0);
    assert_int_equal(only, 1);
    assert_int_equal(close(four) + close(six), 0);
}

static void test_in_use(void **state)
{
    int fd, second = -7;
    struct err_text why;

    (void)state;
    assert_int_equal(socket_listen("a.b", local("127.0.0.1"), &fd, &why), TRAP_OK);
    assert_int_equal(socket_listen("smtp.listen", bound_to(fd), &second, &why), TRAP_EBUSY);
    assert_int_equal(second, -7);
    assert_non_null(strstr(why.text, "smtp.listen 127.0.0.1:"));
    assert_non_null(strstr(why.text, "the port is in use"));
    assert_int_equal(close(fd), 0);
}

static void test_no_such_address(void **state)
{
    int fd = -7;
    struct err_text why;

    (void)state;
    assert_int_equal(socket_listen("web.listen", local("2001:db8::1"), &fd, &why), TRAP_EIO);
    assert_int_equal(fd, -7);
    assert_non_null(strstr(why.text, "web.listen [2001:db8::1]:0: "));
}

static void test_path(void **state)
{
    char dir[] = "/tmp/trapline-test.XXXXXX", path[64], file[64], *longer = test_calloc(1, 200);
    struct err_text why;
    struct stat st;
    int fd = -1, again = -1;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/map", dir);
    (void)snprintf(file, sizeof(file), "%s/file", dir);
    memset(longer, '/', 150);

    assert_int_equal(socket_listen_path("a.b", path, "", &fd, &why), TRAP_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(socket_listen_path("a.b", path, "", &again, &why), TRAP_EBUSY); /* it is alive */
    assert_non_null(strstr(why.text, "a.b"));
    assert_int_equal(close(fd), 0);
    assert_int_equal(socket_listen_path("a.b", path, "", &fd, &why), TRAP_OK); /* it was left behind */
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);

    fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_not_equal(fd, -1);
    assert_int_equal(socket_listen_path("a.b", file, "", &again, &why), TRAP_EBUSY);
    assert_int_equal(stat(file, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(socket_listen_path("a.b", longer, "", &again, &why), TRAP_EINVAL);
    assert_int_equal(socket_listen_path("a.b", path, "no-such-group", &again, &why), TRAP_EPERM);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
    test_free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listens),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_families_side_by_side),
        cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_no_such_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
