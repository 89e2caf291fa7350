#include <base/keyring.h>

#include <base/bytes.h>
#include <base/file.h>
#include <base/log.h>
#include <base/num.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 4096, WORDS_MAX = 3 };

static const char form_name[] = "trapline-keys";

void keyring_wipe(struct keyring *k)
{
    explicit_bzero(k, sizeof *k);
}

/* ---- reading ---- */

struct reader {
    struct keyring *k;
    bool has_head, has_outer;
};

static bool read_hex(struct bytes in, uint8_t *out, size_t n)
{
    if (in.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const int high = ascii_hex_value(in.p[2 * i]);
        const int low = ascii_hex_value(in.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Blank-separated words; returns how many, WORDS_MAX + 1 for more than fit. */
static size_t split_words(struct bytes line, struct bytes words[WORDS_MAX])
{
    size_t n = 0;
    struct bytes word;

    for (size_t i = 0; i < WORDS_MAX; i++)
        words[i] = BYTES("");
    while (bytes_split(&line, ' ', &word)) {
        word = bytes_trim(word);
        if (word.n == 0)
            continue;
        if (n == WORDS_MAX)
            return WORDS_MAX + 1;
        words[n++] = word;
    }
    return n;
}

/* The messages never show what stands in the line: it may be half a key. */
static enum trap_err read_words(struct reader *r, const struct bytes words[WORDS_MAX], size_t n,
                                const char **says)
{
    struct keyring *const k = r->k;
    uint32_t id = 0;

    if (!r->has_head) {
        uint32_t version = 0;
        *says = "not a key file: the first line must be \"trapline-keys 1\"";
        if (n != 2 || !bytes_eq(words[0], bytes_str(form_name)) ||
            num_u32(words[1], 1, UINT32_MAX, &version) != TRAP_OK)
            return TRAP_EINVAL;
        *says = "made by a newer version of Trapline; update this program";
        r->has_head = true;
        return version == 1 ? TRAP_OK : TRAP_ENEWER;
    }
    if (bytes_eq(words[0], BYTES("master"))) {
        *says = "must be \"master\" and 64 hexadecimal digits, once";
        if (n != 2 || k->has_master || !read_hex(words[1], k->master, sizeof k->master))
            return TRAP_EINVAL;
        k->has_master = true;
    } else if (bytes_eq(words[0], BYTES("node"))) {
        *says = "must be \"node\", a number from 0 to 255 and 64 hexadecimal digits, once";
        if (n != 3 || k->has_node || num_u32(words[1], 0, 255, &id) != TRAP_OK ||
            !read_hex(words[2], k->node, sizeof k->node))
            return TRAP_EINVAL;
        k->node_id = (uint8_t)id;
        k->has_node = true;
    } else if (bytes_eq(words[0], BYTES("outer"))) {
        *says = "must be \"outer\" and 32 hexadecimal digits, once";
        if (n != 2 || r->has_outer || !read_hex(words[1], k->outer, sizeof k->outer))
            return TRAP_EINVAL;
        r->has_outer = true;
    } else {
        *says = "unknown word; allowed: master, node, outer";
        return TRAP_EINVAL;
    }
    return TRAP_OK;
}

static enum trap_err read_lines(const char *path, struct bytes text, struct keyring *k, struct err_text *why)
{
    struct reader r = { .k = k };
    struct bytes line;
    unsigned number = 0;

    while (bytes_split(&text, '\n', &line)) {
        struct bytes words[WORDS_MAX];
        const char *says = NULL;
        const size_t n = split_words(bytes_take(line, bytes_find(line, '#')), words);
        enum trap_err err = TRAP_OK;

        number++;
        if (n > 0)
            err = read_words(&r, words, n, &says);
        if (err != TRAP_OK) {
            err_text_set(why, "%s:%u: %s", path, number, says);
            return err;
        }
    }
    if (k->has_node != r.has_outer || !(k->has_node || k->has_master)) {
        err_text_set(why, "%s:%u: %s", path, number == 0 ? 1 : number,
                     k->has_node == r.has_outer ? "no key in this file; restore it from your key backup"
                                                : "\"node\" and \"outer\" must stand together");
        return TRAP_EINVAL;
    }
    return TRAP_OK;
}

/* Secrets that others can read are no secrets: refused, not warned about. */
static enum trap_err check_open_file(int fd, const char *path, struct err_text *why)
{
    struct stat st;

    if (fstat(fd, &st) == -1) {
        err_text_set(why, "cannot look at %s: %s", path, log_errno_text());
        return TRAP_EIO;
    }
    if (!S_ISREG(st.st_mode)) {
        err_text_set(why, "%s is not a plain file", path);
        return TRAP_EINVAL;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        err_text_set(why, "%s belongs to user %u, and this program runs as user %u; start it as the owner of the keys, or name that user with `user` in the configuration", path,
                     (unsigned)st.st_uid, (unsigned)geteuid());
        return TRAP_EPERM;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        err_text_set(why, "%s is open to other users (mode %04o); run: chmod 600 %s", path,
                     (unsigned)(st.st_mode & 07777), path);
        return TRAP_EPERM;
    }
    return TRAP_OK;
}

static enum trap_err read_file(int fd, const char *path, uint8_t text[FILE_MAX_BYTES + 1], size_t *n_out,
                               struct err_text *why)
{
    size_t n = 0;

    for (;;) {
        const ssize_t got = read(fd, text + n, FILE_MAX_BYTES + 1 - n);
        if (got == -1 && errno == EINTR)
            continue;
        if (got == -1) {
            err_text_set(why, "cannot read %s: %s", path, log_errno_text());
            return TRAP_EIO;
        }
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > FILE_MAX_BYTES) {
            err_text_set(why, "%s:1: not a key file: longer than %d bytes", path, FILE_MAX_BYTES);
            return TRAP_EINVAL;
        }
    }
    *n_out = n;
    return TRAP_OK;
}

enum trap_err keyring_read(const char *path, struct keyring *out, struct err_text *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang us */
    uint8_t text[FILE_MAX_BYTES + 1];
    struct keyring k = { 0 };
    size_t n = 0;
    enum trap_err err;

    if (fd == -1) {
        err = errno == ENOENT ? TRAP_ENOENT : errno == EACCES ? TRAP_EPERM : TRAP_EIO;
        err_text_set(why, "cannot open the key file %s: %s%s", path, log_errno_text(),
                     err == TRAP_ENOENT ? "; run `trapline init`, or restore it from your key backup" : "");
        return err;
    }
    err = check_open_file(fd, path, why);
    if (err == TRAP_OK)
        err = read_file(fd, path, text, &n, why);
    if (err == TRAP_OK)
        err = read_lines(path, bytes_of(text, n), &k, why);
    if (err == TRAP_OK)
        *out = k;
    keyring_wipe(&k);
    explicit_bzero(text, sizeof text);
    (void)close(fd);
    return err;
}

/* ---- writing ---- */

static void add_key(struct buf *b, const char *word, const uint8_t *key, size_t n)
{
    buf_add_str(b, word);
    buf_add_byte(b, ' ');
    buf_add_hex(b, bytes_of(key, n));
    buf_add_byte(b, '\n');
}

enum trap_err keyring_create(const char *path, const struct keyring *k, struct err_text *why)
{
    struct buf text;
    enum trap_err err;

    TRAP_BUG_ON(!k->has_master && !k->has_node);
    buf_init(&text, FILE_MAX_BYTES);
    (void)buf_reserve(&text, FILE_MAX_BYTES); /* at once: growing would leave copies of keys behind */
    buf_addf(&text,
             "%s 1\n# Secret. Without this file no trap address of this installation can be read again: keep "
             "a copy.\n",
             form_name);
    if (k->has_master)
        add_key(&text, "master", k->master, sizeof k->master);
    if (k->has_node) {
        add_key(&text, "outer", k->outer, sizeof k->outer);
        buf_addf(&text, "node %u ", k->node_id);
        buf_add_hex(&text, bytes_of(k->node, sizeof k->node));
        buf_add_byte(&text, '\n');
    }
    err = text.err;
    if (err != TRAP_OK)
        err_text_set(why, "cannot create %s: out of memory", path);
    else
        err = file_create(path, buf_bytes(&text), 0600, why);
    if (text.p != NULL)
        explicit_bzero(text.p, text.cap);
    buf_free(&text);
    return err;
}
