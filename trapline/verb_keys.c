/* verb_keys.c - `trapline keys export`: the keys, sealed with a passphrase, and an act that says so.
 * `trapline keys import`: from such a copy back into an installation that has lost them.
 * `trapline keys tls`: the sink's own certificates. */
#include "certificate.h"
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <base/file.h>
#include <mail/key_seal.h>
#include <mail/keyed.h>
#include <store/act_log.h>
#include <store/visit_log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PASSPHRASE_MIN = 12, PASSPHRASE_MAX = 1024, SEALED_FILE_MAX = 4096 };

static bool read_line(char *out, size_t max, size_t *len_out)
{
    if (fgets(out, (int)max, stdin) == NULL)
        return false;
    *len_out = strcspn(out, "\r\n");
    out[*len_out] = '\0';
    return true;
}

/* From a terminal without echo, twice where it is a new one; else the first line of standard input. */
static int ask_passphrase(bool fresh, char *out, size_t max, size_t *len_out)
{
    struct termios old, quiet;
    char again[PASSPHRASE_MAX];
    size_t again_len = 0;
    bool ok;

    if (tcgetattr(STDIN_FILENO, &old) == -1) {
        if (!read_line(out, max, len_out))
            return cli_fail(EXIT_USAGE, "keys: no passphrase on standard input");
    } else {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs(fresh ? "Passphrase (at least 12 characters): " : "Passphrase: ", stderr);
        ok = read_line(out, max, len_out);
        if (fresh) {
            fputs("\nAgain: ", stderr);
            ok = ok && read_line(again, sizeof(again), &again_len);
            ok = ok && again_len == *len_out && memcmp(again, out, again_len) == 0;
        }
        fputs("\n", stderr);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        keyed_wipe(again, sizeof(again));
        if (!ok)
            return cli_fail(EXIT_USAGE, "keys: no passphrase, or the two are not the same");
    }
    if (fresh && *len_out < PASSPHRASE_MIN)
        return cli_fail(EXIT_USAGE, "keys export: the passphrase needs at least %d characters",
                        PASSPHRASE_MIN);
    return 0;
}

static int record_export(const struct config *c)
{
    struct err_text why = { "" };
    struct store_db *db = NULL;
    struct act act = {
        .kind = ACT_KEYS_EXPORTED, .at = wall_now(), .subject = BYTES("master"), .who = home_operator()
    };
    enum trap_err err = store_open(c->state_dir, STORE_ACTS, STORE_WRITE, &db, &why);

    if (err == TRAP_OK)
        err = act_append(db, &act, 1, &why);
    store_close(&db);
    return err == TRAP_OK ? 0 : cli_fail_err(err, &why);
}

static int export(struct home *h, const char *path)
{
    struct err_text why = { "" };
    char passphrase[PASSPHRASE_MAX];
    size_t len = 0;
    struct buf text;
    enum trap_err err;
    int code = ask_passphrase(true, passphrase, sizeof(passphrase), &len);

    if (code != 0)
        return code;
    code = record_export(h->config); /* first: no copy without a record */
    if (code != 0) {
        keyed_wipe(passphrase, sizeof(passphrase));
        return code;
    }
    buf_init(&text, 65536);
    err = key_seal(&h->keys, bytes_of(passphrase, len), &text);
    keyed_wipe(passphrase, sizeof(passphrase));
    if (err != TRAP_OK) {
        code = cli_fail(EXIT_OSERR, "keys export: not enough memory to derive the sealing key (256 MB)");
    } else if (path != NULL) {
        home_as_caller();
        err = file_create(path, buf_bytes(&text), 0600, &why);
        code = err == TRAP_OK ? 0 : cli_fail_err(err, &why);
    } else if (fwrite(text.p, 1, text.n, stdout) != text.n || fflush(stdout) == EOF) {
        code = cli_fail(EXIT_IOERR, "keys export: %s", strerror(errno));
    }
    buf_free(&text);
    if (code == 0 && path != NULL)
        fprintf(stderr, "Sealed keys in %s. Keep it, and the passphrase, away from this machine.\n", path);
    return code;
}

/* ---- import ---- */

static int open_sealed(const char *path, struct keyring *out)
{
    struct err_text why = { "" };
    char passphrase[PASSPHRASE_MAX];
    size_t len = 0;
    struct buf text;
    enum trap_err err = file_slurp(path, SEALED_FILE_MAX, &text, &why);
    int code;

    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    code = ask_passphrase(false, passphrase, sizeof(passphrase), &len);
    if (code == 0) {
        err = key_open(buf_bytes(&text), bytes_of(passphrase, len), out);
        keyed_wipe(passphrase, sizeof(passphrase));
        if (err == TRAP_ENOMEM)
            code = cli_fail(EXIT_OSERR, "keys import: not enough memory to derive the sealing key (256 MB)");
        else if (err == TRAP_ENEWER)
            code = cli_fail(EXIT_CONFIG, "keys import: %s was made by a newer Trapline", path);
        else if (err != TRAP_OK || !out->has_master)
            code =
                cli_fail(EXIT_NOPERM,
                         "keys import: the passphrase is wrong, or %s is no sealed copy, or damaged", path);
    }
    buf_free(&text);
    return code;
}

/* One file; what is there already must be the same. */
static enum trap_err put_key(const struct config *c, const char *name, const struct keyring *keys,
                             unsigned *made, struct err_text *why)
{
    struct keyring there;
    char path[PATH_TEXT_MAX];
    enum trap_err err;
    bool same;

    config_state_path(c, name, path);
    if (access(path, F_OK) == -1 && errno == ENOENT) {
        err = keyring_create(path, keys, why);
        *made += err == TRAP_OK ? 1 : 0;
        return err;
    }
    err = keyring_read(path, &there, why);
    if (err != TRAP_OK)
        return err;
    same = memcmp(there.master, keys->master, sizeof(there.master)) == 0 &&
           memcmp(there.node, keys->node, sizeof(there.node)) == 0;
    keyring_wipe(&there);
    if (same)
        return TRAP_OK;
    err_text_set(
        why,
        "keys import: %s holds another key, which is not overwritten; addresses may have been made with it. "
        "Move it away if you are sure",
        path);
    return TRAP_EEXIST;
}

/* A store without visits knows nothing of the addresses that were made with these keys: none may be made twice. */
static enum trap_err leave_used_epoch(const struct config *c, struct err_text *why)
{
    struct store_db *visits = NULL;
    uint64_t last = 0, erased = 0;
    uint32_t epoch = 0;
    enum trap_err err = store_open(c->state_dir, STORE_VISITS, STORE_READ, &visits, why);

    if (err == TRAP_OK)
        err = visit_bounds(visits, &last, &erased);
    store_close(&visits);
    if (err == TRAP_ENOENT)
        return TRAP_OK; /* no store yet: `trapline restore` makes it, and raises the epoch itself */
    if (err == TRAP_OK && last == 0)
        err = visit_epoch_raise(c->state_dir, &epoch, why);
    if (err == TRAP_OK && epoch != 0)
        printf("No visit is on record here: addresses are made in epoch %u from now on.\n", epoch);
    return err;
}

static enum trap_err put_keys(const struct config *c, const struct keyring *master, unsigned *made,
                              struct err_text *why)
{
    struct keyring web = { .has_node = true };
    char path[PATH_TEXT_MAX];
    enum trap_err err;

    mint_node_keys(master->master, c->node_id, &web);
    config_state_path(c, "keys", path);
    err = dir_make(path, 0700, why);
    config_state_path(c, "keys/master.key", path);
    if (err == TRAP_OK && access(path, F_OK) == -1 && errno == ENOENT)
        err = leave_used_epoch(c, why); /* first: whatever fails later, it was done */
    if (err == TRAP_OK)
        err = put_key(c, "keys/master.key", master, made, why);
    if (err == TRAP_OK)
        err = put_key(c, "keys/web.key", &web, made, why);
    keyring_wipe(&web);
    return err;
}

static int import(struct cli *cli, const char *path)
{
    struct keyring master = { .has_master = false };
    struct config *c = NULL;
    struct err_text why = { "" };
    unsigned made = 0;
    int code = open_sealed(path, &master); /* as the caller: the copy may be his alone */

    if (code == 0)
        code = home_config(cli, &c);
    if (code == 0) {
        const enum trap_err err = put_keys(c, &master, &made, &why);

        code = err == TRAP_OK ? 0 : cli_fail_err(err, &why);
    }
    if (code == 0)
        printf("%s/keys: %s\n", c->state_dir,
               made > 0 ? "the keys are back." : "these keys are there already; nothing was made.");
    keyring_wipe(&master);
    config_free(&c);
    return code;
}

static int make_certificates(struct cli *cli)
{
    struct config *c = NULL;
    struct err_text why = { "" };
    unsigned made = 0;
    int code = home_config(cli, &c);

    if (code == 0) {
        const enum trap_err err = certificates_make(c->state_dir, c->smtp.hostname, &made, &why);

        code = err == TRAP_OK ? 0 : cli_fail_err(err, &why);
    }
    if (code == 0)
        printf("%s/tls: %s for %s.\n", c->state_dir,
               made == 2   ? "made ecdsa.pem and rsa.pem"
               : made == 1 ? "made the one that was missing"
                           : "ecdsa.pem and rsa.pem are there already; nothing was made",
               c->smtp.hostname);
    config_free(&c);
    return code;
}

int verb_keys(struct cli *cli)
{
    struct home h = { .config = NULL };
    const char *path = NULL;
    int code;

    (void)cli_option(cli, "--out", &path);
    code = cli_words(cli, "keys", 1, 2);
    if (code != 0)
        return code;
    if (path == NULL && cli->argc == 2 && strcmp(cli->argv[0], "import") == 0)
        return import(cli, cli->argv[1]);
    if (cli->argc == 2)
        return cli_usage("keys");
    if (path == NULL && strcmp(cli->argv[0], "tls") == 0)
        return make_certificates(cli);
    if (strcmp(cli->argv[0], "export") != 0)
        return cli_usage("keys");
    if (path != NULL && access(path, F_OK) == 0)
        return cli_fail(EXIT_CANTCREAT, "keys export: %s is there already and is not overwritten", path);
    code = home_open(cli, HOME_KEYS, &h);
    if (code == 0)
        code = export(&h, path);
    home_close(&h);
    return code;
}
