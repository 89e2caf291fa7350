/* SPF records: every term lies inside the record and is read alike when it stands alone; domains without a macro are
 * names; lengths fit their family; a record ends. */
#include <mail/dns_name.h>
#include <mail/spf_record.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(struct bytes in, const struct spf_term *t)
{
    char name[DNS_NAME_TEXT_MAX], again[DNS_NAME_TEXT_MAX];

    if (t->domain.n == 0)
        return;
    if (t->domain.p < in.p || t->domain.p + t->domain.n > in.p + in.n)
        abort();
    if (t->macro != (bytes_find(t->domain, '%') < t->domain.n))
        abort();
    if (t->macro)
        return;
    if (dns_name_read(t->domain, name) != TRAP_OK || dns_name_read(bytes_str(name), again) != TRAP_OK ||
        strcmp(name, again) != 0)
        abort();
}

static void check_term(struct bytes in, struct bytes text, const struct spf_term *t)
{
    struct spf_term alone;

    if (spf_next(&text, &alone) != TRAP_OK || alone.kind != t->kind || alone.qualifier != t->qualifier ||
        !bytes_eq(alone.domain, t->domain) || prefix_cmp(alone.prefix, t->prefix) != 0)
        abort();
    if (t->kind == SPF_IP4 && (!ip_is_v4(t->prefix.ip) || t->prefix.len < 96) && t->prefix.len != 96)
        abort();
    if (t->len4 > 32 || t->len6 > 128 || t->prefix.len > 128)
        abort();
    check_domain(in, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = bytes_of(data, size);
    struct bytes terms = in;
    struct spf_term t;

    (void)spf_begin(in, &terms);
    for (size_t n = 0;; n++) {
        const struct bytes before = terms;

        if (spf_next(&terms, &t) != TRAP_OK)
            break;
        if (terms.n >= before.n || n > size)
            abort();
        check_term(in, bytes_take(before, before.n - terms.n), &t);
    }
    return 0;
}
