/* A message in pieces: the same text, the same hosts and addresses, and each of them in its form. */
#include <mail/body_digest.h>
#include <mail/links.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct body_digest text;
    struct links links;
    uint64_t octets;
    uint32_t parts, found;
};

static void on_text(enum mime_kind kind, struct bytes text, void *arg)
{
    struct seen *s = arg;

    s->octets += text.n;
    body_digest_add(&s->text, text.n > 0 ? text : BYTES("\x01"));
    links_text(kind, text, &s->links);
}

static void run(struct seen *s, struct bytes all, size_t step)
{
    struct mime m;

    body_digest_init(&s->text);
    links_init(&s->links);
    s->octets = 0;
    mime_init(&m, on_text, s);
    for (size_t at = 0; at < all.n; at += step)
        mime_feed(&m, bytes_take(bytes_skip(all, at), step));
    mime_end(&m);
    s->parts = m.parts;
    s->found = m.found;
    if (s->octets > all.n)
        abort();
}

static void same(const struct seen *a, const struct seen *b)
{
    if (body_digest_value(&a->text) != body_digest_value(&b->text) || a->parts != b->parts ||
        a->found != b->found)
        abort();
    if (a->links.hosts_n != b->links.hosts_n || a->links.mail_n != b->links.mail_n ||
        a->links.more != b->links.more)
        abort();
    for (size_t i = 0; i < a->links.hosts_n; i++)
        if (strcmp(a->links.hosts[i], b->links.hosts[i]) != 0)
            abort();
    for (size_t i = 0; i < a->links.mail_n; i++)
        if (strcmp(a->links.mail[i], b->links.mail[i]) != 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct seen whole, pieces;
    char name[DNS_NAME_TEXT_MAX];
    struct ip ip;

    run(&whole, bytes_of(data, size), size + 1);
    run(&pieces, bytes_of(data, size), 1);
    same(&whole, &pieces);
    run(&pieces, bytes_of(data, size), 7);
    same(&whole, &pieces);
    for (size_t i = 0; i < whole.links.hosts_n; i++)
        if (ip_parse(bytes_str(whole.links.hosts[i]), &ip) != TRAP_OK &&
            dns_name_read(bytes_str(whole.links.hosts[i]), name) != TRAP_OK)
            abort();
    return 0;
}
