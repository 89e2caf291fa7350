/* smtp_reply.h - the replies of the sink that never change: code, enhanced code (RFC 3463, 2034), text, CRLF.
 *
 * Why:     one table, so that no reply is put together while a client waits, and all of them can be read in
 *          one place.
 * Texts:   say nothing that tells a trap from a mailbox. docs/smtp-behaviour.md says when each is given.
 * Owns:    constants.   Threads: any.
 * Tests:   tests/unit/mail/test_smtp_reply.c (form of every line)
 */
#ifndef MAIL_SMTP_REPLY_H
#define MAIL_SMTP_REPLY_H

#include <base/bytes.h>

enum smtp_reply {
    SMTP_REPLY_OK,
    SMTP_REPLY_SENDER_OK,
    SMTP_REPLY_RECIPIENT_OK,
    SMTP_REPLY_MESSAGE_OK,
    SMTP_REPLY_CHUNK_OK,
    SMTP_REPLY_START_INPUT,
    SMTP_REPLY_BYE,
    SMTP_REPLY_AUTH_EMPTY,
    SMTP_REPLY_AUTH_USER,
    SMTP_REPLY_AUTH_PASSWORD,
    SMTP_REPLY_START_TLS,
    SMTP_REPLY_HELP,
    SMTP_REPLY_CANNOT_VERIFY,
    /* 4xx */
    SMTP_REPLY_TOO_MANY_CONNECTIONS,
    SMTP_REPLY_TIMEOUT,
    SMTP_REPLY_TOO_SLOW,
    SMTP_REPLY_SESSION_TOO_LONG,
    SMTP_REPLY_SHUTDOWN,
    SMTP_REPLY_TOO_MANY_ERRORS,
    SMTP_REPLY_TOO_MANY_COMMANDS,
    SMTP_REPLY_NO_MEMORY,
    SMTP_REPLY_NO_STORAGE,
    SMTP_REPLY_TOO_MANY_RECIPIENTS,
    SMTP_REPLY_NO_TLS,
    SMTP_REPLY_NOT_NOW,
    /* 5xx */
    SMTP_REPLY_LINE_TOO_LONG,
    SMTP_REPLY_BAD_OCTET,
    SMTP_REPLY_UNKNOWN_COMMAND,
    SMTP_REPLY_NOT_IMPLEMENTED,
    SMTP_REPLY_SYNTAX,
    SMTP_REPLY_NO_ARGUMENT_ALLOWED,
    SMTP_REPLY_BAD_HELO,
    SMTP_REPLY_BAD_SENDER,
    SMTP_REPLY_BAD_RECIPIENT,
    SMTP_REPLY_BAD_PARAMETER,
    SMTP_REPLY_UNKNOWN_PARAMETER,
    SMTP_REPLY_BAD_SEQUENCE,
    SMTP_REPLY_NESTED_MAIL,
    SMTP_REPLY_NEED_MAIL,
    SMTP_REPLY_NEED_RCPT,
    SMTP_REPLY_NEED_LAST,
    SMTP_REPLY_NEED_BDAT,
    SMTP_REPLY_CHUNK_LOST,
    SMTP_REPLY_AUTH_FAILED,
    SMTP_REPLY_AUTH_CANCELLED,
    SMTP_REPLY_AUTH_BASE64,
    SMTP_REPLY_AUTH_TOO_LONG,
    SMTP_REPLY_AUTH_MECHANISM,
    SMTP_REPLY_UNKNOWN_USER,
    SMTP_REPLY_NO_RELAY,
    SMTP_REPLY_REFUSED,
    SMTP_REPLY_TOO_BIG,
    SMTP_REPLY_NOT_SMTP,
    SMTP_REPLIES
};

/* The whole line, with CRLF. */
struct bytes smtp_reply_line(enum smtp_reply r);
/* 250, 421, … */
unsigned smtp_reply_code(enum smtp_reply r);

#endif
