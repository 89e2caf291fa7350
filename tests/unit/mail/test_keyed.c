/* Keyed hashing and derivation against published vectors and against their own promises. */
#include <mail/keyed.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

/* SipHash-2-4 of 00 01 02 … under the key 00 01 … 0f: the vectors of its authors' reference code. */
static void test_hash_vectors(void **state)
{
    static const struct {
        size_t n;
        uint64_t want;
    } cases[] = {
        { 0, 0x726fdb47dd0e0e31ULL }, { 1, 0x74f839c593dc67fdULL },  { 7, 0xab0200f58b01d137ULL },
        { 8, 0x93f5f5799a932462ULL }, { 15, 0xa129ca6149be45e5ULL },
    };
    struct hash_key key;
    uint8_t in[16];

    (void)state;
    for (size_t i = 0; i < sizeof(in); i++) {
        key.k[i] = (uint8_t)i;
        in[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(keyed_hash(&key, bytes_of(in, cases[i].n)), cases[i].want);
    assert_int_equal(keyed_hash(&key, bytes_of(NULL, 0)), cases[0].want);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(keyed_equal(BYTES("same"), BYTES("same")));
    assert_true(keyed_equal(bytes_of(NULL, 0), bytes_of(NULL, 0)));
    assert_false(keyed_equal(BYTES("same"), BYTES("sama")));
    assert_false(keyed_equal(BYTES("same"), BYTES("Same")));
    assert_false(keyed_equal(BYTES("same"), BYTES("sam")));
    assert_false(keyed_equal(BYTES(""), BYTES("s")));
}

static void test_purposes_differ(void **state)
{
    static const char *const names[] = { "", "policy", "policy2", "polic", "trapdir" };
    enum { N = sizeof(names) / sizeof(names[0]) };
    uint8_t master[32] = { 1 }, other[32] = { 2 };

    (void)state;
    for (size_t i = 0; i < N; i++) {
        const struct hash_key a = keyed_purpose(master, names[i]);
        const struct hash_key again = keyed_purpose(master, names[i]);
        const struct hash_key elsewhere = keyed_purpose(other, names[i]);

        assert_memory_equal(a.k, again.k, sizeof(a.k));
        assert_memory_not_equal(a.k, elsewhere.k, sizeof(a.k));
        for (size_t k = 0; k < i; k++) {
            const struct hash_key b = keyed_purpose(master, names[k]);
            assert_memory_not_equal(a.k, b.k, sizeof(a.k));
        }
    }
}

/* Listings of two machines must agree for ever: the derivation is frozen. Value: hashlib.blake2b(b"policy",
 * digest_size=16, key=blake2b(b"", digest_size=32, key=master, salt=le64(1) + bytes(8), person=b"tlpurpos" +
 * bytes(8))). */
static void test_purpose_is_frozen(void **state)
{
    static const uint8_t want[HASH_KEY_BYTES] = { 0x2d, 0xa3, 0x6b, 0x3e, 0xf7, 0x7f, 0x54, 0x92,
                                                  0x28, 0x07, 0x87, 0x75, 0x73, 0x67, 0xd0, 0xe4 };
    uint8_t master[32];
    struct hash_key key;

    (void)state;
    for (size_t i = 0; i < sizeof(master); i++)
        master[i] = (uint8_t)i;
    key = keyed_purpose(master, "policy");
    assert_memory_equal(key.k, want, sizeof(want));
}

/* From Python: hashlib.blake2b(b"secret", digest_size=16, key=bytes(range(16))). */
static void test_digest(void **state)
{
    static const uint8_t want[KEYED_DIGEST_BYTES] = { 0x51, 0xba, 0xbd, 0x64, 0xce, 0x39, 0xdb, 0xf9,
                                                      0x81, 0x5e, 0xbf, 0x73, 0x62, 0xd0, 0xfc, 0xf1 };
    uint8_t got[KEYED_DIGEST_BYTES], empty[KEYED_DIGEST_BYTES], zero[KEYED_DIGEST_BYTES] = { 0 };
    struct hash_key key;

    (void)state;
    for (size_t i = 0; i < sizeof(key.k); i++)
        key.k[i] = (uint8_t)i;
    keyed_digest(&key, BYTES("secret"), got);
    assert_memory_equal(got, want, sizeof(want));
    keyed_digest(&key, bytes_of(NULL, 0), empty);
    assert_memory_not_equal(empty, zero, sizeof(zero));
    key.k[0] ^= 1;
    keyed_digest(&key, BYTES("secret"), got);
    assert_memory_not_equal(got, want, sizeof(want));
}

static void test_wipe_and_random(void **state)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 }, zero[32] = { 0 };

    (void)state;
    keyed_random(a, sizeof(a));
    keyed_random(b, sizeof(b));
    assert_memory_not_equal(a, zero, sizeof(a));
    assert_memory_not_equal(a, b, sizeof(a));
    keyed_wipe(a, sizeof(a));
    assert_memory_equal(a, zero, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_vectors),    cmocka_unit_test(test_equal),
        cmocka_unit_test(test_purposes_differ), cmocka_unit_test(test_purpose_is_frozen),
        cmocka_unit_test(test_digest),          cmocka_unit_test(test_wipe_and_random),
    };

    if (keyed_init() != TRAP_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
