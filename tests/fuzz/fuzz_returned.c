/* A body in pieces: the same findings, and never an author without a head or a report. */
#include <mail/returned.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ours(struct bytes value, void *arg)
{
    (void)arg;
    return returned_holds(value, BYTES("a@b.c"));
}

static uint32_t run(const uint8_t *data, size_t size, size_t step)
{
    struct returned r;

    returned_init(&r, is_ours, NULL);
    for (size_t at = 0; at < size; at += step)
        returned_feed(&r, bytes_of(data + at, size - at < step ? size - at : step));
    returned_end(&r);
    return r.found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint32_t found = run(data, size, size + 1);

    if (run(data, size, 1) != found || run(data, size, 7) != found)
        abort();
    if ((found & RETURNED_AUTHOR) != 0 && (found & (RETURNED_HEAD | RETURNED_FEEDBACK)) == 0)
        abort();
    return 0;
}
