#include <store/postmaster.h>

#include <stdio.h>

static const struct bytes suffix = BYTES_INIT(".eml");

const char *postmaster_name(const struct postmaster_file *file, char out[POSTMASTER_NAME_MAX])
{
    const struct civil t = wall_civil(file->at);
    char client[IP_TEXT_MAX];

    (void)ip_text(file->client, client);
    for (char *c = client; *c != '\0'; c++)
        *c = *c == ':' ? '_' : *c;
    (void)snprintf(out, POSTMASTER_NAME_MAX, "%04d%02d%02dT%02d%02d%02dZ-%llu-%llu-%s.eml", t.year, t.month,
                   t.day, t.hour, t.minute, t.second, (unsigned long long)file->session,
                   (unsigned long long)file->number, client);
    return out;
}

bool postmaster_is_name(struct bytes name)
{
    return bytes_has_isuffix(name, suffix) && name.p[0] != '.' && bytes_find(name, '/') == name.n;
}

bool postmaster_client(struct bytes name, struct ip *out)
{
    uint8_t text[IP_TEXT_MAX];
    struct bytes client;

    if (!postmaster_is_name(name))
        return false;
    client = bytes_take(name, name.n - suffix.n);
    client = bytes_skip(client, bytes_rfind(client, '-') + 1);
    if (client.n > sizeof text)
        return false;
    for (size_t i = 0; i < client.n; i++)
        text[i] = client.p[i] == '_' ? ':' : client.p[i];
    return ip_parse(bytes_of(text, client.n), out) == TRAP_OK;
}
