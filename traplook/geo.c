/* geo.c - see geo.h. */
#include "geo.h"

#include <base/log.h>
#include <store/lookup.h>

#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TEXT_MAX = 100 };

struct database {
    const char *path; /* "" = not wanted */
    MMDB_s db;
    bool open, told;
    struct timespec changed;
    ino_t inode;
    char built[16]; /* 2026-03-01 */
};
struct geo {
    struct database country, asn;
};

static void tell(struct database *d, const char *why)
{
    if (!d->told)
        log_warning("look.geoip.unreadable", LOG_STR("file", d->path), LOG_STR("error", why),
                    LOG_STR("effect", "no facts from this database"));
    d->told = true;
}

static void close_database(struct database *d)
{
    if (d->open)
        MMDB_close(&d->db);
    d->open = false;
}

static void open_database(struct database *d)
{
    const int status = MMDB_open(d->path, MMDB_MODE_MMAP, &d->db);

    if (status != MMDB_SUCCESS) {
        tell(d, status == MMDB_IO_ERROR ? strerrordesc_np(errno) : MMDB_strerror(status));
        return;
    }
    d->open = true;
    d->told = false;
    const uint64_t days = d->db.metadata.build_epoch / 86400;
    const struct civil day =
        wall_civil((wall_t){ (int64_t)(days < 100000 ? days : 0) * WALL_US_PER_DAY });
    (void)snprintf(d->built, sizeof(d->built), "%04d-%02d-%02d", day.year % 10000, day.month % 100, day.day % 100);
    log_info("look.geoip.open", LOG_STR("file", d->path), LOG_STR("built", d->built));
}

static void refresh(struct database *d)
{
    struct stat st;

    if (d->path[0] == '\0')
        return;
    if (stat(d->path, &st) == -1) {
        tell(d, strerrordesc_np(errno));
        return; /* what is open stays */
    }
    if (st.st_ino == d->inode && st.st_mtim.tv_sec == d->changed.tv_sec && st.st_mtim.tv_nsec == d->changed.tv_nsec)
        return;
    d->inode = st.st_ino;
    d->changed = st.st_mtim;
    close_database(d);
    open_database(d);
}

void geo_refresh(struct geo *g)
{
    refresh(&g->country);
    refresh(&g->asn);
}

enum trap_err geo_new(const struct config *c, struct geo **out)
{
    struct geo *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return TRAP_ENOMEM;
    g->country.path = c->geoip_country;
    g->asn.path = c->geoip_asn;
    geo_refresh(g);
    *out = g;
    return TRAP_OK;
}

void geo_free(struct geo **g)
{
    if (*g == NULL)
        return;
    close_database(&(*g)->country);
    close_database(&(*g)->asn);
    free(*g);
    *g = NULL;
}

/* ---- looking up ---- */

static bool find(struct database *d, struct ip a, MMDB_lookup_result_s *out)
{
    struct sockaddr_storage sa;
    int error = MMDB_SUCCESS;

    if (!d->open)
        return false;
    (void)ip_to_sockaddr(a, 0, &sa);
    *out = MMDB_lookup_sockaddr(&d->db, (const struct sockaddr *)&sa, &error);
    if (error != MMDB_SUCCESS && error != MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
        tell(d, MMDB_strerror(error)); /* damaged inside */
    return error == MMDB_SUCCESS && out->found_entry;
}

static bool get(MMDB_lookup_result_s *found, const char *const *path, uint32_t type, MMDB_entry_data_s *out)
{
    return MMDB_aget_value(&found->entry, out, path) == MMDB_SUCCESS && out->has_data && out->type == type;
}

static struct bytes text_of(const MMDB_entry_data_s *v)
{
    return bytes_take(bytes_of(v->utf8_string, v->data_size), TEXT_MAX);
}

void geo_add(struct geo *g, struct ip a, struct buf *detail)
{
    static const char *const country[] = { "country", "iso_code", NULL };
    static const char *const number[] = { "autonomous_system_number", NULL };
    static const char *const name[] = { "autonomous_system_organization", NULL };
    MMDB_lookup_result_s found;
    MMDB_entry_data_s v;
    char text[16];

    if (find(&g->country, a, &found) && get(&found, country, MMDB_DATA_TYPE_UTF8_STRING, &v)) {
        lookup_word_add(detail, "country", text_of(&v));
        lookup_word_add(detail, "country_built", bytes_str(g->country.built));
    }
    if (find(&g->asn, a, &found) && get(&found, number, MMDB_DATA_TYPE_UINT32, &v)) {
        (void)snprintf(text, sizeof(text), "%u", v.uint32);
        lookup_word_add(detail, "as", bytes_str(text));
        if (get(&found, name, MMDB_DATA_TYPE_UTF8_STRING, &v))
            lookup_word_add(detail, "as_name", text_of(&v));
        lookup_word_add(detail, "as_built", bytes_str(g->asn.built));
    }
}
