#include "theme.h"

static const struct theme *const themes[THEMES] = { &theme_workshop, &theme_club, &theme_werkstatt, &theme_verein };

const struct theme *theme_at(size_t i)
{
    return themes[i];
}

const struct theme *theme_by_name(const char *name)
{
    for (size_t i = 0; i < THEMES; i++)
        if (strcmp(themes[i]->name, name) == 0)
            return themes[i];
    return NULL;
}

const char *theme_names(void)
{
    return "\"workshop\", \"club\" (English), \"werkstatt\", \"verein\" (German), or \"\"";
}

const struct theme *theme_for_host(struct bytes host, uint64_t draw)
{
    static const char *const german[] = { ".de", ".at", ".ch" };
    size_t first = 0;

    for (size_t i = 0; i < sizeof(german) / sizeof(german[0]); i++)
        if (bytes_has_isuffix(host, bytes_str(german[i])))
            first = 2;
    return themes[first + draw % 2];
}
