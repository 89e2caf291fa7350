/* PROXY headers, each whole and at every split point: what is right is read the same way, what is wrong stays
 * wrong whatever follows. */
#include <mail/proxy_header.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BLOCK  "\xc6\x33\x64\x16\xcb\x00\x71\x07\x8b\x3e\x00\x19"
#define V6_CLIENT "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x22"
#define V6_DEST   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define MAPPED    "\0\0\0\0\0\0\0\0\0\0\xff\xff"
#define V6_BLOCK  V6_CLIENT V6_DEST "\x8b\x3e\x00\x19"
#define X27       "xxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X54       X27 X27
#define ALL_ONES  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define NUL108                                                                                               \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0\0"                                                                                                 \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0\0"

/* client and dest as text; NULL: the header names nobody */
static const struct {
    struct bytes in;
    const char *client, *dest;
    uint16_t client_port, dest_port;
    bool local;
} right[] = {
    { BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 35646 25\r\n"), "198.51.100.22", "203.0.113.7", 35646,
      25, false },
    { BYTES_INIT("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0", "255.255.255.255", 0, 65535,
      false },
    { BYTES_INIT("PROXY TCP6 2001:db8::22 2001:db8::7 35646 25\r\n"), "2001:db8::22", "2001:db8::7", 35646,
      25, false },
    { BYTES_INIT("PROXY TCP6 " ALL_ONES " " ALL_ONES " 65535 65535\r\n"), ALL_ONES, ALL_ONES, 65535, 65535,
      false },
    { BYTES_INIT("PROXY TCP6 ::ffff:198.51.100.22 ::ffff:203.0.113.7 1 2\r\n"), "198.51.100.22",
      "203.0.113.7", 1, 2, false },
    { BYTES_INIT("PROXY TCP6 ::ffff:c633:6416 2001:DB8:0:0::7 1 2\r\n"), "198.51.100.22", "2001:db8::7", 1, 2,
      false },
    { BYTES_INIT("PROXY TCP6 :: ::1 0 0\r\n"), "::", "::1", 0, 0, false },
    { BYTES_INIT("PROXY UNKNOWN\r\n"), NULL, NULL, 0, 0, false },
    { BYTES_INIT("PROXY UNKNOWN \r\n"), NULL, NULL, 0, 0, false },
    { BYTES_INIT("PROXY UNKNOWN ffff::1 x\0y \n \r 65535 65535\r\n"), NULL, NULL, 0, 0, false },
    { BYTES_INIT("PROXY UNKNOWN " X54 X27 "1234567890\r\n"), NULL, NULL, 0, 0, false }, /* 107 */
    { BYTES_INIT(SIGNATURE "\x21\x11\x00\x0c" V4_BLOCK), "198.51.100.22", "203.0.113.7", 35646, 25, false },
    { BYTES_INIT(SIGNATURE "\x21\x21\x00\x24" V6_BLOCK), "2001:db8::22", "2001:db8::7", 35646, 25, false },
    { BYTES_INIT(SIGNATURE "\x21\x21\x00\x24" MAPPED "\xc6\x33\x64\x16" MAPPED
                           "\xcb\x00\x71\x07\x8b\x3e\x00\x19"),
      "198.51.100.22", "203.0.113.7", 35646, 25, false },
    /* TLVs, one of them broken: skipped unseen */
    { BYTES_INIT(SIGNATURE "\x21\x11\x00\x12" V4_BLOCK "\x04\x00\x01\x00\x02\xff"), "198.51.100.22",
      "203.0.113.7", 35646, 25, false },
    { BYTES_INIT(SIGNATURE "\x21\x21\x00\x27" V6_BLOCK "\x04\xff\xff"), "2001:db8::22", "2001:db8::7", 35646,
      25, false },
    { BYTES_INIT(SIGNATURE "\x20\x00\x00\x00"), NULL, NULL, 0, 0, true },
    { BYTES_INIT(SIGNATURE "\x20\x11\x00\x0c" V4_BLOCK), NULL, NULL, 0, 0, true },
    { BYTES_INIT(SIGNATURE "\x20\xff\x00\x03"
                           "abc"),
      NULL, NULL, 0, 0, true },
    { BYTES_INIT(SIGNATURE "\x20\x11\x00\x02"
                           "ab"),
      NULL, NULL, 0, 0, true },
    { BYTES_INIT(SIGNATURE "\x21\x00\x00\x00"), NULL, NULL, 0, 0, false },
    { BYTES_INIT(SIGNATURE "\x21\x00\x00\x05"
                           "abcde"),
      NULL, NULL, 0, 0, false },
    { BYTES_INIT(SIGNATURE "\x21\x12\x00\x0c" V4_BLOCK), NULL, NULL, 0, 0, false },
    { BYTES_INIT(SIGNATURE "\x21\x22\x00\x24" V6_BLOCK), NULL, NULL, 0, 0, false },
    { BYTES_INIT(SIGNATURE "\x21\x31\x00\xd8" NUL108 NUL108), NULL, NULL, 0, 0, false },
    { BYTES_INIT(SIGNATURE "\x21\x32\x00\xd8" NUL108 NUL108), NULL, NULL, 0, 0, false },
};

static const struct bytes wrong[] = {
    /* no header */
    BYTES_INIT("EHLO client.example\r\n"), BYTES_INIT("\r\nE"), BYTES_INIT("\n"), BYTES_INIT("\0"),
    BYTES_INIT(" PROXY TCP4 198.51.100.22 203.0.113.7 1 2\r\n"), BYTES_INIT("PROXY\r\n"),
    BYTES_INIT("PROXYTCP4 198.51.100.22 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY\tTCP4 198.51.100.22 203.0.113.7 1 2\r\n"),
    BYTES_INIT("proxy TCP4 198.51.100.22 203.0.113.7 1 2\r\n"), BYTES_INIT("PROXY \r\n"),
    /* protocol */
    BYTES_INIT("PROXY TCP4\r\n"), BYTES_INIT("PROXY tcp4 198.51.100.22 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP5 198.51.100.22 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY UDP4 198.51.100.22 203.0.113.7 1 2\r\n"), BYTES_INIT("PROXY UNKNOWNS\r\n"),
    BYTES_INIT("PROXY unknown\r\n"), BYTES_INIT("PROXY  TCP4 198.51.100.22 203.0.113.7 1 2\r\n"),
    /* families */
    BYTES_INIT("PROXY TCP6 198.51.100.22 203.0.113.7 123 321\r\n"),
    BYTES_INIT("PROXY TCP4 2001:db8::22 2001:db8::7 123 321\r\n"),
    BYTES_INIT("PROXY TCP4 ::ffff:198.51.100.22 203.0.113.7 123 321\r\n"),
    BYTES_INIT("PROXY TCP6 2001:db8::22 203.0.113.7 123 321\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 2001:db8::7 123 321\r\n"),
    /* addresses */
    BYTES_INIT("PROXY TCP4 198.51.100 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.256 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.022 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22.1 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 0xc6336416 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 3325256726 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22/32 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22\0 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 client.example 203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP6 [2001:db8::22] 2001:db8::7 1 2\r\n"),
    BYTES_INIT("PROXY TCP6 fe80::1%eth0 2001:db8::7 1 2\r\n"),
    BYTES_INIT("PROXY TCP6 2001:db8::22::1 2001:db8::7 1 2\r\n"),
    BYTES_INIT("PROXY TCP6 2001:db8:1 2001:db8::7 1 2\r\n"),
    BYTES_INIT("PROXY TCP6 ::ffff:198.51.100.322 2001:db8::7 1 2\r\n"),
    /* ports */
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 65536 25\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 65536\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 -1 25\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 +1 25\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 01 25\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 00\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 0x19 25\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 99999999999999999999 25\r\n"),
    /* number of fields */
    BYTES_INIT("PROXY TCP4 198.51.100.22\r\n"), BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 \r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 2 \r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 2 3\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22  203.0.113.7 1 2\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22\t203.0.113.7 1 2\r\n"),
    /* its end */
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 2\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 2\r\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 2\n\r\n"),
    BYTES_INIT("PROXY TCP4 198.51.100.22 203.0.113.7 1 2\rEHLO x\r\n"), BYTES_INIT("PROXY UNKNOWN\n"),
    BYTES_INIT("PROXY UNKNOWN " X54 X27 "12345678901\r\n"), /* 108 */
    BYTES_INIT("PROXY TCP4 " X54 X54),
    /* version 2 */
    BYTES_INIT("\r\n\r\n\0\r\nQUIT\r"), BYTES_INIT("\r\n\r\n\1"), BYTES_INIT("\r\n\r\nEHLO"),
    BYTES_INIT(SIGNATURE "\x11"), BYTES_INIT(SIGNATURE "\x31\x11\x00\x0c" V4_BLOCK),
    BYTES_INIT(SIGNATURE "\x01"), BYTES_INIT(SIGNATURE "\x22\x11\x00\x0c" V4_BLOCK),
    BYTES_INIT(SIGNATURE "\x2f\x11\x00\x0c" V4_BLOCK), BYTES_INIT(SIGNATURE "\x21\x01\x00\x00"),
    BYTES_INIT(SIGNATURE "\x21\x10\x00\x0c" V4_BLOCK), BYTES_INIT(SIGNATURE "\x21\x13\x00\x0c" V4_BLOCK),
    BYTES_INIT(SIGNATURE "\x21\x41\x00\x0c" V4_BLOCK), BYTES_INIT(SIGNATURE "\x21\x11\x00\x00"),
    BYTES_INIT(SIGNATURE "\x21\x11\x00\x04\xc6\x33\x64\x16"),
    BYTES_INIT(SIGNATURE "\x21\x11\x00\x0b" V4_BLOCK), BYTES_INIT(SIGNATURE "\x21\x21\x00\x0c" V4_BLOCK),
    BYTES_INIT(SIGNATURE "\x21\x21\x00\x23" V6_BLOCK), BYTES_INIT(SIGNATURE "\x21\x12\x00\x0b" V4_BLOCK),
    BYTES_INIT(SIGNATURE "\x21\x31\x00\xd7" NUL108 NUL108), BYTES_INIT(SIGNATURE "\x21\x11\xff\xff"),
    BYTES_INIT(SIGNATURE "\x20\x00\x0f\xf1"), /* 4,097 in all */
};

static struct proxy_header untouched(void)
{
    return (struct proxy_header){ .version = 9, .client_port = 4711 };
}

static void check_address(struct ip ip, const char *expected)
{
    char text[IP_TEXT_MAX];

    assert_string_equal(ip_text(ip, text), expected);
}

/* The header stands in a block of its own length: reading behind it is seen by the sanitizers. */
static enum proxy_header_event parse(struct bytes in, struct proxy_header *out, size_t *rest_out)
{
    uint8_t *copy = malloc(in.n > 0 ? in.n : 1);
    enum proxy_header_event event;
    struct bytes rest;

    assert_non_null(copy);
    memcpy(copy, in.p, in.n);
    rest = bytes_of(copy, in.n);
    event = proxy_header_parse(&rest, out);
    *rest_out = rest.n;
    free(copy);
    return event;
}

static void check_more(struct bytes part)
{
    struct proxy_header h = untouched();
    size_t rest;

    assert_int_equal(parse(part, &h, &rest), PROXY_HEADER_MORE);
    assert_int_equal(rest, part.n);
    assert_int_equal(h.version, 9);
    assert_int_equal(h.client_port, 4711);
}

static void test_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(right); i++) {
        const struct bytes in = right[i].in;
        uint8_t with_more[PROXY_HEADER_MAX];
        struct proxy_header h = untouched();
        size_t rest;

        for (size_t cut = 0; cut < in.n; cut++)
            check_more(bytes_take(in, cut));
        memcpy(with_more, in.p, in.n);
        memcpy(with_more + in.n, "EHLO", 4);
        for (size_t more = 0; more <= 4; more++) {
            assert_int_equal(parse(bytes_of(with_more, in.n + more), &h, &rest), PROXY_HEADER_DONE);
            assert_int_equal(rest, more);
        }
        assert_int_equal(h.version, in.p[0] == 'P' ? 1 : 2);
        assert_int_equal(h.local, right[i].local);
        assert_int_equal(h.known, right[i].client != NULL);
        if (!h.known)
            continue;
        check_address(h.client, right[i].client);
        check_address(h.dest, right[i].dest);
        assert_int_equal(h.client_port, right[i].client_port);
        assert_int_equal(h.dest_port, right[i].dest_port);
    }
}

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct proxy_header h = untouched();
        bool bad = false;
        size_t rest;

        for (size_t cut = 0; cut <= wrong[i].n; cut++) {
            const enum proxy_header_event event = parse(bytes_take(wrong[i], cut), &h, &rest);

            assert_int_not_equal(event, PROXY_HEADER_DONE);
            assert_true(!bad || event == PROXY_HEADER_BAD);
            bad = event == PROXY_HEADER_BAD;
        }
        if (!bad)
            print_message("wrong[%zu] was not refused\n", i);
        assert_true(bad);
        assert_int_equal(h.version, 9);
        assert_int_equal(h.client_port, 4711);
    }
}

/* Refused at the first octet that cannot be right, not when the rest has come. */
static void test_refused_early(void **state)
{
    static const struct {
        struct bytes in;
        size_t at;
    } early[] = {
        { BYTES_INIT("EHLO"), 1 },
        { BYTES_INIT("PROXX"), 5 },
        { BYTES_INIT("\r\n\r\n\1"), 5 },
        { BYTES_INIT(SIGNATURE "\x31"), 13 },
        { BYTES_INIT(SIGNATURE "\x21\x99"), 14 },
        { BYTES_INIT(SIGNATURE "\x21\x11\x00\x04"), 16 },
        { BYTES_INIT(SIGNATURE "\x21\x11\xff\x00"), 16 },
        { BYTES_INIT("PROXY TCP4 1.2.3.4\n"), 19 },
        { BYTES_INIT("PROXY TCP4 " X54 X27 "123456789012345"), 107 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(early); i++) {
        struct proxy_header h;
        size_t rest;

        assert_int_equal(parse(bytes_take(early[i].in, early[i].at - 1), &h, &rest), PROXY_HEADER_MORE);
        assert_int_equal(parse(bytes_take(early[i].in, early[i].at), &h, &rest), PROXY_HEADER_BAD);
    }
}

/* The limit of version 2: all TLVs together. */
static void test_limit(void **state)
{
    static const struct {
        size_t total;
        enum proxy_header_event event;
    } cases[] = { { PROXY_HEADER_MAX - 1, PROXY_HEADER_DONE },
                  { PROXY_HEADER_MAX, PROXY_HEADER_DONE },
                  { PROXY_HEADER_MAX + 1, PROXY_HEADER_BAD } };
    static uint8_t in[PROXY_HEADER_MAX + 1] = SIGNATURE "\x21\x11\x00\x00" V4_BLOCK;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const size_t length = cases[i].total - 16;
        struct proxy_header h;
        size_t rest;

        in[14] = (uint8_t)(length >> 8);
        in[15] = (uint8_t)length;
        assert_int_equal(parse(bytes_of(in, cases[i].total), &h, &rest), cases[i].event);
        if (cases[i].event == PROXY_HEADER_DONE)
            check_address(h.client, "198.51.100.22");
        assert_int_equal(rest, cases[i].event == PROXY_HEADER_DONE ? 0 : cases[i].total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_refused_early),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
