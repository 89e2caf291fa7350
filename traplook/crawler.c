/* crawler.c - see crawler.h. */
#include "crawler.h"

#include "provider_list.h"

struct bytes crawler_operator(struct bytes name)
{
    struct bytes text = bytes_str(text_crawlers), line;

    while (bytes_split(&text, '\n', &line)) {
        const size_t n = bytes_find(line, ' ');

        if (line.n > 0 && line.p[0] != '#' && n < line.n && dns_name_is_below(name, bytes_take(line, n)))
            return bytes_skip(line, n + 1);
    }
    return BYTES("");
}
