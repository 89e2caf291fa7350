#include <base/prefix_set.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct ip ip(const char *text)
{
    struct ip a;

    assert_int_equal(ip_parse(bytes_str(text), &a), TRAP_OK);
    return a;
}

/* First use by several threads at once. */
static void *first_use(void *arg)
{
    (void)arg;
    return prefix_set_has(special_use(), ip_v4(127, 0, 0, 1)) ? arg : NULL;
}

static void test_built_once(void **state)
{
    (void)state;
    pthread_t threads[8];
    void *result = NULL;
    int token = 0;

    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, first_use, &token), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &token);
    }
    assert_true(special_use()->sealed);
}

/* First and last address of each block, with the addresses just outside. NULL: nothing special. */
static const struct {
    const char *ip, *name;
} edges[] = {
    { "0.0.0.0", "This host on this network" },
    { "0.255.255.255", "This network" },
    { "1.0.0.0", NULL },
    { "9.255.255.255", NULL },
    { "10.0.0.0", "Private-Use" },
    { "10.255.255.255", "Private-Use" },
    { "11.0.0.0", NULL },
    { "100.63.255.255", NULL },
    { "100.64.0.0", "Shared Address Space" },
    { "100.127.255.255", "Shared Address Space" },
    { "100.128.0.0", NULL },
    { "126.255.255.255", NULL },
    { "127.0.0.2", "Loopback" },
    { "128.0.0.0", NULL },
    { "169.253.255.255", NULL },
    { "169.254.169.254", "Link Local" },
    { "169.255.0.0", NULL },
    { "172.15.255.255", NULL },
    { "172.16.0.0", "Private-Use" },
    { "172.17.0.1", "Private-Use" }, /* was once on a trap list: the container bridge of its own host */
    { "172.31.255.255", "Private-Use" },
    { "172.32.0.0", NULL }, /* was once taken for private */
    { "192.0.0.7", "IPv4 Service Continuity Prefix" },
    { "192.0.0.8", "IPv4 dummy address" },
    { "192.0.0.11", "IETF Protocol Assignments" },
    { "192.0.0.171", "NAT64/DNS64 Discovery" },
    { "192.0.1.0", NULL },
    { "192.0.2.255", "Documentation (TEST-NET-1)" },
    { "192.0.3.0", NULL },
    { "192.31.196.1", "AS112-v4" },
    { "192.52.193.1", "AMT" },
    { "192.88.99.1", "Deprecated (6to4 Relay Anycast)" },
    { "192.88.99.2", "6a44-relay anycast address" },
    { "192.167.255.255", NULL },
    { "192.168.0.0", "Private-Use" },
    { "192.169.0.0", NULL },
    { "192.175.48.6", "Direct Delegation AS112 Service" },
    { "198.17.255.255", NULL },
    { "198.18.0.0", "Benchmarking" },
    { "198.19.255.255", "Benchmarking" },
    { "198.20.0.0", NULL },
    { "198.51.100.1", "Documentation (TEST-NET-2)" },
    { "203.0.113.1", "Documentation (TEST-NET-3)" },
    { "203.0.114.1", NULL },
    { "223.255.255.255", NULL },
    { "224.0.0.0", "Multicast" },
    { "239.255.255.255", "Multicast" },
    { "240.0.0.0", "Reserved" },
    { "255.255.255.254", "Reserved" },
    { "255.255.255.255", "Limited Broadcast" },
    { "8.8.8.8", NULL },
    { "::ffff:8.8.8.8", NULL }, /* IPv4 inside: not special by its form */
    { "::ffff:10.0.0.1", "Private-Use" },

    { "::", "Unspecified Address" },
    { "::1", "Loopback Address" },
    { "::2", "Reserved by IETF" },
    { "::8.8.8.8", "Reserved by IETF" },
    { "::fffe:ffff:ffff", "Reserved by IETF" },
    { "::1:0:0:0", "Reserved by IETF" },
    { "64:ff9b::8.8.8.8", "IPv4-IPv6 Translat." },
    { "64:ff9b:1:ffff::", "IPv4-IPv6 Translat." },
    { "64:ff9b::1:0:0", "Reserved by IETF" },
    { "100::1", "Discard-Only Address Block" },
    { "100:0:0:1::1", "Dummy IPv6 Prefix" },
    { "100:0:0:2::", "Reserved by IETF" },
    { "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "Reserved by IETF" },
    { "2000::", NULL },
    { "2001:0:ce49:7601:e866:efff:62c3:fffe", "TEREDO" },
    { "2001:1::1", "Port Control Protocol Anycast" },
    { "2001:1::4", "IETF Protocol Assignments" },
    { "2001:2::", "Benchmarking" },
    { "2001:3::1", "AMT" },
    { "2001:4:112::1", "AS112-v6" },
    { "2001:1f::", "Deprecated (previously ORCHID)" },
    { "2001:2f::", "ORCHIDv2" },
    { "2001:3f::", "Drone Remote ID Protocol Entity Tags (DETs) Prefix" },
    { "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "IETF Protocol Assignments" },
    { "2001:200::", NULL },
    { "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2001:db8::", "Documentation" },
    { "2001:db9::", NULL },
    { "2001:4860:4860::8888", NULL },
    { "2002:808:808::1", "6to4" },
    { "2003::", NULL },
    { "2620:4f:8000::1", "Direct Delegation AS112 Service" },
    { "2a00:1450::1", NULL },
    { "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "3fff:fff:ffff::", "Documentation" },
    { "3fff:1000::", NULL },
    { "4000::", "Reserved by IETF" },
    { "5f00::1", "Segment Routing (SRv6) SIDs" },
    { "5f01::", "Reserved by IETF" },
    { "fbff::", "Reserved by IETF" },
    { "fc00::", "Unique-Local" },
    { "fdff::1", "Unique-Local" },
    { "fe00::", "Reserved by IETF" },
    { "fe80::1", "Link-Local Unicast" },
    { "fec0::1", "Reserved by IETF" },
    { "ff02::1", "Multicast" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "Multicast" },
};

static void test_edges(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(edges); i++) {
        const struct ip a = ip(edges[i].ip);
        const char *name = special_use_name(a);
        if (prefix_set_has(special_use(), a) != (edges[i].name != NULL))
            fail_msg("%s is on the wrong side", edges[i].ip);
        if (edges[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, edges[i].name);
    }
}

static void test_entry(void **state)
{
    (void)state;
    char text[PREFIX_TEXT_MAX];
    const struct special_use *entry = special_use_find(ip("172.17.0.1"));

    assert_non_null(entry);
    assert_string_equal(prefix_text(entry->prefix, text), "172.16.0.0/12");
    assert_string_equal(entry->rfc, "RFC 1918");
    assert_null(special_use_find(ip("172.32.0.0")));
}

/* How much of the IPv4 space is left: a number, so that no row can be lost or grow unseen. */
static void test_ipv4_space(void **state)
{
    (void)state;
    const struct prefix_set *s = special_use();
    struct prefix_set rest = { 0 };
    uint64_t special = 0, ordinary = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (ip_is_v4(s->v[i].ip))
            special += (uint64_t)1 << (128 - s->v[i].len);
    }
    assert_int_equal(prefix_set_subtract(prefix_of(ip_v4(0, 0, 0, 0), 96), s, &rest), TRAP_OK);
    for (size_t i = 0; i < rest.n; i++)
        ordinary += (uint64_t)1 << (128 - rest.v[i].len);
    prefix_set_free(&rest);
    assert_int_equal(special + ordinary, (uint64_t)1 << 32);
    /* Three /8, 100.64/10, 172.16/12, 169.254/16, 192.168/16, 198.18/15, 224/3, and eight /24. */
    assert_int_equal(special, 3 * (1u << 24) + (1u << 22) + (1u << 20) + 2 * (1u << 16) + (1u << 17) +
                                  (1u << 29) + 8 * (1u << 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_once),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_entry),
        cmocka_unit_test(test_ipv4_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
