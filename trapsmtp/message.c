#include "message.h"

#include "postbox.h"
#include "server.h"

#include <stdlib.h>

enum {
    TEXT_MAX = 1 << 30,       /* recipients_max bounds it; this only has to be larger */
    SPARE_MAX = 256,          /* messages kept for use */
    SPARE_BUFFER_MAX = 16384, /* larger buffers are given back */
    SPARE_RCPTS_MAX = 64
};

struct message *message_new(struct server *server, struct session *session)
{
    struct message *m = server->spare_messages;

    if (m != NULL) {
        server->spare_messages = m->next;
        server->spare_count--;
    } else {
        m = calloc(1, sizeof(*m));
        if (m == NULL)
            return NULL;
        buf_init(&m->text, TEXT_MAX);
        buf_init(&m->sample, server->config->store.sample_max_bytes);
        buf_init(&m->copy, server->config->smtp.message_max_bytes + SPARE_BUFFER_MAX);
    }
    server->message_count++;
    m->server = server;
    m->session = session;
    m->next = NULL;
    m->jobs = 0;
    m->queued = m->counted = m->copied = m->relayed = m->too_big = m->copy_refused = false;
    m->result = TRAP_OK;
    m->reverse_path_len = 0;
    m->rcpt_count = m->trap_count = m->role_count = m->taken_count = 0;
    m->flags = 0;
    m->body = SMTP_BODY_7BIT;
    m->size = m->received = 0;
    m->held = 0;
    m->copy_held = 0;
    return m;
}

static void message_free(struct message *m)
{
    buf_free(&m->text);
    buf_free(&m->sample);
    buf_free(&m->copy);
    free(m->rcpts);
    free(m->hit_rcpts);
    free(m);
}

static void shrink(struct buf *b)
{
    const size_t max = b->max;

    if (b->cap > SPARE_BUFFER_MAX) {
        buf_free(b);
        buf_init(b, max);
    }
    buf_reset(b);
}

void message_drop(struct message *m)
{
    struct server *server = m->server;

    TRAP_BUG_ON(m->jobs != 0 || m->queued);
    server->message_count--;
    server->messages_held -= m->held;
    postbox_release(m);
    if (server->spare_count >= SPARE_MAX || m->rcpt_cap > SPARE_RCPTS_MAX) {
        message_free(m);
        return;
    }
    shrink(&m->text);
    shrink(&m->sample);
    shrink(&m->copy);
    m->session = NULL;
    m->next = server->spare_messages;
    server->spare_messages = m;
    server->spare_count++;
}

void message_free_spares(struct server *server)
{
    while (server->spare_messages != NULL) {
        struct message *m = server->spare_messages;

        server->spare_messages = m->next;
        message_free(m);
    }
    server->spare_count = 0;
}

/* Behind everything that may have grown. */
static void count_memory(struct message *m)
{
    const size_t now =
        m->text.cap + m->sample.cap + m->rcpt_cap * (sizeof(*m->rcpts) + sizeof(*m->hit_rcpts));

    m->server->messages_held += now - m->held;
    m->held = now;
}

/* How many octets m may take now. */
static size_t room(const struct message *m)
{
    const size_t used = m->text.n + m->sample.n + m->rcpt_count * (sizeof(*m->rcpts) + sizeof(*m->hit_rcpts));

    if (m->server->messages_held < MESSAGES_HELD_MAX)
        return SIZE_MAX;
    return used < MESSAGE_ROOM_MIN ? MESSAGE_ROOM_MIN - used : 0;
}

bool message_has_room(const struct message *m)
{
    return room(m) > 0;
}

void message_add_sample(struct message *m, struct bytes wire)
{
    const size_t want = bytes_take(wire, m->sample.max - m->sample.n).n, n = want < room(m) ? want : room(m);

    buf_add(&m->sample, bytes_take(wire, n));
    if (n < want)
        m->sample.err = TRAP_ENOMEM; /* sticks */
    count_memory(m);
}

/* Appends both, a blank between them. Returns how much it is, at most DSN_MAX. */
static uint8_t add_dsn(struct message *m, struct bytes a, struct bytes b)
{
    const size_t at = m->text.n;

    buf_add(&m->text, a);
    if (a.n > 0 && b.n > 0)
        buf_add_byte(&m->text, ' ');
    buf_add(&m->text, b);
    if (m->text.n - at > DSN_MAX) {
        m->text.n = at + DSN_MAX;
        m->flags |= HIT_CUT;
    }
    return (uint8_t)(m->text.n - at);
}

enum trap_err message_set_reverse_path(struct message *m, const struct smtp_path *path,
                                       const struct smtp_params *params)
{
    buf_add(&m->text, path->local);
    if (path->domain.n > 0) {
        buf_add_byte(&m->text, '@');
        buf_add(&m->text, path->domain);
    }
    m->reverse_path_len = m->text.n;
    m->dsn_len = add_dsn(m, params->ret, params->envid);
    return m->text.err;
}

/* Room for one more recipient. */
static bool grow(struct message *m)
{
    const uint32_t cap = m->rcpt_cap == 0 ? 4 : m->rcpt_cap * 2;
    void *p;

    if (m->rcpt_count < m->rcpt_cap)
        return true;
    p = realloc(m->rcpts, cap * sizeof(*m->rcpts));
    if (p == NULL)
        return false;
    m->rcpts = p;
    p = realloc(m->hit_rcpts, cap * sizeof(*m->hit_rcpts));
    if (p == NULL)
        return false;
    m->hit_rcpts = p;
    m->rcpt_cap = cap;
    return true;
}

static uint32_t hash_address(struct bytes a)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < a.n; i++)
        hash = (hash ^ ascii_lower(a.p[i])) * 16777619u;
    return hash;
}

/* The address stands at the end of text: look for it among those before it. */
static bool is_known(const struct message *m, uint32_t hash, struct bytes address)
{
    for (uint32_t i = 0; i < m->rcpt_count; i++)
        if (m->rcpts[i].hash == hash && bytes_ieq(message_rcpt(m, i), address))
            return true;
    return false;
}

enum message_add message_add_rcpt(struct message *m, const struct smtp_path *path, struct bytes domain,
                                  uint8_t klass)
{
    const size_t at = m->text.n;
    struct bytes address;
    uint32_t hash;

    buf_add(&m->text, path->local);
    buf_add_byte(&m->text, '@');
    for (size_t i = 0; i < domain.n; i++)
        buf_add_byte(&m->text, ascii_lower(domain.p[i]));
    if (m->text.err != TRAP_OK || !grow(m)) {
        m->text.n = at;
        m->text.err = TRAP_OK;
        return MESSAGE_NO_MEMORY;
    }
    address = bytes_of(m->text.p + at, m->text.n - at);
    hash = m->last_hash = hash_address(address);
    if (is_known(m, hash, address)) {
        m->text.n = at;
        return MESSAGE_TWICE;
    }
    m->rcpts[m->rcpt_count++] =
        (struct rcpt){ .hash = hash, .at = (uint32_t)at, .len = (uint16_t)address.n, .klass = klass };
    if (klass == 0)
        m->role_count++;
    else
        m->trap_count++;
    return MESSAGE_ADDED;
}

enum trap_err message_set_rcpt_dsn(struct message *m, const struct smtp_params *params)
{
    m->rcpts[m->rcpt_count - 1].dsn_len = add_dsn(m, params->notify, params->orcpt);
    count_memory(m);
    return m->text.err;
}

void message_forget_rcpt(struct message *m)
{
    const struct rcpt *last = &m->rcpts[--m->rcpt_count];

    m->text.n = last->at;
    if (last->klass == 0)
        m->role_count--;
    else
        m->trap_count--;
}

struct bytes message_reverse_path(const struct message *m)
{
    return bytes_of(m->text.p, m->reverse_path_len);
}

struct bytes message_rcpt(const struct message *m, uint32_t i)
{
    return bytes_of(m->text.p + m->rcpts[i].at, m->rcpts[i].len);
}

struct bytes message_dsn(const struct message *m)
{
    return bytes_of(m->text.p + m->reverse_path_len, m->dsn_len);
}

struct bytes message_rcpt_dsn(const struct message *m, uint32_t i)
{
    return bytes_of(m->text.p + m->rcpts[i].at + m->rcpts[i].len, m->rcpts[i].dsn_len);
}
