#include "forward.h"

#include "server.h"
#include "session_record.h"

#include <mail/smtp_xclient.h>

#include <stdlib.h>

struct forward {
    struct smtp_xclient said;
    bool in_limits;
};

bool forward_allowed(const struct session *s)
{
    return session_trusts(s, &s->server->config->smtp.xforward_from);
}

bool forward_is_relayed(const struct session *s)
{
    return s->front || s->forward != NULL;
}

/* ---- what is said of the client ---- */

static bool has_address(const struct forward *f)
{
    return f != NULL && (f->said.given & SMTP_XCLIENT_ADDR) != 0;
}

static void leave_limits(struct session *s)
{
    if (s->forward->in_limits)
        client_limits_leave(&s->server->limits, s->forward->said.addr);
    s->forward->in_limits = false;
}

enum trap_err forward_take(struct session *s, struct bytes argument)
{
    if (s->forward == NULL)
        s->forward = calloc(1, sizeof(*s->forward));
    if (s->forward == NULL)
        return TRAP_ENOMEM;
    leave_limits(s);
    return smtp_xforward_parse(argument, &s->forward->said);
}

enum trap_err forward_take_auth(struct session *s, struct bytes params)
{
    enum { ATTRIBUTES_MAX = 512 };
    static const struct bytes name = BYTES_INIT("AUTH=");
    uint8_t text[ATTRIBUTES_MAX];
    struct bytes param;
    size_t n;

    while (bytes_split(&params, ' ', &param))
        if (bytes_has_iprefix(param, name) &&
            smtp_xtext_decode(bytes_skip(param, name.n), text, sizeof(text), &n) == TRAP_OK &&
            bytes_has_iprefix(bytes_of(text, n), BYTES("ADDR=")))
            return forward_take(s, bytes_of(text, n));
    return TRAP_OK;
}

/* ---- the transaction ---- */

bool forward_begin(struct session *s)
{
    struct server *server = s->server;
    struct forward *f = s->forward;

    if (has_address(f) && !f->in_limits)
        f->in_limits = client_limits_enter(&server->limits, f->said.addr,
                                           server->config->smtp.sessions_per_ip, loop_now(server->loop));
    return !has_address(f) || f->in_limits;
}

void forward_end(struct session *s)
{
    if (s->forward == NULL)
        return;
    leave_limits(s);
    free(s->forward);
    s->forward = NULL;
}

/* ---- what a hit says ---- */

struct ip forward_sender(const struct session *s)
{
    if (s->forward == NULL)
        return s->client;
    return has_address(s->forward) ? s->forward->said.addr : IP_NOBODY;
}

struct bytes forward_helo(const struct session *s)
{
    if (s->forward == NULL)
        return session_helo(s);
    return (s->forward->said.given & SMTP_XCLIENT_HELO) != 0
               ? bytes_of(s->forward->said.helo, s->forward->said.helo_len)
               : BYTES("");
}

uint32_t forward_flags(const struct session *s)
{
    /* What the session did before. The others are about the message, or would mean something else on a
     * hit. */
    enum {
        FROM_SESSION = HIT_ESMTP | HIT_TLS | HIT_XCLIENT | HIT_PROXY | HIT_EARLY_TALK | HIT_PIPELINED |
                       HIT_CUT | HIT_INJECTED | HIT_TARPIT | HIT_BARE_LF | HIT_BARE_CR | HIT_NUL | HIT_8BIT |
                       HIT_LONG_LINE | HIT_SLOPPY_PATH | HIT_RELAY_PROBE | HIT_DICTIONARY | HIT_AUTH
    };
    const struct smtp_xclient *said;

    if (s->forward == NULL)
        return session_record_flags(s) & FROM_SESSION;
    said = &s->forward->said;
    return HIT_XFORWARD | (said->cut ? HIT_CUT : 0u) |
           ((said->given & SMTP_XCLIENT_PROTO) == 0
                ? 0u
                : (said->esmtp ? HIT_ESMTP : 0u) | (said->tls ? HIT_TLS : 0u));
}

/* ---- answers ---- */

/* 5xx that are about the peer's own dialogue, not about a mail: it drops no mail for them. */
static const bool about_the_peer[SMTP_REPLIES] = {
    [SMTP_REPLY_UNKNOWN_COMMAND] = true, [SMTP_REPLY_NOT_IMPLEMENTED] = true,
    [SMTP_REPLY_SYNTAX] = true,          [SMTP_REPLY_NO_ARGUMENT_ALLOWED] = true,
    [SMTP_REPLY_BAD_HELO] = true,        [SMTP_REPLY_BAD_SEQUENCE] = true,
    [SMTP_REPLY_NESTED_MAIL] = true,     [SMTP_REPLY_NEED_MAIL] = true,
    [SMTP_REPLY_NEED_RCPT] = true,       [SMTP_REPLY_NEED_LAST] = true,
    [SMTP_REPLY_NEED_BDAT] = true,
};

enum smtp_reply forward_answer(const struct session *s, enum smtp_reply r)
{
    if (!forward_is_relayed(s) || about_the_peer[r] || smtp_reply_code(r) < 500)
        return r;
    return SMTP_REPLY_NOT_NOW;
}
