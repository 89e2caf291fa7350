/* links.h - the hosts and mail addresses that a text advertises.
 *
 * Finds:   hosts of URLs with http, https, ftp and hxxp (RFC 3986, and as browsers take them: any run of "/"
 *          and "\" behind the colon, user information in front of "@", a port, percent-encoded octets), also
 *          of a URL inside another one; "www." at the start of a word; "//host" in HTML. Mail addresses.
 * Text:    words end with blanks, controls, "<", ">", quotes; in HTML, character references ("&#104;",
 *          "&#x68;", "&amp;" and a few more) are resolved. NUL, and a soft hyphen or control written as a
 *          reference, are passed over: so UTF-16 is read as far as it is ASCII.
 * Form:    a host is a name of the DNS (dns_name.h) of two labels or more in lower case, internationalised
 *          ones as IDNA A-labels, without the dot at the end; or an address as ip_text() writes it. Decimal,
 *          octal and hexadecimal forms of IPv4 ("http://3221225985/", "0xc0.0.513") count as what they are.
 *          A mail address is in lower case: up to LINKS_LOCAL_MAX letters, digits and .!#$%*+-^_`{|}~ that
 *          begin with a letter, digit or "_", "@", such a name. What else RFC 5322 has delimits URLs.
 * Limits:  LINKS_HOSTS_MAX different hosts and LINKS_MAIL_MAX different addresses, the first; then `more`. Of
 *          a word the first LINKS_WORD_MAX octets count, and LINKS_IN_WORD URLs and addresses.
 * Cost:    sizeof(struct links) (below 40 kB), linear time.
 * Owns:    nothing.   Errors: cannot fail; what is no host is left out.   Threads: one owner.
 * Tests:   tests/unit/mail/test_links.c, tests/fuzz/fuzz_mime.c
 */
#ifndef MAIL_LINKS_H
#define MAIL_LINKS_H

#include <mail/dns_name.h>
#include <mail/mime.h>

enum { LINKS_HOSTS_MAX = 64, LINKS_MAIL_MAX = 32, LINKS_WORD_MAX = 1024, LINKS_IN_WORD = 16 };
enum {
    LINKS_LOCAL_MAX = 64,
    LINKS_MAIL_TEXT_MAX = LINKS_LOCAL_MAX + 1 + DNS_NAME_TEXT_MAX,
    LINKS_REFERENCE_MAX = 10
};

struct links {
    uint8_t hosts_n, mail_n;
    bool more; /* there were others */
    uint8_t reference_n;
    bool in_reference;
    uint16_t word_n;
    uint8_t reference[LINKS_REFERENCE_MAX];
    uint8_t word[LINKS_WORD_MAX];
    char hosts[LINKS_HOSTS_MAX][DNS_NAME_TEXT_MAX];
    char mail[LINKS_MAIL_MAX][LINKS_MAIL_TEXT_MAX];
};

void links_init(struct links *l);
/* The next piece of one text; an empty piece ends it. A mime_text_fn: `arg` is the struct links. */
void links_text(enum mime_kind kind, struct bytes text, void *arg);

#endif
