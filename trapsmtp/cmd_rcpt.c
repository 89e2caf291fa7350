/* RCPT TO:<forward-path> [parameters] (RFC 5321 4.1.1.3): the decision of DESIGN.md section 7, by
 * recipient.c. One trap counts once a message. A domain in U-labels is recorded in A-labels, as the
 * configuration knows it. */
#include "command.h"
#include "forward.h"
#include "recipient.h"
#include "server.h"
#include "session_record.h"

#include <mail/smtp_command.h>
#include <mail/smtp_domain.h>
#include <mail/smtp_path.h>

static enum step refuse(struct session *s, enum smtp_reply r)
{
    reply(s, r);
    return STEP_ERROR;
}

static enum step refuse_recipient(struct session *s, enum recipient_kind kind)
{
    if (kind == RECIPIENT_UNKNOWN) {
        session_record_unknown(s, s->message->last_hash);
        return refuse(s, SMTP_REPLY_UNKNOWN_USER);
    }
    s->tally.refused_relay++;
    return refuse(s, SMTP_REPLY_NO_RELAY);
}

static enum step accept_recipient(struct session *s, const struct smtp_path *path, const struct recipient *r,
                                  bool twice)
{
    if (!twice) {
        s->commands_left++; /* recipients have a limit of their own */
        s->message->taken_count += r->refused_after_data ? 0 : 1;
    }
    s->message->flags |= path_flags(path, (s->message->flags & HIT_SMTPUTF8) != 0);
    s->state = SESSION_RCPT;
    reply(s, SMTP_REPLY_RECIPIENT_OK);
    return STEP_CONTINUE;
}

/* Every recipient is written down and looked for among those before it, and one that is refused is taken out
 * again: the same work for all. */
static enum step decide(struct session *s, const struct smtp_path *path, const struct smtp_params *params,
                        const struct recipient *r)
{
    const bool refused = r->kind == RECIPIENT_UNKNOWN || r->kind == RECIPIENT_FOREIGN;
    const uint32_t marks = s->message->flags;
    const enum message_add added =
        message_add_rcpt(s->message, path, r->domain, r->kind == RECIPIENT_TRAP ? r->klass : 0);

    if (added == MESSAGE_NO_MEMORY ||
        (added == MESSAGE_ADDED && message_set_rcpt_dsn(s->message, params) != TRAP_OK)) {
        session_close_after(s, SMTP_REPLY_NO_MEMORY, "memory");
        return STEP_CLOSE;
    }
    if (!refused)
        return accept_recipient(s, path, r, added == MESSAGE_TWICE);
    if (added == MESSAGE_ADDED) {
        message_forget_rcpt(s->message);
        s->message->flags = marks;
    }
    return refuse_recipient(s, r->kind);
}

/* A front MX brings mail for what is no trap, or no trap any more. Taken is only what cannot be anybody's
 * mailbox; the rest stays in its queue, where nothing is lost, and it asks its maps again. */
static enum step relayed_recipient(struct session *s, const struct smtp_path *path,
                                   const struct smtp_params *params, struct recipient *r)
{
    s->tally.refused_limit++; /* not a walk of the front MX through names */
    switch (recipient_past(s->server, path)) {
    case RECIPIENT_WAS_MINTED:
        r->kind = RECIPIENT_TRAP;
        r->klass = RCPT_GUESS;
        return decide(s, path, params, r);
    case RECIPIENT_RETIRED:
        s->state = SESSION_RCPT;
        reply(s, SMTP_REPLY_RECIPIENT_OK);
        return STEP_CONTINUE;
    case RECIPIENT_NEVER:
        break;
    }
    reply(s, SMTP_REPLY_NOT_NOW);
    return STEP_CONTINUE;
}

/* Costs a client with U-labels the same for every domain. What is no name stays as it is, and is not ours. */
static void use_a_labels(struct smtp_path *path, uint8_t name[static SMTP_DOMAIN_MAX])
{
    size_t n;

    if (path->utf8 && smtp_domain_ascii(path->domain, name, &n) == TRAP_OK)
        path->domain = bytes_of(name, n);
}

/* A path through us to somebody else: a source route, "user%host.example@ours", "host.example!user@ours",
 * "\"user@host.example\"@ours" (RFC 5321 appendix F.2, RFC 1123 5.2.16). */
static bool wants_relay(const struct smtp_path *path)
{
    bool dot = false;

    for (size_t i = 0; i < path->local.n; i++) {
        const uint8_t c = path->local.p[i];

        if (c == '!' && dot)
            return true;
        dot |= c == '.';
        if ((c == '%' || c == '@') && bytes_find(bytes_skip(path->local, i), '.') < path->local.n - i)
            return true;
    }
    return path->route;
}

enum step cmd_rcpt(struct session *s, struct bytes argument)
{
    uint8_t name[SMTP_DOMAIN_MAX];
    enum smtp_params_result result;
    struct smtp_params params;
    struct smtp_path path;
    struct recipient r;
    struct bytes rest;
    bool sloppy;

    if (!smtp_command_keyword(argument, BYTES("TO"), &rest, &sloppy) ||
        smtp_path_parse(rest, SMTP_FORWARD_PATH, &path, &rest) != TRAP_OK)
        return refuse(s, SMTP_REPLY_BAD_RECIPIENT);
    path.sloppy |= sloppy;
    result = smtp_params_parse(rest, SMTP_EXT_DSN_RCPT, &params);
    if (result != SMTP_PARAMS_OK && !forward_is_relayed(s))
        return refuse(s,
                      result == SMTP_PARAMS_SYNTAX ? SMTP_REPLY_BAD_PARAMETER : SMTP_REPLY_UNKNOWN_PARAMETER);
    if (result != SMTP_PARAMS_OK)
        params = (struct smtp_params){ .size = 0 };
    if (s->message->rcpt_count >= s->server->config->smtp.recipients_max || !message_has_room(s->message)) {
        s->tally.refused_limit++; /* those before it still count: no error */
        reply(s, SMTP_REPLY_TOO_MANY_RECIPIENTS);
        return STEP_CONTINUE;
    }
    use_a_labels(&path, name);
    r = recipient_find(s->server, &path);
    session_note(s, path_flags(&path, (s->message->flags & HIT_SMTPUTF8) != 0) |
                        (wants_relay(&path) ? HIT_RELAY_PROBE : 0u));
    if ((r.kind == RECIPIENT_UNKNOWN || r.kind == RECIPIENT_FOREIGN) && forward_is_relayed(s))
        return relayed_recipient(s, &path, &params, &r);
    return decide(s, &path, &params, &r);
}
