#include "certificate.h"

#include <base/file.h>

#include <mail/keyed.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

enum { PEM_MAX = 65536, COMMON_NAME_MAX = 64, SERIAL_BYTES = 20 };

static EVP_PKEY *make_ecdsa(void)
{
    return EVP_EC_gen("P-256");
}

static EVP_PKEY *make_rsa(void)
{
    return EVP_RSA_gen(2048);
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* A positive number of 20 octets at most (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *cert)
{
    uint8_t raw[SERIAL_BYTES];
    BIGNUM *number;
    bool ok;

    keyed_random(raw, sizeof(raw));
    raw[0] = (raw[0] & 0x7f) | 0x40;
    number = BN_bin2bn(raw, sizeof(raw), NULL);
    ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

/* A common name has 64 characters at most; the alternative name holds all. */
static bool set_names(X509 *cert, const char *hostname)
{
    const struct bytes shown = bytes_take(bytes_str(hostname), COMMON_NAME_MAX);
    X509_NAME *name = X509_get_subject_name(cert);
    char alternative[300];

    (void)snprintf(alternative, sizeof(alternative), "DNS:%s", hostname);
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, shown.p, (int)shown.n, -1, 0) ==
               1 &&
           X509_set_issuer_name(cert, name) == 1 && add_extension(cert, NID_basic_constraints, "CA:FALSE") &&
           add_extension(cert, NID_subject_alt_name, alternative);
}

/* Valid from yesterday (clocks differ), for ten years. */
static bool set_times(X509 *cert)
{
    enum { DAY_S = 86400, DAYS = 3650 };

    return X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(cert), DAYS, 0, NULL) != NULL;
}

static X509 *make_certificate(EVP_PKEY *key, const char *hostname)
{
    X509 *cert = X509_new();

    if (cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) && set_times(cert) &&
        set_names(cert, hostname) && X509_set_pubkey(cert, key) == 1 &&
        X509_sign(cert, key, EVP_sha256()) > 0)
        return cert;
    X509_free(cert);
    return NULL;
}

/* Key and certificate into one text. */
static bool write_pem(EVP_PKEY *key, X509 *cert, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const bool ok = bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                    PEM_write_bio_X509(bio, cert) == 1;
    char *text = NULL;
    const long n = ok ? BIO_get_mem_data(bio, &text) : 0;

    if (n > 0)
        buf_add(out, bytes_of(text, (size_t)n));
    if (text != NULL)
        keyed_wipe(text, (size_t)n);
    BIO_free(bio);
    return n > 0 && out->err == TRAP_OK;
}

static enum trap_err make_one(const char *path, EVP_PKEY *(*make_key)(void), const char *hostname,
                              struct err_text *why)
{
    EVP_PKEY *key = make_key();
    X509 *cert = key != NULL ? make_certificate(key, hostname) : NULL;
    enum trap_err err = TRAP_EIO;
    struct buf pem;

    buf_init(&pem, PEM_MAX);
    if (cert != NULL && write_pem(key, cert, &pem)) {
        err = file_create(path, buf_bytes(&pem), 0600, why);
    } else {
        const char *problem = ERR_reason_error_string(ERR_get_error());

        err_text_set(why, "%s: OpenSSL cannot make a certificate for %s: %s", path, hostname,
                     problem != NULL ? problem : "unknown problem");
    }
    if (pem.p != NULL)
        keyed_wipe(pem.p, pem.n);
    buf_free(&pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return err;
}

enum trap_err certificates_make(const char *dir, const char *hostname, unsigned *made_out,
                                struct err_text *why)
{
    static const struct {
        const char *name;
        EVP_PKEY *(*make_key)(void);
    } pair[] = { { "tls/ecdsa.pem", make_ecdsa }, { "tls/rsa.pem", make_rsa } };
    char path[PATH_TEXT_MAX];
    enum trap_err err = path_join(dir, "tls", path);

    *made_out = 0;
    if (err == TRAP_OK)
        err = dir_make(path, 0700, why);
    for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]) && err == TRAP_OK; i++) {
        err = path_join(dir, pair[i].name, path);
        if (err != TRAP_OK || access(path, F_OK) == 0)
            continue;
        err = make_one(path, pair[i].make_key, hostname, why);
        *made_out += err == TRAP_OK ? 1 : 0;
    }
    return err;
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

static enum trap_err read_facts(const X509 *cert, struct certificate_facts *out)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    const bool ok = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(cert)) == 1;

    ASN1_TIME_free(epoch);
    if (!ok)
        return TRAP_EINVAL;
    out->until = (wall_t){ ((int64_t)days * 86400 + seconds) * WALL_US_PER_S };
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out->name,
                                  sizeof(out->name)) < 0)
        out->name[0] = '\0';
    return TRAP_OK;
}

enum trap_err certificate_look(const char *path, struct certificate_facts *out, struct err_text *why)
{
    struct buf text;
    enum trap_err err = file_slurp(path, PEM_MAX, &text, why);
    const char *wrong = NULL;

    if (err != TRAP_OK)
        return err;
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n), *again = BIO_new_mem_buf(text.p, (int)text.n);
    X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    EVP_PKEY *key = again == NULL ? NULL : PEM_read_bio_PrivateKey(again, NULL, no_passphrase, NULL);

    if (cert == NULL || read_facts(cert, out) != TRAP_OK)
        wrong = "no certificate can be read from it";
    else if (key == NULL)
        wrong = "no private key can be read from it";
    else if (X509_check_private_key(cert, key) != 1)
        wrong = "its private key is not that of its first certificate";
    if (wrong != NULL) {
        err_text_set(
            why,
            "%s: %s; one file holds a private key without passphrase and the certificate chain, both PEM",
            path, wrong);
        err = TRAP_EINVAL;
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(cert);
    BIO_free(again);
    BIO_free(bio);
    if (text.p != NULL)
        keyed_wipe(text.p, text.n);
    buf_free(&text);
    return err;
}
