/* backup_manifest.c - see backup_manifest.h. */
#include "backup_manifest.h"
#include "home.h"

#include <base/keyring.h>
#include <base/log.h>
#include <base/num.h>
#include <mail/keyed.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { MANIFEST_MAX_BYTES = 64 << 10, BLOCK = 1 << 16 };
static const char first_line[] = "trapline-backup 1";

static enum trap_err say_errno(const char *path, struct err_text *why)
{
    err_text_set(why, "%s: %s", path, strerror(errno));
    return errno == ENOENT ? TRAP_ENOENT : errno == ENOSPC || errno == EDQUOT ? TRAP_EFULL : TRAP_EIO;
}

static enum trap_err digest_file(const char *path, struct backup_file *out, struct err_text *why)
{
    static uint8_t block[BLOCK];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct digest d;
    ssize_t n;

    if (fd == -1)
        return say_errno(path, why);
    digest_init(&d);
    out->bytes = 0;
    while ((n = read(fd, block, sizeof(block))) > 0) {
        digest_add(&d, bytes_of(block, (size_t)n));
        out->bytes += (uint64_t)n;
    }
    (void)close(fd);
    if (n == -1)
        return say_errno(path, why);
    (void)digest_hex(&d, out->sha256);
    return TRAP_OK;
}

enum trap_err backup_manifest_add(struct backup_manifest *m, const char *dir, const char *name,
                                  struct err_text *why)
{
    struct backup_file *f = &m->file[m->n];
    char path[PATH_TEXT_MAX];
    enum trap_err err = path_join(dir, name, path);

    if (m->n == BACKUP_FILES_MAX || (size_t)snprintf(f->name, sizeof(f->name), "%s", name) >= sizeof(f->name))
        err = TRAP_ERANGE;
    if (err != TRAP_OK) {
        err_text_set(why, "%s/%s: the path is too long, or there are too many files", dir, name);
        return err;
    }
    err = digest_file(path, f, why);
    m->n += err == TRAP_OK;
    return err;
}

enum trap_err backup_manifest_write(const struct backup_manifest *m, const char *dir, struct err_text *why)
{
    char path[PATH_TEXT_MAX], made[WALL_TEXT_MAX];
    struct buf text;
    enum trap_err err = path_join(dir, "MANIFEST", path);

    buf_init(&text, MANIFEST_MAX_BYTES);
    buf_addf(&text, "%s\nmade %s\nnode %u\n", first_line, wall_text(m->made, made), m->node);
    if (m->keys != 0)
        buf_addf(&text, "keys %llu\n", (unsigned long long)m->keys);
    for (size_t i = 0; i < m->n; i++)
        buf_addf(&text, "file %s %llu %s\n", m->file[i].sha256, (unsigned long long)m->file[i].bytes,
                 m->file[i].name);
    buf_add_str(&text, "end\n");
    if (err == TRAP_OK)
        err = text.err;
    if (err == TRAP_OK)
        err = file_create(path, buf_bytes(&text), 0600, why);
    buf_free(&text);
    return err;
}

/* Nothing that leads out of the folder. */
static bool name_ok(struct bytes name)
{
    if (name.n == 0 || name.n >= BACKUP_NAME_MAX || name.p[0] == '/' || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        const uint8_t c = name.p[i];

        if (!ascii_is_alnum(c) && c != '.' && c != '-' && c != '_' && c != '/')
            return false;
        if (c == '.' && i > 0 && name.p[i - 1] != '/' && i + 1 < name.n && name.p[i + 1] == '.')
            return false;
        if (c == '/' && i + 1 < name.n && (name.p[i + 1] == '.' || name.p[i + 1] == '/'))
            return false;
    }
    return true;
}

static bool parse_file(struct bytes rest, struct backup_manifest *m)
{
    struct bytes sha, bytes;
    struct backup_file *f = &m->file[m->n];

    if (m->n == BACKUP_FILES_MAX || !bytes_split(&rest, ' ', &sha) || !bytes_split(&rest, ' ', &bytes) ||
        sha.n != DIGEST_HEX_MAX - 1 || num_u64(bytes, 0, INT64_MAX, &f->bytes) != TRAP_OK || !name_ok(rest))
        return false;
    memcpy(f->sha256, sha.p, sha.n);
    memcpy(f->name, rest.p, rest.n);
    m->n++;
    return true;
}

static bool parse_line(struct bytes line, unsigned number, struct backup_manifest *m, bool *ended)
{
    struct bytes word;

    if (number == 1)
        return bytes_eq(line, bytes_str(first_line));
    if (bytes_eq(line, BYTES("end")))
        return *ended = true;
    if (*ended || !bytes_split(&line, ' ', &word))
        return false;
    if (bytes_eq(word, BYTES("made")))
        return wall_parse(line, &m->made) == TRAP_OK;
    if (bytes_eq(word, BYTES("node")))
        return num_u32(line, 0, 255, &m->node) == TRAP_OK;
    if (bytes_eq(word, BYTES("keys")))
        return num_u64(line, 1, UINT64_MAX, &m->keys) == TRAP_OK;
    return bytes_eq(word, BYTES("file")) && parse_file(line, m);
}

enum trap_err backup_manifest_read(const char *dir, struct backup_manifest *out, struct err_text *why)
{
    char path[PATH_TEXT_MAX];
    struct buf text = { 0 };
    struct bytes rest, line;
    bool ended = false;
    enum trap_err err = path_join(dir, "MANIFEST", path);

    *out = (struct backup_manifest){ .n = 0 };
    if (err == TRAP_OK)
        err = file_slurp(path, MANIFEST_MAX_BYTES, &text, why);
    if (err != TRAP_OK)
        return err;
    rest = buf_bytes(&text);
    for (unsigned number = 1; err == TRAP_OK && rest.n > 0 && bytes_split(&rest, '\n', &line); number++)
        if (!parse_line(line, number, out, &ended)) {
            err_text_set(why, "%s:%u: damaged, or no backup of this Trapline", path, number);
            err = TRAP_ECORRUPT;
        }
    if (err == TRAP_OK && !ended) {
        err_text_set(why, "%s: cut short; take another backup", path);
        err = TRAP_ECORRUPT;
    }
    buf_free(&text);
    return err;
}

enum trap_err backup_manifest_check(const struct backup_manifest *m, const char *dir, struct err_text *why)
{
    for (size_t i = 0; i < m->n; i++) {
        struct backup_file found;
        char path[PATH_TEXT_MAX];
        enum trap_err err = path_join(dir, m->file[i].name, path);

        if (err == TRAP_OK)
            err = digest_file(path, &found, why);
        if (err != TRAP_OK)
            return err;
        if (found.bytes != m->file[i].bytes || strcmp(found.sha256, m->file[i].sha256) != 0) {
            err_text_set(why, "%s: is not the file that was copied (see MANIFEST); take another backup",
                         path);
            return TRAP_ECORRUPT;
        }
    }
    return TRAP_OK;
}

uint64_t backup_keys_sign(const struct config *c)
{
    char path[PATH_TEXT_MAX];
    struct keyring keys;
    struct err_text why = { "" };
    struct hash_key key;
    uint64_t sign = 0;

    config_state_path(c, "keys/master.key", path);
    if (home_as_owner(c) == 0 && keyring_read(path, &keys, &why) == TRAP_OK) {
        key = keyed_purpose(keys.master, "backup");
        sign = keyed_hash(&key, BYTES("which keys"));
        keyed_wipe(&key, sizeof(key));
        keyring_wipe(&keys);
    }
    home_as_caller();
    return sign;
}

bool backup_manifest_has(const struct backup_manifest *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->file[i].name, name) == 0)
            return true;
    return false;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        const ssize_t done = write(fd, p, n);

        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

enum trap_err backup_copy(const char *from, const char *to, struct err_text *why)
{
    static uint8_t block[BLOCK];
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = in == -1 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum trap_err err = TRAP_OK;
    ssize_t n = 0;

    if (in == -1 || out == -1)
        err = say_errno(in == -1 ? from : to, why);
    while (err == TRAP_OK && (n = read(in, block, sizeof(block))) > 0)
        if (!write_all(out, block, (size_t)n))
            err = say_errno(to, why);
    if (err == TRAP_OK && (n == -1 || fsync(out) == -1))
        err = say_errno(n == -1 ? from : to, why);
    if (err == TRAP_OK)
        err = file_own_as_dir(out, to, why);
    if (in != -1)
        (void)close(in);
    if (out != -1)
        (void)close(out);
    return err;
}
