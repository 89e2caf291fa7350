#include "content.h"

#include "evidence.h"
#include "postbox.h"
#include "server.h"
#include "session_record.h"

/* An author of what came back: is it one of the traps of this message? Bounces go to one recipient, or a
 * few. */
static bool is_trap(struct bytes value, void *arg)
{
    enum { LOOKED_AT_MAX = 16 };
    const struct message *m = arg;

    for (uint32_t i = 0; i < m->rcpt_count && i < LOOKED_AT_MAX; i++)
        if (m->rcpts[i].klass != 0 && returned_holds(value, message_rcpt(m, i)))
            return true;
    return false;
}

void content_begin(struct session *s)
{
    struct message *m = s->message;

    if (m->role_count > 0)
        postbox_begin(s);
    smtp_eod_init(&m->eod);
    header_init(&m->header, s->server->config->smtp.header_max_bytes);
    body_digest_init(&m->digest);
    returned_init(&m->returned, is_trap, m);
}

/* What came on the wire: counted, and of a message to a trap its head kept. */
static void add_wire(struct message *m, struct bytes wire)
{
    m->received += wire.n;
    if (m->trap_count > 0)
        message_add_sample(m, wire);
}

/* Known when the body begins: nothing else is looked at line by line. */
static bool may_be_automatic(const struct message *m)
{
    return (m->flags & HIT_NULL_SENDER) != 0 ||
           (m->header.found & (HEADER_AUTO_SUBMITTED | HEADER_REPORT)) != 0;
}

static void take_content(struct bytes content, void *arg)
{
    struct message *m = arg;
    const uint64_t max = m->server->config->smtp.message_max_bytes;
    const uint64_t room = m->size < max ? max - m->size : 0;
    struct bytes held, body;

    m->size += content.n;
    m->too_big |= content.n > room;
    content = bytes_take(content, room); /* the same octets whatever the pieces */
    header_feed(&m->header, content, &held, &body);
    body_digest_add(&m->digest, held);
    body_digest_add(&m->digest, body);
    if (held.n + body.n > 0 && may_be_automatic(m)) {
        returned_feed(&m->returned, held);
        returned_feed(&m->returned, body);
    }
    if (m->role_count > 0)
        postbox_add_content(m, content);
}

uint32_t content_flags(const struct message *m)
{
    static const struct {
        uint32_t in_content, in_header, flag;
    } table[] = {
        { SMTP_EOD_BARE_LF, 0, HIT_BARE_LF },
        { SMTP_EOD_BARE_CR, 0, HIT_BARE_CR },
        { SMTP_EOD_NUL, 0, HIT_NUL },
        { SMTP_EOD_8BIT, 0, HIT_8BIT },
        { SMTP_EOD_LONG_LINE, 0, HIT_LONG_LINE },
        { 0, HEADER_LIST, HIT_LIST_HEADER },
        { 0, HEADER_AUTO_SUBMITTED, HIT_AUTO_SUBMITTED },
        { 0, HEADER_REPORT, HIT_REPORT },
        { 0, HEADER_CUT, HIT_CUT },
    };
    /* RFC 6152: 8-bit; RFC 3030 3: any octets, no lines */
    static const uint32_t declared[] = {
        [SMTP_BODY_7BIT] = 0,
        [SMTP_BODY_8BITMIME] = HIT_8BIT,
        [SMTP_BODY_BINARYMIME] = HIT_8BIT | HIT_NUL | HIT_BARE_CR | HIT_BARE_LF | HIT_LONG_LINE,
    };
    uint32_t flags = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if ((m->eod.flags & table[i].in_content) != 0 || (m->header.found & table[i].in_header) != 0)
            flags |= table[i].flag;
    return flags & ~declared[m->body];
}

/* By structure, docs/adr/0024: feedback reports (RFC 5965) and automatic replies (RFC 3834) from anybody;
 * from the null reverse-path delivery status (RFC 3464), what names failed recipients, what brings the head of
 * another message, what a mailer-daemon writes or what answers a message. Backscatter is what proves that
 * somebody wrote in the trap's name. */
static uint32_t automatic_flags(const struct message *m)
{
    const uint32_t header = m->header.found, found = m->returned.found;
    const bool null_sender = (m->flags & HIT_NULL_SENDER) != 0, report = (header & HEADER_REPORT) != 0,
               returned = (found & (RETURNED_HEAD | RETURNED_STATUS)) != 0,
               feedback = report && (found & RETURNED_FEEDBACK) != 0,
               by_daemon = returned || (header & (HEADER_FAILED | HEADER_DAEMON | HEADER_REPLY)) != 0;

    if (!feedback && (header & HEADER_AUTO_SUBMITTED) == 0 && !(null_sender && by_daemon))
        return 0;
    return HIT_AUTOMATIC | (null_sender && (found & RETURNED_AUTHOR) != 0 ? HIT_BACKSCATTER : 0u);
}

/* The end is no part of the message: a sample that reached it ends before it. */
static void cut_end(struct message *m)
{
    enum { END_BYTES = 3 };
    const uint64_t len = m->received - END_BYTES;

    if (m->sample.n > len)
        m->sample.n = (size_t)len;
}

void content_feed(struct session *s, struct bytes *in)
{
    struct message *m = s->message;
    const struct bytes wire = *in;
    const enum smtp_eod_event event = smtp_eod_feed(&m->eod, in, take_content, m);

    s->data_received += wire.n - in->n;
    add_wire(m, bytes_take(wire, wire.n - in->n));
    if (event == SMTP_EOD_MORE)
        return;
    cut_end(m);
    content_end(s);
}

void content_add_chunk(struct session *s, struct bytes octets)
{
    struct message *m = s->message;

    if (octets.n == 0)
        return;
    smtp_eod_scan(&m->eod, octets);
    take_content(octets, m);
    add_wire(m, octets);
}

void content_end(struct session *s)
{
    struct message *m = s->message;

    if ((m->flags & HIT_BDAT) != 0)
        smtp_eod_scan_end(&m->eod);
    header_end(&m->header);
    returned_end(&m->returned);
    m->flags |= content_flags(m) | automatic_flags(m) | (m->too_big ? HIT_CUT : 0u);
    if (!m->too_big || (m->relayed && m->role_count == 0)) { /* its head is evidence enough */
        evidence_submit(s);
        return;
    }
    session_record_attempt(s);
    reply(s, SMTP_REPLY_TOO_BIG);
    session_reset(s);
    s->tally.refused_limit++;
}

bool content_begun(const struct session *s)
{
    switch (s->state) {
    case SESSION_DATA:
    case SESSION_CHUNKED:
    case SESSION_COMMIT:
    case SESSION_ENDED:
        return true;
    case SESSION_CHUNK:
        return !s->chunk.refused || s->chunk.back == SESSION_CHUNKED;
    default:
        return false;
    }
}
