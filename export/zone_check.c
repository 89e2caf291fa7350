/* zone_check.c - reads a zone file back and holds it against what it must say.
 *
 * Why:  rbldnsd takes bad lines for warnings and serves the zone without them; what was not read back is not
 *       published.
 * How:  strict grammar, one line after the other, in the one order that the writer has: head, then for each
 *       dataset its $DATASET line (combined), default line, test entries, entries. A missing, added, changed
 *       or doubled line is an error with its number.
 */
#include "zone_type.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { IN_BYTES = 1 << 18 };

enum expect { EXPECT_HEAD, EXPECT_SECTION, EXPECT_DEFAULT, EXPECT_TESTS, EXPECT_ENTRIES, EXPECT_END };

struct check {
    const struct zone_file *f;
    enum expect expect;
    unsigned seen; /* of the head */
    size_t section;
    const struct zone_section *s;
    const struct zone_type_ops *type;
    struct zone_entry tests[ZONE_TESTS_MAX];
    size_t test_count, next;
    uint64_t line, entries;
    struct err_text *why;
};

/* Comes to the next thing that a line can be. */
static void advance(struct check *c)
{
    for (;;) {
        if (c->expect == EXPECT_HEAD && zone_head_complete(&c->f->head, c->seen)) {
            c->section = 0;
            c->expect = EXPECT_SECTION;
        } else if (c->expect == EXPECT_SECTION && c->section == c->f->section_count) {
            c->expect = EXPECT_END;
        } else if (c->expect == EXPECT_SECTION && !c->f->combined) {
            c->expect = EXPECT_DEFAULT;
        } else if (c->expect == EXPECT_TESTS && c->next == c->test_count) {
            c->next = 0;
            c->expect = EXPECT_ENTRIES;
        } else if (c->expect == EXPECT_ENTRIES && c->next == c->s->n) {
            c->section++;
            c->expect = EXPECT_SECTION;
        } else {
            return;
        }
    }
}

static enum trap_err wrong(struct check *c, const char *what)
{
    err_text_set(c->why, "%s", what);
    return TRAP_ECORRUPT;
}

static enum trap_err check_entry(struct check *c, struct bytes line, const struct zone_entry *expected)
{
    struct zone_entry e = { .value = expected->value };

    if (c->type->get(line, &e) != TRAP_OK)
        return wrong(c, "not an entry of this dataset type");
    if (e.prefix.len != expected->prefix.len || !ip_eq(e.prefix.ip, expected->prefix.ip))
        return wrong(c, "another entry stands here than the listings say");
    if (e.value != expected->value)
        return wrong(c, "the entry has another value than the listings say");
    c->next++;
    return TRAP_OK;
}

static void begin_section(struct check *c)
{
    c->s = &c->f->section[c->section];
    c->type = zone_type_ops(c->s->type);
    c->test_count = c->type->tests(c->s->code, c->tests);
    c->next = 0;
}

static enum trap_err check_line(struct check *c, struct bytes line)
{
    enum trap_err err = TRAP_OK;

    c->line++;
    switch (c->expect) {
    case EXPECT_HEAD:
        err = zone_head_get(line, &c->f->head, &c->seen, c->why);
        break;
    case EXPECT_SECTION:
        begin_section(c);
        if (!zone_section_get(line, c->s))
            return wrong(c, "the $DATASET line is missing or wrong");
        c->expect = EXPECT_DEFAULT;
        break;
    case EXPECT_DEFAULT:
        begin_section(c);
        if (!zone_default_get(line, c->s))
            return wrong(c, "the default line is missing or wrong");
        c->expect = EXPECT_TESTS;
        break;
    case EXPECT_TESTS:
        err = check_entry(c, line, &c->tests[c->next]);
        break;
    case EXPECT_ENTRIES:
        err = check_entry(c, line, &c->s->v[c->next]);
        c->entries += err == TRAP_OK;
        break;
    case EXPECT_END:
        return wrong(c, "a line more than the listings say");
    }
    if (err == TRAP_OK)
        advance(c);
    return err;
}

/* Cuts whole lines off in[0..n); returns how many bytes are left over at its end. */
static enum trap_err check_lines(struct check *c, const uint8_t *in, size_t n, size_t *left_out)
{
    size_t at = 0;

    while (at < n) {
        const uint8_t *end = memchr(in + at, '\n', n - at);

        if (end == NULL)
            break;
        const struct bytes line = bytes_of(in + at, (size_t)(end - (in + at)));
        const enum trap_err err = check_line(c, line);
        if (err != TRAP_OK)
            return err;
        at += line.n + 1;
    }
    *left_out = n - at;
    return TRAP_OK;
}

static enum trap_err check_stream(struct check *c, int fd, uint8_t *in, struct digest *digest,
                                  uint64_t *bytes_out)
{
    size_t held = 0;

    for (;;) {
        const ssize_t n = read(fd, in + held, IN_BYTES - held);
        size_t left;

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1) {
            err_text_set(c->why, "%s", strerror(errno));
            return TRAP_EIO;
        }
        if (n == 0)
            break;
        digest_add(digest, bytes_of(in + held, (size_t)n));
        *bytes_out += (uint64_t)n;
        held += (size_t)n;
        const enum trap_err err = check_lines(c, in, held, &left);
        if (err != TRAP_OK)
            return err;
        memmove(in, in + held - left, left);
        held = left;
        if (held == IN_BYTES)
            return wrong(c, "the line does not end");
    }
    if (held > 0)
        return wrong(c, "the last line has no end");
    return c->expect == EXPECT_END ? TRAP_OK : wrong(c, "the file ends too early");
}

enum trap_err zone_file_check(int dir_fd, const char *name, const struct zone_file *f, struct zone_facts *out,
                              struct err_text *why)
{
    struct err_text what = { "" };
    struct check c = { .f = f, .why = &what };
    struct zone_facts facts = { 0 };
    uint8_t *in = malloc(IN_BYTES);
    struct digest digest;
    enum trap_err err;
    const int fd = in == NULL ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd == -1) {
        err = in == NULL ? TRAP_ENOMEM : TRAP_EIO;
        err_text_set(why, "cannot read zone file %s back: %s", name, strerror(errno));
        goto out;
    }
    digest_init(&digest);
    advance(&c);
    err = check_stream(&c, fd, in, &digest, &facts.bytes);
    (void)close(fd);
    if (err != TRAP_OK) {
        err_text_set(why, "%s:%llu: %s", name, (unsigned long long)c.line, what.text);
        goto out;
    }
    facts.entries = c.entries;
    (void)digest_hex(&digest, facts.sha256);
    *out = facts;
out:
    free(in);
    return err;
}

enum trap_err zone_entries_check(const struct zone_entry *v, size_t n, const struct prefix_set *never,
                                 struct err_text *why)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        char entry[PREFIX_TEXT_MAX], hit[PREFIX_TEXT_MAX];

        /* Both are sorted and disjoint: what lies wholly before this entry lies before all that follow. */
        while (at < never->n && !prefix_covers(never->v[at], v[i].prefix) &&
               !prefix_covers(v[i].prefix, never->v[at]) && ip_cmp(never->v[at].ip, v[i].prefix.ip) < 0)
            at++;
        if (at == never->n)
            return TRAP_OK;
        if (!prefix_covers(never->v[at], v[i].prefix) && !prefix_covers(v[i].prefix, never->v[at]))
            continue;
        err_text_set(why, "entry %s must never be listed (%s)", prefix_text(v[i].prefix, entry),
                     prefix_text(never->v[at], hit));
        return TRAP_EPERM;
    }
    return TRAP_OK;
}
