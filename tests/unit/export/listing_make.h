/* listing_make.h - listings for the tests of the exporter, from text. */
#ifndef TESTS_LISTING_MAKE_H
#define TESTS_LISTING_MAKE_H

#include <policy/listing.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct made {
    const char *prefix;
    uint64_t messages;
    int64_t last_visit_s; /* 0: none */
};

enum { MADE_MAX = 32 };
#define AS_OF_S 1767225600LL /* 2026-01-01T00:00:00Z */

static inline wall_t at_s(int64_t s)
{
    return (wall_t){ s * WALL_US_PER_S };
}

static inline struct prefix prefix_made(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(bytes_str(text), &p), TRAP_OK);
    return p;
}

/* room must outlive the result. */
static inline struct listings listings_made(const struct made *m, size_t n, struct listing room[MADE_MAX])
{
    assert_true(n <= MADE_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct prefix p = prefix_made(m[i].prefix);

        room[i] = (struct listing){ .prefix = p,
                                    .key = p,
                                    .reason = LISTING_EVIDENCE,
                                    .since = at_s(AS_OF_S - 86400),
                                    .until = at_s(AS_OF_S + 86400),
                                    .messages = m[i].messages,
                                    .sources = 2,
                                    .last_visit = at_s(m[i].last_visit_s) };
    }
    return (struct listings){ .v = room, .n = n };
}

#endif
