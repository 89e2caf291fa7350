/* config_nearest.c - what an unknown key may have meant: the key of that name in another section, or the nearest
 * one in its own. */
#include "config_schema.h"

enum { NAME_MAX_BYTES = 40, NEAR_MAX = 2 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to change, add, drop or swap with the next one; names are short. */
static size_t distance(struct bytes a, struct bytes b)
{
    size_t row[3][NAME_MAX_BYTES + 1];

    for (size_t j = 0; j <= b.n; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = row[i % 3];
        const size_t *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + (a.p[i - 1] != b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
    }
    return row[a.n % 3][b.n];
}

static void add_nearest(const struct conf_section *s, struct bytes wrong, struct buf *out)
{
    size_t best = NEAR_MAX + 1;
    const char *found = NULL;

    for (size_t i = 0; i < s->key_count; i++) {
        const struct bytes name = bytes_str(s->keys[i].name);
        const size_t d = name.n > NAME_MAX_BYTES ? best : distance(wrong, name);

        if (d < best && d < name.n) {
            best = d;
            found = s->keys[i].name;
        }
    }
    if (found != NULL)
        buf_addf(out, "; nearest: %s", found);
}

void conf_nearest(const struct conf_section *s, struct bytes wrong, struct buf *out)
{
    size_t homes = 0;

    if (wrong.n == 0 || wrong.n > NAME_MAX_BYTES)
        return;
    for (size_t i = 0; i < conf_section_count; i++) {
        const struct conf_section *other = &conf_sections[i];

        for (size_t k = 0; other != s && k < other->key_count; k++)
            if (bytes_eq(wrong, bytes_str(other->keys[k].name)))
                buf_addf(out, "%s%s%s", homes++ == 0 ? "; it belongs " : " or ",
                         other->name[0] == '\0' ? "outside of all sections" : "into section ", other->name);
    }
    if (homes == 0)
        add_nearest(s, wrong, out);
}
