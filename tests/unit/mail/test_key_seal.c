/* Sealed keyrings: come back whole, and do not open when anything about them is wrong. Sealing and opening
 * take Argon2id and 256 MiB each, so that most tests share one sealed text. */
#include <mail/key_seal.h>
#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

enum { HEADER_LEN = sizeof("trapline-sealed-keys 1\n") - 1 };

static const struct bytes passphrase = BYTES_INIT("correct horse battery staple");
static struct keyring keys;
static struct buf sealed;

static int set_up(void **state)
{
    (void)state;
    keys = (struct keyring){ .has_master = true, .has_node = true, .node_id = 255 };
    for (size_t i = 0; i < KEY_BYTES; i++) {
        keys.master[i] = (uint8_t)(i + 1);
        keys.node[i] = (uint8_t)(200 - i);
    }
    for (size_t i = 0; i < KEY_OUTER_BYTES; i++)
        keys.outer[i] = (uint8_t)(i * 7);
    buf_init(&sealed, KEY_SEAL_TEXT_MAX);
    return key_seal(&keys, passphrase, &sealed) == TRAP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&sealed);
    return 0;
}

static void check_same(const struct keyring *a, const struct keyring *b)
{
    assert_int_equal(a->has_master, b->has_master);
    assert_int_equal(a->has_node, b->has_node);
    assert_int_equal(a->node_id, b->node_id);
    assert_memory_equal(a->master, b->master, KEY_BYTES);
    assert_memory_equal(a->node, b->node, KEY_BYTES);
    assert_memory_equal(a->outer, b->outer, KEY_OUTER_BYTES);
}

static void test_round_trip(void **state)
{
    struct keyring back;

    (void)state;
    memset(&back, 0x55, sizeof(back));
    assert_true(bytes_has_prefix(buf_bytes(&sealed), BYTES("trapline-sealed-keys 1\n")));
    assert_int_equal(key_open(buf_bytes(&sealed), passphrase, &back), TRAP_OK);
    check_same(&keys, &back);
}

/* What the keyring says it lacks is not sealed; two texts never share salt and nonce. */
static void test_node_keys_only(void **state)
{
    struct keyring node = keys, back;
    struct buf text;

    (void)state;
    node.has_master = false;
    memset(&back, 0x55, sizeof(back));
    buf_init(&text, KEY_SEAL_TEXT_MAX);
    assert_int_equal(key_seal(&node, passphrase, &text), TRAP_OK);
    assert_int_equal(text.n, sealed.n);
    assert_memory_not_equal(text.p + HEADER_LEN, sealed.p + HEADER_LEN, 20);
    assert_memory_not_equal(text.p + HEADER_LEN + 25, sealed.p + HEADER_LEN + 25, 30);
    assert_int_equal(key_open(buf_bytes(&text), passphrase, &back), TRAP_OK);
    memset(node.master, 0, KEY_BYTES);
    check_same(&node, &back);
    buf_free(&text);
}

/* A mail program may have sent it: CR LF, blank lines around it. */
static void test_opens_after_a_mail_program(void **state)
{
    struct keyring back;
    struct buf mailed;

    (void)state;
    buf_init(&mailed, 1024);
    buf_add_str(&mailed, "\r\n");
    for (size_t i = 0; i < sealed.n; i++) {
        if (sealed.p[i] == '\n')
            buf_add_str(&mailed, " \r");
        buf_add_byte(&mailed, sealed.p[i]);
    }
    buf_add_str(&mailed, "\r\n\r\n");
    assert_int_equal(key_open(buf_bytes(&mailed), passphrase, &back), TRAP_OK);
    check_same(&keys, &back);
    buf_free(&mailed);
}

static void test_refuses_to_seal(void **state)
{
    const struct keyring none = { .node_id = 1 };
    struct buf text, small;

    (void)state;
    buf_init(&text, KEY_SEAL_TEXT_MAX);
    buf_init(&small, 100);
    assert_int_equal(key_seal(&keys, bytes_of(NULL, 0), &text), TRAP_EINVAL);
    assert_int_equal(key_seal(&none, passphrase, &text), TRAP_EINVAL);
    assert_int_equal(text.n, 0);
    assert_int_equal(key_seal(&keys, passphrase, &small), TRAP_ENOMEM);
    buf_free(&text);
    buf_free(&small);
}

/* The passphrase is wrong by one letter, the box by one bit. */
static void test_wrong_passphrase_or_box(void **state)
{
    struct keyring back = { .node_id = 77 };
    const size_t box = bytes_rfind(bytes_take(buf_bytes(&sealed), sealed.n - 1), '\n') + 1;
    const uint8_t old = sealed.p[box];

    (void)state;
    assert_int_equal(key_open(buf_bytes(&sealed), BYTES("correct horse battery stapl"), &back), TRAP_EPERM);
    sealed.p[box] = old == 'A' ? 'B' : 'A';
    assert_int_equal(key_open(buf_bytes(&sealed), passphrase, &back), TRAP_EPERM);
    sealed.p[box] = old;
    assert_int_equal(back.node_id, 77);
}

/* Damaged before any key is stretched: cut at every place, a letter dropped at every place, more behind
 * it. */
static void test_damaged_text(void **state)
{
    struct keyring back = { .node_id = 77 };
    struct buf text;

    (void)state;
    buf_init(&text, KEY_SEAL_TEXT_MAX);
    for (size_t cut = 0; cut + 1 < sealed.n; cut++)
        assert_int_not_equal(key_open(bytes_of(sealed.p, cut), passphrase, &back), TRAP_OK);
    for (size_t at = HEADER_LEN; at + 1 < sealed.n; at++) {
        buf_reset(&text);
        buf_add(&text, bytes_take(buf_bytes(&sealed), at));
        buf_add(&text, bytes_skip(buf_bytes(&sealed), at + 1));
        assert_int_equal(key_open(buf_bytes(&text), passphrase, &back), TRAP_EPERM);
    }
    buf_reset(&text);
    buf_add(&text, buf_bytes(&sealed));
    buf_add_str(&text, "more\n");
    assert_int_equal(key_open(buf_bytes(&text), passphrase, &back), TRAP_EPERM);
    assert_int_equal(key_open(buf_bytes(&sealed), bytes_of(NULL, 0), &back), TRAP_EPERM);
    assert_int_equal(key_open(BYTES("trapline-sealed-keys 2\nAAAA\n"), passphrase, &back), TRAP_ENEWER);
    assert_int_equal(key_open(BYTES("trapline-sealed-keys \n"), passphrase, &back), TRAP_EPERM);
    assert_int_equal(key_open(BYTES("trapline-keys 1\n"), passphrase, &back), TRAP_EPERM);
    assert_int_equal(back.node_id, 77);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_node_keys_only),
        cmocka_unit_test(test_opens_after_a_mail_program),
        cmocka_unit_test(test_refuses_to_seal),
        cmocka_unit_test(test_wrong_passphrase_or_box),
        cmocka_unit_test(test_damaged_text),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
