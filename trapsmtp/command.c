#include "command.h"

#include "forward.h"
#include "server.h"

#include <mail/other_protocol.h>
#include <mail/smtp_command.h>

enum {
    IN_ANY = SESSION_TALKING,
    IN_READY = SESSION_READY,
    IN_TRANSACTION = SESSION_MAIL | SESSION_RCPT,
    IN_RCPT = SESSION_RCPT
};

/* The verb was understood, and is not served here. */
static enum step cmd_not_implemented(struct session *s, struct bytes argument)
{
    (void)argument;
    reply(s, SMTP_REPLY_NOT_IMPLEMENTED);
    return STEP_ERROR;
}

static enum step cmd_unknown(struct session *s, struct bytes argument)
{
    (void)argument;
    reply(s, SMTP_REPLY_UNKNOWN_COMMAND);
    return STEP_ERROR;
}

void command_other_protocol(struct session *s, const char *name)
{
    s->tally.errors++;
    session_note(s, HIT_OTHER_PROTOCOL);
    session_close_after(s, SMTP_REPLY_NOT_SMTP, name);
}

static enum step cmd_http(struct session *s, struct bytes argument)
{
    (void)argument;
    command_other_protocol(s, "http");
    return STEP_CLOSE;
}

/* last_in_group: RFC 2920 3.1 wants the client to wait for the reply before it goes on. */
static const struct {
    uint16_t states;           /* where the verb is allowed */
    enum smtp_reply otherwise; /* anywhere else */
    bool bare;                 /* takes no argument */
    bool last_in_group;
    bool utf8; /* may be declared by SMTPUTF8 (RFC 6531 3.4, 3.7.4.2); others have ASCII only */
    enum step (*run)(struct session *s, struct bytes argument);
} commands[SMTP_VERBS] = {
    [SMTP_VERB_EHLO] = { IN_ANY, 0, false, true, false, cmd_ehlo },
    [SMTP_VERB_HELO] = { IN_ANY, 0, false, true, false, cmd_helo },
    [SMTP_VERB_MAIL] = { IN_READY, SMTP_REPLY_NESTED_MAIL, false, false, true, cmd_mail },
    [SMTP_VERB_RCPT] = { IN_TRANSACTION, SMTP_REPLY_NEED_MAIL, false, false, true, cmd_rcpt },
    [SMTP_VERB_DATA] = { IN_RCPT, SMTP_REPLY_NEED_RCPT, true, true, false, cmd_data },
    [SMTP_VERB_RSET] = { IN_ANY, 0, true, false, false, cmd_rset },
    [SMTP_VERB_NOOP] = { IN_ANY, 0, false, true, false, cmd_noop },
    [SMTP_VERB_VRFY] = { IN_ANY, 0, false, true, true, cmd_vrfy },
    [SMTP_VERB_HELP] = { IN_ANY, 0, false, false, false, cmd_help },
    [SMTP_VERB_QUIT] = { IN_ANY, 0, false, true, false, cmd_quit },
    [SMTP_VERB_XCLIENT] = { IN_ANY, 0, false, false, false, cmd_xclient },
    [SMTP_VERB_EXPN] = { IN_ANY, 0, false, true, true, cmd_not_implemented },
    [SMTP_VERB_STARTTLS] = { IN_ANY, 0, true, true, false, cmd_starttls },
    [SMTP_VERB_AUTH] = { IN_ANY, 0, false, true, false, cmd_auth },
    [SMTP_VERB_BDAT] = { IN_ANY, 0, false, false, false, cmd_bdat },
    [SMTP_VERB_XFORWARD] = { IN_ANY, 0, false, false, false, cmd_xforward },
    [SMTP_VERB_PROBE] = { IN_ANY, 0, false, false, false, cmd_not_implemented },
    [SMTP_VERB_HTTP] = { IN_ANY, 0, false, false, false, cmd_http },
    [SMTP_VERB_UNKNOWN] = { IN_ANY, 0, false, false, false, cmd_unknown },
};

void command_refused(struct session *s)
{
    s->tally.errors++;
    if (forward_is_relayed(s)) /* it would take the next mail with it */
        return;
    if (--s->errors_left == 0 && (s->state & SESSION_TALKING) != 0)
        session_close_after(s, SMTP_REPLY_TOO_MANY_ERRORS, "errors_max");
}

uint32_t octet_flags(uint32_t line_flags)
{
    return (line_flags & SMTP_LINE_LF ? HIT_BARE_LF : 0u) | (line_flags & SMTP_LINE_CR ? HIT_BARE_CR : 0u) |
           (line_flags & SMTP_LINE_NUL ? HIT_NUL : 0u);
}

uint32_t path_flags(const struct smtp_path *path, bool smtputf8)
{
    const bool undeclared = path->utf8 && !smtputf8; /* RFC 6531 3.4 */

    return (path->sloppy || undeclared ? HIT_SLOPPY_PATH : 0u) | (undeclared ? HIT_8BIT : 0u);
}

void command_too_long(struct session *s)
{
    s->tally.commands++;
    session_note(s, HIT_LONG_LINE);
    reply(s, SMTP_REPLY_LINE_TOO_LONG);
    command_refused(s);
}

/* Octets that no command may hold (RFC 5321 2.3.8, 4.1.2). False: refused. */
static bool octets_allowed(struct session *s, uint32_t flags)
{
    if ((flags & ~(uint32_t)SMTP_LINE_8BIT) == 0 || forward_is_relayed(s))
        return true;
    session_note(s, octet_flags(flags));
    reply(s, (flags & (SMTP_LINE_LF | SMTP_LINE_CR | SMTP_LINE_NUL)) != 0 ? SMTP_REPLY_BAD_OCTET
                                                                          : SMTP_REPLY_SYNTAX);
    command_refused(s);
    return false;
}

/* Returns STEP_ERROR with the reply given when the verb may not run now. */
static enum step run_verb(struct session *s, struct smtp_command c)
{
    if ((commands[c.verb].states & s->state) == 0) {
        reply(s, s->state == SESSION_CHUNKED ? SMTP_REPLY_NEED_LAST : commands[c.verb].otherwise);
        return STEP_ERROR;
    }
    if (commands[c.verb].bare && c.argument.n > 0) {
        reply(s, SMTP_REPLY_NO_ARGUMENT_ALLOWED);
        return STEP_ERROR;
    }
    return commands[c.verb].run(s, c.argument);
}

void command_run(struct session *s, struct bytes line, bool more)
{
    const char *other = s->tally.commands == 0 ? other_protocol_line(line) : NULL;
    const uint32_t octets = smtp_line_flags(line);
    struct smtp_command c;

    s->tally.commands++;
    if (other != NULL) {
        command_other_protocol(s, other);
        return;
    }
    if (s->commands_left-- == 0) {
        session_close_after(s, SMTP_REPLY_TOO_MANY_COMMANDS, "commands_max");
        return;
    }
    if (!octets_allowed(s, octets))
        return;
    c = smtp_command_parse(line);
    if (more && (!s->esmtp || commands[c.verb].last_in_group) && c.verb != SMTP_VERB_QUIT)
        session_note(s, HIT_PIPELINED);
    if (c.tab)
        session_note(s, HIT_SLOPPY_PATH);
    if ((octets & SMTP_LINE_8BIT) != 0 && !commands[c.verb].utf8)
        session_note(s, HIT_8BIT);
    if (run_verb(s, c) == STEP_ERROR)
        command_refused(s);
}
