/* A PROXY header: the same answer however it was cut, nothing read or believed before it is whole, and what
 * was read lies within its bounds. */
#include <mail/proxy_header.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes whole = bytes_of(data, size);
    struct proxy_header h = { .version = 9 };
    const enum proxy_header_event event = proxy_header_parse(&whole, &h);
    const size_t used = size - whole.n;

    if (event != PROXY_HEADER_DONE) {
        must(used == 0 && h.version == 9);
        must(event == PROXY_HEADER_BAD || size < PROXY_HEADER_MAX);
    } else {
        must(used > 0 && used <= (h.version == 1 ? PROXY_HEADER_V1_MAX : PROXY_HEADER_MAX));
        must(!h.local || (h.version == 2 && !h.known));
    }
    for (size_t n = 0; n < size && n <= PROXY_HEADER_MAX; n++) {
        struct bytes part = bytes_of(data, n);
        struct proxy_header p = { .version = 9 };
        const enum proxy_header_event early = proxy_header_parse(&part, &p);

        if (event == PROXY_HEADER_DONE)
            must(early == (n < used ? PROXY_HEADER_MORE : PROXY_HEADER_DONE));
        else
            must(early == PROXY_HEADER_MORE || (early == PROXY_HEADER_BAD && event == PROXY_HEADER_BAD));
    }
    return 0;
}
