#include "postbox.h"

#include "forward.h"
#include "server.h"
#include "session.h"

#include <base/file.h>
#include <base/log.h>
#include <store/postmaster.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPLAINTS_S = 60, TIMES_SHARE = 4 };

struct postbox {
    struct server *server;
    char dir[PATH_TEXT_MAX];
    struct mpsc queue; /* of struct message, by copy_done.node */
    pthread_t thread;
    uint64_t number; /* of the last file; the thread's own, as the next two */
    mono_t quiet_until;
    uint64_t suppressed; /* complaints since the last one */
    size_t held;         /* bytes of copies in memory; the loop's own */
};

/* ---- the thread ---- */

/* Whose share of the folder it is: address, or /48. */
static bool is_same_client(struct ip a, struct ip b)
{
    if (ip_is_v4(a) || ip_is_v4(b))
        return ip_eq(a, b);
    return prefix_cmp(ip_network(a), ip_network(b)) == 0;
}

static bool is_of_client(const char *name, struct ip client)
{
    struct ip sender;

    return postmaster_client(bytes_str(name), &sender) && is_same_client(sender, client);
}

struct usage {
    uint64_t files, bytes;
};

static bool fits(struct usage used, size_t more, uint64_t files_max, uint64_t bytes_max)
{
    return used.files < files_max && used.bytes + more <= bytes_max;
}

/* What the folder holds now: the operator may have taken files away. */
static bool measure(const struct postbox *p, struct ip client, struct usage *all_out, struct usage *own_out)
{
    const int64_t since = wall_now().us / WALL_US_PER_S - WALL_US_PER_DAY / WALL_US_PER_S;
    DIR *dir = opendir(p->dir);
    const struct dirent *entry;

    *all_out = *own_out = (struct usage){ 0, 0 };
    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;

        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
            continue;
        all_out->files++;
        all_out->bytes += (uint64_t)st.st_size;
        if (st.st_mtime < since || !is_of_client(entry->d_name, client))
            continue;
        own_out->files++;
        own_out->bytes += (uint64_t)st.st_size;
    }
    (void)closedir(dir);
    return true;
}

/* Once a minute: whoever floods the folder must not flood the log. */
static void complain(struct postbox *p, struct ip client, bool full)
{
    const mono_t now = mono_now();

    p->suppressed++;
    if (now.ms < p->quiet_until.ms)
        return;
    if (full)
        log_error("smtp.postmaster.full", LOG_STR("folder", p->dir), LOG_U64("suppressed", p->suppressed - 1),
                  LOG_STR("todo", "read and remove mail (trapline postmaster); mail to postmaster gets 452"));
    else
        log_warning("smtp.postmaster.share", LOG_IP(client), LOG_U64("suppressed", p->suppressed - 1),
                    LOG_STR("then", "mail of this client to postmaster gets 452 for a day"));
    p->suppressed = 0;
    p->quiet_until = mono_add(now, SPAN_S(COMPLAINTS_S));
}

static bool has_room(struct postbox *p, struct ip client, size_t bytes)
{
    const struct conf_smtp *conf = &p->server->config->smtp;
    const uint64_t files = (uint64_t)conf->postmaster_max_files * conf->postmaster_share / 100;
    const uint64_t share = conf->postmaster_max_bytes / 100 * conf->postmaster_share;
    struct usage all, own;
    bool full;

    if (!measure(p, client, &all, &own))
        return true; /* writing will say what is wrong */
    full = !fits(all, bytes, conf->postmaster_max_files, conf->postmaster_max_bytes);
    if (!full && fits(own, bytes, files > 0 ? files : 1, share))
        return true;
    complain(p, client, full);
    return false;
}

static enum trap_err write_file(struct postbox *p, struct message *m)
{
    const struct postmaster_file file = { .at = m->hit_job.hit.at,
                                          .session = m->hit_job.hit.session,
                                          .number = p->number + 1,
                                          .client = m->copy_client };
    char path[PATH_TEXT_MAX], name[POSTMASTER_NAME_MAX];
    struct err_text why = { "the path is too long" };
    enum trap_err err;

    m->copy_refused = !has_room(p, m->copy_client, m->copy.n);
    if (m->copy_refused)
        return TRAP_EFULL;
    p->number++;
    err = path_join(p->dir, postmaster_name(&file, name), path);
    if (err == TRAP_OK)
        err = file_replace(path, buf_bytes(&m->copy), 0640, &why);
    if (err != TRAP_OK)
        log_error("smtp.postmaster.write", LOG_STR("error", why.text));
    return err;
}

static void *run(void *arg)
{
    struct postbox *p = arg;
    struct mpsc_node *list;
    size_t count;

    while (mpsc_drain_wait(&p->queue, MPSC_FOREVER, &list, &count) == TRAP_OK) {
        while (list != NULL) {
            struct mpsc_node *next = list->next;
            struct message *m = MPSC_OWNER(list, struct message, copy_done.node);

            m->copy_result = write_file(p, m);
            server_complete(p->server, &m->copy_done);
            list = next;
        }
        server_wake(p->server);
    }
    return NULL;
}

enum trap_err postbox_new(struct server *server, struct postbox **out, struct err_text *why)
{
    struct postbox *p = calloc(1, sizeof(*p));
    enum trap_err err;

    if (p == NULL)
        return TRAP_ENOMEM;
    p->server = server;
    config_state_path(server->config, "postmaster", p->dir);
    err = dir_make(p->dir, 0750, why);
    if (err == TRAP_OK)
        err = mpsc_init(&p->queue, POSTBOX_QUEUE_MAX);
    if (err != TRAP_OK) {
        free(p);
        return err;
    }
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        err_text_set(why, "cannot start a thread");
        mpsc_destroy(&p->queue);
        free(p);
        return TRAP_ENOMEM;
    }
    *out = p;
    return TRAP_OK;
}

void postbox_free(struct postbox **p)
{
    if (*p == NULL)
        return;
    mpsc_close(&(*p)->queue);
    (void)pthread_join((*p)->thread, NULL);
    mpsc_destroy(&(*p)->queue);
    free(*p);
    *p = NULL;
}

/* ---- the loop ---- */

/* Remote text in a header line of ours: nothing that could end it. */
static void add_clean(struct buf *b, struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_add_byte(b, s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
}

void postbox_begin(struct session *s)
{
    const struct bytes helo = forward_helo(s);
    const struct ip sender = forward_sender(s);
    struct message *m = s->message;
    char ip[IP_TEXT_MAX], at[WALL_TEXT_MAX];
    struct buf *b = &m->copy;

    m->copy_client = sender;
    buf_add_str(b, "Return-Path: <");
    add_clean(b, message_reverse_path(m));
    buf_add_str(b, ">\r\n");
    for (uint32_t i = 0; i < m->rcpt_count; i++) {
        if (m->rcpts[i].klass != 0)
            continue;
        buf_add_str(b, "Delivered-To: ");
        add_clean(b, message_rcpt(m, i));
        buf_add_str(b, "\r\n");
    }
    buf_add_str(b, "Received: from ");
    add_clean(b, helo.n > 0 ? helo : BYTES("unknown"));
    buf_addf(b, " ([%s%s])\r\n\tby %s (trapsmtp); %s\r\n",
             ip_is_v4(sender) ? "" : "IPv6:", ip_text(sender, ip), s->server->config->smtp.hostname,
             wall_text(wall_now(), at));
}

/* Of all unfinished copies in memory, and of those of one client: a message of the largest size fits. */
static size_t share_held(const struct server *server)
{
    const uint64_t message = server->config->smtp.message_max_bytes;

    return message > POSTBOX_HELD_MAX / TIMES_SHARE ? (size_t)message : POSTBOX_HELD_MAX / TIMES_SHARE;
}

void postbox_add_content(struct message *m, struct bytes content)
{
    struct server *server = m->server;
    struct postbox *p = server->postbox;
    const size_t share = share_held(server);

    if (m->copy_refused)
        return;
    buf_add(&m->copy, content);
    if (m->copy.err != TRAP_OK || p->held + content.n > share * TIMES_SHARE ||
        !client_limits_hold(&server->limits, m->copy_client, content.n, share, loop_now(server->loop))) {
        m->copy_refused = true;
        postbox_release(m);
        buf_free(&m->copy);
        return;
    }
    p->held += content.n;
    m->copy_held += content.n;
}

enum trap_err postbox_submit(struct postbox *p, struct message *m)
{
    m->copy_refused |= m->copy.err != TRAP_OK;
    if (!m->copy_refused && mpsc_push(&p->queue, &m->copy_done.node) == TRAP_OK)
        return TRAP_OK;
    m->copy_refused = true;
    return TRAP_EFULL;
}

void postbox_release(struct message *m)
{
    if (m->copy_held > 0 && m->server->postbox != NULL) {
        m->server->postbox->held -= m->copy_held;
        client_limits_release(&m->server->limits, m->copy_client, m->copy_held);
    }
    m->copy_held = 0;
}
