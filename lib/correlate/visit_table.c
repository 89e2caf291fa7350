#include "visit_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct entry {
    int64_t at_us;
    uint64_t recipe;
    struct ip client;
    uint32_t flags;
    bool there;
};

struct visit_table {
    struct entry *v;
    uint64_t first, last;
    size_t bytes;
};

static enum trap_err map_file(const struct store_db *derived, size_t bytes, void **out)
{
    int fd = -1;
    enum trap_err err = derived_temp_file(derived, &fd);
    void *p = MAP_FAILED;
    int e;

    if (err != TRAP_OK)
        return err;
    /* All of it now: a page without room on the disk would end the process later. */
    e = posix_fallocate(fd, 0, (off_t)bytes);
    if (e == 0)
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED)
        return e == ENOSPC || e == EDQUOT || e == EFBIG ? TRAP_EFULL : TRAP_EIO;
    *out = p;
    return TRAP_OK;
}

static enum trap_err map_memory(size_t bytes, void **out)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return TRAP_ENOMEM;
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* looked up in no order: fewer page walks */
    *out = p;
    return TRAP_OK;
}

enum trap_err visit_table_new(const struct store_db *derived, uint64_t first, uint64_t last,
                              size_t memory_max, struct visit_table **out)
{
    struct visit_table *t;
    void *p = NULL;
    enum trap_err err;

    if (last < first || last - first >= SIZE_MAX / sizeof(struct entry) - 1)
        return TRAP_EINVAL;
    t = calloc(1, sizeof *t);
    if (t == NULL)
        return TRAP_ENOMEM;
    t->first = first;
    t->last = last;
    t->bytes = (size_t)(last - first + 1) * sizeof(struct entry);
    err = t->bytes <= (memory_max == 0 ? TABLE_MEMORY_MAX : memory_max) ? map_memory(t->bytes, &p)
                                                                        : map_file(derived, t->bytes, &p);
    if (err != TRAP_OK) {
        free(t);
        return err;
    }
    t->v = p;
    *out = t;
    return TRAP_OK;
}

void visit_table_free(struct visit_table **tp)
{
    struct visit_table *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    (void)munmap(t->v, t->bytes);
    free(t);
}

enum trap_err visit_table_add(struct visit_table *t, const struct visit *v)
{
    if (v->seq < t->first || v->seq > t->last)
        return TRAP_ECORRUPT;
    t->v[v->seq - t->first] = (struct entry){
        .at_us = v->at.us, .recipe = v->recipe, .client = v->client, .flags = v->flags, .there = true
    };
    return TRAP_OK;
}

bool visit_table_get(const struct visit_table *t, uint64_t seq, struct visit *out)
{
    const struct entry *e;

    if (seq < t->first || seq > t->last)
        return false;
    e = &t->v[seq - t->first];
    if (!e->there)
        return false;
    *out = (struct visit){
        .seq = seq, .at = { e->at_us }, .recipe = e->recipe, .client = e->client, .flags = e->flags
    };
    return true;
}
