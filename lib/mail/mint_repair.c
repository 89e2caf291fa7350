#include "mint_repair.h"

#include "mint_text.h"
#include "mint_words.h"

/* What is left of an escape, a line end, an encoded `<`, `>`, `=`, `"`, `:` or blank, when a harvester's
 * pattern took it for a part of the address. */
static const struct bytes glue[] = {
    BYTES_INIT("u003e"), BYTES_INIT("u003c"),  BYTES_INIT("u003d"), BYTES_INIT("u0022"), BYTES_INIT("u0020"),
    BYTES_INIT("u000a"), BYTES_INIT("mailto"), BYTES_INIT("x3e"),   BYTES_INIT("x22"),   BYTES_INIT("3e"),
    BYTES_INIT("3c"),    BYTES_INIT("3d"),     BYTES_INIT("3a"),    BYTES_INIT("22"),    BYTES_INIT("20"),
    BYTES_INIT("0a"),    BYTES_INIT("09"),     BYTES_INIT("n"),     BYTES_INIT("r"),     BYTES_INIT("t"),
};

enum start { START_BORDER, START_GLUE, START_INSIDE, START_KINDS };

static bool begins_word(struct bytes s, size_t at)
{
    return at == 0 || !ascii_is_alnum(s.p[at - 1]);
}

static enum start start_kind(struct bytes s, size_t at)
{
    const struct bytes before = bytes_take(s, at);

    if (begins_word(s, at))
        return START_BORDER;
    for (size_t i = 0; i < sizeof(glue) / sizeof(glue[0]); i++) {
        if (bytes_has_isuffix(before, glue[i]) && begins_word(s, at - glue[i].n))
            return START_GLUE;
    }
    return START_INSIDE;
}

/* End of the candidate whose letters end at `letters_end`, with all digits that follow. */
static size_t digits_end(struct bytes s, size_t letters_end)
{
    size_t end = letters_end;

    while (end < s.n && ascii_is_digit(s.p[end]))
        end++;
    return end;
}

struct search {
    struct bytes in;
    struct bytes *out;
    size_t count;
};

/* Adds the candidates whose letters end at `letters_end` and whose start is of the wanted kind. */
static void search_at(struct search *q, size_t letters_end, size_t end, enum start kind)
{
    for (size_t len = MINT_NAME_MAX; len >= MINT_NAME_MIN; len--) {
        struct bytes text;
        uint64_t value;
        size_t start;

        if (letters_end < MINT_TAIL_LEN + len || q->count == MINT_REPAIRS_MAX)
            continue;
        start = letters_end - MINT_TAIL_LEN - len;
        text = bytes_take(bytes_skip(q->in, start), end - start);
        if (text.n != q->in.n && start_kind(q->in, start) == kind && mint_text_read(text, &value))
            q->out[q->count++] = text;
    }
}

size_t mint_repairs(struct bytes local, struct bytes out[MINT_REPAIRS_MAX])
{
    struct search q = { bytes_take(local, MINT_REPAIR_INPUT_MAX), out, 0 };

    for (int inside = 0; inside <= 1; inside++) {
        for (enum start kind = START_BORDER; kind < START_KINDS; kind++) {
            for (size_t at = MINT_TEXT_MIN; at <= q.in.n; at++) {
                const size_t end = digits_end(q.in, at);
                const bool ends_inside = end < q.in.n && ascii_is_alnum(q.in.p[end]);

                if (ascii_is_alpha(q.in.p[at - 1]) && ends_inside == (inside == 1))
                    search_at(&q, at, end, kind);
            }
        }
    }
    return q.count;
}
