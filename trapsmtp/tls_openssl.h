/* tls_openssl.h - what the two files that know OpenSSL share. */
#ifndef TRAPSMTP_TLS_OPENSSL_H
#define TRAPSMTP_TLS_OPENSSL_H

#include "tls.h"

#include <openssl/ssl.h>

/* NULL: there is no certificate. */
SSL_CTX *tls_context(const struct tls *tls);

#endif
