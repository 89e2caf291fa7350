/* A ClientHello, alone and in records: refused, or its parts lie inside the message, the lists hold no GREASE
 * and the fingerprint has its form. In records it comes out as it went in, however it is cut. */
#include <mail/tls_hello.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes part, struct bytes whole)
{
    if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
        abort();
}

static void no_grease(const struct tls_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if ((list->v[i] & 0x0f0f) == 0x0a0a && list->v[i] >> 8 == (list->v[i] & 0xff))
            abort();
}

static bool check_message(struct bytes message)
{
    struct tls_hello h;
    char ja4[TLS_JA4_LEN + 1];

    if (tls_hello_parse(message, &h) != TRAP_OK)
        return false;
    inside(h.name, message);
    inside(h.alpn, message);
    no_grease(&h.ciphers);
    no_grease(&h.extensions);
    no_grease(&h.signatures);
    tls_hello_ja4(&h, ja4);
    if (strlen(ja4) != TLS_JA4_LEN || ja4[0] != 't' || ja4[10] != '_' || ja4[23] != '_')
        abort();
    for (size_t i = 0; i < TLS_JA4_LEN; i++)
        if (ja4[i] != '_' && !ascii_is_alnum((uint8_t)ja4[i]))
            abort();
    return true;
}

/* The message in records of `piece` bytes is found again. */
static void check_records(struct bytes message, size_t piece)
{
    static uint8_t stream[6 * TLS_HELLO_MAX], scratch[TLS_HELLO_MAX];
    struct bytes found;
    size_t n = 0;

    for (struct bytes rest = message; rest.n > 0; rest = bytes_skip(rest, piece)) {
        const struct bytes part = bytes_take(rest, piece);
        const uint8_t header[5] = { 22, 3, 1, (uint8_t)(part.n >> 8), (uint8_t)part.n };

        memcpy(stream + n, header, sizeof(header));
        memcpy(stream + n + sizeof(header), part.p, part.n);
        n += sizeof(header) + part.n;
    }
    if (tls_hello_find(bytes_of(stream, n), scratch, &found) != TLS_HELLO_DONE || !bytes_eq(found, message))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t scratch[TLS_HELLO_MAX];
    const struct bytes in = bytes_of(data, size);
    struct bytes message;

    if (check_message(in))
        check_records(in, 1 + data[size - 1]);
    if (tls_hello_find(in, scratch, &message) == TLS_HELLO_DONE)
        (void)check_message(message);
    return 0;
}
