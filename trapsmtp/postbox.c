#include "postbox.h"

#include "forward.h"
#include "server.h"
#include "session.h"

#include <base/file.h>
#include <base/log.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct postbox {
    struct server *server;
    char dir[PATH_TEXT_MAX];
    struct mpsc queue; /* of struct message, by copy_done.node */
    pthread_t thread;
    uint64_t number; /* of the last file; the thread's own */
    size_t held;     /* bytes of copies in memory; the loop's own */
};

/* ---- the thread ---- */

/* What the folder holds now: the operator may have taken files away. */
static bool has_room(const struct postbox *p, size_t bytes)
{
    DIR *dir = opendir(p->dir);
    const struct dirent *entry;
    uint64_t files = 0, used = 0;

    if (dir == NULL)
        return true; /* writing will say what is wrong */
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;

        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode))
            continue;
        files++;
        used += (uint64_t)st.st_size;
    }
    (void)closedir(dir);
    return files < POSTBOX_FILES_MAX && used + bytes <= POSTBOX_BYTES_MAX;
}

static enum trap_err write_file(struct postbox *p, const struct message *m)
{
    const struct civil t = wall_civil(m->hit_job.hit.at);
    char path[PATH_TEXT_MAX + 96];
    struct err_text why;
    enum trap_err err;

    if (!has_room(p, m->copy.n)) {
        log_error("smtp.postmaster.full", LOG_STR("folder", p->dir),
                  LOG_STR("todo", "read and remove files; mail to postmaster gets 452"));
        return TRAP_EFULL;
    }
    (void)snprintf(path, sizeof(path), "%s/%04d%02d%02dT%02d%02d%02dZ-%llu-%llu.eml", p->dir, t.year, t.month,
                   t.day, t.hour, t.minute, t.second, (unsigned long long)m->hit_job.hit.session,
                   (unsigned long long)++p->number);
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

void postbox_add_content(struct message *m, struct bytes content)
{
    struct postbox *p = m->server->postbox;

    if (m->copy_failed)
        return;
    buf_add(&m->copy, content);
    if (m->copy.err != TRAP_OK || p->held + content.n > POSTBOX_HELD_MAX) {
        m->copy_failed = true;
        return;
    }
    p->held += content.n;
    m->copy_held += content.n;
}

enum trap_err postbox_submit(struct postbox *p, struct message *m)
{
    if (m->copy_failed || m->copy.err != TRAP_OK)
        return TRAP_EFULL;
    return mpsc_push(&p->queue, &m->copy_done.node);
}

void postbox_release(struct message *m)
{
    if (m->copy_held > 0 && m->server->postbox != NULL)
        m->server->postbox->held -= m->copy_held;
    m->copy_held = 0;
}
