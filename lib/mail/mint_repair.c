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

/* One place where three syllables end, and where the digits behind them do. */
struct tail {
    size_t letters_end, end;
    bool ends_inside; /* of a word */
};

static size_t find_tails(struct bytes s, struct tail out[MINT_REPAIR_INPUT_MAX])
{
    size_t count = 0;

    for (size_t at = MINT_TEXT_MIN; at <= s.n; at++) {
        size_t end = at;

        if (!mint_text_is_tail(s.p + at - MINT_TAIL_LEN))
            continue;
        while (end < s.n && ascii_is_digit(s.p[end]))
            end++;
        out[count++] = (struct tail){ at, end, end < s.n && ascii_is_alnum(s.p[end]) };
    }
    return count;
}

struct search {
    struct bytes in;
    struct bytes *out;
    size_t count;
};

/* Adds the candidates with this tail whose start is of the wanted kind. */
static void search_at(struct search *q, const struct tail *tail, enum start kind)
{
    for (size_t len = MINT_NAME_MAX; len >= MINT_NAME_MIN; len--) {
        struct bytes text;
        uint64_t value;
        size_t start;

        if (tail->letters_end < MINT_TAIL_LEN + len || q->count == MINT_REPAIRS_MAX)
            continue;
        start = tail->letters_end - MINT_TAIL_LEN - len;
        text = bytes_take(bytes_skip(q->in, start), tail->end - start);
        if (text.n != q->in.n && mint_text_read(text, &value) && start_kind(q->in, start) == kind)
            q->out[q->count++] = text;
    }
}

size_t mint_repairs(struct bytes local, struct bytes out[MINT_REPAIRS_MAX])
{
    struct search q = { bytes_take(local, MINT_REPAIR_INPUT_MAX), out, 0 };
    struct tail tails[MINT_REPAIR_INPUT_MAX];
    const size_t tail_count = find_tails(q.in, tails);

    for (int inside = 0; inside <= 1; inside++) {
        for (enum start kind = START_BORDER; kind < START_KINDS; kind++) {
            for (size_t i = 0; i < tail_count; i++) {
                if (tails[i].ends_inside == (inside == 1))
                    search_at(&q, &tails[i], kind);
            }
        }
    }
    return q.count;
}
