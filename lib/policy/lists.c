/* lists.c - who is never listed: reading files, joining sets, finding the list that saved somebody. */
#include <policy/lists.h>

#include <errno.h>
#include <sys/stat.h>

#define GUARD_AGE_MAX SPAN_D(7)
#define LISTS_SETTLE  SPAN_S(2)

static const char *const names[LIST_COUNT] = {
    [LIST_SPECIAL_USE] = "special-use",
    [LIST_NEVER] = "never-list",
    [LIST_ALLOW] = "allow",
    [LIST_GUARD] = "guard",
    [LIST_DNSWL] = "dnswl",
    [LIST_CRAWLERS] = "crawlers",
};

const char *list_name(enum list_name n)
{
    return n < LIST_COUNT ? names[n] : "none";
}

/* A load in progress. With last_good, a file that cannot be read leaves its list as it was there, and `kept`
 * says so. */
struct load {
    const struct config *config;
    wall_t as_of;
    const struct lists *last_good; /* NULL: such a file is an error */
    struct lists l;
    struct err_text *why, *kept;
};

bool lists_settled(const struct strings *files, wall_t as_of)
{
    for (size_t i = 0; i < files->n; i++) {
        struct stat st;

        if (stat(files->v[i], &st) == -1)
            continue;
        const wall_t changed = { st.st_mtim.tv_sec * WALL_US_PER_S + st.st_mtim.tv_nsec / 1000 };
        const span_t since = wall_diff(as_of, changed);
        if (since.ms >= 0 && since.ms < LISTS_SETTLE.ms)
            return false;
    }
    return true;
}

/* While a program runs, a file of no octets is a download that failed, or one that has just begun. */
static enum trap_err read_file(const struct load *load, const char *path, struct prefix_set *set)
{
    struct stat st;

    if (load->last_good != NULL && stat(path, &st) == 0 && st.st_size == 0) {
        err_text_set(load->why, "%s: the file is empty; a list without entries holds a line such as \"# none\"",
                     path);
        return TRAP_EINVAL;
    }
    return prefix_set_load_file(set, path, load->why);
}

static enum trap_err read_files(const struct load *load, const struct strings *files, struct prefix_set *set)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < files->n && err == TRAP_OK; i++)
        err = read_file(load, files->v[i], set);
    return err;
}

/* The list as last_good had it. */
static enum trap_err keep(struct load *load, enum list_name n)
{
    prefix_set_free(&load->l.set[n]);
    return prefix_set_add_set(&load->l.set[n], &load->last_good->set[n]);
}

static enum trap_err load_files(struct load *load, const struct strings *files, enum list_name n)
{
    enum trap_err err;

    if (load->last_good != NULL && !lists_settled(files, load->as_of))
        return keep(load, n);
    err = read_files(load, files, &load->l.set[n]);
    if (err == TRAP_OK || err == TRAP_ENOMEM || load->last_good == NULL)
        return err;
    *load->kept = *load->why;
    return keep(load, n);
}

/* Says in `why` what is wrong with it. */
static bool is_fresh(const char *path, wall_t as_of, struct err_text *why)
{
    char age[WALL_TEXT_MAX];
    struct stat st;

    if (stat(path, &st) == -1) {
        err_text_set(why, "guard: %s: %s", path, strerrordesc_np(errno));
        return false;
    }
    const wall_t changed = { st.st_mtim.tv_sec * WALL_US_PER_S + st.st_mtim.tv_nsec / 1000 };
    const span_t since = wall_diff(as_of, changed);
    if (since.ms <= GUARD_AGE_MAX.ms)
        return true;
    err_text_set(why, "guard: %s was made %s ago; renew it at least every 7 days", path,
                 span_text(since, age));
    return false;
}

/* A guard that is not there is a state of operation, not an error: harvesters are still published, and a
 * running program goes on sparing what the guard had. */
static enum trap_err load_guard(struct load *load)
{
    const struct strings *files = &load->config->guard_files;
    struct lists *l = &load->l;
    bool fresh = true, unread = false;

    if (load->last_good != NULL && !lists_settled(files, load->as_of)) {
        l->guard_missing = load->last_good->guard_missing;
        l->guard_why = load->last_good->guard_why;
        return keep(load, LIST_GUARD);
    }
    for (size_t i = 0; i < files->n; i++) {
        const enum trap_err err = read_file(load, files->v[i], &l->set[LIST_GUARD]);

        if (err == TRAP_ENOMEM || (err != TRAP_OK && err != TRAP_ENOENT && load->last_good == NULL))
            return err;
        unread = unread || err != TRAP_OK;
        fresh = is_fresh(files->v[i], load->as_of, &l->guard_why) && fresh;
    }
    if (unread && load->last_good != NULL) {
        fresh = fresh && !load->last_good->guard_missing;
        l->guard_why = *load->why;
        *load->kept = *load->why;
        if (keep(load, LIST_GUARD) != TRAP_OK)
            return TRAP_ENOMEM;
    }
    l->guard_missing = !fresh;
    return TRAP_OK;
}

static bool is_recent(const struct load *load, wall_t at)
{
    return wall_diff(load->as_of, at).ms <= GUARD_AGE_MAX.ms;
}

/* IPv6 senders are known by their /64: of one with a guarded host in it nobody can say who it was. */
static void widen_to_keys(struct prefix_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (!ip_is_v4(set->v[i].ip) && set->v[i].len > ip_key(set->v[i].ip).len)
            set->v[i] = ip_key(set->v[i].ip);
}

/* What traplook resolved, and what that and the files amount to. */
static enum trap_err load_providers(struct load *load, const struct acts_view *acts)
{
    struct lists *l = &load->l;
    struct prefix_set *set = &l->set[LIST_GUARD];
    enum trap_err err = TRAP_OK;
    char age[WALL_TEXT_MAX];

    for (size_t i = 0; acts != NULL && i < acts->range_count && err == TRAP_OK; i++)
        if (is_recent(load, acts->ranges[i].at))
            err = prefix_set_add(set, acts->ranges[i].prefix);
    widen_to_keys(set);
    l->guard_off = load->config->guard_off;
    l->guard_missing = !l->guard_off && (l->guard_missing || set->n == 0);
    if (!l->guard_missing || l->guard_why.text[0] != '\0')
        return err;
    if (acts != NULL && acts->ranges_newest.us != 0)
        err_text_set(&l->guard_why,
                     "guard: traplook resolved the mail providers %s ago; it must succeed at least every 7 days",
                     span_text(wall_diff(load->as_of, acts->ranges_newest), age));
    else
        err_text_set(&l->guard_why,
                     "guard: guard_files name no address, and traplook has not resolved any mail provider; put "
                     "their outbound ranges there, let traplook run (look.lookups), or say guard = off");
    return err;
}

static enum trap_err load_found(struct load *load, const struct acts_view *acts)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; acts != NULL && i < acts->whitelisted.n && err == TRAP_OK; i++)
        if (acts->whitelisted.v[i].found == ACT_FOUND_YES && is_recent(load, acts->whitelisted.v[i].at))
            err = prefix_set_add(&load->l.set[LIST_DNSWL], acts->whitelisted.v[i].key);
    for (size_t i = 0; acts != NULL && i < acts->crawlers.n && err == TRAP_OK; i++)
        if (acts->crawlers.v[i].found == ACT_FOUND_YES)
            err = prefix_set_add(&load->l.set[LIST_CRAWLERS], acts->crawlers.v[i].key);
    return err;
}

static enum trap_err join(struct lists *l)
{
    enum trap_err err = prefix_set_add_set(&l->forbidden, special_use());

    for (enum list_name n = LIST_NEVER; n < LIST_COUNT && err == TRAP_OK; n++) {
        err = prefix_set_seal(&l->set[n]);
        if (err == TRAP_OK && n != LIST_CRAWLERS)
            err = prefix_set_add_set(&l->forbidden, &l->set[n]);
    }
    if (err == TRAP_OK)
        err = prefix_set_seal(&l->forbidden);
    if (err == TRAP_OK)
        err = prefix_set_add_set(&l->forbidden_harvesters, &l->forbidden);
    if (err == TRAP_OK)
        err = prefix_set_add_set(&l->forbidden_harvesters, &l->set[LIST_CRAWLERS]);
    if (err == TRAP_OK)
        err = prefix_set_seal(&l->forbidden_harvesters);
    return err;
}

/* Machines that speak for others, and now and then for nobody: what comes from them is not their doing. */
static enum trap_err add_own(const struct config *c, struct prefix_set *set)
{
    enum trap_err err = prefix_set_add_set(set, &c->smtp.proxy_from);

    if (err == TRAP_OK)
        err = prefix_set_add_set(set, &c->smtp.xclient_from);
    if (err == TRAP_OK)
        err = prefix_set_add_set(set, &c->smtp.xforward_from);
    if (err == TRAP_OK)
        err = prefix_set_add_set(set, &c->web.trusted_proxies);
    return err;
}

static enum trap_err load_all(struct load *load, const struct acts_view *acts, struct lists *out)
{
    struct lists *l = &load->l;
    enum trap_err err;

    l->looks_up = load->config->look.on;
    err_text_set(load->why, "the lists of who is never listed need more memory");
    err = load_files(load, &load->config->never_list_files, LIST_NEVER);
    if (err == TRAP_OK)
        err = prefix_set_add_set(&l->set[LIST_NEVER], &load->config->never_list);
    if (err == TRAP_OK)
        err = add_own(load->config, &l->set[LIST_NEVER]);
    for (size_t i = 0; acts != NULL && i < acts->allow_count && err == TRAP_OK; i++)
        err = prefix_set_add(&l->set[LIST_ALLOW], acts->allow[i].prefix);
    if (err == TRAP_OK)
        err = load_files(load, &load->config->crawler_files, LIST_CRAWLERS);
    if (err == TRAP_OK)
        err = load_guard(load);
    if (err == TRAP_OK)
        err = load_providers(load, acts);
    if (err == TRAP_OK)
        err = load_found(load, acts);
    if (err == TRAP_OK)
        err = join(l);
    if (err != TRAP_OK) {
        lists_free(l);
        return err;
    }
    if (l->guard_missing)
        *load->why = l->guard_why;
    *out = *l;
    return TRAP_OK;
}

enum trap_err lists_load(const struct config *c, const struct acts_view *acts, wall_t as_of,
                         struct lists *out, struct err_text *why)
{
    struct load load = { .config = c, .as_of = as_of, .why = why };

    return load_all(&load, acts, out);
}

enum trap_err lists_reload(const struct config *c, const struct acts_view *acts, wall_t as_of,
                           const struct lists *last_good, struct lists *out, struct err_text *kept)
{
    struct err_text why = { "" };
    struct load load = { .config = c, .as_of = as_of, .last_good = last_good, .why = &why, .kept = kept };

    kept->text[0] = '\0';
    return load_all(&load, acts, out);
}

void lists_free(struct lists *l)
{
    for (enum list_name n = 0; n < LIST_COUNT; n++)
        prefix_set_free(&l->set[n]);
    prefix_set_free(&l->forbidden);
    prefix_set_free(&l->forbidden_harvesters);
    *l = (struct lists){ 0 };
}

enum list_name lists_find(const struct lists *l, struct prefix p, bool harvester, struct prefix *entry_out)
{
    const enum list_name end = harvester ? LIST_COUNT : LIST_CRAWLERS;

    for (enum list_name n = 0; n < end; n++) {
        const struct prefix_set *set = n == LIST_SPECIAL_USE ? special_use() : &l->set[n];
        if (prefix_set_overlaps(set, p, entry_out))
            return n;
    }
    return LIST_COUNT;
}
