/* tls_stream.c - one connection: handshake, bytes in and out.
 *
 * OpenSSL keeps errors in a queue of the thread: it is emptied before each call, or what one client did would
 * be taken for the fault of the next. */
#include "tls_openssl.h"

#include "server.h"

#include <base/loop.h>

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

/* A whole record fits into what one turn reads: OpenSSL never holds plain text back that no event would
 * announce. */
_Static_assert(READ_TLS_BYTES >= SSL3_RT_MAX_PLAIN_LENGTH, "a record fits into the input");

struct tls_stream {
    SSL *ssl;
    struct tls_facts *facts;   /* of a handshake that is not finished */
    uint8_t to_read, to_write; /* what the socket must be ready for, to go on reading or writing */
    bool agreed, broken, shut;
};

/* The first ClientHello, as it came. (OpenSSL calls it before it judges it: also what fails is seen.) */
static void on_message(int writing, int version, int content_type, const void *buf, size_t len, SSL *ssl,
                       void *arg)
{
    struct tls_facts *facts = arg;
    const struct bytes message = bytes_of(buf, len);

    (void)version;
    if (writing != 0 || content_type != SSL3_RT_HANDSHAKE || len == 0 || message.p[0] != SSL3_MT_CLIENT_HELLO)
        return;
    SSL_set_msg_callback(ssl, NULL);
    tls_facts_read(facts, message);
}

enum trap_err tls_stream_new(struct tls *tls, int fd, struct tls_facts *facts, struct tls_stream **out)
{
    struct tls_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return TRAP_ENOMEM;
    stream->ssl = SSL_new(tls_context(tls));
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, fd) != 1) {
        ERR_clear_error();
        tls_stream_free(&stream);
        return TRAP_ENOMEM;
    }
    SSL_set_accept_state(stream->ssl);
    SSL_set_msg_callback(stream->ssl, on_message);
    SSL_set_msg_callback_arg(stream->ssl, facts);
    stream->facts = facts;
    stream->to_read = LOOP_READ;
    stream->to_write = LOOP_WRITE;
    *out = stream;
    return TRAP_OK;
}

void tls_stream_free(struct tls_stream **out)
{
    struct tls_stream *stream = *out;

    if (stream == NULL)
        return;
    SSL_free(stream->ssl);
    free(stream);
    *out = NULL;
}

int tls_events(const struct tls_stream *stream, int wanted)
{
    return ((wanted & LOOP_READ) != 0 ? stream->to_read : 0) |
           ((wanted & LOOP_WRITE) != 0 ? stream->to_write : 0);
}

/* After a call that did not succeed: what it waits for goes to *needs_out and -1 is returned with errno
 * EAGAIN; 0 is the end of the client's bytes; else the stream is broken. */
static ssize_t not_now(struct tls_stream *stream, uint8_t *needs_out)
{
    const int saved = errno;

    switch (SSL_get_error(stream->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        *needs_out = LOOP_READ;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        *needs_out = LOOP_WRITE;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        stream->broken = true;
        errno = saved != 0 && saved != EAGAIN ? saved : ECONNRESET;
        return -1;
    default:
        stream->broken = true;
        errno = EPROTO;
        return -1;
    }
}

static void agree(struct tls_stream *stream)
{
    stream->agreed = true;
    stream->facts->version = (uint16_t)SSL_version(stream->ssl);
    stream->facts->cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(stream->ssl));
    SSL_set_msg_callback(stream->ssl, NULL);
    stream->facts = NULL;
}

enum tls_result tls_handshake(struct tls_stream *stream)
{
    ssize_t result;
    int done;

    ERR_clear_error();
    errno = 0;
    done = SSL_accept(stream->ssl);
    stream->facts->heard = BIO_number_read(SSL_get_rbio(stream->ssl)) > 0;
    if (done == 1) {
        stream->to_read = LOOP_READ;
        agree(stream);
        return TLS_DONE;
    }
    result = not_now(stream, &stream->to_read);
    if (result == -1 && errno == EAGAIN)
        return TLS_AGAIN;
    stream->broken = true;
    stream->facts->problem = ERR_reason_error_string(ERR_peek_error());
    if (stream->facts->problem == NULL)
        stream->facts->problem = "connection lost";
    ERR_clear_error();
    return TLS_FAILED;
}

ssize_t tls_recv(struct tls_stream *stream, void *to, size_t room)
{
    size_t n = 0;

    ERR_clear_error();
    errno = 0;
    if (SSL_read_ex(stream->ssl, to, room, &n) == 1) {
        stream->to_read = LOOP_READ;
        return (ssize_t)n;
    }
    return not_now(stream, &stream->to_read);
}

ssize_t tls_send(struct tls_stream *stream, struct bytes what)
{
    size_t n = 0;
    ssize_t result;

    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(stream->ssl, what.p, what.n, &n) == 1) {
        stream->to_write = LOOP_WRITE;
        return (ssize_t)n;
    }
    result = not_now(stream, &stream->to_write);
    if (result == 0) { /* closed both ways: for a writer that is an error */
        errno = EPIPE;
        return -1;
    }
    return result;
}

void tls_shut(struct tls_stream *stream)
{
    if (!stream->agreed || stream->broken || stream->shut)
        return;
    stream->shut = true;
    ERR_clear_error();
    (void)SSL_shutdown(stream->ssl);
    ERR_clear_error();
}
