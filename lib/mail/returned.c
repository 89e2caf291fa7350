/* A line at a time; a block is a run of lines that are fields or go on with one. */
#include <mail/returned.h>

enum field {
    /* of a head */
    RECEIVED = 1 << 0,
    RETURN_PATH = 1 << 1,
    FROM = 1 << 2,
    SENDER = 1 << 3,
    TO = 1 << 4,
    SUBJECT = 1 << 5,
    DATE = 1 << 6,
    MESSAGE_ID = 1 << 7,
    /* of a delivery status */
    REPORTING_MTA = 1 << 8,
    RECIPIENT = 1 << 9,
    ACTION = 1 << 10,
    STATUS = 1 << 11,
    ARRIVAL_DATE = 1 << 12,
    /* of a feedback report */
    FEEDBACK_TYPE = 1 << 13,
    USER_AGENT = 1 << 14,
    VERSION = 1 << 15,
    MAIL_FROM = 1 << 16,
};
enum {
    HEAD = RECEIVED | RETURN_PATH | FROM | SENDER | TO | SUBJECT | DATE | MESSAGE_ID,
    TRACE = RECEIVED | RETURN_PATH | MESSAGE_ID, /* what people who write "From: … To: …" do not write */
    SHORT = FROM | TO | SUBJECT | DATE,          /* what programs that show no more than this write */
    DELIVERY = REPORTING_MTA | RECIPIENT | ACTION | STATUS | ARRIVAL_DATE,
    AUTHORS = RETURN_PATH | FROM | SENDER | MAIL_FROM,
    ENOUGH = 3
};

static const struct {
    struct bytes name;
    uint32_t field;
} fields[] = {
    { BYTES_INIT("Received"), RECEIVED },
    { BYTES_INIT("Return-Path"), RETURN_PATH },
    { BYTES_INIT("From"), FROM },
    { BYTES_INIT("Sender"), SENDER },
    { BYTES_INIT("To"), TO },
    { BYTES_INIT("Subject"), SUBJECT },
    { BYTES_INIT("Date"), DATE },
    { BYTES_INIT("Message-ID"), MESSAGE_ID },
    { BYTES_INIT("Reporting-MTA"), REPORTING_MTA },
    { BYTES_INIT("Final-Recipient"), RECIPIENT },
    { BYTES_INIT("Original-Recipient"), RECIPIENT },
    { BYTES_INIT("Action"), ACTION },
    { BYTES_INIT("Status"), STATUS },
    { BYTES_INIT("Arrival-Date"), ARRIVAL_DATE },
    { BYTES_INIT("Feedback-Type"), FEEDBACK_TYPE },
    { BYTES_INIT("User-Agent"), USER_AGENT },
    { BYTES_INIT("Version"), VERSION },
    { BYTES_INIT("Original-Mail-From"), MAIL_FROM },
};

static unsigned count(uint32_t set)
{
    unsigned n = 0;

    for (; set != 0; set &= set - 1)
        n++;
    return n;
}

static void block_end(struct returned *r)
{
    const bool head =
        (count(r->block & HEAD) >= ENOUGH && (r->block & TRACE) != 0) || (r->block & SHORT) == SHORT;
    const bool feedback = (r->block & FEEDBACK_TYPE) != 0 && (r->block & (USER_AGENT | VERSION)) != 0;

    r->status |= r->block & DELIVERY;
    r->found |= head ? RETURNED_HEAD : 0u;
    r->found |= count(r->status) >= ENOUGH ? RETURNED_STATUS : 0u;
    r->found |= feedback ? RETURNED_FEEDBACK : 0u;
    r->found |= (head || feedback) && r->ours ? RETURNED_AUTHOR : 0u;
    r->block = 0;
    r->ours = r->author = false;
}

static void look_at_author(struct returned *r, struct bytes value)
{
    if (r->author && !r->ours)
        r->ours = r->is_ours(value, r->arg);
}

/* ftext is 33-126 without ":" (RFC 5322 3.6.8). */
static bool is_field(struct bytes line, struct bytes *name_out, struct bytes *value_out)
{
    const size_t colon = bytes_find(line, ':');

    if (colon == 0 || colon == line.n)
        return false;
    *name_out = bytes_trim(bytes_take(line, colon));
    *value_out = bytes_skip(line, colon + 1);
    for (size_t i = 0; i < name_out->n; i++)
        if (name_out->p[i] <= 32 || name_out->p[i] > 126)
            return false;
    return name_out->n > 0;
}

static uint32_t known_field(struct bytes name)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (bytes_ieq(name, fields[i].name))
            return fields[i].field;
    return 0;
}

/* "> > Subject: x" as "Subject: x"; blanks in front stay, for they may mean that a field goes on. */
static struct bytes unquote(struct bytes line)
{
    while (line.n > 0 && line.p[0] == '>') {
        line = bytes_skip(line, 1);
        if (line.n > 0 && line.p[0] == ' ')
            line = bytes_skip(line, 1);
    }
    return line;
}

static void line_end(struct returned *r)
{
    struct bytes line = unquote(bytes_of(r->line, r->line_len)), name, value;
    const bool indented = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
    uint32_t field;

    r->line_len = 0;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    line = bytes_trim(line);
    if (line.n == 0) {
        block_end(r);
        return;
    }
    field = is_field(line, &name, &value) ? known_field(name) : 0;
    if (indented && field == 0) { /* the last field goes on, or there was none */
        look_at_author(r, line);
        return;
    }
    if (!is_field(line, &name, &value)) {
        block_end(r);
        return;
    }
    r->block |= field;
    r->author = (field & AUTHORS) != 0;
    look_at_author(r, value);
}

void returned_init(struct returned *r, returned_is_ours *is_ours, void *arg)
{
    r->is_ours = is_ours;
    r->arg = arg;
    r->found = r->block = r->status = 0;
    r->ours = r->author = false;
    r->line_len = 0;
}

void returned_feed(struct returned *r, struct bytes body)
{
    while (body.n > 0) {
        const size_t n = bytes_find(body, '\n');
        const struct bytes kept = bytes_take(bytes_take(body, n), (size_t)(RETURNED_LINE_MAX - r->line_len));

        if (kept.n > 0)
            memcpy(r->line + r->line_len, kept.p, kept.n);
        r->line_len = (uint16_t)(r->line_len + kept.n);
        if (n == body.n)
            return;
        line_end(r);
        body = bytes_skip(body, n + 1);
    }
}

void returned_end(struct returned *r)
{
    if (r->line_len > 0)
        line_end(r);
    block_end(r);
}

/* What can be part of an address: RFC 5322 atext, dot, and the quotes of a quoted local part. */
static bool joins(uint8_t c)
{
    static const struct bytes specials = BYTES_INIT("!#$%&'*+-/=?^_`{|}~.@\"");

    return ascii_is_alnum(c) || c >= 0x80 || bytes_find(specials, c) < specials.n;
}

bool returned_holds(struct bytes text, struct bytes address)
{
    if (address.n == 0)
        return false;
    for (size_t i = 0; i + address.n <= text.n; i++)
        if (bytes_ieq(bytes_of(text.p + i, address.n), address) && (i == 0 || !joins(text.p[i - 1])) &&
            (i + address.n == text.n || !joins(text.p[i + address.n])))
            return true;
    return false;
}
