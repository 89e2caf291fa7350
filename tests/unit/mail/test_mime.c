/* What a walk tells of a message, cut at every place and octet by octet; and messages made to break it. */
#include <mail/mime.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIXED(b) "Content-Type: multipart/mixed; boundary=" b "\r\n\r\n"
#define HTML     "Content-Type: text/html\r\n"
#define IMAGE    "Content-Type: image/png\r\n"
#define B64      "Content-Transfer-Encoding: base64\r\n\r\n"
#define QP       "Content-Transfer-Encoding: Quoted-Printable\r\n\r\n"
#define TEN      "0123456789"
#define SEVENTY  TEN TEN TEN TEN TEN TEN TEN

struct told {
    size_t n, open;
    uint64_t octets;
    char text[4096];
};

/* "P" "H" "R" and the text; "." where it ends. */
static void on_text(enum mime_kind kind, struct bytes text, void *arg)
{
    struct told *t = arg;

    t->octets += text.n;
    if (t->n + text.n + 2 > sizeof(t->text))
        return;
    if (text.n == 0) {
        t->text[t->n++] = '.';
        t->open = 0;
        return;
    }
    if (t->open == 0)
        t->text[t->n++] = "PHR"[kind];
    t->open = 1;
    memcpy(t->text + t->n, text.p, text.n);
    t->n += text.n;
}

static const struct {
    struct bytes message, told;
    uint32_t parts, found;
} cases[] = {
    { BYTES_INIT(""), BYTES_INIT(""), 1, 0 },
    { BYTES_INIT("Subject: x\r\n\r\nhello\r\n"), BYTES_INIT("Phello\r\n."), 1, 0 },
    { BYTES_INIT("Subject: x\n\nhello"), BYTES_INIT("Phello."), 1, 0 },
    { BYTES_INIT("no field here\r\nhello"), BYTES_INIT("Pno field here\r\nhello."), 1, 0 },
    { BYTES_INIT("From a@b Mon 08:00\r\n" HTML "\r\n<b>"), BYTES_INIT("H<b>."), 1, 0 },
    { BYTES_INIT("Reply-To: a\r\n b@c\r\n\r\n"), BYTES_INIT("R a b@c."), 1, 0 },
    { BYTES_INIT("reply-to : a@b"), BYTES_INIT("R a@b."), 1, 0 },
    { BYTES_INIT(HTML "\r\n<b>"), BYTES_INIT("H<b>."), 1, 0 },
    { BYTES_INIT("Content-Type:\r\n\ttext/HTML ;x=y\r\n\r\n<b>"), BYTES_INIT("H<b>."), 1, 0 },
    { BYTES_INIT(IMAGE "\r\nhello"), BYTES_INIT(""), 1, MIME_ATTACHED },
    /* Base64: any line length, rubbish, a second run, cut */
    { BYTES_INIT(B64 "aGVs\r\nbG8=\r\n"), BYTES_INIT("Phello."), 1, 0 },
    { BYTES_INIT(B64 "aG V!s-b\x80G8"), BYTES_INIT("Phello."), 1, 0 },
    { BYTES_INIT(B64 "aGVsbG8=aGVsbG8="), BYTES_INIT("Phellohello."), 1, 0 },
    { BYTES_INIT(B64 "aGVsbG"), BYTES_INIT("Phell."), 1, 0 },
    { BYTES_INIT(B64 "===="), BYTES_INIT(""), 1, 0 },
    /* quoted-printable */
    { BYTES_INIT(QP "a=3D=\r\nb=3d= \t\nc"), BYTES_INIT("Pa=b=c."), 1, 0 },
    { BYTES_INIT(QP "=zz =4g = x =="), BYTES_INIT("P=zz =4g = x ==."), 1, 0 },
    { BYTES_INIT(QP "x=4"), BYTES_INIT("Px=4."), 1, 0 },
    { BYTES_INIT("Content-Transfer-Encoding: rot13\r\n\r\n=41"), BYTES_INIT("P=41."), 1, 0 },
    /* multiparts */
    { BYTES_INIT(MIXED("b") "pre\r\n--b\r\n\r\none\r\n--b\r\n" HTML B64 "dHdv\r\n--b--\r\npost\r\n"),
      BYTES_INIT("Pone\r\n.Htwo."), 3, MIME_MULTIPART },
    { BYTES_INIT(MIXED("\"b;\\\" c\"") "--b;\" c \t\r\n\r\none"), BYTES_INIT("Pone."), 2, MIME_MULTIPART },
    { BYTES_INIT(MIXED("b") "--b\r\n\r\none\r\n--bb\r\n --b\r\n--b x\r\n--b"),
      BYTES_INIT("Pone\r\n--bb\r\n --b\r\n--b x\r\n."), 3, MIME_MULTIPART },
    { BYTES_INIT(MIXED("b") "--b\r\n" HTML "--b\r\n\r\none"), BYTES_INIT("Pone."), 3, MIME_MULTIPART },
    /* a boundary that begins with another; one that ends as the last delimiter does */
    { BYTES_INIT(MIXED("b") "--b\r\n" MIXED("bb") "--bb\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--bb\r\n"),
      BYTES_INIT("Pone\r\n.Ptwo\r\n--bb\r\n."), 4, MIME_MULTIPART },
    { BYTES_INIT(MIXED("b--") "--b--\r\n" MIXED("b") "--b\r\n\r\none\r\n--b--\r\n\r\nx\r\n--b----\r\ny"),
      BYTES_INIT("Pone\r\n."), 3, MIME_MULTIPART },
    { BYTES_INIT(MIXED("b") "--b\r\nContent-Type: message/rfc822\r\n\r\nReply-To: x@y\r\n" HTML
                            "\r\n<i>\r\n--b--"),
      BYTES_INIT("H<i>\r\n."), 3, MIME_MULTIPART },
    { BYTES_INIT(MIXED("b") "--b--\r\n--b\r\n\r\nx"), BYTES_INIT(""), 1, MIME_MULTIPART },
    /* no boundary that can be used */
    { BYTES_INIT("Content-Type: multipart/mixed\r\n\r\n--b\r\nx"), BYTES_INIT("P--b\r\nx."), 1,
      MIME_MULTIPART | MIME_NO_BOUNDARY },
    { BYTES_INIT(MIXED("\"\"") "--\r\nx"), BYTES_INIT("P--\r\nx."), 1, MIME_MULTIPART | MIME_NO_BOUNDARY },
    { BYTES_INIT(MIXED(SEVENTY) "--" SEVENTY "\r\n\r\nx"), BYTES_INIT("Px."), 2, MIME_MULTIPART },
    { BYTES_INIT(MIXED(SEVENTY "x") "--"), BYTES_INIT("P--."), 1, MIME_MULTIPART | MIME_NO_BOUNDARY },
    { BYTES_INIT("Content-Type: multipart/mixed; name=\"x; boundary=b\r\n\r\nx"), BYTES_INIT("Px."), 1,
      MIME_MULTIPART | MIME_NO_BOUNDARY },
};

static void check(size_t i, size_t cut, size_t step)
{
    const struct bytes all = cases[i].message;
    struct told told = { 0 };
    struct mime m;

    mime_init(&m, on_text, &told);
    if (step == 0) {
        mime_feed(&m, bytes_take(all, cut));
        mime_feed(&m, bytes_skip(all, cut));
    }
    for (size_t at = 0; step > 0 && at < all.n; at += step)
        mime_feed(&m, bytes_take(bytes_skip(all, at), step));
    mime_end(&m);
    if (!bytes_eq(bytes_of(told.text, told.n), cases[i].told))
        fail_msg("case %zu cut %zu: %.*s", i, cut, (int)told.n, told.text);
    if (m.parts != cases[i].parts || m.found != cases[i].found)
        fail_msg("case %zu: parts %u found %x", i, m.parts, m.found);
}

static void test_cases_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].message.n; cut++)
            check(i, cut, 0);
        check(i, 0, 1);
    }
}

/* `head`, then `line` times over: nothing grows, and no more is told than came in. */
static struct mime bomb(struct bytes head, struct bytes line, size_t times, struct told *told)
{
    struct mime m;

    *told = (struct told){ 0 };
    mime_init(&m, on_text, told);
    mime_feed(&m, head);
    for (size_t i = 0; i < times; i++)
        mime_feed(&m, line);
    mime_end(&m);
    assert_true(told->octets <= head.n + line.n * times);
    return m;
}

static void test_bombs(void **state)
{
    const struct bytes nested = BYTES("--b\r\n" MIXED("b"));
    struct told told;
    struct mime m;

    (void)state;
    m = bomb(BYTES(MIXED("b")), BYTES("--b\r\n\r\n"), 700000, &told);
    assert_int_equal(m.parts, 700001);
    assert_int_equal(told.octets, 0);
    m = bomb(BYTES(MIXED("b")), BYTES("--b\r\n"), 1000000, &told);
    assert_int_equal(m.parts, 1000001);
    m = bomb(BYTES(MIXED("b")), nested, 100000, &told);
    assert_int_equal(m.depth, MIME_DEPTH_MAX);
    assert_true((m.found & MIME_DEEP) != 0);
    m = bomb(BYTES(""), BYTES("Content-Type: message/rfc822\r\n\r\n"), 200000, &told);
    assert_int_equal(m.parts, 200001);
    m = bomb(BYTES("Content-Type: multipart/mixed;"), BYTES(" x=\"y\";\r\n"), 500000, &told);
    assert_int_equal(m.parts, 1);
    m = bomb(BYTES("Reply-To: "), BYTES("a"), 5000000, &told);
    assert_int_equal(told.octets, MIME_FIELD_MAX);
    m = bomb(BYTES("x: y\r\n\r\n"), BYTES("-"), 5000000, &told);
    assert_int_equal(told.octets, 5000000);
    m = bomb(BYTES(QP), BYTES("="), 5000000, &told);
    assert_int_equal(told.octets, 5000000);
}

/* The deepest multipart that is walked, and the first that is not. */
static void test_depth(void **state)
{
    (void)state;
    for (unsigned depth = MIME_DEPTH_MAX - 1; depth <= MIME_DEPTH_MAX + 1; depth++) {
        char part[] = "--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
        struct told told = { 0 };
        struct mime m;

        mime_init(&m, on_text, &told);
        for (unsigned i = 0; i < depth; i++) {
            part[2] = (char)('a' + i);
            part[sizeof(part) - 6] = (char)('b' + i);
            mime_feed(&m, bytes_skip(bytes_str(part), i == 0 ? 5 : 0));
        }
        mime_end(&m);
        assert_int_equal(m.depth, depth < MIME_DEPTH_MAX ? depth : MIME_DEPTH_MAX);
        assert_int_equal((m.found & MIME_DEEP) != 0, depth > MIME_DEPTH_MAX);
    }
}

/* A longer line is judged by its first octets. */
static void test_line_limit(void **state)
{
    (void)state;
    for (size_t n = MIME_LINE_MAX - 1; n <= MIME_LINE_MAX + 1; n++) {
        struct told told = { 0 };
        struct mime m;

        mime_init(&m, on_text, &told);
        mime_feed(&m, BYTES(MIXED("b") "--b\r\n\r\n--b"));
        for (size_t i = 3; i < n; i++)
            mime_feed(&m, BYTES(" "));
        mime_feed(&m, BYTES("x\r\n"));
        mime_end(&m);
        assert_int_equal(m.parts, n < MIME_LINE_MAX ? 2 : 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases_at_every_cut),
                                        cmocka_unit_test(test_bombs), cmocka_unit_test(test_depth),
                                        cmocka_unit_test(test_line_limit) };

    assert_true(sizeof(struct mime) < 5000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
