/* scratch.h - a new directory for a test, with the six files where wanted, and jobs that a test waits for. */
#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

#include "trap_cmocka.h"

#include <base/config.h>
#include <base/file.h>
#include <mail/keyed.h>
#include <store/commit.h>
#include <store/file.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
    char dir[64];
};

static inline void scratch_begin(struct scratch *s, bool files)
{
    struct err_text why = { "" };

    (void)snprintf(s->dir, sizeof s->dir, "/tmp/trapline-store-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(keyed_init(), TRAP_OK);
    if (files && store_create_all(s->dir, 7, &why) != TRAP_OK)
        fail_msg("%s", why.text);
}

static inline void scratch_end(struct scratch *s)
{
    struct err_text why;

    assert_int_equal(dir_remove(s->dir, &why), TRAP_OK);
}

static inline const char *scratch_path(const struct scratch *s, const char *name, char out[PATH_TEXT_MAX])
{
    assert_int_equal(path_join(s->dir, name, out), TRAP_OK);
    return out;
}

static inline uint64_t scratch_size(const struct scratch *s, const char *name)
{
    char path[PATH_TEXT_MAX];
    struct stat st;

    return stat(scratch_path(s, name, path), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static inline struct conf_store scratch_conf(void)
{
    return (struct conf_store){ .queue_max = 100000,
                                .batch_max = 1000,
                                .wal_max_bytes = 4 << 20,
                                .sample_max_bytes = 65536,
                                .samples_max_bytes = 1 << 20,
                                .free_min_bytes = 0 };
}

/* Counts jobs down to zero: done() calls waiter_done, the test calls waiter_wait. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t zero;
    size_t open, failed;
    enum trap_err last;
};

static inline void waiter_init(struct waiter *w)
{
    *w = (struct waiter){ .lock = PTHREAD_MUTEX_INITIALIZER, .zero = PTHREAD_COND_INITIALIZER };
}

static inline void waiter_add(struct waiter *w, size_t n)
{
    (void)pthread_mutex_lock(&w->lock);
    w->open += n;
    (void)pthread_mutex_unlock(&w->lock);
}

static inline void waiter_done(struct waiter *w, enum trap_err result)
{
    (void)pthread_mutex_lock(&w->lock);
    w->open--;
    w->failed += result != TRAP_OK;
    w->last = result;
    (void)pthread_cond_broadcast(&w->zero);
    (void)pthread_mutex_unlock(&w->lock);
}

static inline void waiter_wait(struct waiter *w)
{
    (void)pthread_mutex_lock(&w->lock);
    while (w->open > 0)
        (void)pthread_cond_wait(&w->zero, &w->lock);
    (void)pthread_mutex_unlock(&w->lock);
}

#endif
