/* mail_out.h - one message of our own to one recipient, through a mail server of the operator's (libesmtp).
 *
 * Why:     the one place that speaks SMTP as a client.
 * Input:   the message has CRLF at its line ends, no line that is longer than 998 octets, and From, To, Date and
 *          Message-ID; addresses are plain ASCII.
 * Limits:  timeout_s for each answer of the server, as libesmtp counts; a server that answers a little at a time can
 *          take longer. No TLS and no login: what is secret does not go this way. libesmtp takes no IPv6 address for a
 *          host, only names.
 * Errors:  TRAP_EPERM: refused for good; TRAP_EFULL: refused for now; TRAP_EIO: no connection, or it broke: whether the
 *          message was taken cannot be known then. why has the server's own words: remote octets.
 * Threads: one at a time; SIGPIPE is ignored meanwhile. Blocks.
 * Tests:   tests/functional/test_probe.py
 */
#ifndef EXPORT_MAIL_OUT_H
#define EXPORT_MAIL_OUT_H

#include <base/buf.h>

struct mail_out {
    const char *server; /* "localhost:25" */
    const char *helo, *from, *to;
    struct buf *message; /* a NUL is put behind it */
    uint32_t timeout_s;
};
TRAP_NODISCARD enum trap_err mail_out_send(const struct mail_out *m, struct err_text *why);

#endif
