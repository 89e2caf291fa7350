/* batch.c - see batch.h. */
#include "batch.h"

#include <base/log.h>
#include <store/lookup.h>

#include <stdio.h>
#include <stdlib.h>

void batch_init(struct batch *b, struct look_env *env, bool (*may_ask)(void *arg), void *arg)
{
    *b = (struct batch){ .env = env, .may_ask = may_ask, .arg = arg };
}

void batch_clear(struct batch *b)
{
    for (size_t i = 0; i < b->running_count; i++)
        address_free(&b->running[i]);
    free(b->v);
    batch_init(b, b->env, b->may_ask, b->arg);
}

enum trap_err batch_add(struct batch *b, const struct address_ask *ask)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!ip_eq(b->v[i].ip, ask->ip))
            continue;
        b->v[i].sender = b->v[i].sender || ask->sender;
        b->v[i].harvester = b->v[i].harvester || ask->harvester;
        if (ask->sender)
            memcpy(b->v[i].helo, ask->helo, sizeof(ask->helo));
        return TRAP_OK;
    }
    if (b->n == BATCH_MAX)
        return TRAP_EFULL;
    if (b->n == b->cap) {
        const size_t cap = b->cap == 0 ? 64 : b->cap * 2;
        struct address_ask *v = realloc(b->v, cap * sizeof(*v));

        if (v == NULL)
            return TRAP_ENOMEM;
        b->v = v;
        b->cap = cap;
    }
    b->v[b->n++] = *ask;
    return TRAP_OK;
}

bool batch_is_done(const struct batch *b)
{
    return b->next == b->n && b->running_count == 0;
}

struct newest {
    wall_t at;
};

static enum trap_err on_newest(const struct act *a, void *arg)
{
    ((struct newest *)arg)->at = a->at;
    return TRAP_OK;
}

static bool is_on_record(const struct batch *b, const char *begin, struct prefix p)
{
    char subject[LOOKUP_SUBJECT_MAX], text[PREFIX_TEXT_MAX];
    struct newest newest = { { 0 } };

    (void)snprintf(subject, sizeof(subject), "%s%s", begin, prefix_text(p, text));
    if (lookup_newest(b->env->acts, bytes_str(subject), on_newest, &newest) != TRAP_OK)
        return false;
    return wall_diff(wall_now(), newest.at).ms < b->env->config->look.again.ms;
}

static bool is_needed(const struct batch *b, const struct address_ask *ask)
{
    if (special_use_find(ask->ip) != NULL)
        return false;
    if (ask->harvester && !is_on_record(b, LOOKUP_CRAWLER, prefix_of(ask->ip, 128)))
        return true;
    return ask->sender && !is_on_record(b, "", ip_key(ask->ip));
}

static void on_done(void *arg, struct address *a)
{
    struct batch *b = arg;

    for (size_t i = 0; i < b->running_count; i++) {
        if (b->running[i] == a) {
            b->running[i] = b->running[--b->running_count];
            break;
        }
    }
    batch_turn(b);
}

void batch_turn(struct batch *b)
{
    while (b->next < b->n && b->running_count < b->env->config->look.queries_max) {
        const struct address_ask *ask = &b->v[b->next];

        if (is_needed(b, ask)) {
            if (!b->may_ask(b->arg))
                return;
            if (address_start(b->env, ask, on_done, b, &b->running[b->running_count]) != TRAP_OK) {
                log_error("look.memory", LOG_IP(ask->ip));
                return; /* at the next turn */
            }
            b->running_count++;
        }
        b->next++;
    }
}
