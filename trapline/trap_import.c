/* trap_import.c - `trapline trap import`: every candidate of a file is looked at before the first is used, and
 * what is refused is told by line. */
#include "name_set.h"
#include "trap_cli.h"
#include "trap_read.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <base/file.h>

#include <stdio.h>
#include <stdlib.h>

enum { IMPORT_MAX_BYTES = 1 << 30, EXCEPT_FILES_MAX = 16, DOMAINS_MAX_BYTES = 320 };

struct import {
    struct trap_change *t;
    struct trapdir *dir;
    const char *path, *klass; /* klass: NULL: each line must say it */
    bool partial, dry_run;
    struct name_set mailboxes, mailbox_domains, seen;
    struct name_set left_out_tables;
    struct trap_found_name {
        struct bytes address, klass;
    } *take;
    size_t takes, take_cap;
    uint64_t already, twice, left_out, refused;
    json_t *refusals;
    struct err_text first; /* of the refusals */
};

/* ---- mailboxes that are somebody's ---- */

/* The first word of a line, as in check-map: tables of mailboxes, aliases and users as they are. */
static enum trap_err add_mailbox(struct import *m, struct bytes line)
{
    static const struct bytes ends = BYTES_INIT(" \t\r\n:,;#");
    enum trap_err err = TRAP_OK;
    size_t n = 0, at;
    bool is_new;

    line = bytes_trim(line);
    while (n < line.n && bytes_find(ends, line.p[n]) == ends.n)
        n++;
    line = bytes_take(line, n);
    at = bytes_rfind(line, '@');
    if (line.n == 0 || at == 0)
        return TRAP_OK;
    err = name_set_add(&m->mailboxes, line, &is_new);
    if (err == TRAP_OK && at < line.n)
        err = name_set_add(&m->mailbox_domains, bytes_skip(line, at + 1), &is_new);
    return err;
}

static int read_mailboxes(struct import *m, const char *path)
{
    struct err_text why = { "" };
    struct bytes rest, line;
    struct buf text = { 0 };
    enum trap_err err = file_slurp(path, IMPORT_MAX_BYTES, &text, &why);

    rest = buf_bytes(&text);
    while (err == TRAP_OK && bytes_split(&rest, '\n', &line))
        err = add_mailbox(m, line);
    buf_free(&text);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

/* ---- one candidate ---- */

static struct bytes local_of(struct bytes address)
{
    return bytes_take(address, bytes_find(address, '@'));
}

static struct bytes domain_of(struct bytes address)
{
    const size_t at = bytes_rfind(address, '@');

    return at == address.n ? address : bytes_skip(address, at + 1);
}

static bool is_role(struct bytes local)
{
    return bytes_ieq(local, BYTES("postmaster")) || bytes_ieq(local, BYTES("abuse"));
}

static bool is_reserved(const struct import *m, struct bytes address)
{
    const struct conf_trap_domain *d = config_trap_domain(m->t->config, domain_of(address));

    return d != NULL && config_is_reserved(d, local_of(address));
}

/* NULL: nothing speaks against it. */
static const char *objection(const struct import *m, struct bytes address, struct bytes klass)
{
    const bool whole_domain = bytes_find(address, '@') == address.n;

    if (!trap_subject_ok(address))
        return "neither an address nor a domain";
    if (!trap_class_ok(klass))
        return klass.n == 0 ? "no class; say it behind the address, or with --class"
                            : "the class is pristine, recycled or typo";
    if (whole_domain)
        return name_set_has(&m->mailbox_domains, address) ? "a domain in which mailboxes of --except are" : NULL;
    if (is_role(local_of(address)))
        return "postmaster and abuse are never traps";
    if (is_reserved(m, address))
        return "reserved in its trap_domain block";
    if (name_set_has(&m->mailboxes, address) || name_set_has(&m->mailboxes, local_of(address)))
        return "a mailbox of --except";
    return NULL;
}

static enum trap_err refuse(struct import *m, const struct trap_candidate *c, const char *why)
{
    if (m->refused++ == 0)
        err_text_set(&m->first, "%s:%u: %s: %s", m->path, c->line, cli_text(c->address), why);
    return json_array_append_new(m->refusals, json_pack("{s:I, s:o, s:s}", "line", (json_int_t)c->line, "address",
                                                        json_bytes(c->address), "reason", why)) == 0
               ? TRAP_OK
               : TRAP_ENOMEM;
}

/* In force already, and the same? Then nothing needs to go on record. */
static bool is_there(const struct import *m, struct bytes address, struct bytes klass)
{
    const bool whole_domain = bytes_find(address, '@') == address.n;
    const struct trapdir_result r =
        trapdir_find(m->dir, whole_domain ? BYTES("any") : local_of(address), domain_of(address));

    return r.answer == TRAPDIR_TRAP && ((r.rcpt_class & RCPT_CATCHALL) != 0) == whole_domain &&
           (r.rcpt_class & RCPT_OBSERVED) == 0 && bytes_ieq(bytes_str(rcpt_class_name(r.rcpt_class)), klass);
}

static bool copy_of(struct bytes in, struct bytes *out)
{
    uint8_t *p = malloc(in.n + 1);

    if (p == NULL)
        return false;
    if (in.n > 0)
        memcpy(p, in.p, in.n);
    *out = bytes_of(p, in.n);
    return true;
}

static enum trap_err keep(struct import *m, struct bytes address, struct bytes klass)
{
    struct trap_found_name name;

    if (m->takes == m->take_cap) {
        const size_t cap = m->take_cap == 0 ? 1024 : m->take_cap * 2;
        struct trap_found_name *more = reallocarray(m->take, cap, sizeof *more);

        if (more == NULL)
            return TRAP_ENOMEM;
        m->take = more;
        m->take_cap = cap;
    }
    if (!copy_of(address, &name.address))
        return TRAP_ENOMEM;
    if (!copy_of(klass, &name.klass)) {
        free((void *)(uintptr_t)name.address.p);
        return TRAP_ENOMEM;
    }
    m->take[m->takes++] = name;
    return TRAP_OK;
}

static enum trap_err on_candidate(const struct trap_candidate *c, void *arg)
{
    struct import *m = arg;
    const struct bytes klass = c->klass.n > 0 ? c->klass : bytes_str(m->klass);
    const char *why;
    bool is_new;
    enum trap_err err;

    if (c->left_out.n > 0) {
        m->left_out++;
        return name_set_add(&m->left_out_tables, c->left_out, &is_new);
    }
    why = objection(m, c->address, klass);
    if (why != NULL)
        return refuse(m, c, why);
    err = name_set_add(&m->seen, c->address, &is_new);
    if (err != TRAP_OK || !is_new) {
        m->twice += err == TRAP_OK;
        return err;
    }
    if (is_there(m, c->address, klass)) {
        m->already++;
        return TRAP_OK;
    }
    return keep(m, c->address, klass);
}

/* ---- what came of it ---- */

static json_t *table_names(const struct import *m)
{
    json_t *list = json_array();

    for (size_t i = 0; i < m->left_out_tables.room; i++)
        if (m->left_out_tables.slot[i].p != NULL)
            json_array_append_new(list, json_bytes(m->left_out_tables.slot[i]));
    return list;
}

static int report(const struct cli *cli, struct import *m, int code)
{
    const char *verb = m->dry_run ? "would be imported" : "imported; running daemons follow within two seconds";
    const json_t *o;
    size_t i;

    if (cli->json) {
        const int printed = cli_json(json_pack("{s:I, s:I, s:I, s:I, s:b, s:o, s:I, s:o}", "acts",
                                               (json_int_t)m->t->total, "taken", (json_int_t)m->takes, "already",
                                               (json_int_t)m->already, "twice", (json_int_t)m->twice, "dry_run",
                                               m->dry_run, "refused", json_incref(m->refusals), "left_out_rows",
                                               (json_int_t)m->left_out, "left_out_tables", table_names(m)));
        return code != 0 ? code : printed;
    }
    json_array_foreach(m->refusals, i, o)
        printf("%s:%lld: refused: %s: %s\n", m->path, (long long)json_integer_value(json_object_get(o, "line")),
               json_string_value(json_object_get(o, "address")), json_string_value(json_object_get(o, "reason")));
    printf("%llu %s.\n", (unsigned long long)m->takes, verb);
    printf("%llu were traps already, %llu stand twice, %llu refused", (unsigned long long)m->already,
           (unsigned long long)m->twice, (unsigned long long)m->refused);
    if (m->left_out > 0)
        printf(", %llu rows of tables that hold no traps left out", (unsigned long long)m->left_out);
    puts(".");
    return code;
}

static int put_on_record(struct import *m)
{
    struct err_text why = { "" };
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < m->takes && err == TRAP_OK; i++)
        err = trap_push(m->t, ACT_TRAP_ADD, m->take[i].address, m->take[i].klass, &why);
    if (err == TRAP_OK)
        err = trap_flush(m->t, &why);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    return m->takes == 0 ? 0 : trap_build(m->t);
}

static int import_text(const struct cli *cli, struct import *m, struct bytes text, const char *form_word)
{
    struct err_text why = { "" };
    enum trap_form form = trap_form_of(text);
    enum trap_err err;
    int code = 0;

    if (form_word != NULL)
        form = strcmp(form_word, "sql") == 0   ? TRAP_FORM_SQL
               : strcmp(form_word, "csv") == 0 ? TRAP_FORM_CSV
                                               : TRAP_FORM_LIST;
    err = trapdir_new(m->t->config, &m->dir, &why);
    if (err == TRAP_OK)
        err = trap_read(text, form, on_candidate, m);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    if (m->refused > 0 && !m->partial && !m->dry_run)
        return cli_fail(EXIT_USAGE,
                        "%s; nothing was imported, %llu refused: --dry-run names them, --partial leaves them out",
                        m->first.text, (unsigned long long)m->refused);
    if (!m->dry_run)
        code = put_on_record(m);
    return code == 0 ? report(cli, m, 0) : code;
}

static void import_free(struct import *m)
{
    for (size_t i = 0; i < m->takes; i++) {
        free((void *)(uintptr_t)m->take[i].address.p);
        free((void *)(uintptr_t)m->take[i].klass.p);
    }
    free(m->take);
    name_set_free(&m->mailboxes);
    name_set_free(&m->mailbox_domains);
    name_set_free(&m->seen);
    name_set_free(&m->left_out_tables);
    trapdir_free(&m->dir);
    json_decref(m->refusals);
}

static int check_options(const struct import *m, const char *form)
{
    if (m->klass != NULL && !trap_class_ok(bytes_str(m->klass)))
        return cli_fail(EXIT_USAGE, "trap: the class is pristine, recycled or typo");
    if (form != NULL && strcmp(form, "list") != 0 && strcmp(form, "csv") != 0 && strcmp(form, "sql") != 0)
        return cli_fail(EXIT_USAGE, "trap: --form is list, csv or sql; without it the file says");
    return 0;
}

int trap_import(struct trap_change *t, struct cli *cli)
{
    struct import m = { .t = t, .refusals = json_array() };
    const char *except[EXCEPT_FILES_MAX], *form = NULL;
    struct err_text why = { "" };
    struct buf text = { 0 };
    size_t files = 0;
    enum trap_err err;
    int code;

    (void)cli_option(cli, "--class", &m.klass);
    (void)cli_option(cli, "--form", &form);
    while (files < EXCEPT_FILES_MAX && cli_option(cli, "--except", &except[files]))
        files++;
    m.partial = cli_flag(cli, "--partial");
    m.dry_run = cli_flag(cli, "--dry-run");
    code = cli_words(cli, "trap", 2, 2);
    if (code == 0)
        code = check_options(&m, form);
    for (size_t i = 0; i < files && code == 0; i++)
        code = read_mailboxes(&m, except[i]);
    if (code == 0) {
        m.path = cli->argv[1];
        err = file_slurp(m.path, IMPORT_MAX_BYTES, &text, &why);
        code = err == TRAP_OK ? import_text(cli, &m, buf_bytes(&text), form) : cli_fail_err(err, &why);
        buf_free(&text);
    }
    import_free(&m);
    return code;
}
