/* A message head in pieces: the same findings and the same body, and no byte of the body lost or made up. */
#include <mail/body_digest.h>
#include <mail/header.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t run(const uint8_t *data, size_t size, size_t step, uint32_t *found_out)
{
    struct body_digest digest;
    struct header h;
    size_t body_len = 0;

    body_digest_init(&digest);
    header_init(&h, size > 0 ? data[0] * 4u : SIZE_MAX);
    for (size_t at = 0; at < size; at += step) {
        struct bytes held, body;

        header_feed(&h, bytes_of(data + at, size - at < step ? size - at : step), &held, &body);
        body_digest_add(&digest, held);
        body_digest_add(&digest, body);
        body_len += held.n + body.n;
    }
    header_end(&h);
    if (body_len > size)
        abort();
    *found_out = h.found;
    return body_digest_value(&digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t found[3];
    const uint64_t whole = run(data, size, size + 1, &found[0]);

    if (run(data, size, 1, &found[1]) != whole || run(data, size, 5, &found[2]) != whole)
        abort();
    if (found[0] != found[1] || found[0] != found[2])
        abort();
    return 0;
}
