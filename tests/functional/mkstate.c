/* mkstate - a state directory for functional tests of one daemon: keys and empty databases.
 *
 *   mkstate DIR NODE            makes DIR/keys/{master,web}.key and all databases
 *   mkstate DIR decode DOMAIN   reads local parts, one a line, and prints "node epoch serial slot" or "none" for each
 */
#include <base/file.h>
#include <base/keyring.h>
#include <base/num.h>
#include <mail/keyed.h>
#include <mail/mint.h>
#include <store/epochs.h>
#include <store/file.h>

#include <stdio.h>
#include <stdlib.h>

TRAP_NORETURN static void die(const char *what, const struct err_text *why)
{
    fprintf(stderr, "mkstate: %s: %s\n", what, why->text);
    exit(1);
}

static void join(const char *dir, const char *name, char out[PATH_TEXT_MAX])
{
    const struct err_text why = { "path too long" };

    if (path_join(dir, name, out) != TRAP_OK)
        die(name, &why);
}

static void make(const char *dir, uint8_t node)
{
    static const char *const folders[] = { "", "keys", "snap" };
    struct keyring master = { .has_master = true }, web;
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];

    for (size_t i = 0; i < 3; i++) {
        join(dir, folders[i], path);
        if (dir_make(path, 0700, &why) != TRAP_OK)
            die("make", &why);
    }
    keyed_random(master.master, sizeof(master.master));
    mint_node_keys(master.master, node, &web);
    join(dir, "keys/master.key", path);
    if (keyring_create(path, &master, &why) != TRAP_OK)
        die("keys", &why);
    join(dir, "keys/web.key", path);
    if (keyring_create(path, &web, &why) != TRAP_OK)
        die("keys", &why);
    if (store_create_all(dir, node, &why) != TRAP_OK)
        die("store", &why);
}

static void decode(const char *dir, const char *domain_name)
{
    struct keyring keys;
    struct err_text why = { "" };
    static struct mint_window window;
    struct mint *mint = NULL;
    struct mint_domain domain;
    struct mint_ref ref;
    char path[PATH_TEXT_MAX], line[256];

    join(dir, "keys/master.key", path);
    if (keyring_read(path, &keys, &why) != TRAP_OK || mint_new(&keys, &mint) != TRAP_OK ||
        epochs_read(dir, &window, &why) != TRAP_OK)
        die("decode", &why);
    domain = mint_domain(mint, bytes_str(domain_name));
    while (fgets(line, sizeof(line), stdin) != NULL) {
        const struct bytes local = bytes_of(line, strcspn(line, "\n"));
        if (mint_decode(mint, domain, local, &window, &ref) == TRAP_OK)
            printf("%u %u %u %u\n", (unsigned)ref.node, (unsigned)ref.epoch, (unsigned)ref.serial, (unsigned)ref.slot);
        else
            printf("none\n");
    }
    mint_free(&mint);
    keyring_wipe(&keys);
}

int main(int argc, char **argv)
{
    uint32_t node = 0;

    if (keyed_init() != TRAP_OK)
        return 1;
    if (argc == 4 && strcmp(argv[2], "decode") == 0)
        decode(argv[1], argv[3]);
    else if (argc == 3 && num_u32(bytes_str(argv[2]), 0, 255, &node) == TRAP_OK)
        make(argv[1], (uint8_t)node);
    else
        return 64;
    return 0;
}
