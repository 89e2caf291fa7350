/* A stream of netstrings in pieces: whatever the pieces, the texts and the end are the same, and what has to
 * be kept between them is bounded. */
#include <mail/netstring.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 64, SIZE_LIMIT = 4096 };

static uint64_t note(uint64_t hash, struct bytes s, unsigned event)
{
    hash = (hash ^ event) * 1099511628211u;
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ s.p[i]) * 1099511628211u;
    return hash;
}

static uint64_t run(const uint8_t *data, size_t size, size_t step)
{
    static uint8_t kept[TEXT_MAX + NETSTRING_EXTRA + SIZE_LIMIT];
    size_t kept_len = 0;
    uint64_t hash = 0;

    for (size_t at = 0; at < size; at += step) {
        const size_t n = size - at < step ? size - at : step;
        struct bytes in, text;
        enum netstring_event event;

        memcpy(kept + kept_len, data + at, n);
        in = bytes_of(kept, kept_len + n);
        while ((event = netstring_next(&in, TEXT_MAX, &text)) == NETSTRING_DONE)
            hash = note(hash, text, event);
        if (event == NETSTRING_BAD)
            return note(hash, BYTES("bad"), event);
        if (in.n > TEXT_MAX + NETSTRING_EXTRA)
            abort();
        memmove(kept, in.p, in.n);
        kept_len = in.n;
    }
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > SIZE_LIMIT)
        return 0;
    if (run(data, size, SIZE_LIMIT) != run(data, size, 1) || run(data, size, SIZE_LIMIT) != run(data, size, 7))
        abort();
    return 0;
}
