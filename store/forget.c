#include <store/forget.h>

#include "db.h"
#include "snapshot.h"

#include <base/file.h>
#include <base/num.h>

#include <stdio.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1024 };
static const char first_line[] = "trapline-forget 1";

enum trap_err forget_subject(struct bytes text, struct forget_order *out)
{
    struct forget_order o = { .number = out->number };
    struct ip a;

    if (text.n > 0 && text.p[text.n - 1] == '.')
        text.n--;
    if (ip_parse(text, &a) == TRAP_OK) {
        o.prefix = ip_key(a);
    } else if (prefix_parse(text, &o.prefix) == TRAP_OK) {
        if (o.prefix.len > 64 && !ip_is_v4(o.prefix.ip))
            o.prefix = ip_key(o.prefix.ip);
    } else {
        if (text.n < 3 || text.n > 253 || bytes_find(text, '.') == text.n)
            return TRAP_EINVAL;
        for (size_t i = 0; i < text.n; i++) {
            if (!ascii_is_alnum(text.p[i]) && text.p[i] != '-' && text.p[i] != '.' && text.p[i] != '_')
                return TRAP_EINVAL;
            o.domain[i] = (char)ascii_lower(text.p[i]);
        }
        o.is_domain = true;
    }
    *out = o;
    return TRAP_OK;
}

const char *forget_text(const struct forget_order *o, char out[FORGET_SUBJECT_MAX])
{
    char text[PREFIX_TEXT_MAX];

    (void)snprintf(out, FORGET_SUBJECT_MAX, "%s", o->is_domain ? o->domain : prefix_text(o->prefix, text));
    return out;
}

bool forget_is_under(struct bytes name, struct bytes domain)
{
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n < domain.n || !bytes_ieq(bytes_skip(name, name.n - domain.n), domain))
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

enum trap_err forget_give(const char *dir, const struct forget_order *o, struct err_text *why)
{
    char path[PATH_TEXT_MAX], subject[FORGET_SUBJECT_MAX];
    struct buf text;
    enum trap_err err = snapshot_path(dir, "forget", true, path, why);

    buf_init(&text, FILE_MAX_BYTES);
    buf_addf(&text, "%s\n%llu %s\n", first_line, (unsigned long long)o->number, forget_text(o, subject));
    if (err == TRAP_OK)
        err = text.err;
    if (err == TRAP_OK)
        err = file_replace(path, buf_bytes(&text), 0600, why);
    buf_free(&text);
    return err;
}

enum trap_err forget_read(const char *dir, struct forget_order *out, struct err_text *why)
{
    struct forget_order o = { .number = 0 };
    char path[PATH_TEXT_MAX];
    struct bytes rest, line, number;
    struct buf text = { 0 };
    enum trap_err err = snapshot_path(dir, "forget", false, path, why);

    if (err == TRAP_OK)
        err = file_slurp(path, FILE_MAX_BYTES, &text, why);
    if (err == TRAP_ENOENT) {
        *out = o;
        return TRAP_OK;
    }
    if (err != TRAP_OK)
        return err;
    rest = buf_bytes(&text);
    if (!bytes_split(&rest, '\n', &line) || !bytes_eq(line, bytes_str(first_line)) ||
        !bytes_split(&rest, '\n', &line) || !bytes_split(&line, ' ', &number) ||
        num_u64(number, 1, INT64_MAX, &o.number) != TRAP_OK || forget_subject(line, &o) != TRAP_OK) {
        err_text_set(why, "%s: damaged; remove the file and give the order again", path);
        err = TRAP_ECORRUPT;
    }
    buf_free(&text);
    if (err == TRAP_OK)
        *out = o;
    return err;
}

void forget_remove(const char *dir)
{
    char path[PATH_TEXT_MAX];
    struct err_text ignored;

    if (snapshot_path(dir, "forget", false, path, &ignored) == TRAP_OK)
        (void)unlink(path);
}

enum trap_err forget_done(struct store_db *db, uint64_t *number_out, uint64_t *records_out)
{
    static const char sql[] = "SELECT records FROM erasure WHERE kind = 7 ORDER BY id DESC LIMIT 1";
    int64_t number = 0, records = 0;
    enum trap_err err = db_meta_get(db, "forget_done", 0, &number);

    if (err == TRAP_OK)
        err = db_int(db, sql, &records);
    if (err != TRAP_OK && err != TRAP_ENOENT)
        return err;
    *number_out = (uint64_t)number;
    *records_out = (uint64_t)records;
    return TRAP_OK;
}
