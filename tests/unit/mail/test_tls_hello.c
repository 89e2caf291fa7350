/* The ClientHello: fingerprints of a second implementation, every cut, every byte damaged, records in
 * pieces. */
#include <mail/tls_hello.h>

#include <base/buf.h>
#include <base/file.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

struct golden {
    struct bytes what, ja4;
    uint8_t message[TLS_HELLO_MAX];
    size_t n;
};

static bool next_golden(struct bytes *rest, struct golden *out)
{
    struct bytes line;

    do {
        if (!bytes_split(rest, '\n', &line))
            return false;
    } while (line.n == 0 || line.p[0] == '#');
    assert_true(bytes_split(&line, '\t', &out->what));
    assert_true(bytes_split(&line, '\t', &out->ja4));
    out->n = line.n / 2;
    assert_true(out->n <= sizeof(out->message));
    for (size_t i = 0; i < out->n; i++)
        out->message[i] = (uint8_t)(ascii_hex_value(line.p[2 * i]) << 4 | ascii_hex_value(line.p[2 * i + 1]));
    return true;
}

/* In memory of its own and of just that size, so that a sanitizer sees what reads beyond it. */
static enum trap_err parse(const uint8_t *p, size_t n, struct tls_hello *h)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    enum trap_err err;

    assert_non_null(copy);
    memcpy(copy, p, n);
    err = tls_hello_parse(bytes_of(copy, n), h);
    free(copy);
    return err;
}

static void each_golden(void (*check)(const struct golden *g))
{
    static struct golden g;
    struct bytes rest;
    struct buf text;
    size_t lines = 0;

    assert_int_equal(file_slurp(TEST_FIXTURES "/tls_hello/hellos.tsv", 1 << 20, &text, NULL), TRAP_OK);
    for (rest = buf_bytes(&text); next_golden(&rest, &g); lines++)
        check(&g);
    assert_true(lines >= 30);
    buf_free(&text);
}

static void check_fingerprint(const struct golden *g)
{
    struct tls_hello h;
    char ja4[TLS_JA4_LEN + 1];

    assert_int_equal(tls_hello_parse(bytes_of(g->message, g->n), &h), TRAP_OK);
    tls_hello_ja4(&h, ja4);
    if (!bytes_eq(bytes_str(ja4), g->ja4))
        fail_msg("%.*s: %s, not %.*s", (int)g->what.n, g->what.p, ja4, (int)g->ja4.n, g->ja4.p);
}

static void test_fingerprints(void **state)
{
    (void)state;
    each_golden(check_fingerprint);
}

static void test_example(void **state)
{
    static struct golden g;
    struct tls_hello h;
    struct buf text;
    struct bytes rest;

    (void)state;
    assert_int_equal(file_slurp(TEST_FIXTURES "/tls_hello/hellos.tsv", 1 << 20, &text, NULL), TRAP_OK);
    rest = buf_bytes(&text);
    assert_true(next_golden(&rest, &g));
    assert_true(bytes_eq(g.ja4, BYTES("t13d1516h2_8daaf6152771_e5627efa2ab1"))); /* as published */
    assert_int_equal(tls_hello_parse(bytes_of(g.message, g.n), &h), TRAP_OK);
    assert_int_equal(h.version, 0x0304);
    assert_true(h.asks_name);
    assert_true(bytes_eq(h.name, BYTES("www.example.com")));
    assert_true(bytes_eq(h.alpn, BYTES("h2")));
    assert_int_equal(h.ciphers.n, 15);
    assert_int_equal(h.extensions.n, 16);
    assert_int_equal(h.signatures.n, 8);
    buf_free(&text);
}

/* A message cut anywhere is malformed, with its length as it was and with the length of what is left. The
 * one exception: the cut before the extensions, which once did not exist. */
static void check_cuts(const struct golden *g)
{
    static uint8_t m[TLS_HELLO_MAX];
    struct tls_hello h;
    size_t good = 0;

    for (size_t n = 0; n < g->n; n++) {
        assert_int_equal(parse(g->message, n, &h), TRAP_EINVAL);
        if (n < 4)
            continue;
        memcpy(m, g->message, n);
        m[1] = 0;
        m[2] = (uint8_t)((n - 4) >> 8);
        m[3] = (uint8_t)(n - 4);
        good += parse(m, n, &h) == TRAP_OK ? 1 : 0;
    }
    assert_in_range(good, 0, 1);
}

static void test_cuts(void **state)
{
    (void)state;
    each_golden(check_cuts);
}

/* Whatever byte is damaged: refused, or taken with parts that lie inside. */
static void check_damage(const struct golden *g)
{
    static uint8_t m[TLS_HELLO_MAX];
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
    struct tls_hello h;
    char ja4[TLS_JA4_LEN + 1];

    memcpy(m, g->message, g->n);
    for (size_t i = 0; i < g->n && i < 1200; i++) {
        for (size_t k = 0; k < sizeof(values); k++) {
            m[i] = values[k];
            if (tls_hello_parse(bytes_of(m, g->n), &h) != TRAP_OK)
                continue;
            tls_hello_ja4(&h, ja4);
            assert_int_equal(strlen(ja4), TLS_JA4_LEN);
            assert_true(h.name.n == 0 || (h.name.p >= m && h.name.p + h.name.n <= m + g->n));
            assert_true(h.alpn.n == 0 || (h.alpn.p >= m && h.alpn.p + h.alpn.n <= m + g->n));
        }
        m[i] = g->message[i];
    }
}

static void test_damage(void **state)
{
    (void)state;
    each_golden(check_damage);
}

/* A hello with n ciphers and n extensions. */
static size_t make_long(uint8_t *m, size_t ciphers, size_t extensions)
{
    size_t n = 4 + 2 + 32 + 1;

    memset(m, 0, n);
    m[0] = 1;
    m[n++] = (uint8_t)(ciphers * 2 >> 8);
    m[n++] = (uint8_t)(ciphers * 2);
    memset(m + n, 1, ciphers * 2);
    n += ciphers * 2;
    m[n++] = 0;
    m[n++] = (uint8_t)(extensions * 4 >> 8);
    m[n++] = (uint8_t)(extensions * 4);
    for (size_t i = 0; i < extensions; i++, n += 4)
        memcpy(m + n, "\x11\x11\0\0", 4);
    m[2] = (uint8_t)((n - 4) >> 8);
    m[3] = (uint8_t)(n - 4);
    return n;
}

static void test_limits(void **state)
{
    static uint8_t m[4 * TLS_HELLO_MAX];
    struct tls_hello h;

    (void)state;
    for (size_t d = 0; d < 3; d++) {
        const enum trap_err want = d < 2 ? TRAP_OK : TRAP_ERANGE;

        assert_int_equal(parse(m, make_long(m, TLS_HELLO_LIST_MAX - 1 + d, 1), &h), want);
        assert_int_equal(parse(m, make_long(m, 1, TLS_HELLO_LIST_MAX - 1 + d), &h), want);
    }
    /* one extension that fills the message up to the limit, and one byte more */
    for (size_t total = TLS_HELLO_MAX - 1; total <= TLS_HELLO_MAX + 1; total++) {
        const size_t at = make_long(m, 1, 1);
        const size_t content = total - at;

        memset(m + at, 0, content);
        m[at - 2] = (uint8_t)(content >> 8);
        m[at - 1] = (uint8_t)content;
        m[at - 6] = (uint8_t)((content + 4) >> 8);
        m[at - 5] = (uint8_t)(content + 4);
        m[2] = (uint8_t)((total - 4) >> 8);
        m[3] = (uint8_t)(total - 4);
        assert_int_equal(parse(m, total, &h), total <= TLS_HELLO_MAX ? TRAP_OK : TRAP_ERANGE);
    }
    assert_int_equal(tls_hello_parse(BYTES("\x02\0\0\0"), &h), TRAP_EINVAL);
    assert_int_equal(tls_hello_parse(bytes_of(NULL, 0), &h), TRAP_EINVAL);
}

/* The message in records of at most `piece` bytes. */
static size_t make_records(const struct golden *g, size_t piece, uint8_t *out)
{
    size_t n = 0;

    for (size_t at = 0; at < g->n; at += piece) {
        const size_t part = g->n - at < piece ? g->n - at : piece;

        memcpy(out + n, (const uint8_t[]){ 22, 3, 1, (uint8_t)(part >> 8), (uint8_t)part }, 5);
        memcpy(out + n + 5, g->message + at, part);
        n += 5 + part;
    }
    return n;
}

static void check_records(const struct golden *g)
{
    static const size_t pieces[] = { 1, 2, 3, 5, 100, TLS_HELLO_MAX };
    static uint8_t stream[8 * TLS_HELLO_MAX], scratch[TLS_HELLO_MAX];
    struct bytes message;

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        const size_t n = make_records(g, pieces[i], stream);

        if (g->n < 600) /* at every split point */
            for (size_t cut = 0; cut < n; cut++)
                assert_int_equal(tls_hello_find(bytes_of(stream, cut), scratch, &message), TLS_HELLO_MORE);
        stream[n] = 0x99; /* what stands behind does not matter */
        assert_int_equal(tls_hello_find(bytes_of(stream, n + 1), scratch, &message), TLS_HELLO_DONE);
        assert_true(bytes_eq(message, bytes_of(g->message, g->n)));
    }
}

static void test_records(void **state)
{
    (void)state;
    each_golden(check_records);
}

static void test_other_streams(void **state)
{
    static const struct bytes none[] = {
        BYTES_INIT("EHLO client.example\r\n"),
        BYTES_INIT("\x16\x02\0\0\x05"),                                 /* not TLS */
        BYTES_INIT("\x15\x03\x01\0\x02\x02\x28"),                       /* an alert */
        BYTES_INIT("\x16\x03\x01\0\0"),                                 /* an empty record */
        BYTES_INIT("\x16\x03\x01\x40\x01\x01"),                         /* a record beyond 16384 */
        BYTES_INIT("\x16\x03\x01\0\x04\x02\0\0\0"),                     /* another message */
        BYTES_INIT("\x16\x03\x01\0\x04\x01\0\x3f\xfd"),                 /* a message beyond the limit */
        BYTES_INIT("\x16\x03\x01\0\x01\x01\x17\x03\x01\0\x01\x01"),     /* data in the middle */
        BYTES_INIT("\x16\x03\x01\0\x01\x02\x16\x03\x01\0\x03\0\0\x01"), /* in pieces */
    };
    static uint8_t scratch[TLS_HELLO_MAX];
    struct bytes message;

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (tls_hello_find(none[i], scratch, &message) != TLS_HELLO_NONE)
            fail_msg("stream %zu was taken", i);
    assert_int_equal(tls_hello_find(BYTES("\x16\x03\x01\0\x04\x01\0\x3f\xfc"), scratch, &message),
                     TLS_HELLO_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fingerprints),  cmocka_unit_test(test_example), cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_limits),  cmocka_unit_test(test_records),
        cmocka_unit_test(test_other_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
