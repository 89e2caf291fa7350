/* mail_out.c - see mail_out.h. */
#include <export/mail_out.h>

#include <signal.h>
#include <stdio.h>

#include <libesmtp.h> /* wants size_t */

static enum trap_err library_failed(struct err_text *why)
{
    char text[256];
    const char *said = smtp_strerror(smtp_errno(), text, sizeof(text));

    err_text_set(why, "%s", said == NULL ? "no connection" : said);
    return TRAP_EIO;
}

/* libesmtp leaves the line end. */
static void quote(const smtp_status_t *status, struct err_text *why)
{
    const struct bytes text = bytes_str(status->text);
    size_t n = text.n;

    while (n > 0 && (text.p[n - 1] == '\r' || text.p[n - 1] == '\n'))
        n--;
    err_text_set(why, "%d %.*s", status->code, n > 400 ? 400 : (int)n, n == 0 ? "" : status->text);
}

/* The three stages, in order: the first that was refused says why. A stage whose answer never came has the code 0, or
 * that of the step before it (354 of DATA): only 2xx, 4xx and 5xx are answers. */
static enum trap_err judge(const smtp_status_t *const status[3], struct err_text *why)
{
    bool taken = false;

    for (size_t i = 0; i < 3; i++) {
        const int class = status[i] == NULL ? 0 : status[i]->code / 100;

        taken = class == 2;
        if (!taken && class != 4 && class != 5)
            continue;
        quote(status[i], why);
        if (!taken)
            return class == 5 ? TRAP_EPERM : TRAP_EFULL;
    }
    if (taken)
        return TRAP_OK;
    err_text_set(why, "the connection broke or the server did not answer");
    return TRAP_EIO;
}

static bool set_timeouts(smtp_session_t session, uint32_t seconds)
{
    static const int which[] = { Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER,
                                 Timeout_DATA2 };

    for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
        if (smtp_set_timeout(session, which[i] | Timeout_OVERRIDE_RFC2822_MINIMUM, (long)seconds * 1000) == 0)
            return false;
    return true;
}

static enum trap_err talk(const struct mail_out *m, smtp_session_t session, struct err_text *why)
{
    const smtp_message_t message = smtp_add_message(session);
    const smtp_recipient_t recipient = message == NULL ? NULL : smtp_add_recipient(message, m->to);

    if (recipient == NULL || !smtp_set_server(session, m->server) || !smtp_set_hostname(session, m->helo) ||
        !set_timeouts(session, m->timeout_s) || !smtp_starttls_enable(session, Starttls_DISABLED) ||
        !smtp_set_reverse_path(message, m->from) || !smtp_set_message_str(message, m->message->p) ||
        !smtp_start_session(session))
        return library_failed(why);
    return judge((const smtp_status_t *const[3]){ smtp_reverse_path_status(message),
                                                  smtp_recipient_status(recipient),
                                                  smtp_message_transfer_status(message) },
                 why);
}

enum trap_err mail_out_send(const struct mail_out *m, struct err_text *why)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;
    smtp_session_t session;
    enum trap_err err;

    if (buf_cstr(m->message) == NULL)
        return TRAP_ENOMEM;
    session = smtp_create_session();
    if (session == NULL)
        return TRAP_ENOMEM;
    (void)sigaction(SIGPIPE, &ignore, &before);
    err = talk(m, session, why);
    (void)sigaction(SIGPIPE, &before, NULL);
    smtp_destroy_session(session);
    return err;
}
