/* session_io.c - receiving, sending, deadlines: the part of a session that knows of descriptors and time. */
#include "command.h"
#include "content.h"
#include "evidence.h"
#include "proxy.h"
#include "server.h"
#include "session.h"
#include "session_tls.h"
#include "tarpit.h"
#include "transport.h"

#include <base/log.h>
#include <mail/keyed.h>
#include <mail/other_protocol.h>

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/* ---- deadlines ---- */

static mono_t earlier(mono_t a, mono_t b)
{
    return a.ms < b.ms ? a : b;
}

/* In DATA: silence may last data_timeout; and with data_rate_min the bytes so far must be enough for the
 * time so far. */
static mono_t data_deadline(const struct session *s, mono_t now)
{
    const struct conf_smtp *conf = &s->server->config->smtp;
    const mono_t silence = mono_add(now, conf->data_timeout);
    mono_t rate = mono_add(s->data_started, conf->data_timeout);

    if (conf->data_rate_min == 0)
        return silence;
    rate = mono_add(rate, SPAN_MS(s->data_received * 1000 / conf->data_rate_min));
    return earlier(silence, rate);
}

void session_data_begins(struct session *s)
{
    s->data_started = loop_now(s->server->loop);
    s->data_received = 0;
}

/* The timer of a session is moved only when it would come too late: most deadlines only move away. */
static void set_deadline(struct session *s, mono_t deadline, mono_t now)
{
    s->deadline = deadline;
    if (s->armed.ms != 0 && s->armed.ms <= deadline.ms)
        return;
    s->armed = deadline;
    loop_timer_start(s->server->loop, &s->timer, SPAN_MS(deadline.ms > now.ms ? deadline.ms - now.ms : 0));
}

/* A client that must not talk yet (RFC 5321 3.1). */
static bool is_watched(const struct session *s)
{
    return s->state == SESSION_READY && !s->greeted;
}

void session_await(struct session *s)
{
    enum { LINGER_S = 2 };
    const struct conf_smtp *conf = &s->server->config->smtp;
    const mono_t now = loop_now(s->server->loop);
    mono_t deadline = mono_add(now, conf->command_timeout);

    if (s->dripping) {
        set_deadline(s, s->drip_at, now);
        return;
    }
    switch ((enum session_state)s->state) {
    case SESSION_DATA:
    case SESSION_CHUNK:
        deadline = earlier(data_deadline(s, now), s->ends);
        break;
    case SESSION_COMMIT:
        deadline = mono_add(now, conf->commit_wait);
        break;
    case SESSION_HANDSHAKE:
        deadline = earlier(mono_add(now, conf->handshake_timeout), s->ends);
        break;
    case SESSION_CLOSING:
        deadline = mono_add(now, SPAN_S(LINGER_S));
        break;
    case SESSION_READY:
    case SESSION_MAIL:
    case SESSION_RCPT:
    case SESSION_CHUNKED:
    case SESSION_AUTH:
    case SESSION_PROXY:
    case SESSION_ENDED:
        deadline = earlier(is_watched(s) ? mono_add(now, conf->greeting_delay) : deadline, s->ends);
        break;
    }
    set_deadline(s, deadline, now);
}

/* So much is read in one turn: content as fast as it comes, commands so that many clients have their turn,
 * and a client that does not read its replies has little kept of it. In TLS a whole record. */
static size_t read_room(const struct session *s)
{
    if ((s->state & SESSION_CONTENT) != 0)
        return READ_BYTES;
    return s->tls != NULL ? READ_TLS_BYTES : READ_COMMAND_BYTES;
}

/* Greets, unless a PROXY header is awaited; what was said before that was said too early. */
static void first_turn(struct session *s)
{
    struct bytes in = { NULL, 0 };
    const ssize_t n = transport_recv(s, s->server->input, read_room(s));

    if (n > 0)
        in = bytes_of(s->server->input, (size_t)n);
    if (s->state != SESSION_PROXY) {
        if (n > 0) {
            s->heard = true;
            s->first_command_ms = 0;
            session_note(s, HIT_EARLY_TALK);
        }
        session_greet(s);
        session_await(s);
    }
    session_turn(s, in);
}

void session_on_timer(struct loop_timer *t)
{
    struct session *s = t->arg;
    const mono_t now = loop_now(s->server->loop);

    s->armed = (mono_t){ 0 };
    if (now.ms < s->deadline.ms) {
        set_deadline(s, s->deadline, now);
        return;
    }
    if (is_watched(s)) {
        first_turn(s);
        return;
    }
    if (s->dripping && now.ms < s->ends.ms) {
        if (!tarpit_drip(s))
            session_end(s, "connection lost");
        else if (s->dripping)
            session_await(s);
        else
            session_resume(s);
        return;
    }
    if (s->state == SESSION_CLOSING || s->unsent.n > 0) {
        session_end(s, s->dripping ? "session_max" : "client does not read");
        return;
    }
    if (s->state == SESSION_HANDSHAKE) {
        session_tls_timeout(s);
        return;
    }
    if (s->state == SESSION_PROXY) {
        session_end(s, "command_timeout");
        return;
    }
    if (s->state == SESSION_COMMIT)
        evidence_give_up(s);
    else if (now.ms >= s->ends.ms)
        session_close_after(s, SMTP_REPLY_SESSION_TOO_LONG, "session_max");
    else if ((s->state & SESSION_CONTENT) != 0 && s->server->config->smtp.data_rate_min != 0)
        session_close_after(s, SMTP_REPLY_TOO_SLOW, "data_rate_min");
    else
        session_close_after(s, SMTP_REPLY_TIMEOUT,
                            (s->state & SESSION_CONTENT) != 0 ? "data_timeout" : "command_timeout");
    session_resume(s);
}

/* ---- one turn ---- */

/* A TLS client or scanner on a port that speaks plain text first: its record would be waited for as a line
 * for ever. */
static bool is_tls_hello(const struct session *s, struct bytes in)
{
    return s->tls == NULL && s->tally.commands == 0 && in.n >= 3 && in.p[0] == 0x16 && in.p[1] == 0x03 &&
           in.p[2] <= 0x04;
}

/* One line or one piece of content. False: more bytes are needed. */
static bool step(struct session *s, struct bytes *in)
{
    const char *other;
    struct bytes line;

    if (s->state == SESSION_PROXY)
        return proxy_feed(s, in);
    if (s->state == SESSION_DATA) {
        content_feed(s, in);
        return true;
    }
    if (s->state == SESSION_CHUNK) {
        bdat_feed(s, in);
        return true;
    }
    if (is_tls_hello(s, *in)) {
        s->tally.errors++;
        session_tls_on_plain(s, *in);
        session_close_after(s, SMTP_REPLY_NOT_SMTP, "tls");
        return true;
    }
    other = s->tally.commands == 0 ? other_protocol_octets(*in) : NULL;
    if (other != NULL) {
        command_other_protocol(s, other);
        return true;
    }
    switch (smtp_line_next(&s->line, in, &line)) {
    case SMTP_LINE_MORE:
        return false;
    case SMTP_LINE_TOO_LONG:
        if (s->state == SESSION_AUTH)
            auth_too_long(s);
        else
            command_too_long(s);
        return true;
    case SMTP_LINE_DONE:
        if (s->state == SESSION_AUTH)
            auth_line(s, line);
        else
            command_run(s, line, in->n > 0);
        return true;
    }
    return false;
}

static bool may_go_on(const struct session *s)
{
    return (s->state & (SESSION_TALKING | SESSION_CONTENT | SESSION_AUTH | SESSION_PROXY)) != 0 &&
           s->unsent.n == 0 && !s->broken;
}

/* A part of a line may be a part of a password. */
static void wipe(uint8_t *kept, size_t n)
{
    if (n > 0)
        keyed_wipe(kept, n);
}

/* AUTH in this turn: nothing of it stays in the buffer. `in` was the last of it. */
static void wipe_input(struct server *server)
{
    if (!server->wipe_input)
        return;
    keyed_wipe(server->input, server->input_cap);
    server->wipe_input = false;
}

/* Remembers what was not consumed. `in` may lie in s->kept itself. */
static void keep(struct session *s, struct bytes in)
{
    uint8_t *copy = NULL;

    if (s->state == SESSION_HANDSHAKE && in.n > 0)
        session_note(s, HIT_INJECTED);
    if ((s->state & (SESSION_CLOSING | SESSION_HANDSHAKE)) != 0 || s->broken)
        in.n = 0;
    if (in.n > 0) {
        copy = malloc(in.n);
        if (copy != NULL)
            memcpy(copy, in.p, in.n);
        s->broken |= copy == NULL;
    }
    wipe(s->kept, s->kept_len);
    free(s->kept);
    s->kept = copy;
    s->kept_len = copy != NULL ? in.n : 0;
}

/* Watches for what the session can use now: input, or room for output. */
void session_watch(struct session *s)
{
    const bool writing = s->unsent.n > 0 && !s->dripping;
    const bool reading = s->unsent.n == 0 && (s->state != SESSION_COMMIT || (s->watched & LOOP_READ) != 0);
    const int events = transport_events(s, writing ? LOOP_WRITE : reading ? LOOP_READ : 0);

    if (events == s->watched)
        return;
    s->watched = (uint8_t)events;
    loop_io_set(s->server->loop, &s->io, events);
}

/* The last reply is out. A client that sent more than we read would get a reset and might lose that reply:
 * let it go first. */
static void close_softly(struct session *s)
{
    if (s->linger && transport_shut(s)) {
        session_await(s);
        return;
    }
    session_end(s, "closed");
}

/* Whenever the replies so far are out the commands behind them have their turn: what is kept at the end is
 * less than a line, or waits for room for replies, or for a commit. */
void session_turn(struct session *s, struct bytes in)
{
    const bool had_unsent = s->unsent.n > 0;
    bool progress = false, whole = true, sent;

    do {
        while (whole && in.n > 0 && may_go_on(s)) {
            whole = step(s, &in);
            progress |= whole;
        }
        sent = reply_flush(s);
    } while (sent && whole && in.n > 0 && may_go_on(s));
    s->linger |= in.n > 0;
    s->server->wipe_input |= s->state == SESSION_AUTH || bytes_has_iprefix(in, BYTES("AUTH"));
    keep(s, in);
    wipe_input(s->server);
    if (!sent || s->broken) {
        session_end(s, "connection lost");
        return;
    }
    if (s->state == SESSION_HANDSHAKE && s->unsent.n == 0 && s->tls == NULL) {
        session_tls_begin(s);
        return;
    }
    session_watch(s);
    if (s->state == SESSION_CLOSING && s->unsent.n == 0)
        close_softly(s);
    else if (progress || had_unsent != (s->unsent.n > 0))
        session_await(s);
}

void session_resume(struct session *s)
{
    session_await(s);
    session_take_kept(s);
}

void session_take_kept(struct session *s)
{
    uint8_t *kept = s->kept;
    const size_t n = s->kept_len;

    s->kept = NULL;
    s->kept_len = 0;
    session_turn(s, bytes_of(kept, n));
    wipe(kept, n);
    free(kept);
}

/* ---- events ---- */

/* CLOSING: drops what comes, so that the client can read our last reply before the connection goes. */
static void drop_input(struct session *s)
{
    const ssize_t n = transport_discard(s, s->server->input, s->server->input_cap);

    if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
        session_end(s, "closed");
}

/* True: *in is what a partial line kept and what came now. */
static bool receive(struct session *s, struct bytes *in)
{
    struct server *server = s->server;
    ssize_t n;

    if (s->kept_len > 0)
        memcpy(server->input, s->kept, s->kept_len);
    n = transport_recv(s, server->input + s->kept_len, read_room(s));
    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        session_watch(s);
        return false;
    }
    if (n <= 0) {
        session_end(s, n == 0 ? "client closed" : "connection lost");
        return false;
    }
    *in = bytes_of(server->input, s->kept_len + (size_t)n);
    return true;
}

/* First bytes of the client: how long it took. While the kernel still holds our greeting unacknowledged it
 * cannot have read it (RFC 5321 3.1). */
static void note_first_bytes(struct session *s)
{
    const int64_t ms = mono_diff(loop_now(s->server->loop), s->greeted_at).ms;
    int unacknowledged = 0;

    s->heard = true;
    if ((s->tally.flags & HIT_XCLIENT) != 0) /* the proxy's time, and its acknowledgement */
        return;
    s->first_command_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1;
    if (ioctl(s->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0)
        session_note(s, HIT_EARLY_TALK);
}

void session_on_io(struct loop_io *io, int events)
{
    struct session *s = io->arg;
    struct bytes in;

    if (s->state == SESSION_CLOSING && s->unsent.n == 0) {
        drop_input(s);
        return;
    }
    if (s->unsent.n > 0) {
        session_take_kept(s);
        return;
    }
    if (s->state == SESSION_HANDSHAKE) {
        session_tls_step(s);
        return;
    }
    if (is_watched(s)) {
        first_turn(s);
        return;
    }
    if (s->state == SESSION_COMMIT) { /* level-triggered: look away until the commit is done */
        s->watched = 0;
        loop_io_set(s->server->loop, &s->io, 0);
        return;
    }
    (void)events;
    if (!receive(s, &in))
        return;
    if (!s->heard && s->state != SESSION_PROXY)
        note_first_bytes(s);
    session_turn(s, in);
}

void session_on_open(struct session *s)
{
    if (s->state == SESSION_PROXY || s->server->config->smtp.greeting_delay.ms == 0)
        first_turn(s);
}
