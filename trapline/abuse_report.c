/* abuse_report.c - see abuse_report.h. */
#include "abuse_report.h"

#include <mail/dns_name.h>

#include <stdio.h>
#include <stdlib.h>

enum { ADDRESS_MAX = 254, LOCAL_MAX = 64 };

struct bytes abuse_report_domain(struct bytes address)
{
    return bytes_skip(address, bytes_rfind(address, '@') + 1);
}

static bool is_atext(uint8_t c)
{
    return ascii_is_alnum(c) || bytes_find(BYTES("!#$%&'*+-/=?^_`{|}~"), c) < 19;
}

bool abuse_report_address(struct bytes address)
{
    const struct bytes local = bytes_take(address, bytes_rfind(address, '@'));
    char domain[DNS_NAME_TEXT_MAX];

    if (address.n > ADDRESS_MAX || local.n == 0 || local.n > LOCAL_MAX || local.n == address.n)
        return false;
    for (size_t i = 0; i < local.n; i++)
        if (!is_atext(local.p[i]) &&
            (local.p[i] != '.' || i == 0 || i + 1 == local.n || local.p[i - 1] == '.'))
            return false;
    return address.p[address.n - 1] != '.' && dns_name_read(abuse_report_domain(address), domain) == TRAP_OK;
}

void abuse_report_identify(struct abuse_report *r, const struct hash_key *key)
{
    uint8_t in[16 + 1 + sizeof(r->since.us)], d[KEYED_DIGEST_BYTES];

    memcpy(in, r->key.ip.b, 16);
    in[16] = r->key.len;
    for (size_t i = 0; i < sizeof(r->since.us); i++)
        in[17 + i] = (uint8_t)((uint64_t)r->since.us >> (8 * i));
    keyed_digest(key, bytes_of(in, sizeof(in)), d);
    d[6] = (uint8_t)((d[6] & 0x0f) |
                     0x40); /* a keyed digest cannot be told from random bits: version 4 (RFC 9562) */
    d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
    (void)snprintf(r->id, sizeof(r->id),
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2],
                   d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* ---- texts ---- */

static wall_t whole_seconds(wall_t t)
{
    return (wall_t){ t.us - t.us % WALL_US_PER_S };
}

static const char *day_text(wall_t t, char out[WALL_TEXT_MAX])
{
    const struct civil c = wall_civil(t);

    (void)snprintf(out, WALL_TEXT_MAX, "%04d-%02d-%02d", c.year, c.month, c.day);
    return out;
}

/* RFC 5322 3.3. */
static void add_date(struct buf *out, wall_t t)
{
    static const char *const days[] = {
        "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
    }; /* from 1970-01-01 */
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const struct civil c = wall_civil(t);

    buf_addf(out, "%s, %d %s %04d %02d:%02d:%02d +0000", days[wall_day(t) % 7], c.day, months[c.month - 1],
             c.year, c.hour, c.minute, c.second);
}

static void add_text(struct buf *out, const struct abuse_report *r, const char *key)
{
    char since[WALL_TEXT_MAX], day[WALL_TEXT_MAX];

    buf_addf(out,
             "Mail from %s came to spam traps: addresses that nobody uses and that\n"
             "never asked for mail. It is listed for that.\n\n"
             "Listed since:         %s\n"
             "Messages that count:  %llu\n"
             "The newest one:       %s (UTC)\n\n"
             "The messages, their recipients and the time of day are left out: they would\n"
             "tell which addresses are traps. The listing ends by itself when no more\n"
             "such mail comes.\n",
             key, wall_text(whole_seconds(r->since), since), (unsigned long long)r->messages,
             day_text(r->last, day));
}

/* ---- XARF ---- */

json_t *abuse_report_xarf(const struct abuse_report *r)
{
    const struct bytes domain = abuse_report_domain(r->from);
    char key[PREFIX_TEXT_MAX], since[WALL_TEXT_MAX], day[WALL_TEXT_MAX], text[160];
    json_t *who = json_pack("{s:s%, s:s%, s:s%}", "org", domain.p, domain.n, "contact", r->from.p, r->from.n,
                            "domain", domain.p, domain.n);
    json_t *doc;

    (void)snprintf(text, sizeof(text),
                   "%llu messages to spam traps count for this listing; the newest one came on %s (UTC).",
                   (unsigned long long)r->messages, day_text(r->last, day));
    doc = json_pack("{s:s, s:s, s:s, s:O, s:O, s:s, s:s, s:s, s:s, s:s, s:s}", "xarf_version", "4.0.0",
                    "report_id", r->id, "timestamp", wall_text(whole_seconds(r->since), since), "reporter",
                    who, "sender", who, "source_identifier", prefix_text(r->key, key), "category",
                    "reputation", "type", "blocklist", "evidence_source", "spamtrap", "threat_type",
                    "spam_source", "description", text);
    json_decref(who);
    return doc;
}

/* ---- the message ---- */

/* Between the parts. No line of them can begin with it: they hold nothing that somebody else wrote. */
static void add_part(struct buf *out, char letter, const char *id, const char *type)
{
    buf_addf(out, "\n--%c-%s\nContent-Type: %s\n\n", letter, id, type);
}

static void add_end(struct buf *out, char letter, const char *id)
{
    buf_addf(out, "\n--%c-%s--\n", letter, id);
}

static void add_head(struct buf *out, const struct abuse_report *r, const char *key)
{
    buf_add_str(out, "From: ");
    buf_add(out, r->from);
    buf_add_str(out, "\nTo: ");
    buf_add(out, r->to);
    buf_addf(out, "\nSubject: Abuse report: spam from %s\nDate: ", key);
    add_date(out, r->now);
    buf_addf(out, "\nMessage-ID: <%s@", r->id);
    buf_add(out, abuse_report_domain(r->from));
    /* RFC 3834: no holiday notes. */
    buf_addf(out,
             ">\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
             "Content-Type: multipart/report; report-type=feedback-report;\n boundary=\"a-%s\"\n",
             r->id);
}

static void add_machine_part(struct buf *out, const struct abuse_report *r)
{
    char ip[IP_TEXT_MAX];

    buf_addf(out, "Feedback-Type: abuse\nUser-Agent: Trapline/%s\nVersion: 1\n", TRAPLINE_VERSION);
    if (ip_is_v4(r->key.ip)) /* of a /64 no single address stands for all of it */
        buf_addf(out, "Source-IP: %s\n", ip_text(r->key.ip, ip));
    buf_addf(out, "Incidents: %llu\n", (unsigned long long)r->messages);
}

enum trap_err abuse_report_write(const struct abuse_report *r, struct buf *out)
{
    char key[PREFIX_TEXT_MAX], mixed[80];
    json_t *doc = abuse_report_xarf(r);
    char *xarf = doc == NULL ? NULL : json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII);

    json_decref(doc);
    if (xarf == NULL)
        return TRAP_ENOMEM;
    (void)prefix_text(r->key, key);
    (void)snprintf(mixed, sizeof(mixed), "multipart/mixed;\n boundary=\"b-%s\"", r->id);
    add_head(out, r, key);
    add_part(out, 'a', r->id, mixed);
    add_part(out, 'b', r->id, "text/plain; charset=us-ascii");
    add_text(out, r, key);
    add_part(out, 'b', r->id, "application/json; name=\"xarf.json\"");
    buf_add_str(out, xarf);
    add_end(out, 'b', r->id);
    add_part(out, 'a', r->id, "message/feedback-report");
    add_machine_part(out, r);
    add_part(out, 'a', r->id, "text/rfc822-headers");
    buf_add_str(out, "Comments: all fields are left out; they could tell a spam trap\n");
    add_end(out, 'a', r->id);
    free(xarf);
    return out->err;
}
