/* supervisor.c - see supervisor.h. One poll loop over a signalfd and the notify socket; children are known by
 * pid. */
#include "supervisor.h"
#include "cli.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/log.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_WAIT_MS = 30000, STOP_WAIT_MS = 15000, BACKOFF_MIN_MS = 1000, BACKOFF_MAX_MS = 60000 };

/* trapexport is behind those whose records it reads; traplook reads the evidence that trapexport makes. */
static const char *const programs[] = { "trapweb", "trapsmtp", "trapexport", "traplook" };
enum { CHILDREN_MAX = sizeof(programs) / sizeof(programs[0]) };

struct child {
    const char *program;
    pid_t pid;      /* 0: not running */
    bool ready;     /* told so since its last start */
    bool was_ready; /* ever */
    span_t backoff;
    mono_t restart_at; /* while pid == 0 */
};

struct supervisor {
    const struct config *config;
    pid_t pid;
    char bin_dir[PATH_TEXT_MAX], notify_name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
    int notify_fd, signal_fd;
    struct child child[CHILDREN_MAX];
    size_t child_count; /* traplook only where it is asked for */
    bool stop_asked;
    int give_up_code; /* 0: none */
};

/* The kernel gives the socket an abstract name that is free: no file stays behind, a deep state_dir is no
 * limit, and a daemon that became another user still reaches it. Who speaks is known by pid
 * (SCM_CREDENTIALS). */
static int open_notify(struct supervisor *s)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    socklen_t len = sizeof(addr);
    const int on = 1;

    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->notify_fd == -1 ||
        bind(s->notify_fd, (const struct sockaddr *)&addr, sizeof(addr.sun_family)) == -1 ||
        setsockopt(s->notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == -1 ||
        getsockname(s->notify_fd, (struct sockaddr *)&addr, &len) == -1)
        return cli_fail(EXIT_OSERR, "no socket for the daemons to say that they are ready: %s",
                        strerror(errno));
    (void)snprintf(s->notify_name, sizeof(s->notify_name), "@%.*s",
                   (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), addr.sun_path + 1);
    return 0;
}

static void child_exec(const struct supervisor *s, const struct child *c)
{
    char path[PATH_TEXT_MAX];
    char *const argv[] = { (char *)(uintptr_t)c->program, (char *)(uintptr_t) "-c", s->config->path, NULL };
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* no daemon outlives its supervisor */
    if (getppid() != s->pid)
        _exit(EXIT_OSERR); /* it died before that took effect */
    if (path_join(s->bin_dir, c->program, path) == TRAP_OK && setenv("NOTIFY_SOCKET", s->notify_name, 1) == 0)
        (void)execv(path, argv);
    fprintf(stderr, "trapline: cannot start %s: %s\n", path, strerror(errno));
    _exit(EXIT_OSERR);
}

static void child_start(struct supervisor *s, struct child *c)
{
    const pid_t pid = fork();

    if (pid == 0)
        child_exec(s, c);
    if (pid == -1) {
        log_error("supervisor.fork", LOG_STR("program", c->program), LOG_ERRNO());
        c->restart_at = mono_add(mono_now(), c->backoff);
        return;
    }
    c->pid = pid;
    c->ready = false;
    log_info("supervisor.start", LOG_STR("program", c->program), LOG_U64("pid", (uint64_t)pid));
}

static bool code_is_final(int code)
{
    static const int final[] = { EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_OSERR,  EXIT_CANTCREAT,
                                 EXIT_IOERR, EXIT_TEMPFAIL,    EXIT_NOPERM, EXIT_CONFIG };

    for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
        if (code == final[i])
            return true;
    return false;
}

static void child_ended(struct supervisor *s, struct child *c, int status)
{
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    c->pid = 0;
    if (s->stop_asked) {
        log_info("supervisor.end", LOG_STR("program", c->program), LOG_I64("code", code));
        return;
    }
    if (!c->was_ready && code_is_final(code)) {
        s->give_up_code = code; /* the daemon itself said why */
        return;
    }
    log_error("supervisor.failed", LOG_STR("program", c->program), LOG_I64("code", code),
              LOG_SPAN("restart_in", c->backoff));
    c->restart_at = mono_add(mono_now(), c->backoff);
    c->backoff = SPAN_MS(c->backoff.ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : c->backoff.ms * 2);
}

static void reap(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        int status = 0;

        if (s->child[i].pid != 0 && waitpid(s->child[i].pid, &status, WNOHANG) == s->child[i].pid)
            child_ended(s, &s->child[i], status);
    }
}

static void read_notify(struct supervisor *s)
{
    char text[256];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec iov = { text, sizeof(text) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    ssize_t n;

    while ((n = recvmsg(s->notify_fd, &msg, 0)) > 0) {
        const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        struct ucred who = { 0 };

        if (c != NULL && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(c), sizeof(who));
        for (size_t i = 0; i < s->child_count; i++)
            if (who.pid != 0 && s->child[i].pid == who.pid &&
                bytes_has_prefix(bytes_of(text, (size_t)n), BYTES("READY=1"))) {
                s->child[i].ready = s->child[i].was_ready = true;
                s->child[i].backoff = SPAN_MS(BACKOFF_MIN_MS);
            }
        msg.msg_controllen = sizeof(control);
    }
}

/* The first start is one after the other: what is wrong is said once, by one daemon, and the rest was never
 * started. */
static void restart_due(struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->child[i].pid == 0 && mono_now().ms >= s->child[i].restart_at.ms)
            child_start(s, &s->child[i]);
        if (!s->child[i].was_ready)
            break;
    }
}

/* One turn, at most `ms`. */
static void turn(struct supervisor *s, int ms)
{
    struct pollfd fds[] = { { s->signal_fd, POLLIN, 0 }, { s->notify_fd, POLLIN, 0 } };
    struct signalfd_siginfo info;

    (void)poll(fds, 2, ms);
    read_notify(s);
    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            s->stop_asked = true;
    reap(s);
}

static bool all_ready(const struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (!s->child[i].ready)
            return false;
    return true;
}

static bool any_running(const struct supervisor *s)
{
    for (size_t i = 0; i < s->child_count; i++)
        if (s->child[i].pid != 0)
            return true;
    return false;
}

static int wait_ready(struct supervisor *s)
{
    const mono_t deadline = mono_add(mono_now(), SPAN_MS(READY_WAIT_MS));

    while (!s->stop_asked && s->give_up_code == 0 && !all_ready(s)) {
        if (mono_now().ms >= deadline.ms)
            return cli_fail(EXIT_SOFTWARE, "a daemon was not ready within %d s: see the log above",
                            READY_WAIT_MS / 1000);
        restart_due(s);
        turn(s, 100);
    }
    return s->give_up_code;
}

int supervisor_start(const struct config *c, struct supervisor **out)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    int code;

    if (s == NULL)
        return cli_fail(EXIT_OSERR, "out of memory");
    s->config = c;
    s->pid = getpid();
    s->notify_fd = -1;
    s->signal_fd = daemon_signal_fd();
    s->child_count = c->look.on ? CHILDREN_MAX : CHILDREN_MAX - 1;
    for (size_t i = 0; i < s->child_count; i++)
        s->child[i] = (struct child){ .program = programs[i], .backoff = SPAN_MS(BACKOFF_MIN_MS) };
    code = cli_bin_dir(s->bin_dir) != TRAP_OK
               ? cli_fail(EXIT_OSERR, "cannot read /proc/self/exe: %s", strerror(errno))
               : open_notify(s);
    if (code == 0)
        code = wait_ready(s);
    *out = s;
    if (code != 0)
        (void)supervisor_stop(out);
    return code;
}

int supervisor_wait(struct supervisor *s, int ms)
{
    const mono_t deadline = mono_add(mono_now(), SPAN_MS(ms));

    while (!s->stop_asked && s->give_up_code == 0) {
        if (ms >= 0 && mono_now().ms >= deadline.ms)
            return -1;
        restart_due(s);
        turn(s, 200);
    }
    return s->give_up_code;
}

int supervisor_stop(struct supervisor **sp)
{
    struct supervisor *s = *sp;
    const mono_t deadline = mono_add(mono_now(), SPAN_MS(STOP_WAIT_MS));
    int code = 0;

    if (s == NULL)
        return 0;
    s->stop_asked = true;
    for (size_t i = 0; i < s->child_count; i++)
        if (s->child[i].pid != 0)
            (void)kill(s->child[i].pid, SIGTERM);
    while (any_running(s) && mono_now().ms < deadline.ms)
        turn(s, 50);
    for (size_t i = 0; i < s->child_count; i++) {
        if (s->child[i].pid == 0)
            continue;
        log_error("supervisor.killed", LOG_STR("program", s->child[i].program),
                  LOG_STR("reason", "did not stop in time"));
        (void)kill(s->child[i].pid, SIGKILL);
        (void)waitpid(s->child[i].pid, NULL, 0);
        code = EXIT_SOFTWARE;
    }
    if (s->notify_fd != -1)
        (void)close(s->notify_fd);
    if (s->signal_fd != -1)
        (void)close(s->signal_fd);
    free(s);
    *sp = NULL;
    return code;
}
