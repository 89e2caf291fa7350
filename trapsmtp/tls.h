/* tls.h - TLS for the sink (OpenSSL inside): certificates, handshakes, and bytes through them.
 *
 * Why:     senders of every age must be able to talk: TLS 1.0 to 1.3 with security level 0, in a context of
 *          the sink's own. What a trap hears is no secret that needs more; refusing an old sender loses
 *          evidence. docs/adr/0015 has the choices and their figures.
 * Context: struct tls, one a server: no compression, no renegotiation, no session cache and no tickets (a
 *          client that resumes has another fingerprint, and memory must not grow), no client certificate.
 * Stream:  struct tls_stream, one a connection, over a non-blocking socket that stays the caller's.
 * Threads: loop only.
 * Tests:   tests/functional/test_smtp_tls.py
 */
#ifndef TRAPSMTP_TLS_H
#define TRAPSMTP_TLS_H

#include "tls_facts.h"

#include <base/bytes.h>
#include <base/config.h>
#include <base/err.h>

#include <sys/types.h>

struct tls;
struct tls_stream;

/* Reads the certificates. No error: there are none and none is named; tls_ready() is false until files come.
 * `config` is borrowed for life. */
TRAP_NODISCARD enum trap_err tls_new(const struct config *config, struct tls **out, struct err_text *why);
void tls_free(struct tls **tls);
/* Reads the certificates again when a file changed, or `anyway`. What cannot be used is said in the log and
 * the last good ones stay; open streams keep what they began with. */
void tls_refresh(struct tls *tls, bool anyway);
/* There is a certificate. */
bool tls_ready(const struct tls *tls);

/* The server's side of a connection. `facts` is filled in by the handshake and must live as long as it. */
TRAP_NODISCARD enum trap_err tls_stream_new(struct tls *tls, int fd, struct tls_facts *facts,
                                            struct tls_stream **out);
void tls_stream_free(struct tls_stream **stream);

enum tls_result { TLS_AGAIN, TLS_DONE, TLS_FAILED };
/* TLS_AGAIN: call again when the socket is ready for what tls_events() says. */
enum tls_result tls_handshake(struct tls_stream *stream);
/* As recv(2) and send(2) on a non-blocking socket. 0: the client said that it sends no more, with or without
 * close_notify. Bytes that were not taken must be offered again, at least as many. */
ssize_t tls_recv(struct tls_stream *stream, void *to, size_t room);
ssize_t tls_send(struct tls_stream *stream, struct bytes what);
/* LOOP_READ, LOOP_WRITE: what the socket must be ready for, for what is wanted: TLS may have to write in
 * order to read. */
int tls_events(const struct tls_stream *stream, int wanted);
/* close_notify, if the stream is in order. Nothing is read from it afterwards. */
void tls_shut(struct tls_stream *stream);

#endif
