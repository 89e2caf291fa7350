/* bench_smtp.c - sends given messages over many connections, one command at a time, as smtp-source does:
 *
 *     bench_smtp PORT CONNECTIONS COUNT RECIPIENT CONTENT
 *
 * RECIPIENT is an address, or the directory of an installation: then each message goes to an address minted
 * for trap.test with its master key. CONTENT is a size in bytes, or a directory: its *.eml in turn. Each
 * message has an envelope sender of its own. To 127.0.0.1; a refusal ends it. Prints `seconds=… bytes=…`: the
 * time from the first greeting to the last 250, and the content that was sent.
 */
#include <base/buf.h>
#include <base/file.h>
#include <base/keyring.h>
#include <base/num.h>
#include <mail/keyed.h>
#include <mail/mint.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONTENT_MAX = 64 << 20, REPLY_MAX = 4096, COMMAND_MAX = 512, EVENTS = 64, LINE = 78 };

enum step { GREETING, EHLO, MAIL, RCPT, DATA, CONTENT, QUIT };

struct client {
    int fd;
    enum step step; /* what was sent last */
    uint32_t number;
    struct bytes unsent;
    char command[COMMAND_MAX];
    size_t reply_n;
    char reply[REPLY_MAX];
};

static struct {
    struct buf *contents; /* dots doubled, with the end of data */
    size_t content_count;
    const char *address; /* or NULL: minted */
    struct mint *mint;
    struct mint_domain domain;
    uint32_t count, started, done;
    uint64_t bytes;
    int poll;
} load;

static void fail(const char *what, const char *detail)
{
    (void)fprintf(stderr, "bench_smtp: %s: %s\n", what, detail);
    exit(1);
}

/* ---- content ---- */

static void add_line(struct buf *wire, struct bytes line)
{
    if (line.n > 0 && line.p[0] == '.')
        buf_add_byte(wire, '.');
    buf_add(wire, line);
    buf_add(wire, BYTES("\r\n"));
}

static void add_content(struct bytes text)
{
    struct buf *wire;

    load.contents = reallocarray(load.contents, load.content_count + 1, sizeof(*load.contents));
    if (load.contents == NULL)
        fail("memory", "none");
    wire = &load.contents[load.content_count++];
    buf_init(wire, CONTENT_MAX);
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        struct bytes line = end != NULL ? bytes_of(text.p, (size_t)(end - text.p)) : text;

        text = bytes_skip(text, end != NULL ? line.n + 1 : text.n);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        add_line(wire, line);
    }
    buf_add(wire, BYTES(".\r\n"));
    if (wire->err != TRAP_OK)
        fail("content", err_name(wire->err));
}

static void make_content(uint64_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct buf text;

    buf_init(&text, CONTENT_MAX);
    buf_add(&text, BYTES("Subject: bench\n\n"));
    while (text.n + LINE < size) {
        for (size_t i = 0; i < LINE - 2; i++)
            buf_add_byte(&text, (uint8_t)letters[i % (sizeof(letters) - 1)]);
        buf_add_byte(&text, '\n');
    }
    add_content(buf_bytes(&text));
    buf_free(&text);
}

static int is_mail(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');

    return dot != NULL && strcmp(dot, ".eml") == 0;
}

static void read_contents(const char *dir)
{
    struct dirent **names;
    const int n = scandir(dir, &names, is_mail, alphasort);

    if (n <= 0)
        fail(dir, "no *.eml there");
    for (int i = 0; i < n; i++) {
        char path[PATH_TEXT_MAX];
        struct err_text why = { "" };
        struct buf text;

        if (path_join(dir, names[i]->d_name, path) != TRAP_OK ||
            file_slurp(path, CONTENT_MAX, &text, &why) != TRAP_OK)
            fail(names[i]->d_name, why.text);
        add_content(buf_bytes(&text));
        buf_free(&text);
        free(names[i]);
    }
    free(names);
}

/* ---- recipients ---- */

static void open_mint(const char *dir)
{
    struct keyring keys;
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];

    if (keyed_init() != TRAP_OK || path_join(dir, "keys/master.key", path) != TRAP_OK ||
        keyring_read(path, &keys, &why) != TRAP_OK || mint_new(&keys, &load.mint) != TRAP_OK)
        fail(dir, why.text);
    keyring_wipe(&keys);
    load.domain = mint_domain(load.mint, BYTES("trap.test"));
}

static void write_rcpt(struct client *c)
{
    uint8_t local[COMMAND_MAX / 2];
    const struct mint_ref ref = { .node = 1, .epoch = 1, .serial = c->number };

    if (load.address != NULL)
        (void)snprintf(c->command, sizeof(c->command), "RCPT TO:<%s>\r\n", load.address);
    else
        (void)snprintf(c->command, sizeof(c->command), "RCPT TO:<%.*s@trap.test>\r\n",
                       (int)mint_encode(load.mint, load.domain, ref, local), (const char *)local);
}

/* ---- the dialogue ---- */

static void watch(struct client *c, uint32_t events, int how)
{
    struct epoll_event e = { .events = events, .data.ptr = c };

    if (epoll_ctl(load.poll, how, c->fd, &e) == -1)
        fail("epoll_ctl", strerror(errno));
}

/* True: all of it is out. */
static bool push(struct client *c)
{
    while (c->unsent.n > 0) {
        const ssize_t n = send(c->fd, c->unsent.p, c->unsent.n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n == -1 && errno == EAGAIN)
            return false;
        if (n == -1)
            fail("send", strerror(errno));
        c->unsent = bytes_skip(c->unsent, (size_t)n);
    }
    return true;
}

static void say(struct client *c, enum step step)
{
    static const char *const words[] = {
        [EHLO] = "EHLO mail.sender.example\r\n", [DATA] = "DATA\r\n", [QUIT] = "QUIT\r\n"
    };

    c->step = step;
    if (step == MAIL)
        (void)snprintf(c->command, sizeof(c->command), "MAIL FROM:<offers-%u@sender%u.example>\r\n",
                       c->number, c->number % 1000);
    else if (step == RCPT)
        write_rcpt(c);
    c->unsent = bytes_str(step == MAIL || step == RCPT ? c->command : words[step == CONTENT ? DATA : step]);
    if (step == CONTENT) {
        c->unsent = buf_bytes(&load.contents[c->number % load.content_count]);
        load.bytes += c->unsent.n;
    }
    if (!push(c))
        watch(c, EPOLLOUT, EPOLL_CTL_MOD);
}

static void next_message(struct client *c)
{
    if (load.started == load.count) {
        say(c, QUIT);
        return;
    }
    c->number = load.started++;
    say(c, MAIL);
}

static void on_reply(struct client *c)
{
    if (c->reply[0] != (c->step == DATA ? '3' : '2'))
        fail("refused", c->reply);
    if (c->step == CONTENT)
        load.done++;
    if (c->step == EHLO || c->step == CONTENT)
        next_message(c);
    else if (c->step != QUIT)
        say(c, c->step + 1);
}

/* The last line of the reply is there: "250 text", not "250-text". */
static bool is_whole(const struct client *c)
{
    const char *line = c->reply;

    for (const char *at = c->reply; *at != '\0'; at++)
        if (*at == '\n' && at[1] != '\0')
            line = at + 1;
    return c->reply[c->reply_n - 1] == '\n' && strnlen(line, 4) == 4 && line[3] != '-';
}

static void on_event(struct client *c, uint32_t events)
{
    ssize_t n;

    if ((events & EPOLLOUT) != 0) {
        if (push(c))
            watch(c, EPOLLIN, EPOLL_CTL_MOD);
        return;
    }
    n = recv(c->fd, c->reply + c->reply_n, sizeof(c->reply) - 1 - c->reply_n, MSG_DONTWAIT);
    if (n == -1 && errno == EAGAIN)
        return;
    if (n <= 0 && c->step != QUIT)
        fail("connection", n == 0 ? "closed" : strerror(errno));
    if (n <= 0) {
        (void)close(c->fd);
        return;
    }
    c->reply_n += (size_t)n;
    c->reply[c->reply_n] = '\0';
    if (!is_whole(c))
        return;
    on_reply(c);
    c->reply_n = 0;
}

static void open_client(struct client *c, uint16_t port)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd == -1 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
        connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
        fail("connect", strerror(errno));
    watch(c, EPOLLIN, EPOLL_CTL_ADD);
}

static uint32_t number(const char *text, uint32_t max)
{
    uint32_t v = 0;

    if (num_u32(bytes_str(text), 1, max, &v) != TRAP_OK)
        fail(text, "no such number");
    return v;
}

static void run(uint32_t connections, uint16_t port)
{
    struct client *clients = calloc(connections, sizeof(*clients));
    struct epoll_event events[EVENTS];

    if (clients == NULL)
        fail("memory", "none");
    for (uint32_t i = 0; i < connections; i++)
        open_client(&clients[i], port);
    while (load.done < load.count) {
        const int n = epoll_wait(load.poll, events, EVENTS, -1);

        for (int i = 0; i < n; i++)
            on_event(events[i].data.ptr, events[i].events);
    }
    free(clients);
}

int main(int argc, char **argv)
{
    uint64_t size;
    mono_t begun;

    if (argc != 6)
        fail("usage", "bench_smtp PORT CONNECTIONS COUNT RECIPIENT CONTENT");
    load.count = number(argv[3], UINT32_MAX);
    if (argv[4][0] == '/')
        open_mint(argv[4]);
    else
        load.address = argv[4];
    if (num_size(bytes_str(argv[5]), CONTENT_MAX / 2, &size) == TRAP_OK)
        make_content(size);
    else
        read_contents(argv[5]);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    begun = mono_now();
    run(number(argv[2], 10000), (uint16_t)number(argv[1], UINT16_MAX));
    printf("seconds=%.3f bytes=%" PRIu64 "\n", (double)mono_diff(mono_now(), begun).ms / 1000, load.bytes);
    for (size_t i = 0; i < load.content_count; i++)
        buf_free(&load.contents[i]);
    free(load.contents);
    mint_free(&load.mint);
    return 0;
}
