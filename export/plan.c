/* plan.c - which files and datasets the zones of the configuration become: a table. */
#include <export/plan.h>

#include <stdio.h>
#include <stdlib.h>

enum { FILES_MAX = 2 };

struct part {
    enum zone_type type;
    enum listing_kind kind;
    const char *subzones, *label; /* label: before the zone's name, "" for the zone itself */
};
struct file_kind {
    const char *ending;
    bool combined;
    struct part part[ZONE_SECTIONS_MAX];
    size_t count;
};

#define SENDERS4                                         \
    {                                                    \
        ZONE_TYPE_IP4, LISTINGS_SENDERS, "@ senders", "" \
    }
#define SENDERS6                                         \
    {                                                    \
        ZONE_TYPE_IP6, LISTINGS_SENDERS, "@ senders", "" \
    }
#define HARVESTERS                                              \
    {                                                           \
        ZONE_TYPE_HTTPBL, LISTINGS_HARVESTERS, "harvesters", "" \
    }
#define NETS4                                      \
    {                                              \
        ZONE_TYPE_IP4, LISTINGS_NETS, "@ nets", "" \
    }
#define NETS6                                      \
    {                                              \
        ZONE_TYPE_IP6, LISTINGS_NETS, "@ nets", "" \
    }
#define BACKSCATTER4                                             \
    {                                                            \
        ZONE_TYPE_IP4, LISTINGS_BACKSCATTER, "@ backscatter", "" \
    }
#define BACKSCATTER6                                             \
    {                                                            \
        ZONE_TYPE_IP6, LISTINGS_BACKSCATTER, "@ backscatter", "" \
    }
#define FILE_IP4                                           \
    {                                                      \
        .ending = ".ip4", .part = { SENDERS4 }, .count = 1 \
    }
#define FILE_IP6                                           \
    {                                                      \
        .ending = ".ip6", .part = { SENDERS6 }, .count = 1 \
    }

static const struct {
    struct file_kind file[FILES_MAX];
    size_t count;
} kinds[] = {
    [ZONE_SENDERS4] = { { FILE_IP4 }, 1 },
    [ZONE_SENDERS6] = { { FILE_IP6 }, 1 },
    [ZONE_SENDERS] = { { FILE_IP4, FILE_IP6 }, 2 },
    [ZONE_BACKSCATTER] = { { { .ending = ".ip4", .part = { BACKSCATTER4 }, .count = 1 },
                             { .ending = ".ip6", .part = { BACKSCATTER6 }, .count = 1 } },
                           2 },
    [ZONE_NETS] = { { { .ending = ".ip4", .part = { NETS4 }, .count = 1 },
                      { .ending = ".ip6", .part = { NETS6 }, .count = 1 } },
                    2 },
    [ZONE_HARVESTERS] = { { { .ending = ".httpbl", .part = { HARVESTERS }, .count = 1 } }, 1 },
    [ZONE_COMBINED] = { { { .ending = ".combined",
                            .combined = true,
                            .part = { SENDERS4,
                                      SENDERS6,
                                      { ZONE_TYPE_HTTPBL, LISTINGS_HARVESTERS, "harvesters",
                                        "harvesters." } },
                            .count = 3 } },
                        1 },
};

/* The name becomes a file's name: no slash, no leading dot, nothing that a shell or rbldnsd's command line
 * would split. */
static bool name_is_plain(const char *name)
{
    const struct bytes n = bytes_str(name);

    if (n.n == 0 || n.n > 253 || !ascii_is_alnum(n.p[0]))
        return false;
    for (size_t i = 0; i < n.n; i++)
        if (!ascii_is_alnum(n.p[i]) && n.p[i] != '-' && n.p[i] != '.' && n.p[i] != '_')
            return false;
    return true;
}

static enum trap_err add_dataset(struct plan *p, const struct config *c, const struct conf_zone *z,
                                 const struct part *part, struct err_text *why)
{
    struct plan_dataset *d = &p->dataset[p->dataset_count];
    struct err_text what;

    *d = (struct plan_dataset){ .zone = z,
                                .policy = config_policy(c, z->policy),
                                .type = part->type,
                                .kind = part->kind,
                                .subzones = part->subzones };
    if (d->policy == NULL) {
        err_text_set(why, "zone \"%s\": there is no policy \"%s\"", z->name, z->policy);
        return TRAP_EINVAL;
    }
    if (zone_text_check(part->type, z->text, &what) != TRAP_OK) {
        err_text_set(why, "zone \"%s\": %s", z->name, what.text);
        return TRAP_EINVAL;
    }
    (void)snprintf(d->name, sizeof(d->name), "%s%s", part->label, z->name);
    p->dataset_count++;
    return TRAP_OK;
}

static enum trap_err add_file(struct plan *p, const struct config *c, const struct conf_zone *z,
                              const struct file_kind *kind, struct err_text *why)
{
    struct plan_file *f = &p->file[p->file_count];

    *f = (struct plan_file){
        .zone = z, .combined = kind->combined, .first = p->dataset_count, .count = kind->count
    };
    (void)snprintf(f->path, sizeof(f->path), "%s%s%s", z->live ? "" : "shadow/", z->name, kind->ending);
    for (size_t i = 0; i < p->file_count; i++)
        if (strcmp(p->file[i].path, f->path) == 0) {
            err_text_set(why, "zone \"%s\" stands twice with the same kind of data", z->name);
            return TRAP_EINVAL;
        }
    p->file_count++;
    for (size_t i = 0; i < kind->count; i++) {
        const enum trap_err err = add_dataset(p, c, z, &kind->part[i], why);

        if (err != TRAP_OK)
            return err;
    }
    return TRAP_OK;
}

enum trap_err plan_make(const struct config *c, struct plan *out, struct err_text *why)
{
    struct plan p = { 0 };
    enum trap_err err = TRAP_OK;

    p.file = calloc(c->zone_count * FILES_MAX + 1, sizeof(*p.file));
    p.dataset = calloc(c->zone_count * FILES_MAX * ZONE_SECTIONS_MAX + 1, sizeof(*p.dataset));
    if (p.file == NULL || p.dataset == NULL) {
        err_text_set(why, "no memory for the zones");
        err = TRAP_ENOMEM;
    }
    for (size_t i = 0; i < c->zone_count && err == TRAP_OK; i++) {
        const struct conf_zone *z = &c->zones[i];

        if (!name_is_plain(z->name)) {
            err_text_set(why, "zone \"%s\": not a domain name", z->name);
            err = TRAP_EINVAL;
        }
        for (size_t k = 0; k < kinds[z->kind].count && err == TRAP_OK; k++)
            err = add_file(&p, c, z, &kinds[z->kind].file[k], why);
    }
    if (err != TRAP_OK) {
        plan_free(&p);
        return err;
    }
    *out = p;
    return TRAP_OK;
}

void plan_free(struct plan *p)
{
    free(p->file);
    free(p->dataset);
    *p = (struct plan){ 0 };
}
