/* Any local-part: what decodes is, minted again, the text itself; what decodes repaired stands somewhere in
 * the text. */
#include <mail/keyed.h>
#include <mail/mint.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mint *mint;
static struct mint_domain domain;
static struct mint_window window; /* 16 epochs of every node: one guess of 32 passes, so that both ways are walked */

static void prepare(void)
{
    const struct keyring keys = { .has_master = true, .master = { 4, 7, 1, 1 } };

    if (keyed_init() != TRAP_OK || mint_new(&keys, &mint) != TRAP_OK)
        abort();
    domain = mint_domain(mint, BYTES("quellwerft.net"));
    for (size_t i = 0; i < 256; i++) {
        window.node[i].newest = 20;
        window.node[i].count = 16;
    }
}

static bool contains(struct bytes text, struct bytes part)
{
    for (size_t at = 0; at + part.n <= text.n; at++) {
        if (bytes_ieq(bytes_take(bytes_skip(text, at), part.n), part))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = bytes_of(data, size);
    uint8_t local[MINT_LOCAL_MAX];
    struct mint_ref ref, refs[MINT_READINGS_MAX];
    bool repaired = false;
    size_t count;

    if (mint == NULL)
        prepare();
    count = mint_read_all(mint, domain, text, &window, refs, &repaired);
    if (mint_decode(mint, domain, text, &window, &ref) == TRAP_OK) {
        if (!mint_is_form(text) || count == 0 || repaired || refs[0].epoch != ref.epoch)
            abort();
        if (!bytes_ieq(text, bytes_of(local, mint_encode(mint, domain, ref, local))))
            abort();
    } else if (count > 0 && !repaired) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        if (!contains(text, bytes_of(local, mint_encode(mint, domain, refs[i], local))))
            abort();
    }
    return 0;
}
