/* decode_addresses - what the addresses on standard input say: one a line, every reading of it as `node epoch
 * serial slot`, the readings apart by a comma, or `-`.
 *
 * Use:     decode_addresses STATE_DIR < ADDRESSES. Keys and epochs are those of the installation. For the
 *          fault tests, which look for the visits of thousands of addresses.
 */
#include <base/file.h>
#include <base/keyring.h>
#include <mail/keyed.h>
#include <mail/mint.h>
#include <store/epochs.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(const struct err_text *why)
{
    (void)fprintf(stderr, "decode_addresses: %s\n", why->text);
    return 1;
}

static void decode(struct mint *mint, const struct mint_window *window, struct bytes address)
{
    struct mint_ref refs[MINT_READINGS_MAX];
    bool repaired = false;
    size_t at = 0, n = 0;

    while (at < address.n && address.p[at] != '@')
        at++;
    if (at < address.n)
        n = mint_read_all(mint, mint_domain(mint, bytes_skip(address, at + 1)), bytes_take(address, at), window, refs, &repaired);
    if (n == 0 || repaired)
        (void)printf("-");
    for (size_t i = 0; i < n && !repaired; i++)
        (void)printf("%s%u %u %u %u", i == 0 ? "" : ",", refs[i].node, refs[i].epoch, refs[i].serial, refs[i].slot);
    (void)puts("");
}

int main(int argc, char **argv)
{
    static struct mint_window window;
    struct err_text why = { "usage: decode_addresses STATE_DIR" };
    char path[PATH_TEXT_MAX], line[1024];
    struct keyring keys;
    struct mint *mint = NULL;

    if (argc != 2 || path_join(argv[1], "keys/master.key", path) != TRAP_OK)
        return fail(&why);
    if (keyed_init() != TRAP_OK || keyring_read(path, &keys, &why) != TRAP_OK || epochs_read(argv[1], &window, &why) != TRAP_OK)
        return fail(&why);
    if (mint_new(&keys, &mint) != TRAP_OK)
        return fail(&why);
    keyring_wipe(&keys);
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t n = strlen(line);

        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        decode(mint, &window, bytes_of((const uint8_t *)line, n));
    }
    mint_free(&mint);
    return 0;
}
