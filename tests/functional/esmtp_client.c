/* A mail client made of libesmtp: one message from standard input.
 *
 *     esmtp_client HOST:PORT plain|starttls SENDER RECIPIENT… < MESSAGE
 *
 * libesmtp takes no IPv6 address for HOST: the name ip6-loopback is ::1 here, whatever /etc/hosts says.
 * The message has CRLF at its line ends. Any certificate will do. Says the code of each recipient and of the
 * message; exit 0: all of it was taken.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libesmtp.h> /* wants size_t */

/* Stands before the one of the C library. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    static const char name[] = "ip6-loopback";
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *const symbol = dlsym(RTLD_NEXT, "getaddrinfo");

    memcpy(&real, &symbol, sizeof(real));
    return real(node != NULL && strcmp(node, name) == 0 ? "::1" : node, service, hints, out);
}

/* The questions that libesmtp asks about certificates: yes to all of them. */
static void on_event(smtp_session_t session, int event, void *arg, ...)
{
    va_list args;

    (void)session;
    va_start(args, arg);
    switch (event) {
    case SMTP_EV_WEAK_CIPHER:
    case SMTP_EV_INVALID_PEER_CERTIFICATE:
        (void)va_arg(args, long);
        *va_arg(args, int *) = 1;
        break;
    case SMTP_EV_NO_PEER_CERTIFICATE:
    case SMTP_EV_WRONG_PEER_CERTIFICATE:
    case SMTP_EV_NO_CLIENT_CERTIFICATE:
        *va_arg(args, int *) = 1;
        break;
    case SMTP_EV_STARTTLS_OK:
        *(bool *)arg = true;
        break;
    default:
        break;
    }
    va_end(args);
}

static bool say(const smtp_status_t *status)
{
    printf("%d\n", status->code);
    return status->code / 100 == 2;
}

static void on_recipient(smtp_recipient_t recipient, const char *mailbox, void *arg)
{
    (void)mailbox;
    if (!say(smtp_recipient_status(recipient)))
        *(bool *)arg = false;
}

static int fail(const char *what)
{
    char text[256];

    (void)fprintf(stderr, "esmtp_client: %s: %s\n", what, smtp_strerror(smtp_errno(), text, sizeof(text)));
    return 1;
}

int main(int argc, char **argv)
{
    const bool starttls = argc > 2 && strcmp(argv[2], "starttls") == 0;
    bool in_tls = false, taken = true;
    smtp_session_t session;
    smtp_message_t message;

    if (argc < 5)
        return 64;
    session = smtp_create_session();
    message = session != NULL ? smtp_add_message(session) : NULL;
    if (message == NULL || !smtp_set_server(session, argv[1]) ||
        !smtp_set_hostname(session, "esmtp.example") || !smtp_set_eventcb(session, on_event, &in_tls) ||
        !smtp_set_reverse_path(message, argv[3]) ||
        !smtp_starttls_enable(session, starttls ? Starttls_REQUIRED : Starttls_DISABLED) ||
        !smtp_set_message_fp(message, stdin))
        return fail("preparation");
    for (int i = 4; i < argc; i++)
        if (smtp_add_recipient(message, argv[i]) == NULL)
            return fail(argv[i]);
    if (!smtp_start_session(session))
        return fail("session");
    smtp_enumerate_recipients(message, on_recipient, &taken);
    taken = say(smtp_message_transfer_status(message)) && taken;
    smtp_destroy_session(session);
    return taken && in_tls == starttls ? 0 : 1;
}
