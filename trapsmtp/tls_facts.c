#include "tls_facts.h"

void tls_facts_read(struct tls_facts *facts, struct bytes message)
{
    struct tls_hello hello;

    if (tls_hello_parse(message, &hello) != TRAP_OK)
        return;
    tls_hello_ja4(&hello, facts->ja4);
    facts->name_len = (uint8_t)(hello.name.n < TLS_NAME_MAX ? hello.name.n : TLS_NAME_MAX);
    if (facts->name_len > 0)
        memcpy(facts->name, hello.name.p, facts->name_len);
}

void tls_facts_read_records(struct tls_facts *facts, struct bytes in)
{
    uint8_t scratch[TLS_HELLO_MAX];
    struct bytes message;

    facts->heard = true;
    if (tls_hello_find(in, scratch, &message) == TLS_HELLO_DONE)
        tls_facts_read(facts, message);
}

void tls_facts_tell(const struct tls_facts *facts, struct session_record *out)
{
    if (facts == NULL)
        return;
    out->tls_version = facts->version;
    out->tls_cipher = bytes_str(facts->cipher);
    out->ja4 = bytes_str(facts->ja4);
    out->sni = bytes_of(facts->name, facts->name_len);
}

const char *tls_facts_text(const struct tls_facts *facts)
{
    static const char *const versions[] = { "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3" };

    if (facts == NULL)
        return "none";
    if (facts->problem != NULL)
        return facts->problem;
    if (facts->version >= 0x0301 && facts->version <= 0x0304)
        return versions[facts->version - 0x0301];
    return "not finished";
}
