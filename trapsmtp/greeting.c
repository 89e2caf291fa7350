#include "greeting.h"

#include "forward.h"
#include "server.h"
#include "session.h"
#include "tls.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const words[] = { " ESMTP",
                                     " ESMTP ready",
                                     " ESMTP service ready",
                                     " Service ready",
                                     " Mail service ready",
                                     " ESMTP server",
                                     " SMTP ready",
                                     " ready" };

/* ---- keywords: text, and to whom it is said ---- */

static bool may_start_tls(const struct session *s)
{
    return s->tls == NULL && s->server->tls != NULL && tls_ready(s->server->tls);
}

static bool may_auth(const struct session *s)
{
    return s->server->config->smtp.auth;
}

/* The first DRAWN change places; XCLIENT and XFORWARD, which only trusted peers are told, stay at the end. */
enum { DRAWN = 10 };
static const struct {
    const char *text;                         /* NULL: SIZE, which has a number */
    bool (*offered)(const struct session *s); /* NULL: to all */
} keywords[GREETING_KEYWORDS] = {
    { "PIPELINING", NULL },
    { NULL, NULL },
    { "8BITMIME", NULL },
    { "ENHANCEDSTATUSCODES", NULL },
    { "CHUNKING", NULL },
    { "BINARYMIME", NULL },
    { "SMTPUTF8", NULL },
    { "DSN", NULL },
    { "STARTTLS", may_start_tls },
    { "AUTH PLAIN LOGIN", may_auth },
    { "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT", session_may_xclient },
    { "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE", forward_allowed },
};

void greeting_draw(struct greeting *g, const struct hash_key *key, const char *hostname)
{
    uint64_t draw = keyed_hash(key, bytes_str(hostname));

    g->words = words[draw % (sizeof words / sizeof words[0])];
    draw /= sizeof words / sizeof words[0];
    for (uint8_t i = 0; i < GREETING_KEYWORDS; i++)
        g->order[i] = i;
    for (uint8_t i = DRAWN - 1; i > 0; i--) { /* Fisher-Yates: 10! is less than 2^22 */
        const uint8_t k = (uint8_t)(draw % (i + 1u)), at_k = g->order[k];

        draw /= i + 1u;
        g->order[k] = g->order[i];
        g->order[i] = at_k;
    }
}

/* ---- replies ---- */

static void say(struct session *s, const char *text)
{
    reply_bytes(s, bytes_str(text));
}

void reply_greeting(struct session *s)
{
    s->greeted = true;
    say(s, "220 ");
    say(s, s->server->config->smtp.hostname);
    say(s, s->server->greeting.words);
    say(s, "\r\n");
    s->greeted_at = loop_now(s->server->loop);
}

void reply_helo(struct session *s)
{
    say(s, "250 ");
    say(s, s->server->config->smtp.hostname);
    say(s, "\r\n");
}

/* To a front MX without a number: a limit would make it bounce what is larger (RFC 1870 3). */
static void say_size(struct session *s)
{
    char size[32] = "SIZE";

    if (!s->front)
        (void)snprintf(size, sizeof size, "SIZE %" PRIu64, s->server->config->smtp.message_max_bytes);
    say(s, size);
}

void reply_ehlo(struct session *s)
{
    uint8_t offered[GREETING_KEYWORDS];
    size_t n = 0;

    for (size_t i = 0; i < GREETING_KEYWORDS; i++) {
        const uint8_t k = s->server->greeting.order[i];

        if (keywords[k].offered == NULL || keywords[k].offered(s))
            offered[n++] = k;
    }
    say(s, "250-");
    say(s, s->server->config->smtp.hostname);
    for (size_t i = 0; i < n; i++) {
        say(s, i + 1 < n ? "\r\n250-" : "\r\n250 ");
        if (keywords[offered[i]].text == NULL)
            say_size(s);
        else
            say(s, keywords[offered[i]].text);
    }
    say(s, "\r\n");
}
