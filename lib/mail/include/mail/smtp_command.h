/* smtp_command.h - a command line: its verb and its argument (RFC 5321 4.1.1).
 *
 * Why:     one table knows every verb of SMTP, so that a verb we do not serve (502) and one that does not
 *          exist (500) differ, and probes for old holes are counted as what they are.
 * Input:   one line without CRLF, as smtp_line.h gives it. Verbs in any case; SP or HTAB behind the verb.
 * Owns:    nothing; the results point into the line.
 * Errors:  cannot fail: what is no known verb is SMTP_VERB_UNKNOWN.
 * Threads: any.
 * Tests:   tests/unit/mail/test_smtp_command.c, tests/fuzz/fuzz_smtp_command.c
 */
#ifndef MAIL_SMTP_COMMAND_H
#define MAIL_SMTP_COMMAND_H

#include <base/bytes.h>

enum smtp_verb {
    SMTP_VERB_UNKNOWN,
    SMTP_VERB_EHLO,
    SMTP_VERB_HELO,
    SMTP_VERB_MAIL,
    SMTP_VERB_RCPT,
    SMTP_VERB_DATA,
    SMTP_VERB_RSET,
    SMTP_VERB_NOOP,
    SMTP_VERB_VRFY,
    SMTP_VERB_HELP,
    SMTP_VERB_QUIT,
    SMTP_VERB_XCLIENT,
    SMTP_VERB_EXPN,
    SMTP_VERB_STARTTLS,
    SMTP_VERB_AUTH,
    SMTP_VERB_BDAT,
    SMTP_VERB_XFORWARD,
    SMTP_VERB_PROBE, /* historic verbs and holes: TURN ATRN ETRN SEND SOML SAML DEBUG WIZ LHLO */
    SMTP_VERB_HTTP,  /* another protocol: a browser or a scanner is talking */
    SMTP_VERBS
};

struct smtp_command {
    enum smtp_verb verb;
    struct bytes name;     /* as received */
    struct bytes argument; /* without blanks at both ends */
    bool tab;              /* HTAB instead of SP behind the verb */
};

struct smtp_command smtp_command_parse(struct bytes line);

/* "FROM:<path>": cuts `keyword` and the colon off the argument. Blanks around the colon are sloppy, not
 * wrong. False when the keyword or the colon is missing. */
bool smtp_command_keyword(struct bytes argument, struct bytes keyword, struct bytes *rest_out,
                          bool *sloppy_out);

#endif
