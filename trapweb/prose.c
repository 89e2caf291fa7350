#include "prose.h"

struct prose prose_begin(const struct theme *theme, uint64_t seed)
{
    return (struct prose){ .theme = theme, .state = seed };
}

uint32_t prose_draw(struct prose *p, uint32_t n)
{
    uint64_t z = (p->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

static uint32_t list_length(const char *const *list)
{
    uint32_t n = 0;

    while (n < THEME_LIST_MAX && list[n] != NULL)
        n++;
    return n;
}

const char *prose_pick(struct prose *p, const char *const *list)
{
    const uint32_t n = list_length(list);

    return n == 0 ? "" : list[prose_draw(p, n)];
}

static void sentence(struct prose *p, const char *pattern, struct buf *out)
{
    const char *open = NULL;

    while ((open = strchr(pattern, '{')) != NULL) {
        TRAP_BUG_ON(open[1] < 'a' || open[1] > 'z' || open[2] != '}');
        buf_add(out, bytes_of(pattern, (size_t)(open - pattern)));
        buf_add_str(out, prose_pick(p, p->theme->words[open[1] - 'a']));
        pattern = open + 3;
    }
    buf_add_str(out, pattern);
    buf_add_byte(out, '\n');
}

void prose_paragraph(struct prose *p, struct buf *out)
{
    const uint32_t n = list_length(p->theme->sentences), wanted = 2 + prose_draw(p, 3);

    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t k = prose_draw(p, n);
        for (uint32_t tries = 0; (p->used & (UINT32_C(1) << k)) != 0 && tries < n; tries++)
            k = (k + 1) % n;
        if ((p->used & (UINT32_C(1) << k)) != 0)
            p->used = 0; /* all said: begin again, with other words */
        p->used |= UINT32_C(1) << k;
        sentence(p, p->theme->sentences[k], out);
    }
}
