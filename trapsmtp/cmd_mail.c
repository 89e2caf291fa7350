/* MAIL FROM:<reverse-path> [parameters] (RFC 5321 4.1.1.2). Begins a transaction. Accepted before EHLO, too
 * (4.1.4 leaves it to us): the missing helo is part of the evidence. Sloppy syntax is taken and flagged; see
 * lib/mail/smtp_path.h. */
#include "command.h"
#include "forward.h"
#include "server.h"

#include <base/log.h>
#include <mail/smtp_command.h>
#include <mail/smtp_path.h>

enum { OFFERED = SMTP_EXT_SIZE | SMTP_EXT_BODY | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN_MAIL };

/* AUTH= belongs to AUTH (RFC 4954 3). */
static uint32_t offered(const struct session *s)
{
    return OFFERED | (s->server->config->smtp.auth ? SMTP_EXT_AUTH : 0u);
}

static enum step refuse(struct session *s, enum smtp_reply r)
{
    reply(s, r);
    return STEP_ERROR;
}

static enum step begin(struct session *s, const struct smtp_path *path, const struct smtp_params *params)
{
    struct message *m = message_new(s->server, s);

    if (m == NULL || message_set_reverse_path(m, path, params) != TRAP_OK) {
        if (m != NULL)
            message_drop(m);
        session_close_after(s, SMTP_REPLY_NO_MEMORY, "memory");
        return STEP_CLOSE;
    }
    m->relayed = forward_is_relayed(s);
    m->body = params->body;
    m->flags |= (path->null ? HIT_NULL_SENDER : 0u) | (params->smtputf8 ? HIT_SMTPUTF8 : 0u) |
                path_flags(path, params->smtputf8);
    session_note(s, m->flags & (HIT_SLOPPY_PATH | HIT_8BIT));
    s->message = m;
    s->state = SESSION_MAIL;
    reply(s, SMTP_REPLY_SENDER_OK);
    return STEP_CONTINUE;
}

/* A front MX has accepted this sender, whatever it is: it stands as it came, without its brackets. *rest is
 * what follows it. */
static struct smtp_path as_it_came(struct bytes *rest)
{
    const bool bracket = rest->n > 0 && rest->p[0] == '<';
    const size_t end = bracket ? bytes_rfind(*rest, '>') : bytes_find(*rest, ' ');
    const struct bytes text = bytes_skip(bytes_take(*rest, end), bracket ? 1 : 0);

    *rest = bytes_skip(*rest, end + 1);
    return (struct smtp_path){ .local = text };
}

/* The parameters that are right; wrong ones, and what is not for us, are passed over. The struct points into
 * text. */
enum { RELAYED_PARAMS_MAX = 1024 };
static struct smtp_params right_params(struct bytes in, uint8_t text[RELAYED_PARAMS_MAX])
{
    struct smtp_params params = { .size = 0 }, more;
    struct bytes param;
    size_t n = 0;

    while (bytes_split(&in, ' ', &param)) {
        if (param.n == 0 || param.n >= RELAYED_PARAMS_MAX - n)
            continue;
        memcpy(text + n, param.p, param.n);
        text[n + param.n] = ' ';
        if (smtp_params_parse(bytes_of(text, n + param.n), OFFERED, &more) != SMTP_PARAMS_OK)
            continue;
        n += param.n + 1;
        params = more;
    }
    return params;
}

/* Said once: an operator has to look at it. */
static void warn_unnamed(struct session *s)
{
    if (!s->server->told_unnamed)
        log_warning("smtp.forward.unnamed", LOG_IP(s->peer),
                    LOG_STR("todo", "let it name its clients: docs/inside-a-domain.md"));
    s->server->told_unnamed = true;
}

static enum step mail_relayed(struct session *s, struct bytes argument)
{
    struct smtp_params params;
    struct smtp_path path;
    struct bytes rest = argument, text;
    uint8_t kept[RELAYED_PARAMS_MAX];
    bool sloppy, cut;
    enum step step;

    if (smtp_command_keyword(argument, BYTES("FROM"), &rest, &sloppy) &&
        smtp_path_parse(rest, SMTP_REVERSE_PATH, &path, &text) == TRAP_OK)
        rest = text;
    else
        path = as_it_came(&rest);
    if (s->forward == NULL && forward_take_auth(s, rest) == TRAP_ENOMEM) {
        session_close_after(s, SMTP_REPLY_NO_MEMORY, "memory");
        return STEP_CLOSE;
    }
    if (s->forward == NULL)
        warn_unnamed(s);
    params = right_params(rest, kept);
    if (!forward_begin(s)) {
        s->tally.refused_limit++;
        reply(s, SMTP_REPLY_NOT_NOW);
        return STEP_CONTINUE;
    }
    cut = path.local.n > SMTP_ADDRESS_MAX;
    path.local = bytes_take(path.local, SMTP_ADDRESS_MAX);
    step = begin(s, &path, &params);
    if (s->message != NULL && cut)
        s->message->flags |= HIT_CUT;
    return step;
}

enum step cmd_mail(struct session *s, struct bytes argument)
{
    const struct server *server = s->server;
    struct smtp_params params;
    struct smtp_path path;
    struct bytes rest;
    bool sloppy;

    if (server_storage_full(server)) {
        s->tally.refused_limit++;
        reply(s, SMTP_REPLY_NO_STORAGE);
        return STEP_CONTINUE;
    }
    if (forward_is_relayed(s))
        return mail_relayed(s, argument);
    if (!smtp_command_keyword(argument, BYTES("FROM"), &rest, &sloppy) ||
        smtp_path_parse(rest, SMTP_REVERSE_PATH, &path, &rest) != TRAP_OK)
        return refuse(s, SMTP_REPLY_BAD_SENDER);
    path.sloppy |= sloppy;
    switch (smtp_params_parse(rest, offered(s), &params)) {
    case SMTP_PARAMS_SYNTAX:
        return refuse(s, SMTP_REPLY_BAD_PARAMETER);
    case SMTP_PARAMS_UNKNOWN:
        return refuse(s, SMTP_REPLY_UNKNOWN_PARAMETER);
    case SMTP_PARAMS_OK:
        break;
    }
    if (params.size > server->config->smtp.message_max_bytes)
        return refuse(s, SMTP_REPLY_TOO_BIG);
    return begin(s, &path, &params);
}
