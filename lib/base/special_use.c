/* special_use.c - the address space that belongs to nobody in particular: never listed, never given bait.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries, IPv4 Multicast, IPv6 Address Space (all
 *          of it that is not 2000::/3). Every row is taken, also those that the registry calls globally
 *          reachable (AS112, AMT, 6to4, Teredo, NAT64): behind such an address there are many parties, or one
 *          that somebody else claims.
 *          Unallocated parts of 2000::/3 are not taken: they are handed out every week.
 * Without: ::ffff:0:0/96, IPv4-mapped. That is how IPv4 is stored here, and "::/8" does not hold it
 *          (prefix_set.c).
 */
#include <base/prefix_set.h>

#include <pthread.h>

static const struct {
    const char *prefix, *name, *rfc;
} registry[] = {
    { "0.0.0.0/8", "This network", "RFC 791" },
    { "0.0.0.0/32", "This host on this network", "RFC 1122" },
    { "10.0.0.0/8", "Private-Use", "RFC 1918" },
    { "100.64.0.0/10", "Shared Address Space", "RFC 6598" },
    { "127.0.0.0/8", "Loopback", "RFC 1122" },
    { "169.254.0.0/16", "Link Local", "RFC 3927" },
    { "172.16.0.0/12", "Private-Use", "RFC 1918" },
    { "192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890" },
    { "192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335" },
    { "192.0.0.8/32", "IPv4 dummy address", "RFC 7600" },
    { "192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723" },
    { "192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155" },
    { "192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880" },
    { "192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880" },
    { "192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737" },
    { "192.31.196.0/24", "AS112-v4", "RFC 7535" },
    { "192.52.193.0/24", "AMT", "RFC 7450" },
    { "192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526" },
    { "192.88.99.2/32", "6a44-relay anycast address", "RFC 6751" },
    { "192.168.0.0/16", "Private-Use", "RFC 1918" },
    { "192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534" },
    { "198.18.0.0/15", "Benchmarking", "RFC 2544" },
    { "198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737" },
    { "203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737" },
    { "224.0.0.0/4", "Multicast", "RFC 5771" },
    { "240.0.0.0/4", "Reserved", "RFC 1112" },
    { "255.255.255.255/32", "Limited Broadcast", "RFC 919" },

    { "::/128", "Unspecified Address", "RFC 4291" },
    { "::1/128", "Loopback Address", "RFC 4291" },
    { "64:ff9b::/96", "IPv4-IPv6 Translat.", "RFC 6052" },
    { "64:ff9b:1::/48", "IPv4-IPv6 Translat.", "RFC 8215" },
    { "100::/64", "Discard-Only Address Block", "RFC 6666" },
    { "100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780" },
    { "2001::/23", "IETF Protocol Assignments", "RFC 2928" },
    { "2001::/32", "TEREDO", "RFC 4380" },
    { "2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723" },
    { "2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155" },
    { "2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665" },
    { "2001:2::/48", "Benchmarking", "RFC 5180" },
    { "2001:3::/32", "AMT", "RFC 7450" },
    { "2001:4:112::/48", "AS112-v6", "RFC 7535" },
    { "2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843" },
    { "2001:20::/28", "ORCHIDv2", "RFC 7343" },
    { "2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374" },
    { "2001:db8::/32", "Documentation", "RFC 3849" },
    { "2002::/16", "6to4", "RFC 3056" },
    { "2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534" },
    { "3fff::/20", "Documentation", "RFC 9637" },
    { "5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602" },
    { "fc00::/7", "Unique-Local", "RFC 4193" },
    { "fe80::/10", "Link-Local Unicast", "RFC 4291" },
    { "ff00::/8", "Multicast", "RFC 4291" },

    { "::/8", "Reserved by IETF", "RFC 4291" },
    { "100::/8", "Reserved by IETF", "RFC 4291" },
    { "200::/7", "Reserved by IETF", "RFC 4048" },
    { "400::/6", "Reserved by IETF", "RFC 4291" },
    { "800::/5", "Reserved by IETF", "RFC 4291" },
    { "1000::/4", "Reserved by IETF", "RFC 4291" },
    { "4000::/3", "Reserved by IETF", "RFC 4291" },
    { "6000::/3", "Reserved by IETF", "RFC 4291" },
    { "8000::/3", "Reserved by IETF", "RFC 4291" },
    { "a000::/3", "Reserved by IETF", "RFC 4291" },
    { "c000::/3", "Reserved by IETF", "RFC 4291" },
    { "e000::/4", "Reserved by IETF", "RFC 4291" },
    { "f000::/5", "Reserved by IETF", "RFC 4291" },
    { "f800::/6", "Reserved by IETF", "RFC 4291" },
    { "fe00::/9", "Reserved by IETF", "RFC 4291" },
    { "fec0::/10", "Reserved by IETF", "RFC 3879" },
};

enum { ROWS = sizeof registry / sizeof registry[0] };

static struct special_use rows[ROWS];
static struct prefix_set all;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build(void)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < ROWS && err == TRAP_OK; i++) {
        err = prefix_parse(bytes_str(registry[i].prefix), &rows[i].prefix);
        rows[i].name = registry[i].name;
        rows[i].rfc = registry[i].rfc;
        if (err == TRAP_OK)
            err = prefix_set_add(&all, rows[i].prefix);
    }
    if (err == TRAP_OK)
        err = prefix_set_seal(&all);
    TRAP_BUG_ON(err != TRAP_OK); /* a wrong row, or no memory for a hundred prefixes at start */
}

const struct prefix_set *special_use(void)
{
    TRAP_BUG_ON(pthread_once(&once, build) != 0);
    return &all;
}

const struct special_use *special_use_find(struct ip a)
{
    const struct special_use *found = NULL;

    if (!prefix_set_has(special_use(), a))
        return NULL;
    for (size_t i = 0; i < ROWS; i++) {
        if (prefix_has(rows[i].prefix, a) && (found == NULL || rows[i].prefix.len > found->prefix.len))
            found = &rows[i];
    }
    return found;
}

const char *special_use_name(struct ip a)
{
    const struct special_use *entry = special_use_find(a);

    return entry == NULL ? NULL : entry->name;
}
