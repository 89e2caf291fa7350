#include <base/daemon.h>

#include <base/file.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int daemon_exit_code(enum trap_err err)
{
    static const int codes[] = {
        [TRAP_OK] = EXIT_SUCCESS,          [TRAP_EINVAL] = EXIT_CONFIG, [TRAP_ERANGE] = EXIT_CONFIG,
        [TRAP_ENOMEM] = EXIT_OSERR,        [TRAP_EIO] = EXIT_IOERR,     [TRAP_ENOENT] = EXIT_CONFIG,
        [TRAP_EEXIST] = EXIT_CANTCREAT,    [TRAP_EPERM] = EXIT_NOPERM,  [TRAP_EFULL] = EXIT_IOERR,
        [TRAP_ECORRUPT] = EXIT_IOERR,      [TRAP_ENEWER] = EXIT_CONFIG, [TRAP_EBUSY] = EXIT_TEMPFAIL,
        [TRAP_ECLOSED] = EXIT_UNAVAILABLE,
    };

    return (size_t)err < sizeof codes / sizeof codes[0] ? codes[err] : EXIT_SOFTWARE;
}

const char *daemon_default_config(void)
{
    const char *const named = getenv("TRAPLINE_CONF");

    return named != NULL && named[0] != '\0' ? named : "/etc/trapline/trapline.conf";
}

/* ---- start ---- */

static TRAP_NORETURN void usage_exit(const char *program, const char *what, const char *argument)
{
    (void)fprintf(stderr, "%s: %s \"%s\"; see %s --help\n", program, what, argument, program);
    exit(EXIT_USAGE);
}

/* A fresh process may have 1,024 descriptors; a sink needs one a session. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* where it is not allowed the configured limits answer earlier */
}

struct config *daemon_config(const char *path, const char *program)
{
    struct config *config = NULL;
    struct err_text why = { "" };

    if (config_read(path, &config, &why) != TRAP_OK) {
        (void)fprintf(stderr, "%s: %s\n", program, why.text);
        exit(EXIT_CONFIG);
    }
    log_init(program, config->log_level);
    raise_descriptor_limit();
    return config;
}

struct config *daemon_start(int argc, char **argv, const char *program, const char *help)
{
    const char *path = daemon_default_config();

    for (int i = 1; i < argc; i++) {
        const char *const a = argv[i];

        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            (void)fputs(help, stdout);
            exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_IOERR);
        } else if (strcmp(a, "--version") == 0) {
            (void)printf("%s %s\n", program, daemon_version());
            exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_IOERR);
        } else if (strcmp(a, "-c") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (strcmp(a, "-c") == 0) {
            usage_exit(program, "a file's name is missing after", a);
        } else {
            usage_exit(program, "unknown argument", a);
        }
    }
    return daemon_config(path, program);
}

const char *daemon_version(void)
{
    return TRAPLINE_VERSION;
}

/* ---- signals and the supervisor ---- */

int daemon_signal_fd(void)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigset_t stop;

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGHUP);
    /* A file size limit is a full disk: EFBIG, not the end of the program. */
    if (sigaction(SIGPIPE, &ignore, NULL) == -1 || sigaction(SIGXFSZ, &ignore, NULL) == -1)
        return -1;
    errno = pthread_sigmask(SIG_BLOCK, &stop, NULL);
    if (errno != 0)
        return -1;
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

void daemon_ready(void)
{
    static const char message[] = "READY=1";
    const char *const name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t n;
    int fd;

    if (name == NULL || (name[0] != '/' && name[0] != '@'))
        return;
    n = strlen(name);
    if (n >= sizeof to.sun_path) {
        log_warning("daemon.notify", LOG_STR("error", "NOTIFY_SOCKET is too long"));
        return;
    }
    memcpy(to.sun_path, name, n);
    if (name[0] == '@')
        to.sun_path[0] = '\0'; /* Linux' abstract names */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || sendto(fd, message, sizeof message - 1, MSG_NOSIGNAL, (const struct sockaddr *)&to,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == -1)
        log_warning("daemon.notify", LOG_ERRNO());
    if (fd != -1)
        (void)close(fd);
}

/* ---- privileges ---- */

enum { USER_ENTRY_MAX = 16384 };

static enum trap_err find_user(const char *name, uid_t *uid_out, gid_t *gid_out, struct err_text *why)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char *const room = malloc(USER_ENTRY_MAX);
    enum trap_err err = TRAP_OK;

    if (room == NULL)
        return TRAP_ENOMEM;
    errno = getpwnam_r(name, &entry, room, USER_ENTRY_MAX, &found);
    if (found == NULL) {
        err = TRAP_ENOENT;
        err_text_set(
            why,
            "user: there is no user \"%s\" on this machine; create it, or change `user` in the configuration",
            name);
    } else if (entry.pw_uid == 0) {
        err = TRAP_EPERM;
        err_text_set(why, "user: \"%s\" is root; name a user without privileges in the configuration", name);
    } else {
        *uid_out = entry.pw_uid;
        *gid_out = entry.pw_gid;
    }
    free(room);
    return err;
}

enum trap_err daemon_drop_privileges(const struct config *config, struct err_text *why)
{
    uid_t uid = 0;
    gid_t gid = 0;
    int death_signal = 0;
    enum trap_err err;

    if (geteuid() != 0 || config->user[0] == '\0')
        return TRAP_OK;
    err = find_user(config->user, &uid, &gid, why);
    if (err != TRAP_OK)
        return err;
    /* A change of user makes Linux forget that our end was bound to the supervisor's. */
    (void)prctl(PR_GET_PDEATHSIG, &death_signal);
    /* Groups first: afterwards we may not change them any more. */
    if (initgroups(config->user, gid) == -1 || setresgid(gid, gid, gid) == -1 ||
        setresuid(uid, uid, uid) == -1) {
        err_text_set(why, "cannot become user \"%s\": %s", config->user, log_errno_text());
        return TRAP_EPERM;
    }
    (void)prctl(PR_SET_PDEATHSIG, death_signal);
    TRAP_BUG_ON(setuid(0) != -1 || setgid(0) != -1 || geteuid() != uid || getegid() != gid);
    return TRAP_OK;
}
