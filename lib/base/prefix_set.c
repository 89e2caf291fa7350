/* prefix_set.c - sorted, disjoint prefixes: union by sealing, look-up by bisection, difference by halving.
 *
 * IPv6 prefixes that reach around the IPv4-mapped block (::/0 … ::ffff:0:0/95) are taken apart into what they
 * have beside it: all of IPv4 is not theirs. What is in a set is of one family each. */
#include <base/prefix_set.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BITS = 128, MAPPED_BITS = 96, CAP_FIRST = 16, LINE_MAX_BYTES = 1024 };

void prefix_set_init(struct prefix_set *s)
{
    *s = (struct prefix_set){ 0 };
}

void prefix_set_free(struct prefix_set *s)
{
    free(s->v);
    prefix_set_init(s);
}

static enum trap_err make_room(struct prefix_set *s, size_t extra)
{
    size_t cap = s->cap < CAP_FIRST ? CAP_FIRST : s->cap;
    struct prefix *v;

    if (extra <= s->cap - s->n)
        return TRAP_OK;
    while (cap - s->n < extra) {
        if (cap > SIZE_MAX / sizeof *v / 2)
            return TRAP_ENOMEM;
        cap *= 2;
    }
    v = realloc(s->v, cap * sizeof *v);
    if (v == NULL)
        return TRAP_ENOMEM;
    s->v = v;
    s->cap = cap;
    return TRAP_OK;
}

/* The halves of p, the lower one first. */
static struct prefix half_of(struct prefix p, bool upper)
{
    if (upper)
        p.ip.b[p.len / 8] |= (uint8_t)(0x80 >> p.len % 8);
    p.len++;
    return p;
}

static bool is_around_v4(struct prefix p)
{
    return p.len < MAPPED_BITS && ip_eq(prefix_of(ip_v4(0, 0, 0, 0), p.len).ip, p.ip);
}

/* The parts of p of its own family: p itself, or what is beside IPv4 on the way down to it. Returns how
 * many. */
static size_t parts_of(struct prefix p, struct prefix out[MAPPED_BITS])
{
    size_t n = 0;

    if (!is_around_v4(p)) {
        out[0] = p;
        return 1;
    }
    while (is_around_v4(p)) {
        const struct prefix lower = half_of(p, false), upper = half_of(p, true);
        const bool in_upper = prefix_has(upper, ip_v4(0, 0, 0, 0)) || is_around_v4(upper);

        out[n++] = in_upper ? lower : upper;
        p = in_upper ? upper : lower;
    }
    return n;
}

enum trap_err prefix_set_add(struct prefix_set *s, struct prefix p)
{
    struct prefix parts[MAPPED_BITS];
    const size_t n = parts_of(p, parts);
    const enum trap_err err = make_room(s, n);

    if (err != TRAP_OK)
        return err;
    memcpy(s->v + s->n, parts, n * sizeof *parts);
    s->n += n;
    s->sealed = false;
    return TRAP_OK;
}

enum trap_err prefix_set_add_set(struct prefix_set *s, const struct prefix_set *other)
{
    const size_t n = other->n;
    const enum trap_err err = make_room(s, n);

    if (err != TRAP_OK || n == 0)
        return err;
    memmove(s->v + s->n, other->v, n * sizeof *s->v);
    s->n += n;
    s->sealed = false;
    return TRAP_OK;
}

static int compare(const void *a, const void *b)
{
    return prefix_cmp(*(const struct prefix *)a, *(const struct prefix *)b);
}

/* The two halves of one prefix, for disjoint a before b: the lower half begins where the whole does. All of
 * IPv4 and the IPv6 prefix before it are none. */
static bool are_siblings(struct prefix a, struct prefix b)
{
    return a.len == b.len && a.len > 0 && !(b.len == MAPPED_BITS && ip_is_v4(b.ip)) && ip_eq(prefix_of(b.ip, (uint8_t)(a.len - 1)).ip, a.ip);
}

enum trap_err prefix_set_seal(struct prefix_set *s)
{
    size_t kept = 0;

    if (s->n > 1)
        qsort(s->v, s->n, sizeof *s->v, compare);
    /* v[0..kept) is disjoint and without siblings at every step: after a join only the last two can be. */
    for (size_t i = 0; i < s->n; i++) {
        if (kept > 0 && prefix_covers(s->v[kept - 1], s->v[i]))
            continue;
        s->v[kept++] = s->v[i];
        while (kept > 1 && are_siblings(s->v[kept - 2], s->v[kept - 1])) {
            kept--;
            s->v[kept - 1].len--;
        }
    }
    s->n = kept;
    s->sealed = true;
    return TRAP_OK;
}

/* How many of v[0..n) begin before `a` (or at it, where `at` is true). */
static size_t count_before(const struct prefix *v, size_t n, struct ip a, bool at)
{
    size_t low = 0;

    while (n > 0) {
        const size_t half = n / 2;
        const int c = ip_cmp(v[low + half].ip, a);
        if (c < 0 || (at && c == 0)) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

static struct ip last_of(struct prefix p)
{
    size_t at = p.len / 8;

    if (p.len % 8 != 0)
        p.ip.b[at++] |= (uint8_t)(0xff >> p.len % 8);
    memset(p.ip.b + at, 0xff, sizeof p.ip.b - at);
    return p.ip;
}

/* The members that share an address with p: those inside it, or the one that covers it. */
static size_t find_shared(const struct prefix_set *s, struct prefix p, const struct prefix **first_out)
{
    if (s->n == 0)
        return 0; /* v may be NULL, and NULL + 0 is not defined in C */
    TRAP_BUG_ON(!s->sealed);
    size_t begin = count_before(s->v, s->n, p.ip, false);
    const size_t end = begin + count_before(s->v + begin, s->n - begin, last_of(p), true);

    if (begin > 0 && prefix_covers(s->v[begin - 1], p))
        begin--;
    *first_out = s->v + begin;
    return end - begin;
}

bool prefix_set_has(const struct prefix_set *s, struct ip a)
{
    TRAP_BUG_ON(s->n > 0 && !s->sealed);
    const size_t i = count_before(s->v, s->n, a, true);

    return i > 0 && prefix_has(s->v[i - 1], a);
}

bool prefix_set_overlaps(const struct prefix_set *s, struct prefix p, struct prefix *hit_out)
{
    struct prefix parts[MAPPED_BITS];
    const size_t n = parts_of(p, parts);
    const struct prefix *first = NULL;

    for (size_t i = 0; i < n; i++) {
        if (find_shared(s, parts[i], &first) == 0)
            continue;
        if (hit_out != NULL)
            *hit_out = *first;
        return true;
    }
    return false;
}

/* Appends p without v[0..n), which share addresses with p. The recursion ends after 128 halvings. */
static enum trap_err cut(struct prefix p, const struct prefix *v, size_t n, struct prefix_set *out)
{
    enum trap_err err;

    if (n == 0)
        return prefix_set_add(out, p);
    if (prefix_covers(v[0], p))
        return TRAP_OK;
    const struct prefix left = half_of(p, false), right = half_of(p, true);
    const size_t in_left = count_before(v, n, right.ip, false);
    err = cut(left, v, in_left, out);
    if (err == TRAP_OK)
        err = cut(right, v + in_left, n - in_left, out);
    return err;
}

enum trap_err prefix_set_subtract(struct prefix p, const struct prefix_set *s, struct prefix_set *out)
{
    const size_t before = out->n;
    struct prefix parts[MAPPED_BITS];
    const size_t count = parts_of(p, parts);
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < count && err == TRAP_OK; i++) {
        const struct prefix *first = NULL;
        const size_t n = find_shared(s, parts[i], &first);

        err = cut(parts[i], first, n, out);
    }
    if (err != TRAP_OK)
        out->n = before;
    return err;
}

/* Line by line, because such files are downloaded: nothing in them may make us allocate more than their
 * prefixes need. */
static enum trap_err load_line(struct prefix_set *s, struct bytes line, struct err_text *why,
                               const char *place)
{
    const struct bytes text = bytes_take(line, bytes_find(line, '#'));
    const struct bytes field = bytes_trim(bytes_take(text, bytes_find(text, ';')));
    struct prefix p;
    enum trap_err err;

    if (field.n == 0)
        return TRAP_OK;
    err = prefix_parse(field, &p);
    if (err == TRAP_EINVAL)
        err_text_set(why,
                     "%s: not an address or prefix; allowed are lines such as 192.0.2.0/24 or 2001:db8::/32",
                     place);
    else if (err == TRAP_ERANGE)
        err_text_set(why, "%s: the prefix length is too large, or address bits are set behind it", place);
    if (err != TRAP_OK)
        return err;
    err = prefix_set_add(s, p);
    if (err != TRAP_OK)
        err_text_set(why, "%s: out of memory", place);
    return err;
}

static enum trap_err load_stream(struct prefix_set *s, FILE *file, const char *path, struct err_text *why)
{
    char line[LINE_MAX_BYTES], place[sizeof why->text / 2];
    enum trap_err err = TRAP_OK;

    for (unsigned number = 1; err == TRAP_OK && fgets(line, sizeof line, file) != NULL; number++) {
        size_t n = strlen(line);
        (void)snprintf(place, sizeof place, "%s:%u", path, number);
        if (n > 0 && line[n - 1] == '\n') {
            n--;
            n -= n > 0 && line[n - 1] == '\r';
        } else if (!feof(file)) { /* fgets() filled its buffer, or strlen() stopped at a NUL */
            err_text_set(why, "%s: the line is longer than %d bytes, or holds a NUL", place,
                         LINE_MAX_BYTES - 2);
            return TRAP_EINVAL;
        }
        err = load_line(s, bytes_of(line, n), why, place);
    }
    if (err == TRAP_OK && ferror(file)) {
        err_text_set(why, "%s: cannot read: %s", path, strerrordesc_np(errno));
        err = TRAP_EIO;
    }
    return err;
}

enum trap_err prefix_set_load_file(struct prefix_set *s, const char *path, struct err_text *why)
{
    const size_t before = s->n;
    const bool was_sealed = s->sealed;
    FILE *file = fopen(path, "re");
    enum trap_err err;

    if (file == NULL) {
        err = errno == ENOENT ? TRAP_ENOENT : TRAP_EIO;
        err_text_set(why, "%s: cannot open: %s", path, strerrordesc_np(errno));
        return err;
    }
    err = load_stream(s, file, path, why);
    (void)fclose(file);
    if (err != TRAP_OK) {
        s->n = before;
        s->sealed = was_sealed;
    }
    return err;
}
