#include "trapdir_parts.h"

#include <base/file.h>
#include <base/log.h>

#include <stdlib.h>

struct trapdir {
    const struct config *config;
    struct buf own_bytes;
    struct trap_image own; /* configuration and trap_file */
    struct trapdir_snapshot acts;
    struct snapshot_stamp stamp;
    char path[PATH_TEXT_MAX]; /* of the snapshot */
    wall_t now;
};

/* ---- the configuration's part ---- */

static uint8_t class_of(enum trap_class c)
{
    static const uint8_t classes[] = { [CLASS_MINTED] = RCPT_MINTED,
                                       [CLASS_PRISTINE] = RCPT_PRISTINE,
                                       [CLASS_RECYCLED] = RCPT_RECYCLED,
                                       [CLASS_TYPO] = RCPT_TYPO };

    return classes[c];
}

/* Names that are no trap, whatever else is said of them. */
static enum trap_err list_reserved(const struct conf_trap_domain *domain, struct trap_list *l)
{
    enum trap_err err = TRAP_OK;
    struct buf address;

    buf_init(&address, TRAP_NAME_MAX);
    for (size_t i = 0; i < domain->reserved.n && err == TRAP_OK; i++) {
        buf_reset(&address);
        buf_addf(&address, "%s@%s", domain->reserved.v[i], domain->name);
        err = address.err;
        if (err == TRAP_OK)
            err = trap_list_add(l, buf_bytes(&address), 0, TRAP_STATE_RETIRED, TRAPDIR_TAG_CONFIGURATION);
    }
    buf_free(&address);
    return err;
}

/* Later items win: what the configuration itself says stands above trap_file. */
static enum trap_err list_own(const struct config *c, struct trap_list *l, struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    if (c->trap_file != NULL && c->trap_file[0] != '\0')
        err = trapdir_file_read(c->trap_file, l, why);
    if (err != TRAP_OK)
        return err;
    for (size_t i = 0; i < c->trap_count && err == TRAP_OK; i++) {
        if (!trap_name_ok(bytes_str(c->traps[i].address))) {
            err_text_set(why, "trap \"%s\": expected local@domain, %d and %d bytes at most",
                         c->traps[i].address, TRAP_LOCAL_MAX, TRAP_DOMAIN_MAX);
            return TRAP_EINVAL;
        }
        err = trapdir_list_add(l, bytes_str(c->traps[i].address), class_of(c->traps[i].klass),
                               TRAPDIR_TAG_CONFIGURATION);
    }
    for (size_t i = 0; i < c->trap_domain_count && err == TRAP_OK; i++) {
        err = trap_list_add(l, bytes_str(c->trap_domains[i].name), class_of(c->trap_domains[i].klass),
                            TRAP_STATE_TRAP, TRAPDIR_TAG_DOMAIN + (uint32_t)i);
        if (err == TRAP_OK)
            err = list_reserved(&c->trap_domains[i], l);
    }
    if (err != TRAP_OK)
        err_text_set(why, "trap directory: out of memory");
    return err;
}

static enum trap_err make_own(struct trapdir *d, struct err_text *why)
{
    struct trap_list list;
    enum trap_err err;

    trap_list_init(&list);
    err = list_own(d->config, &list, why);
    if (err == TRAP_OK) {
        err = trap_image_make(&list, &d->own_bytes);
        if (err == TRAP_OK)
            err = trap_image_open(buf_bytes(&d->own_bytes), &d->own);
        if (err != TRAP_OK)
            err_text_set(why, "trap directory: out of memory");
    }
    trap_list_free(&list);
    return err;
}

/* ---- open, refresh, close ---- */

enum trap_err trapdir_new(const struct config *c, struct trapdir **out, struct err_text *why)
{
    struct trapdir *d = calloc(1, sizeof *d);
    enum trap_err err;

    if (d == NULL) {
        err_text_set(why, "trap directory: out of memory");
        return TRAP_ENOMEM;
    }
    d->config = c;
    d->now = wall_now();
    err = make_own(d, why);
    if (err == TRAP_OK)
        err = snapshot_path(c->state_dir, "traps", false, d->path, why);
    if (err == TRAP_OK) {
        (void)snapshot_changed(d->path, &d->stamp);
        err = trapdir_snapshot_load(d->path, &d->acts, why);
    }
    if (err != TRAP_OK) {
        trapdir_free(&d);
        return err;
    }
    *out = d;
    return TRAP_OK;
}

void trapdir_free(struct trapdir **dp)
{
    struct trapdir *d = *dp;

    *dp = NULL;
    if (d == NULL)
        return;
    trapdir_snapshot_free(&d->acts);
    buf_free(&d->own_bytes);
    free(d);
}

void trapdir_set_time(struct trapdir *d, wall_t now)
{
    d->now = now;
}

void trapdir_refresh(struct trapdir *d)
{
    struct trapdir_snapshot fresh;
    struct err_text why = { "" };

    d->now = wall_now();
    if (!snapshot_changed(d->path, &d->stamp))
        return;
    if (trapdir_snapshot_load(d->path, &fresh, &why) != TRAP_OK) {
        log_error("store.trapdir.refused", LOG_STR("error", why.text),
                  LOG_STR("then", "the last good one stays"));
        return;
    }
    trapdir_snapshot_free(&d->acts);
    d->acts = fresh;
    log_info("store.trapdir.loaded", LOG_U64("names", d->acts.image.count));
}

/* ---- find ---- */

/* Lower case. A part that is too long to be anybody's is looked up as the empty name: at the same cost, and
 * never found. */
struct address {
    uint8_t text[TRAP_NAME_MAX];
    struct bytes whole, domain;
};

static void lower_into(uint8_t *p, struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
}

static void join(struct bytes local, struct bytes domain, struct address *out)
{
    const bool domain_ok = domain.n <= TRAP_DOMAIN_MAX, local_ok = local.n > 0 && local.n <= TRAP_LOCAL_MAX;

    local = bytes_take(local, TRAP_LOCAL_MAX);
    domain = bytes_take(domain, TRAP_DOMAIN_MAX);
    lower_into(out->text, local);
    out->text[local.n] = '@';
    lower_into(out->text + local.n + 1, domain);
    out->whole = bytes_of(out->text, local_ok && domain_ok ? local.n + 1 + domain.n : 0);
    out->domain = bytes_of(out->text + local.n + 1, domain_ok ? domain.n : 0);
}

static struct trap_found find_in_acts(const struct trapdir *d, struct bytes name)
{
    return !d->acts.loaded ? (struct trap_found){ TRAP_STATE_NONE, 0, 0, 0 }
                           : trap_image_find(&d->acts.image, name);
}

static bool is_role(struct bytes local)
{
    return bytes_ieq(local, BYTES("postmaster")) || bytes_ieq(local, BYTES("abuse"));
}

static enum trap_life life_of(const struct trapdir *d, struct trap_found f, wall_t *ends_out)
{
    if (f.state == TRAP_STATE_RETIRED) {
        *ends_out = (wall_t){ 0 };
        return TRAP_RETIRED;
    }
    return trap_life_at((struct trap_times){ f.tag, f.more }, d->now, ends_out);
}

/* What all four look-ups say together. */
struct findings {
    struct trap_found own_address, own_domain, act_address, act_domain;
    enum trap_life address_life, domain_life; /* of the acts' */
    const struct conf_trap_domain *domain;
};

static struct trapdir_result trap_result(const struct findings *f, unsigned klass)
{
    return (struct trapdir_result){ TRAPDIR_TRAP, (uint8_t)klass, false, f->domain };
}

/* While it is conditioned, whoever asks hears what he hears of any other name of the domain that is no trap. */
static struct trapdir_result act_result(const struct findings *f, struct trap_found found, enum trap_life life,
                                        unsigned flags)
{
    if (life == TRAP_CONDITIONING)
        return (struct trapdir_result){ .answer = TRAPDIR_UNKNOWN, .domain = f->domain };
    return trap_result(f, found.klass | flags | (life == TRAP_OBSERVING ? RCPT_OBSERVED : 0u));
}

static struct trapdir_result decide(const struct findings *f, struct bytes local)
{
    const bool reserved = f->own_address.state == TRAP_STATE_RETIRED;
    struct trapdir_result r = { .answer = TRAPDIR_FOREIGN, .domain = f->domain };

    if (f->own_domain.state == TRAP_STATE_NONE && f->act_domain.state == TRAP_STATE_NONE)
        return r;
    r.answer = is_role(local) ? TRAPDIR_ROLE : TRAPDIR_UNKNOWN;
    r.retired = !reserved && r.answer != TRAPDIR_ROLE &&
                (f->act_address.state == TRAP_STATE_RETIRED || f->act_domain.state == TRAP_STATE_RETIRED);
    if (r.answer == TRAPDIR_ROLE || reserved || r.retired)
        return r;
    if (f->act_address.state == TRAP_STATE_TRAP)
        return act_result(f, f->act_address, f->address_life, 0);
    if (f->own_address.state == TRAP_STATE_TRAP)
        return trap_result(f, f->own_address.klass);
    if (f->domain != NULL && f->domain->klass == CLASS_MINTED) {
        r.answer = TRAPDIR_MINTED_DOMAIN;
        return r;
    }
    if (f->domain != NULL && f->domain->unknown_accept)
        return trap_result(f, class_of(f->domain->klass) | RCPT_CATCHALL);
    if (f->domain == NULL && f->own_domain.state == TRAP_STATE_TRAP) /* a domain of trap_file */
        return trap_result(f, f->own_domain.klass | RCPT_CATCHALL);
    if (f->act_domain.state == TRAP_STATE_TRAP)
        return act_result(f, f->act_domain, f->domain_life, RCPT_CATCHALL);
    return r;
}

struct trapdir_result trapdir_find(const struct trapdir *d, struct bytes local, struct bytes domain)
{
    struct address a;
    struct findings f = { .domain = NULL };
    wall_t ends;

    join(local, domain, &a);
    /* Always all four, whatever the first ones say: the time tells nothing. */
    f.own_address = trap_image_find(&d->own, a.whole);
    f.own_domain = trap_image_find(&d->own, a.domain);
    f.act_address = find_in_acts(d, a.whole);
    f.act_domain = find_in_acts(d, a.domain);
    f.address_life = life_of(d, f.act_address, &ends);
    f.domain_life = life_of(d, f.act_domain, &ends);
    if (f.own_domain.state == TRAP_STATE_TRAP && f.own_domain.tag >= TRAPDIR_TAG_DOMAIN)
        f.domain = &d->config->trap_domains[f.own_domain.tag - TRAPDIR_TAG_DOMAIN];
    return decide(&f, local);
}

/* ---- all ---- */

static enum trap_err give_own(const struct trapdir *d, struct bytes name, struct trap_found found,
                              trapdir_fn *fn, void *arg)
{
    static const char *const origins[] = { "configuration", "file", "configuration" };
    const bool conf_domain = found.tag >= TRAPDIR_TAG_DOMAIN;
    const struct conf_trap_domain *domain =
        conf_domain ? &d->config->trap_domains[found.tag - TRAPDIR_TAG_DOMAIN] : NULL;
    struct trapdir_entry e = { .address = name,
                               .rcpt_class = found.klass,
                               .origin = origins[conf_domain ? (unsigned)TRAPDIR_TAG_DOMAIN : found.tag],
                               .life = TRAP_ARMED };

    /* A minted domain is no static trap. An act on the name says what it is now. */
    if (domain != NULL && domain->klass == CLASS_MINTED)
        return TRAP_OK;
    if (find_in_acts(d, name).state > TRAP_STATE_LOCAL ||
        find_in_acts(d, trap_name_domain(name)).state == TRAP_STATE_RETIRED)
        return TRAP_OK;
    if (domain != NULL ? domain->unknown_accept : trap_name_is_domain(name))
        e.rcpt_class |= RCPT_CATCHALL;
    return fn(&e, arg);
}

static enum trap_err give_act(const struct trapdir *d, struct bytes name, struct trap_found found,
                              trapdir_fn *fn, void *arg)
{
    struct trapdir_entry e = { .address = name, .rcpt_class = found.klass, .origin = "act" };

    e.life = life_of(d, found, &e.ends);
    if (find_in_acts(d, trap_name_domain(name)).state == TRAP_STATE_RETIRED)
        e.life = TRAP_RETIRED;
    if (trap_name_is_domain(name))
        e.rcpt_class |= RCPT_CATCHALL;
    return fn(&e, arg);
}

static int by_name(const void *a, const void *b, void *image)
{
    struct bytes x, y;

    (void)trap_image_at(image, *(const uint32_t *)a, &x);
    (void)trap_image_at(image, *(const uint32_t *)b, &y);
    return bytes_cmp(x, y);
}

/* The configuration's retired ones are its reserved names: no traps. */
static bool takes(enum trap_state s, bool own)
{
    return s == TRAP_STATE_TRAP || (s == TRAP_STATE_RETIRED && !own);
}

/* In the order of the names: that of the slots differs from one process to the next. */
static enum trap_err each_of(const struct trapdir *d, struct trap_image image, bool own, trapdir_fn *fn,
                             void *arg)
{
    uint32_t *slots = calloc(image.slots, sizeof *slots);
    size_t used = 0;
    enum trap_err err = slots == NULL ? TRAP_ENOMEM : TRAP_OK;
    struct bytes name;

    for (uint32_t n = 0; n < image.slots && err == TRAP_OK; n++)
        if (takes(trap_image_at(&image, n, &name).state, own))
            slots[used++] = n;
    if (used > 1)
        qsort_r(slots, used, sizeof *slots, by_name, &image);
    for (size_t i = 0; i < used && err == TRAP_OK; i++) {
        const struct trap_found found = trap_image_at(&image, slots[i], &name);

        err = own ? give_own(d, name, found, fn, arg) : give_act(d, name, found, fn, arg);
    }
    free(slots);
    return err;
}

enum trap_err trapdir_each(const struct trapdir *d, trapdir_fn *fn, void *arg)
{
    enum trap_err err = each_of(d, d->own, true, fn, arg);

    if (err == TRAP_OK && d->acts.loaded)
        err = each_of(d, d->acts.image, false, fn, arg);
    return err;
}
