/* tls.c - the context: protocol versions, ciphers, certificates and their renewal. */
#include "tls_openssl.h"

#include <base/file.h>
#include <base/log.h>

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The state of a file when it was read. All zero: it was not there. */
struct stamp {
    struct timespec modified;
    ino_t inode;
    off_t size;
};
struct certificate_file {
    const char *path;
    struct stamp stamp;
};

struct tls {
    SSL_CTX *ctx; /* NULL: no certificate */
    const struct config *config;
    bool named; /* by the configuration: every file must be there */
    struct certificate_file *files;
    size_t file_count;
    char standard[2][PATH_TEXT_MAX]; /* paths of the pair that `trapline init` makes */
};

SSL_CTX *tls_context(const struct tls *tls)
{
    return tls->ctx;
}

bool tls_ready(const struct tls *tls)
{
    return tls->ctx != NULL;
}

/* True: it is another file than at the last look, which is remembered. */
static bool has_changed(struct certificate_file *f)
{
    struct stamp now = { 0 };
    struct stat st;
    bool changed;

    if (stat(f->path, &st) == 0) {
        now.modified = st.st_mtim;
        now.inode = st.st_ino;
        now.size = st.st_size;
    }
    changed = now.modified.tv_sec != f->stamp.modified.tv_sec ||
              now.modified.tv_nsec != f->stamp.modified.tv_nsec || now.inode != f->stamp.inode ||
              now.size != f->stamp.size;
    f->stamp = now;
    return changed;
}

/* A key with a passphrase is an error; nobody is there to ask. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

/* Every sender of the last 25 years: level 0 allows SHA-1 signatures and TLS 1.0. No finite-field
 * Diffie-Hellman: it costs us ten times what it costs the client, and old Java fails on 2048 bits; such
 * clients have RSA, too. Resumption would change the fingerprint of a client that comes again. */
static SSL_CTX *new_context(const struct conf_smtp *conf)
{
    static const char ciphers[] = "DEFAULT:!kDHE:@SECLEVEL=0", groups[] = "X25519:P-256:X448:P-384:P-521";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_security_level(ctx, 0);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                       SSL_OP_CLEANSE_PLAINTEXT); /* passwords that are tried */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* A client's stream of records without content must not keep the loop: one a turn. */
    (void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_set_min_proto_version(ctx, (int)conf->tls_min) == 1 &&
        SSL_CTX_set_cipher_list(ctx, ciphers) == 1 && SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
        SSL_CTX_set_num_tickets(ctx, 0) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* The first of OpenSSL's complaints is the one that knows. */
static const char *first_complaint(void)
{
    const unsigned long code = ERR_get_error();
    const char *text =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);

    ERR_clear_error();
    return text != NULL ? text : "cannot be used";
}

/* It goes on being used: most senders look at nothing. */
static void tell_expired(SSL_CTX *ctx, const char *path)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);

    if (cert != NULL && X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        log_warning("smtp.tls", LOG_STR("file", path),
                    LOG_STR("now", "the certificate has expired, and is used"),
                    LOG_STR("todo", "put a new one there; it is taken up at once"));
}

/* NULL: key and chain are in the context. */
static const char *take_certificate(SSL_CTX *ctx, const char *path)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1)
        return "no certificate can be read from it";
    if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return "no private key of the certificate can be read from it";
    return NULL;
}

static enum trap_err add_certificate(SSL_CTX *ctx, const char *path, struct err_text *why)
{
    const char *wrong;

    ERR_clear_error();
    wrong = take_certificate(ctx, path);
    if (wrong == NULL) {
        tell_expired(ctx, path);
        return TRAP_OK;
    }
    err_text_set(
        why,
        "%s: %s (%s); a certificate file holds a private key without passphrase and its certificate chain, "
        "both PEM, readable for the user of the daemons",
        path, wrong, first_complaint());
    return TRAP_EINVAL;
}

/* *out: a context with every certificate that is there; NULL where there is none. */
static enum trap_err load(const struct tls *tls, SSL_CTX **out, struct err_text *why)
{
    SSL_CTX *ctx = new_context(&tls->config->smtp);
    size_t loaded = 0;

    *out = NULL;
    if (ctx == NULL) {
        err_text_set(why, "OpenSSL: %s", first_complaint());
        return TRAP_ENOMEM;
    }
    for (size_t i = 0; i < tls->file_count; i++) {
        if (!tls->named && tls->files[i].stamp.inode == 0)
            continue;
        if (add_certificate(ctx, tls->files[i].path, why) != TRAP_OK) {
            SSL_CTX_free(ctx);
            return TRAP_EINVAL;
        }
        loaded++;
    }
    if (loaded > 0)
        *out = ctx;
    else
        SSL_CTX_free(ctx);
    return TRAP_OK;
}

void tls_refresh(struct tls *tls, bool anyway)
{
    struct err_text why;
    SSL_CTX *ctx;
    bool changed = anyway;

    for (size_t i = 0; i < tls->file_count; i++)
        changed |= has_changed(&tls->files[i]);
    if (!changed)
        return;
    if (load(tls, &ctx, &why) != TRAP_OK) {
        log_error("smtp.tls", LOG_STR("error", why.text),
                  LOG_STR("now", tls->ctx != NULL ? "the last good certificates stay" : "no STARTTLS"));
        return;
    }
    if (ctx == NULL)
        return; /* the files are gone: the last good ones stay */
    SSL_CTX_free(tls->ctx);
    tls->ctx = ctx;
    log_info("smtp.tls", LOG_STR("now", "certificates were read"));
}

static enum trap_err find_files(struct tls *tls)
{
    static const char *const standard[] = { "tls/ecdsa.pem", "tls/rsa.pem" };
    const struct strings *named = &tls->config->smtp.tls_certificates;

    tls->named = named->n > 0;
    tls->file_count = tls->named ? named->n : 2;
    tls->files = calloc(tls->file_count, sizeof(*tls->files));
    if (tls->files == NULL)
        return TRAP_ENOMEM;
    for (size_t i = 0; i < tls->file_count; i++) {
        if (!tls->named)
            config_state_path(tls->config, standard[i], tls->standard[i]);
        tls->files[i].path = tls->named ? named->v[i] : tls->standard[i];
        (void)has_changed(&tls->files[i]);
    }
    return TRAP_OK;
}

static enum trap_err check_found(const struct tls *tls, struct err_text *why)
{
    if (tls->ctx != NULL)
        return TRAP_OK;
    if (tls->config->smtp.tls_listen.n > 0) {
        err_text_set(why, "smtp.tls_listen: there is no certificate; make one with `trapline keys tls -c %s`",
                     tls->config->path);
        return TRAP_EINVAL;
    }
    log_info("smtp.tls", LOG_STR("now", "no certificate, so no STARTTLS"),
             LOG_STR("todo", "`trapline keys tls` makes certificates; they are taken up at once"));
    return TRAP_OK;
}

enum trap_err tls_new(const struct config *config, struct tls **out, struct err_text *why)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    enum trap_err err;

    if (tls == NULL)
        return TRAP_ENOMEM;
    tls->config = config;
    err = find_files(tls);
    if (err == TRAP_OK)
        err = load(tls, &tls->ctx, why);
    if (err == TRAP_OK)
        err = check_found(tls, why);
    if (err != TRAP_OK) {
        tls_free(&tls);
        return err;
    }
    *out = tls;
    return TRAP_OK;
}

void tls_free(struct tls **out)
{
    struct tls *tls = *out;

    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls->files);
    free(tls);
    *out = NULL;
}
