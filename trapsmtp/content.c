#include "content.h"

#include "evidence.h"
#include "postbox.h"
#include "server.h"
#include "session_record.h"

void content_begin(struct session *s)
{
    struct message *m = s->message;

    if (m->role_count > 0)
        postbox_begin(s);
    smtp_eod_init(&m->eod);
    header_init(&m->header);
    body_digest_init(&m->digest);
}

/* The head of the message, up to sample_max bytes. Without memory there is no sample: it is a convenience. */
static void add_sample(struct message *m, struct bytes content)
{
    const size_t room = m->sample.max - m->sample.n;

    buf_add(&m->sample, bytes_take(content, room));
}

static void take_content(struct bytes content, void *arg)
{
    struct message *m = arg;
    struct bytes held, body;

    m->size += content.n;
    if (m->size > m->server->config->smtp.message_max_bytes) {
        m->too_big = true;
        return;
    }
    header_feed(&m->header, content, &held, &body);
    body_digest_add(&m->digest, held);
    body_digest_add(&m->digest, body);
    add_sample(m, content);
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
    };
    uint32_t flags = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if ((m->eod.flags & table[i].in_content) != 0 || (m->header.found & table[i].in_header) != 0)
            flags |= table[i].flag;
    return m->eight_bit ? flags & ~(uint32_t)HIT_8BIT : flags;
}

void content_feed(struct session *s, struct bytes *in)
{
    struct message *m = s->message;
    const size_t before = in->n;
    const enum smtp_eod_event event = smtp_eod_feed(&m->eod, in, take_content, m);

    m->received += before - in->n;
    if (event == SMTP_EOD_MORE)
        return;
    header_end(&m->header);
    m->flags |= content_flags(m);
    if (!m->too_big) {
        evidence_submit(s);
        return;
    }
    session_record_attempt(s);
    session_reset(s);
    reply(s, SMTP_REPLY_TOO_BIG);
    s->tally.refused_limit++;
}
