#include <mail/other_protocol.h>

/* Octets by octets; ANY stands for each of them. */
enum { ANY = 0x100, END = 0x200, PATTERN_MAX = 8 };

static const struct {
    uint16_t octets[PATTERN_MAX + 1]; /* ended by END */
    const char *name;
} binary[] = {
    { { 0x03, 0x00, 0x00, END }, "rdp" },                          /* TPKT, RFC 1006 */
    { { 0x04, 0x01, ANY, ANY, END }, "socks" },                    /* SOCKS 4: CONNECT, port */
    { { 0x04, 0x02, ANY, ANY, END }, "socks" },                    /* BIND */
    { { 0x05, 0x01, 0x00, END }, "socks" },                        /* RFC 1928: one method, none */
    { { 0x05, 0x01, 0x02, END }, "socks" },                        /* user and password */
    { { 0x05, 0x02, 0x00, ANY, END }, "socks" },                   /* two methods */
    { { 0x05, 0x03, 0x00, ANY, END }, "socks" },                   /* three */
    { { 0x80, ANY, 0x01, 0x03, END }, "ssl2" },                    /* SSLv2 CLIENT-HELLO for 3.x */
    { { 0x80, ANY, 0x01, 0x00, 0x02, END }, "ssl2" },              /* for 2.0 */
    { { 0x00, 0x00, ANY, ANY, 0xff, 'S', 'M', 'B', END }, "smb" }, /* NetBIOS session, SMB 1 */
    { { 0x00, 0x00, ANY, ANY, 0xfe, 'S', 'M', 'B', END }, "smb" }, /* SMB 2 */
    { { 0x00, 0x00, 0x00, 0x08, 0x04, 0xd2, 0x16, 0x2f, END }, "postgresql" }, /* SSLRequest */
    { { 0x00, 0x00, 0x00, ANY, 0x00, 0x03, 0x00, 0x00, END }, "postgresql" },  /* startup 3.0 */
    { { 0x12, 0x01, 0x00, ANY, 0x00, 0x00, END }, "tds" },                     /* MS SQL prelogin */
    { { 0x13, 'B', 'i', 't', 'T', 'o', 'r', 'r', END }, "bittorrent" },
    { { 0x30, 0x0c, 0x02, 0x01, END }, "ldap" }, /* anonymous bind */
    { { 0x30, 0x84, 0x00, 0x00, END }, "ldap" },
    { { 0x10, ANY, 0x00, 0x04, 'M', 'Q', 'T', 'T', END }, "mqtt" },
    { { 0x10, ANY, 0x00, 0x06, 'M', 'Q', 'I', 's', END }, "mqtt" },
    { { 'J', 'R', 'M', 'I', 0x00, END }, "rmi" },
};

static const struct {
    struct bytes text;
    bool whole; /* the line is that and nothing else; otherwise it begins so */
    const char *name;
} lines[] = {
    { BYTES_INIT("SSH-"), false, "ssh" },
    { BYTES_INIT("PRI * HTTP/2"), false, "http" },
    { BYTES_INIT("DELETE /"), false, "http" },
    { BYTES_INIT("PATCH /"), false, "http" },
    { BYTES_INIT("TRACE /"), false, "http" },
    { BYTES_INIT("PROPFIND /"), false, "http" },
    { BYTES_INIT("INVITE sip:"), false, "sip" },
    { BYTES_INIT("REGISTER sip:"), false, "sip" },
    { BYTES_INIT("SUBSCRIBE sip:"), false, "sip" },
    { BYTES_INIT("DESCRIBE rtsp:"), false, "rtsp" },
    { BYTES_INIT("SETUP rtsp:"), false, "rtsp" },
    { BYTES_INIT("Cookie: mstshash="), false, "rdp" },
    { BYTES_INIT("stats"), true, "memcached" },
    { BYTES_INIT("version"), true, "memcached" },
    { BYTES_INIT("flush_all"), true, "memcached" },
    { BYTES_INIT("set "), false, "memcached" },
    { BYTES_INIT("gets "), false, "memcached" },
    { BYTES_INIT("PING"), true, "redis" },
    { BYTES_INIT("INFO"), true, "redis" },
    { BYTES_INIT("FLUSHALL"), true, "redis" },
    { BYTES_INIT("CONFIG "), false, "redis" },
    { BYTES_INIT("SLAVEOF "), false, "redis" },
    { BYTES_INIT("EVAL "), false, "redis" },
    { BYTES_INIT("CAPA"), true, "pop3" },
    { BYTES_INIT("USER "), false, "pop3 or ftp" },
    { BYTES_INIT("FEAT"), true, "ftp" },
    { BYTES_INIT("SYST"), true, "ftp" },
    { BYTES_INIT("NICK "), false, "irc" },
    { BYTES_INIT("CAP LS"), false, "irc" },
    { BYTES_INIT("<?xml"), false, "xml" },
    { BYTES_INIT("<stream:stream"), false, "xmpp" },
};

/* Commands behind an IMAP tag. */
static const struct bytes imap[] = { BYTES_INIT("CAPABILITY"), BYTES_INIT("LOGIN"), BYTES_INIT("STARTTLS"),
                                     BYTES_INIT("AUTHENTICATE"), BYTES_INIT("ID") };

static bool matches(struct bytes s, const uint16_t *pattern)
{
    size_t i = 0;

    while (i < s.n && pattern[i] != END && (pattern[i] == ANY || pattern[i] == s.p[i]))
        i++;
    return pattern[i] == END;
}

const char *other_protocol_octets(struct bytes start)
{
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
        if (matches(start, binary[i].octets))
            return binary[i].name;
    return NULL;
}

/* "a1 CAPABILITY": a tag of letters and digits, one of them a digit. */
static bool is_imap(struct bytes line)
{
    const struct bytes tag = bytes_take(line, bytes_find(line, ' '));
    const struct bytes rest = bytes_skip(line, tag.n + 1);
    const struct bytes word = bytes_take(rest, bytes_find(rest, ' '));
    bool digit = false;

    for (size_t i = 0; i < tag.n; i++) {
        if (!ascii_is_alnum(tag.p[i]))
            return false;
        digit |= ascii_is_digit(tag.p[i]);
    }
    for (size_t i = 0; digit && i < sizeof(imap) / sizeof(imap[0]); i++)
        if (bytes_ieq(word, imap[i]))
            return true;
    return false;
}

/* "*3", "$4": a Redis array or string. */
static bool is_resp(struct bytes line)
{
    if (line.n < 2 || (line.p[0] != '*' && line.p[0] != '$'))
        return false;
    for (size_t i = 1; i < line.n; i++)
        if (!ascii_is_digit(line.p[i]))
            return false;
    return true;
}

const char *other_protocol_line(struct bytes line)
{
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (lines[i].whole ? bytes_ieq(line, lines[i].text) : bytes_has_iprefix(line, lines[i].text))
            return lines[i].name;
    if (is_resp(line))
        return "redis";
    return is_imap(line) ? "imap" : NULL;
}
