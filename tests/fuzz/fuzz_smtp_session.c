/* A whole session of the sink over a socket pair: the bytes of a client, in one piece and cut into several,
 * give the same replies, and each of them is a well-formed line. Everything is real but the socket: commits,
 * samples, files for postmaster, TLS.
 *
 * First byte of the input: bit 0 = a PROXY header comes first, bit 1 = the peer is a front MX (XFORWARD),
 * which hears no 5xx about a mail, bits 4-7 = how the second run is cut. The state directory lies in
 * $TRAPLINE_FUZZ_DIR, else in /dev/shm or /tmp, and is removed at the end. */
#include "server.h"
#include "session.h"

#include <base/daemon.h>
#include <base/file.h>
#include <base/log.h>
#include <mail/keyed.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLIES_MAX = 1 << 20, RUN_MAX_MS = 20000 };

static char state[PATH_TEXT_MAX];
static struct server *server;

/* One run: what is sent, what came back. */
struct run {
    int fd; /* the client's end; -1: closed */
    bool shut;
    struct bytes rest;
    size_t piece;
    mono_t began;
    struct loop_timer timer;
    size_t n;
    char replies[REPLIES_MAX];
};
static struct run runs[2];

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "fuzz_smtp_session: %s\n", what);
    abort();
}

/* ---- an installation ---- */

static const char keys[] =
    "node_id = 1\nlog_level = error\nguard = off\n"
    "trap_domain \"trap.test\" { class = minted }\ntrap_domain \"old.example\" { class = recycled }\n"
    "trap_domain \"told.example\" { class = recycled after_data = reject }\n"
    "smtp { listen = {\"127.0.0.1:2525\"} hostname = mx.trap.test xclient_from = {127.0.0.1} xforward_from = {127.0.0.2}\n"
    "  auth = on hits_per_sender_hour = 0 line_max = 512 message_max = 64k recipients_max = 100\n"
    "  lookup_url = \"https://x.example/$\" }\n"
    "store { samples_max = 4M sample_max = 4k free_min = 0 }\n";

static void remove_state(void)
{
    struct err_text why;

    (void)dir_remove(state, &why);
}

static void make_state(char *conf, size_t cap)
{
    const char *given = getenv("TRAPLINE_FUZZ_DIR");
    const char *top = given != NULL ? given : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char program[] = TRAPLINE_PROGRAM, verb[] = "init", option[] = "--dir";
    char *words[] = { program, verb, option, state, NULL };
    int status = 0;
    pid_t pid;
    FILE *f;

    (void)snprintf(state, sizeof state, "%s/trapline-fuzz.XXXXXX", top);
    check(mkdtemp(state) != NULL && atexit(remove_state) == 0, "no scratch directory");
    check(posix_spawn(&pid, program, NULL, NULL, words, environ) == 0 && waitpid(pid, &status, 0) == pid &&
              WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "`trapline init` failed");
    (void)snprintf(conf, cap, "%s/fuzz.conf", state);
    f = fopen(conf, "w");
    check(f != NULL && fprintf(f, "state_dir = \"%s\"\n%s", state, keys) > 0 && fclose(f) == 0, "no configuration");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char conf[PATH_TEXT_MAX + 16];
    struct config *config = NULL;
    struct err_text why = { "" };

    (void)argc;
    (void)argv;
    (void)signal(SIGPIPE, SIG_IGN);
    check(keyed_init() == TRAP_OK, "no random numbers");
    make_state(conf, sizeof conf);
    if (config_read(conf, &config, &why) != TRAP_OK)
        check(false, why.text);
    log_init("fuzz", LOG_ERROR);
    if (server_new(config, &server, &why) != TRAP_OK)
        check(false, why.text);
    return 0;
}

/* ---- the client ---- */

static void hear(struct run *r)
{
    while (r->fd != -1) {
        const ssize_t n = recv(r->fd, r->replies + r->n, REPLIES_MAX - r->n, MSG_DONTWAIT);

        if (n == -1)
            return;
        if (n == 0) {
            (void)close(r->fd);
            r->fd = -1;
        }
        r->n += n > 0 ? (size_t)n : 0;
        check(r->n < REPLIES_MAX, "the server does not stop talking");
    }
}

static void say(struct run *r)
{
    const size_t n = r->rest.n < r->piece ? r->rest.n : r->piece;
    const ssize_t sent = n > 0 && r->fd != -1 ? send(r->fd, r->rest.p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

    r->rest = bytes_skip(r->rest, sent > 0 ? (size_t)sent : 0);
    if (r->rest.n == 0 && r->fd != -1 && !r->shut)
        r->shut = shutdown(r->fd, SHUT_WR) == 0;
}

static void on_timer(struct loop_timer *t)
{
    struct run *r = t->arg;

    hear(r);
    say(r);
    check(mono_diff(mono_now(), r->began).ms < RUN_MAX_MS, "the session does not end");
    if (server->sessions == NULL && server->jobs_out == 0) {
        hear(r);
        loop_stop(server->loop);
        return;
    }
    loop_timer_start(server->loop, t, SPAN_MS(0));
}

static void play(struct run *r, uint8_t control, struct bytes in, size_t piece)
{
    struct connection c = { .kind = (control & 1) != 0 ? LISTENER_PROXY : LISTENER_PLAIN,
                            .peer = ip_v4(127, 0, 0, (control & 2) != 0 ? 2 : 1),
                            .local = ip_v4(127, 0, 0, 1),
                            .local_port = 25 };
    int pair[2];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "no socket pair");
    c.fd = pair[0];
    r->fd = pair[1];
    r->shut = false;
    r->rest = in;
    r->piece = piece;
    r->began = mono_now();
    r->n = 0;
    loop_timer_init(&r->timer, on_timer, r);
    loop_timer_start(server->loop, &r->timer, SPAN_MS(0));
    session_open(server, &c);
    loop_run(server->loop);
    if (r->fd != -1)
        (void)close(r->fd);
    session_free_dead(server);
}

/* ---- what must hold ---- */

static bool has_word(struct bytes s, struct bytes word)
{
    for (; s.n >= word.n; s = bytes_skip(s, 1))
        if (bytes_ieq(bytes_take(s, word.n), word))
            return true;
    return false;
}

/* Lines of replies, up to where TLS begins. A front MX hears 5xx about its own dialogue at most. */
static void check_replies(struct bytes all, bool front)
{
    struct bytes line;

    while (bytes_split(&all, '\n', &line)) {
        check(line.n >= 5 && line.p[line.n - 1] == '\r', "a reply that is no line");
        check(line.p[0] >= '2' && line.p[0] <= '5' && (line.p[3] == ' ' || line.p[3] == '-'), "a reply without a code");
        check(line.n <= 512, "a reply that is too long");
        check(!front || line.p[0] != '5' || (line.p[1] == '0' && line.p[2] <= '3'), "a front MX would bounce");
        for (size_t i = 0; i + 1 < line.n; i++)
            check(line.p[i] >= ' ' && line.p[i] <= '~', "a reply with control characters");
        if (line.p[0] == '2' && line.p[1] == '2' && line.p[2] == '0' && has_word(line, BYTES("TLS")))
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = bytes_of(data + 1, size - 1);

    if (size < 2)
        return 0;
    play(&runs[0], data[0], in, in.n);
    check_replies(bytes_of(runs[0].replies, runs[0].n), (data[0] & 3) == 2);
    if (has_word(in, BYTES("STARTTLS"))) /* what is dropped behind it depends on the pieces */
        return 0;
    play(&runs[1], data[0], in, 1 + (size_t)(data[0] >> 4) * 3);
    check(runs[0].n == runs[1].n && memcmp(runs[0].replies, runs[1].replies, runs[0].n) == 0,
          "replies depend on how the input was cut");
    return 0;
}
