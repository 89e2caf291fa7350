/* The automaton, a line at a time:
 *
 *   LINE --SP, HTAB--> SKIP or VALUE (folded: the field goes on)      LINE --CRLF, LF--> BODY
 *     +--other--> NAME --":"--> VALUE (a field we look at) or SKIP --LF--> LINE
 *                  +--no field name--> BODY, with what was held
 */
#include <mail/header.h>

enum header_state { LINE, LINE_CR, NAME, VALUE, SKIP, BODY };

static bool value_present(struct bytes value)
{
    (void)value;
    return true;
}
static bool value_bulk(struct bytes value)
{
    return bytes_ieq(value, BYTES("list")) || bytes_ieq(value, BYTES("bulk"));
}
static bool value_automatic(struct bytes value)
{
    return value.n > 0 && !bytes_ieq(value, BYTES("no"));
}
static bool value_report(struct bytes value)
{
    return bytes_ieq(value, BYTES("multipart/report"));
}

/* "Mail Delivery System <MAILER-DAEMON@mx.example>" */
static bool value_daemon(struct bytes value)
{
    static const struct bytes names[] = { BYTES_INIT("mailer-daemon"), BYTES_INIT("postmaster") };

    for (; value.n > 0; value = bytes_skip(value, 1))
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (bytes_has_iprefix(value, names[i]))
                return true;
    return false;
}

static const struct {
    struct bytes name;
    bool (*matches)(struct bytes value);
    uint32_t found;
    bool whole; /* more than the first word */
} fields[] = {
    { BYTES_INIT("List-Id"), value_present, HEADER_LIST, false },
    { BYTES_INIT("Precedence"), value_bulk, HEADER_LIST, false },
    { BYTES_INIT("Auto-Submitted"), value_automatic, HEADER_AUTO_SUBMITTED, false },
    { BYTES_INIT("Content-Type"), value_report, HEADER_REPORT, false },
    { BYTES_INIT("In-Reply-To"), value_present, HEADER_REPLY, false },
    { BYTES_INIT("References"), value_present, HEADER_REPLY, false },
    { BYTES_INIT("X-Failed-Recipients"), value_present, HEADER_FAILED, false },
    { BYTES_INIT("From"), value_daemon, HEADER_DAEMON, true },
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]), FIELD_NONE = FIELD_COUNT };

void header_init(struct header *h, uint64_t max)
{
    h->room = max;
    h->state = LINE;
    h->field = FIELD_NONE;
    h->name_len = h->value_len = 0;
    h->comment = 0;
    h->found = 0;
}

/* Characters of a field-body: comments and blanks in front are not kept; the first word is, up to a blank,
 * ";" or "(". */
static void value_octet(struct header *h, uint8_t c)
{
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';

    if (fields[h->field].whole) {
        if (h->value_len == HEADER_VALUE_MAX)
            h->state = SKIP;
        else if (c != '\r' && c != '\n')
            h->value[h->value_len++] = c;
        return;
    }
    if (h->comment > 0) {
        h->comment += c == '(' ? 1u : c == ')' ? -1u : 0u;
        return;
    }
    if (c == '(' && h->value_len == 0)
        h->comment = 1;
    else if ((blank || c == ';' || c == '(') && h->value_len > 0)
        h->state = SKIP;
    else if (!blank && h->value_len < HEADER_VALUE_MAX)
        h->value[h->value_len++] = c;
    else if (!blank)
        h->state = SKIP;
}

static void field_end(struct header *h)
{
    if (h->field != FIELD_NONE && fields[h->field].matches(bytes_of(h->value, h->value_len)))
        h->found |= fields[h->field].found;
    h->field = FIELD_NONE;
    h->value_len = 0;
    h->comment = 0;
}

static void field_begin(struct header *h)
{
    size_t n = h->name_len;

    while (n > 0 && (h->name[n - 1] == ' ' || h->name[n - 1] == '\t'))
        n--;
    h->field = FIELD_NONE;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (bytes_ieq(bytes_of(h->name, n), fields[i].name))
            h->field = (uint8_t)i;
    h->state = h->field == FIELD_NONE ? SKIP : VALUE;
    h->name_len = 0;
}

/* False: this line is no field, so it is body. ftext is 33-126 without ":"; blanks may stand before the
 * colon (obsolete form). */
static bool name_octet(struct header *h, uint8_t c)
{
    const bool blank = c == ' ' || c == '\t';

    if (c == ':' && h->name_len > 0) {
        field_begin(h);
        return true;
    }
    if (c == ':' || h->name_len == HEADER_NAME_MAX || (!blank && (c <= 32 || c > 126)))
        return false;
    if (!blank && h->name_len > 0 && (h->name[h->name_len - 1] == ' ' || h->name[h->name_len - 1] == '\t'))
        return false;
    h->name[h->name_len++] = c;
    return true;
}

/* The first octet of a line. */
static bool line_octet(struct header *h, uint8_t c)
{
    if (c == ' ' || c == '\t') {
        h->state = h->field != FIELD_NONE ? VALUE : SKIP;
        if (h->state == VALUE)
            value_octet(h, c);
        return true;
    }
    field_end(h);
    if (c == '\r') { /* held: it is body when no LF follows */
        h->state = LINE_CR;
        h->name[h->name_len++] = c;
        return true;
    }
    h->state = NAME;
    return name_octet(h, c);
}

/* One octet in a state other than SKIP and BODY. False: the line is body, from its first octet on. */
static bool octet(struct header *h, uint8_t c)
{
    switch ((enum header_state)h->state) {
    case LINE:
        if (c != '\n')
            return line_octet(h, c);
        field_end(h);
        h->state = BODY;
        return true;
    case LINE_CR:
        if (c == '\n') {
            h->name_len = 0;
            h->state = BODY;
        }
        return c == '\n';
    case NAME:
        return name_octet(h, c);
    case VALUE:
        value_octet(h, c);
        if (c == '\n')
            h->state = LINE;
        return true;
    case SKIP:
    case BODY:
        break;
    }
    return true;
}

/* What was held of a line is body, and everything behind it. */
static void body_begins(struct header *h, struct bytes *held_out)
{
    if (h->name_len > 0)
        *held_out = bytes_of(h->name, h->name_len);
    h->state = BODY;
}

/* Returns how many octets of the piece are no body. */
static size_t feed_header(struct header *h, struct bytes piece, struct bytes *held_out)
{
    size_t i = 0;

    while (i < piece.n && h->state != BODY) {
        if (h->state == SKIP) {
            const size_t end = bytes_find(bytes_skip(piece, i), '\n');

            if (i + end == piece.n)
                return piece.n;
            i += end + 1;
            h->state = LINE;
        } else if (octet(h, piece.p[i])) {
            i++;
        } else {
            body_begins(h, held_out);
        }
    }
    return i;
}

void header_feed(struct header *h, struct bytes content, struct bytes *held_out, struct bytes *body_out)
{
    const struct bytes piece = bytes_take(content, h->room < content.n ? (size_t)h->room : content.n);
    size_t used = 0;

    *held_out = *body_out = (struct bytes){ NULL, 0 };
    if (h->state != BODY) {
        used = feed_header(h, piece, held_out);
        h->room -= used;
    }
    if (h->state != BODY && used < content.n) {
        h->found |= HEADER_CUT;
        body_begins(h, held_out);
    }
    if (h->state == BODY)
        *body_out = bytes_skip(content, used);
}

void header_end(struct header *h)
{
    if (h->state != BODY)
        field_end(h);
}
