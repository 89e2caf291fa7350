/* dns_answer.c - see dns_answer.h. c-ares parses the message; what it gives is checked again, and cut. */
#include "dns_answer.h"

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef int read_fn(const unsigned char *message, int len, struct dns_answer *out);

static void add_ip(struct dns_answer *out, const void *blob, size_t n)
{
    struct ip a;

    if (out->ip_count == DNS_IPS_MAX)
        out->cut = true;
    else if (ip_get(bytes_of(blob, n), &a) == TRAP_OK)
        out->ip[out->ip_count++] = a;
}

static void add_name(struct dns_answer *out, const char *name)
{
    if (out->name_count == DNS_NAMES_MAX)
        out->cut = true;
    else if (dns_name_read(bytes_str(name), out->name[out->name_count]) == TRAP_OK)
        out->name_count++;
    else
        out->bad_names++;
}

static int read_a(const unsigned char *message, int len, struct dns_answer *out)
{
    struct ares_addrttl v[DNS_IPS_MAX + 1];
    int n = DNS_IPS_MAX + 1;
    const int status = ares_parse_a_reply(message, len, NULL, v, &n);

    for (int i = 0; status == ARES_SUCCESS && i < n; i++)
        add_ip(out, &v[i].ipaddr, sizeof v[i].ipaddr);
    return status;
}

static int read_aaaa(const unsigned char *message, int len, struct dns_answer *out)
{
    struct ares_addr6ttl v[DNS_IPS_MAX + 1];
    int n = DNS_IPS_MAX + 1;
    const int status = ares_parse_aaaa_reply(message, len, NULL, v, &n);

    for (int i = 0; status == ARES_SUCCESS && i < n; i++)
        add_ip(out, &v[i].ip6addr, sizeof v[i].ip6addr);
    return status;
}

static int read_ptr(const unsigned char *message, int len, struct dns_answer *out)
{
    static const unsigned char any[4];
    struct hostent *host = NULL;
    const int status = ares_parse_ptr_reply(message, len, any, sizeof any, AF_INET, &host);

    if (status != ARES_SUCCESS)
        return status;
    for (char **name = host->h_aliases; *name != NULL; name++)
        add_name(out, *name);
    ares_free_hostent(host);
    return status;
}

static int read_mx(const unsigned char *message, int len, struct dns_answer *out)
{
    struct ares_mx_reply *list = NULL;
    const int status = ares_parse_mx_reply(message, len, &list);

    for (const struct ares_mx_reply *mx = list; status == ARES_SUCCESS && mx != NULL; mx = mx->next)
        add_name(out, mx->host);
    ares_free_data(list);
    return status;
}

/* The strings of a record follow each other; record_start marks the first. */
static int read_txt(const unsigned char *message, int len, struct dns_answer *out)
{
    struct ares_txt_ext *list = NULL;
    const int status = ares_parse_txt_reply_ext(message, len, &list);
    size_t used = 0;

    if (status == ARES_SUCCESS)
        out->text_memory = malloc(DNS_TEXT_BYTES);
    if (status == ARES_SUCCESS && out->text_memory == NULL) {
        ares_free_data(list);
        return ARES_ENOMEM;
    }
    for (const struct ares_txt_ext *t = list; status == ARES_SUCCESS && t != NULL; t = t->next) {
        if (t->record_start == 0 && out->text_count == 0)
            continue;
        if ((t->record_start != 0 && out->text_count == DNS_TEXTS_MAX) || t->length > DNS_TEXT_BYTES - used) {
            out->cut = true;
            break;
        }
        if (t->record_start != 0)
            out->text[out->text_count++] = bytes_of(out->text_memory + used, 0);
        memcpy(out->text_memory + used, t->txt, t->length);
        out->text[out->text_count - 1].n += t->length;
        used += t->length;
    }
    ares_free_data(list);
    return status;
}

static const struct {
    int number; /* IANA */
    read_fn *read;
} types[DNS_TYPES] = {
    [DNS_A] = { 1, read_a },    [DNS_AAAA] = { 28, read_aaaa }, [DNS_PTR] = { 12, read_ptr },
    [DNS_MX] = { 15, read_mx }, [DNS_TXT] = { 16, read_txt },
};

int dns_type_number(enum dns_type type)
{
    return types[type].number;
}

void dns_answer_read(enum dns_type type, int status, const unsigned char *message, int len, struct dns_answer *out)
{
    *out = (struct dns_answer){ .result = DNS_UNDECIDED };
    if (status == ARES_SUCCESS)
        status = types[type].read(message, len, out);
    if (status == ARES_SUCCESS)
        out->result = DNS_FOUND;
    else if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        out->result = DNS_NONE;
}

void dns_answer_free(struct dns_answer *a)
{
    free(a->text_memory);
    a->text_memory = NULL;
}
