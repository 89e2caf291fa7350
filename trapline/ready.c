#include "ready.h"

#include "certificate.h"
#include "cli.h"

#include <base/file.h>
#include <base/keyring.h>
#include <policy/lists.h>
#include <store/budget.h>
#include <store/trapdir.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { EXPIRES_SOON_DAYS = 14 };

static void TRAP_PRINTF(2, 3) add(json_t *list, const char *format, ...)
{
    struct err_text text;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    json_array_append_new(list, json_bytes(bytes_str(text.text)));
}

static void look_at_user(const struct config *c, struct ready *r)
{
    const struct passwd *pw = c->user[0] == '\0' ? NULL : getpwnam(c->user);
    struct stat st;

    if (getuid() != 0)
        return; /* only root can start them as somebody else */
    if (c->user[0] != '\0' && pw == NULL)
        add(r->problems, "user: there is no user \"%s\" on this machine; create it, or change `user`",
            c->user);
    else if (pw != NULL && stat(c->state_dir, &st) == 0 && st.st_uid != pw->pw_uid)
        add(r->problems, "user: %s does not belong to \"%s\"; run: chown -R %s %s", c->state_dir, c->user,
            c->user, c->state_dir);
    else if (c->user[0] == '\0' && geteuid() == 0)
        add(r->notes,
            "the daemons would run as root, which faces the network: give the installation to a user of its "
            "own (chown -R) and name it with `user`");
}

static void look_at_keys(const struct config *c, struct ready *r)
{
    static const char *const names[] = { "keys/master.key", "keys/web.key" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[PATH_TEXT_MAX];
        struct keyring keys;
        struct err_text why = { "" };

        config_state_path(c, names[i], path);
        if (keyring_read(path, &keys, &why) != TRAP_OK) {
            add(r->problems, "%s", why.text);
            continue;
        }
        if (keys.has_node && keys.node_id != c->node_id)
            add(r->problems, "node_id: %s is of node %u, and node_id is %u, which never changes", path,
                keys.node_id, c->node_id);
        keyring_wipe(&keys);
    }
}

/* One file that is there, or that the configuration names. */
static void look_at_certificate(const char *path, wall_t now, struct ready *r)
{
    struct certificate_facts facts;
    struct err_text why = { "" };
    struct stat st;
    char until[WALL_TEXT_MAX];

    if (certificate_look(path, &facts, &why) != TRAP_OK) {
        add(r->problems, "smtp.tls_certificates: %s", why.text);
        return;
    }
    (void)wall_text(facts.until, until);
    json_array_append_new(r->certificates,
                          json_pack("{s:o, s:o, s:o}", "file", json_bytes(bytes_str(path)), "name",
                                    json_bytes(bytes_str(facts.name)), "until", json_wall(facts.until)));
    if (facts.until.us <= now.us)
        add(r->notes, "%s: the certificate has expired (%.10s)", path, until);
    else if (wall_diff(facts.until, now).ms < SPAN_D(EXPIRES_SOON_DAYS).ms)
        add(r->notes, "%s: the certificate expires on %.10s", path, until);
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        add(r->notes, "%s holds a private key and is open to other users (mode %04o); run: chmod 600 %s",
            path, (unsigned)st.st_mode & 07777, path);
}

static void look_at_certificates(const struct config *c, wall_t now, struct ready *r)
{
    static const char *const standard[] = { "tls/ecdsa.pem", "tls/rsa.pem" };
    const struct strings *named = &c->smtp.tls_certificates;

    if (c->smtp.tls_off)
        return;
    for (size_t i = 0; i < named->n; i++)
        look_at_certificate(named->v[i], now, r);
    for (size_t i = 0; i < 2 && named->n == 0; i++) {
        char path[PATH_TEXT_MAX];

        config_state_path(c, standard[i], path);
        if (access(path, F_OK) == 0)
            look_at_certificate(path, now, r);
    }
    if (json_array_size(r->certificates) > 0 || named->n > 0)
        return;
    if (c->smtp.tls_listen.n > 0)
        add(r->problems, "smtp.tls_listen: there is no certificate; make one with `trapline keys tls`");
    else
        add(r->notes, "there is no certificate, so STARTTLS is not offered; `trapline keys tls` makes one");
}

/* The guard's networks come from files and from traplook's acts. Without acts.db the files alone count. */
static void look_at_guard(const struct config *c, wall_t now, struct ready *r)
{
    struct lists lists = { .guard_off = false };
    struct acts_view acts = { .allow_count = 0 };
    struct store_db *db = NULL;
    struct err_text why = { "" };

    if (store_open(c->state_dir, STORE_ACTS, STORE_READ, &db, &why) == TRAP_OK &&
        acts_view_load(db, now, &acts, &why) != TRAP_OK)
        add(r->problems, "%s", why.text);
    if (lists_load(c, &acts, now, &lists, &why) != TRAP_OK) {
        add(r->problems, "%s", why.text);
    } else {
        if (lists.guard_missing)
            add(r->guard, "senders zones take no additions: %s", lists.guard_why.text);
        lists_free(&lists);
    }
    acts_view_free(&acts);
    store_close(&db);
}

/* What traplook reads: without its list it does not start, without a database it only knows less. */
static void look_at_lookups(const struct config *c, struct ready *r)
{
    const struct {
        const char *key, *path;
    } databases[] = { { "geoip.country", c->geoip_country }, { "geoip.asn", c->geoip_asn } };

    if (!c->look.on)
        return;
    if (c->look.providers_file[0] != '\0' && access(c->look.providers_file, R_OK) == -1)
        add(r->problems, "look.providers_file: %s: %s", c->look.providers_file, strerror(errno));
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
        if (databases[i].path[0] != '\0' && access(databases[i].path, R_OK) == -1)
            add(r->notes, "%s: %s: %s; no such facts are told", databases[i].key, databases[i].path, strerror(errno));
}

static void look_at_budget(const struct config *c, struct ready *r)
{
    const uint64_t max = c->store.total_max_bytes, used = max == 0 ? 0 : store_used(c->state_dir);

    if (max > 0 && used >= max / 10 * 9)
        add(r->notes, "store.total_max: the databases take %llu of %llu bytes; %s", (unsigned long long)used,
            (unsigned long long)max,
            used >= max ? "mail gets 452 and pages carry no addresses: raise it, or shorten the clocks of retention"
                        : "raise it, or shorten the clocks of retention, before it is reached");
}

static void look_at_traps(const struct config *c, struct ready *r)
{
    struct trapdir *traps = NULL;
    struct err_text why = { "" };

    if (trapdir_new(c, &traps, &why) == TRAP_OK)
        trapdir_free(&traps);
    else
        add(r->problems, "trap_file: %s", why.text);
}

/* The folder of a path must be there already: only its last part is made. Returns the errno, 0 when fine. */
static int look_at_folder(const char *path, char folder[PATH_TEXT_MAX])
{
    const char *name = strrchr(path, '/');

    (void)snprintf(folder, PATH_TEXT_MAX, "%.*s", name == path ? 1 : (int)(name - path), path);
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == -1 ? errno : 0;
}

static void look_at_socketmap(const struct config *c, struct ready *r)
{
    const char *path = c->smtp.socketmap_listen;
    char folder[PATH_TEXT_MAX];
    int problem;

    if (path[0] != '/')
        return;
    problem = look_at_folder(path, folder);
    if (problem != 0)
        add(r->problems,
            "smtp.socketmap_listen: the folder %s: %s; make it, owned by the user of the daemons", folder,
            strerror(problem));
    if (c->smtp.socketmap_group[0] != '\0' && getgrnam(c->smtp.socketmap_group) == NULL)
        add(r->problems, "smtp.socketmap_group: there is no group \"%s\" on this machine",
            c->smtp.socketmap_group);
}

static void look_at_zones(const struct config *c, struct ready *r)
{
    char folder[PATH_TEXT_MAX];
    int problem = faccessat(AT_FDCWD, c->export.dir, W_OK | X_OK, AT_EACCESS) == -1 ? errno : 0;

    if (problem == ENOENT) /* trapexport makes it */
        problem = look_at_folder(c->export.dir, folder);
    if (problem != 0)
        add(r->problems,
            "export.dir: %s: %s; it or its folder must be there, owned by the user of the daemons",
            c->export.dir, strerror(problem));
}

static void look_at_listeners(const struct config *c, struct ready *r)
{
    if (c->smtp.listen.n + c->smtp.tls_listen.n + c->smtp.proxy_listen.n == 0)
        add(r->notes, "smtp: there is no listen, tls_listen or proxy_listen, so no mail is taken");
}

static void look_at_disk(const struct config *c, struct ready *r)
{
    struct statvfs vfs;

    if (statvfs(c->state_dir, &vfs) == -1)
        return;
    const uint64_t left = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    if (left < c->store.free_min_bytes)
        add(r->notes,
            "%s: %llu kB of disk are free, and store.free_min is %llu kB: mail gets 452 and pages carry no "
            "addresses",
            c->state_dir, (unsigned long long)left / 1024,
            (unsigned long long)c->store.free_min_bytes / 1024);
}

void ready_look(const struct config *c, wall_t now, struct ready *out)
{
    *out = (struct ready){ json_array(), json_array(), json_array(), json_array() };
    look_at_user(c, out);
    if (access(c->state_dir, F_OK) == -1) {
        add(out->notes, "state_dir: %s: %s; `trapline init` makes an installation", c->state_dir,
            strerror(errno));
        return;
    }
    look_at_keys(c, out);
    look_at_certificates(c, now, out);
    look_at_guard(c, now, out);
    look_at_lookups(c, out);
    look_at_traps(c, out);
    look_at_budget(c, out);
    look_at_socketmap(c, out);
    look_at_zones(c, out);
    look_at_listeners(c, out);
    look_at_disk(c, out);
}

void ready_free(struct ready *r)
{
    json_decref(r->problems);
    json_decref(r->notes);
    json_decref(r->guard);
    json_decref(r->certificates);
    *r = (struct ready){ NULL, NULL, NULL, NULL };
}
