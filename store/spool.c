#include "spool.h"

#include "temp_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRITE_BYTES = 1 << 20, MERGE_BYTES = 1 << 18, WORD = 8, DIGITS = 256 };

struct run {
    int fd;        /* borrowed */
    off_t at, end; /* what is not read yet */
    uint8_t *buf;
    size_t n, used;
};
struct spool {
    const struct spool_kind *kind;
    const char *dir;
    uint8_t *rows;
    size_t n, rows_max;
    int fd; /* of the runs that are written here; -1: none yet */
    off_t end;
    int *taken; /* of runs that came from others */
    size_t taken_n;
    struct run *run;
    size_t runs, runs_room;
    uint8_t *out; /* while a run is written */
    size_t out_n;
    enum trap_err err;
};

enum trap_err spool_new(const struct spool_kind *kind, const char *dir, size_t rows_max, struct spool **out)
{
    struct spool *s = calloc(1, sizeof *s);

    if (s == NULL)
        return TRAP_ENOMEM;
    *s = (struct spool){ .kind = kind, .dir = dir, .rows_max = rows_max < 2 ? 2 : rows_max, .fd = -1 };
    *out = s;
    return TRAP_OK;
}

static void free_runs(struct spool *s)
{
    for (size_t i = 0; i < s->runs; i++)
        free(s->run[i].buf);
    free(s->run);
    s->run = NULL;
    s->runs = s->runs_room = 0;
    for (size_t i = 0; i < s->taken_n; i++)
        (void)close(s->taken[i]);
    free(s->taken);
    s->taken = NULL;
    s->taken_n = 0;
    if (s->fd != -1)
        (void)close(s->fd);
    s->fd = -1;
    s->end = 0;
}

void spool_free(struct spool **sp)
{
    struct spool *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    free_runs(s);
    free(s->rows);
    free(s->out);
    free(s);
}

/* ---- sorting ---- */

/* The key's first sixteen bytes as two numbers: where they differ, the row itself is not looked at. What of them lies
 * behind a shorter key is cut off. */
struct place {
    uint64_t first, second;
    uint32_t row;
};

static uint64_t word_of(const uint8_t *row, size_t at, size_t key_bytes)
{
    uint64_t v = 0;

    for (size_t i = at; i < at + WORD; i++)
        v = v << 8 | (i < key_bytes ? row[i] : 0);
    return v;
}

/* One pass of the radix sort; false where all have the same digit. */
static bool pass(const struct place *from, struct place *to, size_t n, unsigned shift)
{
    size_t at[DIGITS] = { 0 }, sum = 0;

    for (size_t i = 0; i < n; i++)
        at[from[i].first >> shift & (DIGITS - 1)]++;
    if (at[from[0].first >> shift & (DIGITS - 1)] == n)
        return false;
    for (size_t d = 0; d < DIGITS; d++) {
        const size_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[from[i].first >> shift & (DIGITS - 1)]++] = from[i];
    return true;
}

static int by_key(const void *a, const void *b, void *arg)
{
    const struct place *p = a, *q = b;
    const struct spool *s = arg;

    if (p->second != q->second)
        return p->second < q->second ? -1 : 1;
    if (s->kind->key_bytes <= 2 * WORD)
        return 0;
    return memcmp(s->rows + p->row * s->kind->row_bytes + 2 * WORD,
                  s->rows + q->row * s->kind->row_bytes + 2 * WORD, s->kind->key_bytes - 2 * WORD);
}

/* The order of the rows in the buffer; NULL: no memory. Freed by the caller. */
static struct place *sort_rows(struct spool *s)
{
    struct place *a = malloc(s->n * sizeof *a), *b = malloc(s->n * sizeof *b);

    if (a == NULL || b == NULL) {
        free(a);
        free(b);
        return NULL;
    }
    for (size_t i = 0; i < s->n; i++)
        a[i] = (struct place){ word_of(s->rows + i * s->kind->row_bytes, 0, s->kind->key_bytes),
                               word_of(s->rows + i * s->kind->row_bytes, WORD, s->kind->key_bytes),
                               (uint32_t)i };
    for (unsigned shift = 0; shift < 64; shift += 8)
        if (pass(a, b, s->n, shift)) {
            struct place *swap = a;
            a = b;
            b = swap;
        }
    free(b);
    for (size_t begin = 0, end; begin < s->n; begin = end) {
        end = begin + 1;
        while (end < s->n && a[end].first == a[begin].first)
            end++;
        if (end - begin > 1)
            qsort_r(a + begin, end - begin, sizeof *a, by_key, s);
    }
    return a;
}

/* Sorted rows of the buffer, equal ones joined. */
static void give_rows(struct spool *s, spool_fn *fn, void *arg)
{
    const size_t size = s->kind->row_bytes;
    uint8_t row[SPOOL_ROW_MAX];
    struct place *order;

    if (s->n == 0 || s->err != TRAP_OK)
        return;
    order = sort_rows(s);
    if (order == NULL) {
        s->err = TRAP_ENOMEM;
        return;
    }
    for (size_t i = 0; i < s->n && s->err == TRAP_OK; i++) {
        const uint8_t *next = s->rows + order[i].row * size;
        if (i > 0 && memcmp(row, next, s->kind->key_bytes) == 0) {
            s->kind->join(row, next);
            continue;
        }
        if (i > 0)
            s->err = fn(row, arg);
        memcpy(row, next, size);
    }
    if (s->err == TRAP_OK)
        s->err = fn(row, arg);
    free(order);
    s->n = 0;
}

/* ---- runs ---- */

static void write_out(struct spool *s)
{
    size_t done = 0;

    while (done < s->out_n && s->err == TRAP_OK) {
        const ssize_t n = pwrite(s->fd, s->out + done, s->out_n - done, s->end);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->err = n == -1 && errno != ENOSPC && errno != EDQUOT && errno != EFBIG ? TRAP_EIO : TRAP_EFULL;
            return;
        }
        done += (size_t)n;
        s->end += n;
    }
    s->out_n = 0;
}

static enum trap_err put_row(const uint8_t *row, void *arg)
{
    struct spool *s = arg;
    const size_t size = s->kind->row_bytes;

    if (s->out_n + size > WRITE_BYTES)
        write_out(s);
    memcpy(s->out + s->out_n, row, size);
    s->out_n += size;
    return s->err;
}

static bool runs_reserve(struct spool *s, size_t more)
{
    if (s->runs + more > s->runs_room && s->err == TRAP_OK) {
        const size_t room = (s->runs + more) * 2;
        struct run *run = reallocarray(s->run, room, sizeof *run);
        if (run == NULL) {
            s->err = TRAP_ENOMEM;
        } else {
            s->run = run;
            s->runs_room = room;
        }
    }
    return s->err == TRAP_OK;
}

static bool begin_run(struct spool *s)
{
    if (s->fd == -1)
        s->err = temp_file_open(s->dir, &s->fd);
    if (s->out == NULL && s->err == TRAP_OK) {
        s->out = malloc(WRITE_BYTES);
        s->err = s->out == NULL ? TRAP_ENOMEM : TRAP_OK;
    }
    return runs_reserve(s, 1);
}

static void write_run(struct spool *s)
{
    const off_t begin = s->end;

    if (s->err != TRAP_OK || !begin_run(s))
        return;
    give_rows(s, put_row, s);
    write_out(s);
    s->run[s->runs++] = (struct run){ .fd = s->fd, .at = begin, .end = s->end };
}

void spool_add(struct spool *s, const uint8_t *row)
{
    const size_t size = s->kind->row_bytes;

    if (s->err != TRAP_OK)
        return;
    if (s->rows == NULL) {
        s->rows = reallocarray(NULL, s->rows_max, size);
        if (s->rows == NULL) {
            s->err = TRAP_ENOMEM;
            return;
        }
    }
    memcpy(s->rows + s->n++ * size, row, size);
    if (s->n == s->rows_max)
        write_run(s);
}

void spool_take(struct spool *into, struct spool **fromp)
{
    struct spool *from = *fromp;
    int *taken;

    if (from->n > 0)
        write_run(from);
    if (into->err == TRAP_OK)
        into->err = from->err;
    if (from->runs > 0 && runs_reserve(into, from->runs)) {
        taken = reallocarray(into->taken, into->taken_n + from->taken_n + 1, sizeof *taken);
        if (taken == NULL) {
            into->err = TRAP_ENOMEM;
        } else {
            into->taken = taken;
            for (size_t i = 0; i < from->taken_n; i++)
                taken[into->taken_n++] = from->taken[i];
            taken[into->taken_n++] = from->fd;
            memcpy(into->run + into->runs, from->run, from->runs * sizeof *from->run);
            into->runs += from->runs;
            from->fd = -1;
            from->runs = from->taken_n = 0;
        }
    }
    spool_free(fromp);
}

/* ---- merging ---- */

/* The next row of a run; NULL at its end, or on an error. */
static const uint8_t *peek(struct spool *s, struct run *r)
{
    const size_t size = s->kind->row_bytes, room = MERGE_BYTES / size * size;

    if (r->used < r->n)
        return r->buf + r->used;
    if (r->at == r->end)
        return NULL;
    r->n = r->end - r->at < (off_t)room ? (size_t)(r->end - r->at) : room;
    r->used = 0;
    for (size_t got = 0; got < r->n;) {
        const ssize_t n = pread(r->fd, r->buf + got, r->n - got, r->at);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->err = TRAP_EIO;
            return NULL;
        }
        got += (size_t)n;
        r->at += n;
    }
    return r->buf;
}

/* heap[0] has the smallest row. */
static void sink(struct spool *s, size_t *heap, size_t n, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            const struct run *a = &s->run[heap[child]], *b = &s->run[heap[least]];
            if (memcmp(a->buf + a->used, b->buf + b->used, s->kind->key_bytes) < 0)
                least = child;
        }
        if (least == i)
            return;
        const size_t swap = heap[i];
        heap[i] = heap[least];
        heap[least] = swap;
        i = least;
    }
}

static void merge(struct spool *s, size_t *heap, size_t n, spool_fn *fn, void *arg)
{
    uint8_t row[SPOOL_ROW_MAX];
    bool has = false;

    while (n > 0 && s->err == TRAP_OK) {
        struct run *r = &s->run[heap[0]];
        const uint8_t *next = r->buf + r->used;
        if (has && memcmp(row, next, s->kind->key_bytes) == 0) {
            s->kind->join(row, next);
        } else {
            if (has)
                s->err = fn(row, arg);
            memcpy(row, next, s->kind->row_bytes);
            has = true;
        }
        r->used += s->kind->row_bytes;
        if (peek(s, r) == NULL)
            heap[0] = heap[--n];
        sink(s, heap, n, 0);
    }
    if (has && s->err == TRAP_OK)
        s->err = fn(row, arg);
}

static void merge_runs(struct spool *s, spool_fn *fn, void *arg)
{
    size_t *heap = calloc(s->runs, sizeof *heap), n = 0;

    if (heap == NULL)
        s->err = TRAP_ENOMEM;
    for (size_t i = 0; i < s->runs && s->err == TRAP_OK; i++) {
        s->run[i].buf = malloc(MERGE_BYTES);
        if (s->run[i].buf == NULL)
            s->err = TRAP_ENOMEM;
        else if (peek(s, &s->run[i]) != NULL)
            heap[n++] = i;
    }
    for (size_t i = n / 2; i > 0 && s->err == TRAP_OK; i--)
        sink(s, heap, n, i - 1);
    if (s->err == TRAP_OK)
        merge(s, heap, n, fn, arg);
    free(heap);
}

enum trap_err spool_each(struct spool *s, spool_fn *fn, void *arg)
{
    if (s->runs == 0) {
        give_rows(s, fn, arg);
    } else {
        if (s->n > 0)
            write_run(s);
        free(s->rows); /* runs need the memory now */
        s->rows = NULL;
        if (s->err == TRAP_OK)
            merge_runs(s, fn, arg);
    }
    free_runs(s);
    return s->err;
}
