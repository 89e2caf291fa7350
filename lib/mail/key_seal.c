#include <mail/key_seal.h>

#include <base/num.h>
#include <mail/keyed.h>

#include <sodium.h>

/* What is in the box: version, flags, then every field at a fixed place, zero where the keyring has none. */
enum {
    PLAIN_VERSION = 1,
    HAS_MASTER = 1,
    HAS_NODE = 2,
    AT_FLAGS = 1,
    AT_MASTER = 2,
    AT_OUTER = AT_MASTER + KEY_BYTES,
    AT_NODE_ID = AT_OUTER + KEY_OUTER_BYTES,
    AT_NODE = AT_NODE_ID + 1,
    PLAIN_BYTES = AT_NODE + KEY_BYTES,
    BOX_BYTES = PLAIN_BYTES + crypto_secretbox_MACBYTES,
    BASE64_MAX = sodium_base64_ENCODED_LEN(BOX_BYTES, sodium_base64_VARIANT_ORIGINAL),
};

#define HEADER "trapline-sealed-keys 1"

static void plain_pack(const struct keyring *k, uint8_t plain[PLAIN_BYTES])
{
    memset(plain, 0, PLAIN_BYTES);
    plain[0] = PLAIN_VERSION;
    if (k->has_master) {
        plain[AT_FLAGS] |= HAS_MASTER;
        memcpy(plain + AT_MASTER, k->master, KEY_BYTES);
    }
    if (k->has_node) {
        plain[AT_FLAGS] |= HAS_NODE;
        memcpy(plain + AT_OUTER, k->outer, KEY_OUTER_BYTES);
        plain[AT_NODE_ID] = k->node_id;
        memcpy(plain + AT_NODE, k->node, KEY_BYTES);
    }
}

static void plain_unpack(const uint8_t plain[PLAIN_BYTES], struct keyring *k)
{
    *k = (struct keyring){
        .has_master = (plain[AT_FLAGS] & HAS_MASTER) != 0,
        .has_node = (plain[AT_FLAGS] & HAS_NODE) != 0,
        .node_id = plain[AT_NODE_ID],
    };
    memcpy(k->master, plain + AT_MASTER, KEY_BYTES);
    memcpy(k->outer, plain + AT_OUTER, KEY_OUTER_BYTES);
    memcpy(k->node, plain + AT_NODE, KEY_BYTES);
}

static enum trap_err stretch(struct bytes passphrase, const uint8_t salt[crypto_pwhash_SALTBYTES],
                             uint8_t key[crypto_secretbox_KEYBYTES])
{
    const int rc = crypto_pwhash(key, crypto_secretbox_KEYBYTES, (const char *)passphrase.p, passphrase.n,
                                 salt, crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE,
                                 crypto_pwhash_ALG_ARGON2ID13);

    return rc == -1 ? TRAP_ENOMEM : TRAP_OK; /* its one failure: 256 MiB are not to be had */
}

static void add_base64(struct buf *out, const uint8_t *p, size_t n)
{
    char text[BASE64_MAX];

    (void)sodium_bin2base64(text, sizeof(text), p, n, sodium_base64_VARIANT_ORIGINAL);
    buf_add_str(out, text);
    buf_add_byte(out, '\n');
}

enum trap_err key_seal(const struct keyring *k, struct bytes passphrase, struct buf *text_out)
{
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], key[crypto_secretbox_KEYBYTES];
    uint8_t plain[PLAIN_BYTES], box[BOX_BYTES];
    enum trap_err err;

    if (passphrase.n == 0 || (!k->has_master && !k->has_node))
        return TRAP_EINVAL;
    keyed_random(salt, sizeof(salt));
    keyed_random(nonce, sizeof(nonce));
    err = stretch(passphrase, salt, key);
    if (err != TRAP_OK)
        return err;
    plain_pack(k, plain);
    (void)crypto_secretbox_easy(box, plain, sizeof(plain), nonce, key);
    keyed_wipe(plain, sizeof(plain));
    keyed_wipe(key, sizeof(key));
    buf_add_str(text_out, HEADER "\n");
    add_base64(text_out, salt, sizeof(salt));
    add_base64(text_out, nonce, sizeof(nonce));
    add_base64(text_out, box, sizeof(box));
    return text_out->err;
}

/* The next line, without its end; empty lines are skipped, so is a CR that a mail program added. */
static struct bytes next_line(struct bytes *rest)
{
    struct bytes line = { NULL, 0 };

    while (line.n == 0 && bytes_split(rest, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        line = bytes_trim(line);
    }
    return line;
}

static bool take_base64(struct bytes *rest, uint8_t *out, size_t n)
{
    const struct bytes line = next_line(rest);
    size_t got = 0;

    return line.n > 0 &&
           sodium_base642bin(out, n, (const char *)line.p, line.n, NULL, &got, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           got == n;
}

/* A header of another version than ours: text that we cannot read, but that is not damaged. */
static enum trap_err check_header(struct bytes line)
{
    const struct bytes name = BYTES("trapline-sealed-keys ");
    uint32_t version;

    if (!bytes_has_prefix(line, name) ||
        num_u32(bytes_skip(line, name.n), 1, UINT32_MAX, &version) != TRAP_OK)
        return TRAP_EPERM;
    return version == 1 ? TRAP_OK : TRAP_ENEWER;
}

enum trap_err key_open(struct bytes text, struct bytes passphrase, struct keyring *out)
{
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], key[crypto_secretbox_KEYBYTES];
    uint8_t plain[PLAIN_BYTES], box[BOX_BYTES];
    enum trap_err err = check_header(next_line(&text));

    if (err != TRAP_OK)
        return err;
    if (!take_base64(&text, salt, sizeof(salt)) || !take_base64(&text, nonce, sizeof(nonce)) ||
        !take_base64(&text, box, sizeof(box)) || next_line(&text).n > 0 || passphrase.n == 0)
        return TRAP_EPERM;
    err = stretch(passphrase, salt, key);
    if (err != TRAP_OK)
        return err;
    if (crypto_secretbox_open_easy(plain, box, sizeof(box), nonce, key) == -1)
        err = TRAP_EPERM;
    else if (plain[0] != PLAIN_VERSION)
        err = TRAP_ENEWER;
    else
        plain_unpack(plain, out);
    keyed_wipe(plain, sizeof(plain));
    keyed_wipe(key, sizeof(key));
    return err;
}
