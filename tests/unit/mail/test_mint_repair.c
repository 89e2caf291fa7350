/* Everything that harvesters glue to an address or cut off around it still leads to the visit. */
#include "mint_repair.h"

#include "mint_test.h"

#include <mail/keyed.h>
#include <mail/mint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after the four above */
#include <cmocka.h>

static struct mint *mint;
static struct mint_domain domain;
static struct mint_window window;

static int set_up(void **state)
{
    struct keyring k = { .has_master = true, .master = { 1, 2, 3 } };

    (void)state;
    window.node[1].newest = 4;
    window.node[1].count = 4;
    if (mint_new(&k, &mint) != TRAP_OK)
        return -1;
    domain = mint_domain(mint, BYTES("quellwerft.net"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mint_free(&mint);
    return 0;
}

/* What stands before and behind the address; NULL ends a list. "" stands for nothing. */
static const char *const before[] = {
    "",        "--",     "-",       "u003e",  "\\u003e", "n",          "\\n",   "3d",   "=3D",
    "20",      "%20",    "mailto:", "mailto", "MAILTO:", "mailto:%20", "Mail",  "mail", "contact",
    "e-mail:", "Email:", "info.",   "john.",  "john-",   "john+",      "john_", "'",    "\"",
    "<",       "/",      "?to=",    "x",      "4711",    "name=",      NULL,
};
static const char *const behind[] = {
    "",  ".",  "..", "Tel", "tel", ".Tel", "-more", "+tag", "?subject=hello", "?Subject=Hi%20there",
    ">", "\"", "'",  ")",   ",",   "&amp", ";",     NULL,
};

struct tally {
    size_t forms, right, first_wrong, tries_max;
    char worst[128];
};

/* Whether the address is found in `text`, and at what cost. Wrong readings are possible with 2^-9 a key
 * tried. */
static void check_one(struct bytes text, struct mint_ref want, struct tally *t)
{
    struct bytes forms[MINT_REPAIRS_MAX];
    const size_t tries = 1 + mint_repairs(text, forms);
    struct mint_ref refs[MINT_READINGS_MAX];
    bool repaired;
    const size_t n = mint_read_all(mint, domain, text, &window, refs, &repaired);
    bool found = false;

    for (size_t i = 0; i < n; i++)
        found = found || (refs[i].node == want.node && refs[i].epoch == want.epoch &&
                          refs[i].serial == want.serial && refs[i].slot == want.slot);
    t->forms++;
    t->right += found;
    t->first_wrong += n > 0 && !found;
    if (n == 0)
        fail_msg("not found in %.*s", (int)text.n, (const char *)text.p);
    if (tries > t->tries_max) {
        t->tries_max = tries;
        (void)snprintf(t->worst, sizeof(t->worst), "%.*s", (int)text.n, (const char *)text.p);
    }
}

static void test_every_garbling(void **state)
{
    struct tally t = { 0 };

    (void)state;
    for (uint32_t serial = 0; serial < (MINT_TEST_DIVISOR > 1 ? 10 : 80); serial++) {
        const struct mint_ref ref = {
            .node = 1, .epoch = 1 + serial % 4, .serial = serial, .slot = serial % 8
        };
        uint8_t local[MINT_LOCAL_MAX];
        const size_t n = mint_encode(mint, domain, ref, local);

        for (size_t b = 0; before[b] != NULL; b++) {
            for (size_t a = 0; behind[a] != NULL; a++) {
                char text[128];
                const int len = snprintf(text, sizeof(text), "%s%.*s%s", before[b], (int)n,
                                         (const char *)local, behind[a]);

                check_one(bytes_of(text, (size_t)len), ref, &t);
                for (int i = 0; i < len; i++)
                    text[i] = (char)ascii_upper((uint8_t)text[i]);
                check_one(bytes_of(text, (size_t)len), ref, &t);
            }
        }
    }
    print_message("%zu garbled forms: %zu right, %zu wrong; at most %zu forms tried (%s)\n", t.forms, t.right,
                  t.first_wrong, t.tries_max, t.worst);
    assert_int_equal(t.right + t.first_wrong, t.forms);
    assert_true(t.first_wrong <= t.forms / 500);
    assert_true(t.tries_max <= 1 + MINT_REPAIRS_MAX);
}

/* The part after the last dot, hyphen or plus of a longer local-part, removed or kept. */
static void test_part_after_separator(void **state)
{
    static const char separators[] = ".-+";
    struct tally t = { 0 };

    (void)state;
    for (uint32_t serial = 0; serial < 300; serial++) {
        const struct mint_ref ref = { .node = 1, .epoch = 4, .serial = serial, .slot = 0 };
        uint8_t local[MINT_LOCAL_MAX];
        const size_t n = mint_encode(mint, domain, ref, local);

        for (size_t s = 0; s < 3; s++) {
            char text[128];
            const int len = snprintf(text, sizeof(text), "first%csecond%c%.*s", separators[s], separators[s],
                                     (int)n, (const char *)local);
            const struct bytes whole = bytes_of(text, (size_t)len);

            check_one(whole, ref, &t);
            check_one(bytes_skip(whole, bytes_rfind(whole, (uint8_t)separators[s]) + 1), ref, &t);
        }
    }
    assert_true(t.first_wrong <= 6);
}

static void test_exact_is_not_repaired(void **state)
{
    (void)state;
    for (uint32_t serial = 0; serial < 1000; serial++) {
        const struct mint_ref ref = { .node = 1, .epoch = 4, .serial = serial, .slot = 0 };
        uint8_t text[MINT_LOCAL_MAX + 1];
        struct mint_ref back;
        bool repaired = true;
        const size_t n = mint_encode(mint, domain, ref, text);

        assert_int_equal(mint_decode_repaired(mint, domain, bytes_of(text, n), &window, &back, &repaired),
                         TRAP_OK);
        assert_false(repaired);
        assert_int_equal(back.serial, serial);
        text[n] = '.';
        assert_int_equal(mint_decode(mint, domain, bytes_of(text, n + 1), &window, &back), TRAP_ENOENT);
        assert_int_equal(mint_decode_repaired(mint, domain, bytes_of(text, n + 1), &window, &back, &repaired),
                         TRAP_OK);
        assert_true(repaired);
    }
}

/* Digits glued behind are never cut off: each cut would be one more draw for a guess. */
static void test_digits_are_not_cut(void **state)
{
    static const struct {
        struct bytes text;
        size_t forms;
    } cases[] = {
        { BYTES_INIT("janhalvenkom471"), 0 },
        { BYTES_INIT("-janhalvenkom471"), 1 },
        { BYTES_INIT("janhalvenkom471-"), 1 },
        { BYTES_INIT("janhalvenkom47110"), 0 },
        { BYTES_INIT("-janhalvenkom9999"), 0 },
        { BYTES_INIT("janhalvenkom-471"), 1 },
        { BYTES_INIT("janhalvenkomhal"), 1 },
        { BYTES_INIT("brunahalvenkom1"), 2 },
        { BYTES_INIT(""), 0 },
        { BYTES_INIT("halvenkom"), 0 },
        { BYTES_INIT("janhalvenkom1janhalvenkom2"), 2 },
    };
    struct bytes forms[MINT_REPAIRS_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(mint_repairs(cases[i].text, forms), cases[i].forms);
}

/* Borders before glue before the middle of a word, longer names first. */
static void test_order(void **state)
{
    struct bytes forms[MINT_REPAIRS_MAX];

    (void)state;
    assert_int_equal(mint_repairs(BYTES("xinahalvenkom1 tinahalvenkom2 tinahalvenkom3"), forms), 5);
    assert_true(bytes_eq(forms[0], BYTES("tinahalvenkom2")));
    assert_true(bytes_eq(forms[1], BYTES("tinahalvenkom3")));
    assert_true(bytes_eq(forms[2], BYTES("inahalvenkom2"))); /* behind t: what is left of a tab */
    assert_true(bytes_eq(forms[3], BYTES("inahalvenkom3")));
    assert_true(bytes_eq(forms[4], BYTES("inahalvenkom1")));
}

/* Text made to hold as many candidates as can be: the number of tries stays bounded, nothing is read
 * outside. */
static void test_bounds(void **state)
{
    static uint8_t text[MINT_REPAIR_INPUT_MAX + 64];
    struct bytes forms[MINT_REPAIRS_MAX];
    size_t most = 0;

    (void)state;
    for (size_t i = 0; i + 3 <= sizeof(text); i += 3)
        memcpy(text + i, i % 9 == 0 ? "jan" : i % 9 == 3 ? "kim" : "tom", 3);
    for (size_t n = 0; n <= sizeof(text); n++) {
        const size_t count = mint_repairs(bytes_of(text, n), forms);

        assert_true(count <= MINT_REPAIRS_MAX);
        most = count > most ? count : most;
        for (size_t i = 0; i < count; i++) {
            assert_true(forms[i].p >= text && forms[i].p + forms[i].n <= text + n);
            assert_true(mint_is_form(forms[i]));
        }
    }
    assert_int_equal(most, MINT_REPAIRS_MAX);
}

/* Found up to the limit of the input, at its very end, not behind it. */
static void test_input_limit(void **state)
{
    const struct mint_ref ref = { .node = 1, .epoch = 4, .serial = 12345, .slot = 0 };
    static uint8_t text[MINT_REPAIR_INPUT_MAX + 1];
    uint8_t local[MINT_LOCAL_MAX];
    const size_t n = mint_encode(mint, domain, ref, local);
    struct mint_ref back;
    bool repaired;

    (void)state;
    for (int shift = -1; shift <= 1; shift++) {
        const size_t at = (size_t)((int)(MINT_REPAIR_INPUT_MAX - n) + shift);

        memset(text, '.', sizeof(text));
        memcpy(text + at, local, n);
        assert_int_equal(
            mint_decode_repaired(mint, domain, bytes_of(text, at + n), &window, &back, &repaired),
            shift <= 0 ? TRAP_OK : TRAP_ENOENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_garbling),
        cmocka_unit_test(test_part_after_separator),
        cmocka_unit_test(test_exact_is_not_repaired),
        cmocka_unit_test(test_digits_are_not_cut),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_input_limit),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
