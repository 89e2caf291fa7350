/* Reads a ClientHello with a cursor whose error sticks, and puts the JA4 fingerprint together. */
#include <mail/tls_hello.h>

#include <mail/digest.h>

#include <stdlib.h>

enum { TYPE_CLIENT_HELLO = 1, RECORD_HANDSHAKE = 22, RECORD_HEADER = 5, MESSAGE_HEADER = 4 };
enum extension {
    EXTENSION_SERVER_NAME = 0x0000,
    EXTENSION_SIGNATURES = 0x000d,
    EXTENSION_ALPN = 0x0010,
    EXTENSION_VERSIONS = 0x002b
};

/* ---- reading ---- */

struct cursor {
    struct bytes rest;
    bool failed; /* sticks */
};

static struct bytes take(struct cursor *c, size_t n)
{
    const struct bytes got = bytes_take(c->rest, n);

    c->failed |= c->rest.n < n;
    c->rest = c->failed ? bytes_of(c->rest.p, 0) : bytes_skip(c->rest, n);
    return c->failed ? bytes_of(c->rest.p, 0) : got;
}

static uint32_t number(struct cursor *c, size_t width)
{
    const struct bytes in = take(c, width);
    uint32_t v = 0;

    for (size_t i = 0; i < in.n; i++)
        v = v << 8 | in.p[i];
    return v;
}

/* What stands behind its own length. */
static struct cursor vector(struct cursor *c, size_t width)
{
    const size_t n = number(c, width);
    const struct bytes content = take(c, n); /* before c->failed is looked at */

    return (struct cursor){ .rest = content, .failed = c->failed };
}

/* RFC 8701: values that mean nothing, drawn anew by the client each time. */
static bool is_grease(uint16_t v)
{
    return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

static bool list_add(struct tls_list *list, uint16_t v)
{
    if (is_grease(v))
        return true;
    if (list->n == TLS_HELLO_LIST_MAX)
        return false;
    list->v[list->n++] = v;
    return true;
}

/* False: too long. A stray byte at the end is malformed. */
static bool read_list(struct cursor *c, struct tls_list *out)
{
    while (c->rest.n > 0)
        if (!list_add(out, (uint16_t)number(c, 2)))
            return false;
    return true;
}

/* What stands inside of these is the server's business to judge; here a bad inside only says nothing. */
static void read_name(struct cursor in, struct tls_hello *h)
{
    struct cursor list = vector(&in, 2);

    h->asks_name = true;
    while (list.rest.n > 0 && !list.failed) {
        const uint32_t kind = number(&list, 1);
        const struct cursor name = vector(&list, 2);

        if (kind == 0 && !list.failed) {
            h->name = name.rest;
            return;
        }
    }
}

static void read_alpn(struct cursor in, struct tls_hello *h)
{
    struct cursor list = vector(&in, 2);

    h->alpn = vector(&list, 1).rest;
}

static void read_versions(struct cursor in, struct tls_hello *h)
{
    struct cursor list = vector(&in, 1);
    uint16_t highest = 0;

    while (list.rest.n >= 2) {
        const uint16_t v = (uint16_t)number(&list, 2);

        if (!is_grease(v) && v > highest)
            highest = v;
    }
    if (highest != 0)
        h->version = highest;
}

static enum trap_err read_extensions(struct cursor *c, struct tls_hello *h)
{
    struct cursor all = vector(c, 2);

    while (all.rest.n > 0 && !all.failed) {
        const uint16_t kind = (uint16_t)number(&all, 2);
        struct cursor in = vector(&all, 2), signatures;

        if (all.failed)
            break;
        if (!list_add(&h->extensions, kind))
            return TRAP_ERANGE;
        switch (kind) {
        case EXTENSION_SERVER_NAME:
            read_name(in, h);
            break;
        case EXTENSION_ALPN:
            read_alpn(in, h);
            break;
        case EXTENSION_VERSIONS:
            read_versions(in, h);
            break;
        case EXTENSION_SIGNATURES:
            signatures = vector(&in, 2);
            if (!read_list(&signatures, &h->signatures))
                return TRAP_ERANGE;
            break;
        default:
            break;
        }
    }
    return all.failed ? TRAP_EINVAL : TRAP_OK;
}

static enum trap_err read_hello(struct cursor *c, struct tls_hello *h)
{
    enum { RANDOM_BYTES = 32, SESSION_ID_MAX = 32 };
    struct cursor session, ciphers;

    h->version = (uint16_t)number(c, 2);
    (void)take(c, RANDOM_BYTES);
    session = vector(c, 1);
    ciphers = vector(c, 2);
    (void)vector(c, 1); /* compression */
    if (c->failed || session.rest.n > SESSION_ID_MAX)
        return TRAP_EINVAL;
    if (!read_list(&ciphers, &h->ciphers))
        return TRAP_ERANGE;
    if (ciphers.failed)
        return TRAP_EINVAL;
    return c->rest.n == 0 ? TRAP_OK : read_extensions(c, h); /* none at all before TLS 1.2 */
}

enum trap_err tls_hello_parse(struct bytes message, struct tls_hello *out)
{
    struct cursor c = { .rest = message };
    const uint32_t type = number(&c, 1), n = number(&c, 3);
    enum trap_err err;

    if (message.n > TLS_HELLO_MAX)
        return TRAP_ERANGE;
    if (c.failed || type != TYPE_CLIENT_HELLO || n != c.rest.n)
        return TRAP_EINVAL;
    *out = (struct tls_hello){ 0 };
    err = read_hello(&c, out);
    return err == TRAP_OK && (c.failed || c.rest.n > 0) ? TRAP_EINVAL : err;
}

/* ---- records ---- */

/* Length of the message whose first bytes these are; 0: not a ClientHello, or too long. */
static size_t message_size(const uint8_t *p)
{
    const size_t n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

    return p[0] == TYPE_CLIENT_HELLO && n <= TLS_HELLO_MAX - MESSAGE_HEADER ? n + MESSAGE_HEADER : 0;
}

/* The bytes that are there of the next record's content. False: not a handshake record. */
static bool next_record(struct bytes *in, struct bytes *content_out)
{
    static const uint8_t begin[] = { RECORD_HANDSHAKE, 3 };
    const size_t seen = in->n < sizeof(begin) ? in->n : sizeof(begin);
    size_t n;

    *content_out = bytes_of(in->p, 0);
    if (memcmp(in->p, begin, seen) != 0)
        return false;
    if (in->n < RECORD_HEADER) {
        in->n = 0;
        return true;
    }
    n = (size_t)in->p[3] << 8 | in->p[4];
    *content_out = bytes_take(bytes_skip(*in, RECORD_HEADER), n);
    *in = bytes_skip(*in, RECORD_HEADER + n);
    return n > 0 && n <= TLS_HELLO_MAX;
}

enum tls_hello_event tls_hello_find(struct bytes in, uint8_t scratch[TLS_HELLO_MAX],
                                    struct bytes *message_out)
{
    struct bytes content;
    size_t have = 0, size = 0;

    while (in.n > 0) {
        if (!next_record(&in, &content))
            return TLS_HELLO_NONE;
        content = bytes_take(content, TLS_HELLO_MAX - have);
        if (content.n > 0)
            memcpy(scratch + have, content.p, content.n);
        have += content.n;
        if (have > 0 && scratch[0] != TYPE_CLIENT_HELLO)
            return TLS_HELLO_NONE;
        if (have < MESSAGE_HEADER)
            continue;
        size = message_size(scratch);
        if (size == 0)
            return TLS_HELLO_NONE;
        if (have >= size) {
            *message_out = bytes_of(scratch, size);
            return TLS_HELLO_DONE;
        }
    }
    return TLS_HELLO_MORE;
}

/* ---- the fingerprint ---- */

static const char hex_digits[] = "0123456789abcdef";

static char *put(char *at, const char *text, size_t n)
{
    memcpy(at, text, n);
    return at + n;
}

static const char *version_text(uint16_t v)
{
    static const struct {
        uint16_t version;
        const char *text;
    } table[] = { { 0x0304, "13" }, { 0x0303, "12" }, { 0x0302, "11" },
                  { 0x0301, "10" }, { 0x0300, "s3" }, { 0x0002, "s2" } };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].version == v)
            return table[i].text;
    return "00";
}

static char *put_count(char *at, size_t n)
{
    enum { COUNT_MAX = 99 };

    n = n < COUNT_MAX ? n : COUNT_MAX;
    *at++ = (char)('0' + n / 10);
    *at++ = (char)('0' + n % 10);
    return at;
}

/* First and last character of the protocol; where either is none that can be written, of its hex text. */
static char *put_alpn(char *at, struct bytes alpn)
{
    if (alpn.n == 0)
        return put(at, "00", 2);
    const uint8_t first = alpn.p[0], last = alpn.p[alpn.n - 1];

    if (ascii_is_alnum(first) && ascii_is_alnum(last)) {
        *at++ = (char)first;
        *at++ = (char)last;
    } else {
        *at++ = hex_digits[first >> 4];
        *at++ = hex_digits[last & 15];
    }
    return at;
}

static void hash_list(struct digest *d, const struct tls_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const uint16_t v = list->v[i];
        const char text[] = { ',', hex_digits[v >> 12], hex_digits[v >> 8 & 15], hex_digits[v >> 4 & 15],
                              hex_digits[v & 15] };
        const size_t comma = i == 0 ? 1 : 0;

        digest_add(d, bytes_of(text + comma, sizeof(text) - comma));
    }
}

static int by_value(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* "_" and twelve digits of the digest of: the values in order of size, then the tail as it is. */
static char *put_hash(char *at, const struct tls_list *values, const struct tls_list *tail)
{
    enum { SHOWN = 12 };
    struct tls_list sorted = *values;
    char hex[DIGEST_HEX_MAX];
    struct digest d;

    *at++ = '_';
    if (values->n == 0)
        return put(at, "000000000000", SHOWN);
    qsort(sorted.v, sorted.n, sizeof(sorted.v[0]), by_value);
    digest_init(&d);
    hash_list(&d, &sorted);
    if (tail != NULL && tail->n > 0) {
        digest_add(&d, BYTES("_"));
        hash_list(&d, tail);
    }
    return put(at, digest_hex(&d, hex), SHOWN);
}

void tls_hello_ja4(const struct tls_hello *h, char out[TLS_JA4_LEN + 1])
{
    struct tls_list extensions = { 0 };
    char *at = out;

    for (size_t i = 0; i < h->extensions.n; i++) /* those two show in the first part */
        if (h->extensions.v[i] != EXTENSION_SERVER_NAME && h->extensions.v[i] != EXTENSION_ALPN)
            extensions.v[extensions.n++] = h->extensions.v[i];
    *at++ = 't';
    at = put(at, version_text(h->version), 2);
    *at++ = h->asks_name ? 'd' : 'i';
    at = put_count(at, h->ciphers.n);
    at = put_count(at, h->extensions.n);
    at = put_alpn(at, h->alpn);
    at = put_hash(at, &h->ciphers, NULL);
    at = put_hash(at, &extensions, &h->signatures);
    *at = '\0';
}
