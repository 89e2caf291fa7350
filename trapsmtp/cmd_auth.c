/* AUTH (RFC 4954), where the configuration offers it: a door that is always locked. Who tried it, and whether
 * with the same password as before, goes into the session record; the password itself is nowhere but in the
 * buffers that it came in, and those are wiped. */
#include "auth.h"
#include "command.h"
#include "server.h"

#include <mail/keyed.h>

#include <stdlib.h>

static const enum smtp_reply replies[] = {
    [SMTP_AUTH_CHALLENGE_EMPTY] = SMTP_REPLY_AUTH_EMPTY,
    [SMTP_AUTH_CHALLENGE_USER] = SMTP_REPLY_AUTH_USER,
    [SMTP_AUTH_CHALLENGE_PASSWORD] = SMTP_REPLY_AUTH_PASSWORD,
    [SMTP_AUTH_GIVEN] = SMTP_REPLY_AUTH_FAILED,
    [SMTP_AUTH_CANCELLED] = SMTP_REPLY_AUTH_CANCELLED,
    [SMTP_AUTH_BAD_BASE64] = SMTP_REPLY_AUTH_BASE64,
    [SMTP_AUTH_SYNTAX] = SMTP_REPLY_SYNTAX,
    [SMTP_AUTH_UNKNOWN] = SMTP_REPLY_AUTH_MECHANISM,
};

static void put_on_record(struct session *s, const uint8_t *secret)
{
    if (s->sasl->cut)
        session_note(s, HIT_CUT);
    auth_list_add(&s->auths, s->sasl, secret);
    free(s->sasl);
    s->sasl = NULL;
}

void auth_abandon(struct session *s)
{
    if (s->sasl != NULL)
        put_on_record(s, NULL);
}

static void end(struct session *s, const uint8_t *secret)
{
    put_on_record(s, secret);
    s->line.max_bytes = s->server->config->smtp.line_max_bytes;
    s->state = SESSION_READY;
}

static enum step answer(struct session *s, enum smtp_auth_event event, struct bytes secret)
{
    uint8_t hash[KEYED_DIGEST_BYTES];

    if (event <= SMTP_AUTH_CHALLENGE_PASSWORD) {
        s->line.max_bytes = SMTP_AUTH_LINE_MAX;
        s->state = SESSION_AUTH;
        reply(s, replies[event]);
        return STEP_CONTINUE;
    }
    if (event == SMTP_AUTH_GIVEN)
        keyed_digest(&s->server->auth_key, secret, hash);
    end(s, event == SMTP_AUTH_GIVEN ? hash : NULL);
    reply(s, replies[event]);
    return STEP_ERROR;
}

enum step cmd_auth(struct session *s, struct bytes argument)
{
    uint8_t text[SMTP_AUTH_TEXT_MAX];
    struct bytes secret = { NULL, 0 };
    enum step next;

    s->tally.auth_attempts++;
    s->server->wipe_input = true;
    session_note(s, HIT_AUTH);
    if (!s->server->config->smtp.auth) {
        reply(s, SMTP_REPLY_NOT_IMPLEMENTED);
        return STEP_ERROR;
    }
    if (s->state != SESSION_READY) { /* RFC 4954 4 */
        reply(s, SMTP_REPLY_BAD_SEQUENCE);
        return STEP_ERROR;
    }
    s->sasl = malloc(sizeof(*s->sasl));
    if (s->sasl == NULL) {
        session_close_after(s, SMTP_REPLY_NO_MEMORY, "memory");
        return STEP_CLOSE;
    }
    next = answer(s, smtp_auth_begin(s->sasl, argument, text, &secret), secret);
    keyed_wipe(text, sizeof(text));
    return next;
}

void auth_line(struct session *s, struct bytes line)
{
    uint8_t text[SMTP_AUTH_TEXT_MAX];
    struct bytes secret = { NULL, 0 };

    s->server->wipe_input = true;
    session_note(s, octet_flags(smtp_line_flags(line)));
    if (answer(s, smtp_auth_line(s->sasl, line, text, &secret), secret) == STEP_ERROR)
        command_refused(s);
    keyed_wipe(text, sizeof(text));
}

void auth_too_long(struct session *s)
{
    s->server->wipe_input = true;
    session_note(s, HIT_LONG_LINE);
    end(s, NULL);
    reply(s, SMTP_REPLY_AUTH_TOO_LONG);
    command_refused(s);
}
