#include <mail/smtp_command.h>

static const struct {
    struct bytes name;
    enum smtp_verb verb;
} verbs[] = {
    { BYTES_INIT("MAIL"), SMTP_VERB_MAIL },         { BYTES_INIT("RCPT"), SMTP_VERB_RCPT },
    { BYTES_INIT("DATA"), SMTP_VERB_DATA },         { BYTES_INIT("EHLO"), SMTP_VERB_EHLO },
    { BYTES_INIT("HELO"), SMTP_VERB_HELO },         { BYTES_INIT("QUIT"), SMTP_VERB_QUIT },
    { BYTES_INIT("RSET"), SMTP_VERB_RSET },         { BYTES_INIT("NOOP"), SMTP_VERB_NOOP },
    { BYTES_INIT("XCLIENT"), SMTP_VERB_XCLIENT },   { BYTES_INIT("VRFY"), SMTP_VERB_VRFY },
    { BYTES_INIT("HELP"), SMTP_VERB_HELP },         { BYTES_INIT("EXPN"), SMTP_VERB_EXPN },
    { BYTES_INIT("STARTTLS"), SMTP_VERB_STARTTLS }, { BYTES_INIT("AUTH"), SMTP_VERB_AUTH },
    { BYTES_INIT("BDAT"), SMTP_VERB_BDAT },         { BYTES_INIT("XFORWARD"), SMTP_VERB_XFORWARD },
    { BYTES_INIT("ETRN"), SMTP_VERB_PROBE },        { BYTES_INIT("ATRN"), SMTP_VERB_PROBE },
    { BYTES_INIT("TURN"), SMTP_VERB_PROBE },        { BYTES_INIT("SEND"), SMTP_VERB_PROBE },
    { BYTES_INIT("SOML"), SMTP_VERB_PROBE },        { BYTES_INIT("SAML"), SMTP_VERB_PROBE },
    { BYTES_INIT("LHLO"), SMTP_VERB_PROBE },        { BYTES_INIT("DEBUG"), SMTP_VERB_PROBE },
    { BYTES_INIT("WIZ"), SMTP_VERB_PROBE },         { BYTES_INIT("GET"), SMTP_VERB_HTTP },
    { BYTES_INIT("POST"), SMTP_VERB_HTTP },         { BYTES_INIT("HEAD"), SMTP_VERB_HTTP },
    { BYTES_INIT("PUT"), SMTP_VERB_HTTP },          { BYTES_INIT("OPTIONS"), SMTP_VERB_HTTP },
    { BYTES_INIT("CONNECT"), SMTP_VERB_HTTP },      { BYTES_INIT("HOST:"), SMTP_VERB_HTTP },
    { BYTES_INIT("USER-AGENT:"), SMTP_VERB_HTTP },
};

struct smtp_command smtp_command_parse(struct bytes line)
{
    struct smtp_command c = { .verb = SMTP_VERB_UNKNOWN };
    size_t end = 0;

    while (end < line.n && line.p[end] != ' ' && line.p[end] != '\t')
        end++;
    c.name = bytes_take(line, end);
    c.tab = end < line.n && line.p[end] == '\t';
    c.argument = bytes_trim(bytes_skip(line, end));
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (bytes_ieq(c.name, verbs[i].name)) {
            c.verb = verbs[i].verb;
            break;
        }
    return c;
}

bool smtp_command_keyword(struct bytes argument, struct bytes keyword, struct bytes *rest_out,
                          bool *sloppy_out)
{
    struct bytes rest, trimmed;

    if (!bytes_has_iprefix(argument, keyword))
        return false;
    rest = bytes_skip(argument, keyword.n);
    trimmed = bytes_trim(rest);
    if (trimmed.n == 0 || trimmed.p[0] != ':')
        return false;
    *sloppy_out = rest.p[0] != ':';
    rest = bytes_skip(trimmed, 1);
    trimmed = bytes_trim(rest);
    *sloppy_out |= trimmed.n > 0 && trimmed.p[0] != rest.p[0];
    *rest_out = trimmed;
    return true;
}
