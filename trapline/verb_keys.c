/* verb_keys.c - `trapline keys export`: the keys, sealed with a passphrase, and an act that says so.
 * `trapline keys tls`: the sink's own certificates. */
#include "certificate.h"
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <base/file.h>
#include <mail/key_seal.h>
#include <mail/keyed.h>
#include <store/act_log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PASSPHRASE_MIN = 12, PASSPHRASE_MAX = 1024 };

static bool read_line(char *out, size_t max, size_t *len_out)
{
    if (fgets(out, (int)max, stdin) == NULL)
        return false;
    *len_out = strcspn(out, "\r\n");
    out[*len_out] = '\0';
    return true;
}

/* From a terminal without echo, twice; else the first line of standard input. */
static int ask_passphrase(char *out, size_t max, size_t *len_out)
{
    struct termios old, quiet;
    char again[PASSPHRASE_MAX];
    size_t again_len = 0;
    bool ok;

    if (tcgetattr(STDIN_FILENO, &old) == -1) {
        if (!read_line(out, max, len_out))
            return cli_fail(EXIT_USAGE, "keys export: no passphrase on standard input");
    } else {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fputs("Passphrase (at least 12 characters): ", stderr);
        ok = read_line(out, max, len_out);
        fputs("\nAgain: ", stderr);
        ok = ok && read_line(again, sizeof(again), &again_len);
        fputs("\n", stderr);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        ok = ok && again_len == *len_out && memcmp(again, out, again_len) == 0;
        keyed_wipe(again, sizeof(again));
        if (!ok)
            return cli_fail(EXIT_USAGE, "keys export: the two are not the same");
    }
    if (*len_out < PASSPHRASE_MIN)
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
    int code = ask_passphrase(passphrase, sizeof(passphrase), &len);

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
    code = cli_words(cli, "keys", 1, 1);
    if (code != 0)
        return code;
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
