#include "bulk_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE = FILE_PAGE_BYTES,
    WAITING_PAGES = 256,
    LEVELS = 8, /* with 25 cells a page and more: enough for any file */
    CELL_MAX = BULK_RECORD_MAX + 32,
    LEAF_HEAD = 8,
    NODE_HEAD = 12,
    CHILD = 4,         /* bytes of a page number in front of an inner cell */
    SLACK = PAGE / 10, /* left free in leaves */
    HEADER_PAGES = 28,
    LOCK_PAGE = 0x40000000 / PAGE + 1 /* holds the bytes that SQLite locks: never used (section 1.7) */
};
enum { TYPE_INDEX_NODE = 2, TYPE_TABLE_NODE = 5, TYPE_INDEX_LEAF = 10, TYPE_TABLE_LEAF = 13 };

/* ---- numbers ---- */

static void put_be(uint8_t *p, uint64_t v, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--, v >>= 8)
        p[i - 1] = (uint8_t)v;
}

/* Seven bits a byte, highest first; a ninth byte has eight. */
static size_t put_varint(uint8_t *p, uint64_t v)
{
    uint8_t reversed[9];
    size_t n = 0;

    if (v >> 56 != 0) {
        p[8] = (uint8_t)v;
        v >>= 8;
        for (size_t i = 8; i > 0; i--, v >>= 7)
            p[i - 1] = (uint8_t)(0x80 | (v & 0x7f));
        return 9;
    }
    do {
        reversed[n++] = (uint8_t)(v & 0x7f);
        v >>= 7;
    } while (v != 0);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(reversed[n - 1 - i] | (i + 1 < n ? 0x80 : 0));
    return n;
}

/* ---- a record ---- */

enum { SERIAL_NULL = 0, SERIAL_ZERO = 8, SERIAL_ONE = 9, SERIAL_BLOB = 12 };

void bulk_record_begin(struct bulk_record *r)
{
    r->head[0] = 1;
    r->body_n = 0;
}

static void add_type(struct bulk_record *r, uint8_t type)
{
    TRAP_BUG_ON(r->head[0] > BULK_COLUMNS_MAX);
    r->head[r->head[0]++] = type;
}

void bulk_record_int(struct bulk_record *r, int64_t v)
{
    static const struct {
        uint8_t bytes, type;
    } widths[] = { { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 6, 5 }, { 8, 6 } };
    const uint64_t folded = v < 0 ? ~(uint64_t)v : (uint64_t)v;
    size_t w = 0;

    if (v == 0 || v == 1) {
        add_type(r, v == 0 ? SERIAL_ZERO : SERIAL_ONE);
        return;
    }
    while (widths[w].bytes < 8 && folded >> (8 * widths[w].bytes - 1) != 0)
        w++;
    add_type(r, widths[w].type);
    TRAP_BUG_ON(r->body_n + widths[w].bytes > sizeof r->body);
    put_be(r->body + r->body_n, (uint64_t)v, widths[w].bytes);
    r->body_n += widths[w].bytes;
}

void bulk_record_blob(struct bulk_record *r, struct bytes v)
{
    TRAP_BUG_ON(v.n > 50 || r->body_n + v.n > sizeof r->body);
    add_type(r, (uint8_t)(SERIAL_BLOB + 2 * v.n));
    memcpy(r->body + r->body_n, v.p, v.n);
    r->body_n += v.n;
}

void bulk_record_null(struct bulk_record *r)
{
    add_type(r, SERIAL_NULL);
}

/* ---- the file ---- */

static void fail(struct bulk_file *f, enum trap_err err)
{
    enum trap_err none = TRAP_OK;

    (void)atomic_compare_exchange_strong(&f->err, &none, err);
}

static void write_at(struct bulk_file *f, const uint8_t *p, size_t n, off_t at)
{
    while (n > 0 && f->err == TRAP_OK) {
        const ssize_t done = pwrite(f->fd, p, n, at);

        if (done == -1 && errno == EINTR)
            continue;
        if (done <= 0) {
            fail(f,
                 done == -1 && errno != ENOSPC && errno != EDQUOT && errno != EFBIG ? TRAP_EIO : TRAP_EFULL);
            return;
        }
        p += done;
        n -= (size_t)done;
        at += done;
    }
}

enum trap_err bulk_file_begin(struct bulk_file *f, int fd)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        return TRAP_EIO;
    *f = (struct bulk_file){ .fd = fd, .pages = (uint32_t)(st.st_size / PAGE) };
    f->waiting = malloc((size_t)WAITING_PAGES * PAGE);
    if (f->waiting == NULL)
        return TRAP_ENOMEM;
    TRAP_BUG_ON(pthread_mutex_init(&f->lock, NULL) != 0);
    return TRAP_OK;
}

static void write_waiting(struct bulk_file *f)
{
    const off_t first = (off_t)f->pages - (off_t)f->waiting_n;

    write_at(f, f->waiting, f->waiting_n * PAGE, first * PAGE);
    f->waiting_n = 0;
}

static void put_page(struct bulk_file *f, const uint8_t page[PAGE])
{
    if (f->waiting_n == WAITING_PAGES)
        write_waiting(f);
    memcpy(f->waiting + f->waiting_n++ * PAGE, page, PAGE);
    f->pages++;
}

/* Returns its number. */
static uint32_t add_page(struct bulk_file *f, const uint8_t page[PAGE])
{
    static const uint8_t nothing[PAGE];
    uint32_t number;

    TRAP_BUG_ON(pthread_mutex_lock(&f->lock) != 0);
    if (f->pages >= UINT32_MAX - 2)
        fail(f, TRAP_EFULL);
    if (f->pages + 1 == LOCK_PAGE)
        put_page(f, nothing);
    put_page(f, page);
    number = f->pages;
    TRAP_BUG_ON(pthread_mutex_unlock(&f->lock) != 0);
    return number;
}

enum trap_err bulk_file_end(struct bulk_file *f)
{
    uint8_t size[4];

    write_waiting(f);
    put_be(size, f->pages, sizeof size);
    write_at(f, size, sizeof size, HEADER_PAGES);
    free(f->waiting);
    f->waiting = NULL;
    (void)pthread_mutex_destroy(&f->lock);
    return f->err;
}

/* ---- a tree ---- */

struct page {
    uint8_t b[PAGE];
    unsigned cells, top; /* cells stand from top to the end */
    uint32_t right;      /* inner pages: the page behind the last cell */
};
/* Of two pages one is being filled. The one before it waits until that has a cell: a page without is damage, and at
 * the end there may be nothing more to come. */
struct level {
    struct page page[2];
    unsigned now;
    bool waits;
    uint8_t divider[CELL_MAX]; /* stands between both: a cell, without page number */
    size_t divider_n;
};
struct bulk_tree {
    struct bulk_file *file;
    uint32_t root;
    bool by_rowid;
    unsigned top; /* the highest level in use */
    struct level *level[LEVELS];
    uint8_t last_key[9]; /* by rowid: of the last row */
    size_t last_key_n;
};

static unsigned head_of(unsigned level)
{
    return level == 0 ? LEAF_HEAD : NODE_HEAD;
}

static void page_clear(struct page *p)
{
    memset(p->b, 0, sizeof p->b);
    p->cells = 0;
    p->top = PAGE;
    p->right = 0;
}

static bool page_fits(const struct page *p, unsigned level, size_t n)
{
    return head_of(level) + 2 * (p->cells + 1) + n + (level == 0 ? SLACK : 0) <= p->top;
}

static void page_add(struct page *p, unsigned level, struct bytes cell)
{
    p->top -= (unsigned)cell.n;
    memcpy(p->b + p->top, cell.p, cell.n);
    put_be(p->b + head_of(level) + 2 * p->cells++, p->top, 2);
}

/* Takes the last cell off; it stands at the lowest place. */
static struct bytes page_pop(struct page *p, unsigned level)
{
    uint8_t *const place = p->b + head_of(level) + 2 * --p->cells;
    const unsigned from = p->top;

    p->top = p->cells == 0 ? PAGE : (unsigned)place[-2] << 8 | place[-1];
    memset(place, 0, 2);
    return bytes_of(p->b + from, p->top - from);
}

static void page_finish(const struct bulk_tree *t, struct page *p, unsigned level)
{
    p->b[0] = level == 0 ? (t->by_rowid ? TYPE_TABLE_LEAF : TYPE_INDEX_LEAF)
                         : (t->by_rowid ? TYPE_TABLE_NODE : TYPE_INDEX_NODE);
    put_be(p->b + 3, p->cells, 2);
    put_be(p->b + 5, p->top, 2);
    if (level > 0)
        put_be(p->b + LEAF_HEAD, p->right, CHILD);
}

static struct level *level_at(struct bulk_tree *t, unsigned k)
{
    TRAP_BUG_ON(k >= LEVELS);
    if (t->level[k] == NULL) {
        t->level[k] = calloc(1, sizeof *t->level[k]);
        if (t->level[k] == NULL) {
            fail(t->file, TRAP_ENOMEM);
            return NULL;
        }
        page_clear(&t->level[k]->page[0]);
        t->top = k;
    }
    return t->level[k];
}

/* The page is full: the next one begins behind the divider. */
static void turn_page(struct level *l, struct bytes divider)
{
    memcpy(l->divider, divider.p, divider.n);
    l->divider_n = divider.n;
    l->waits = true;
    l->now ^= 1;
    page_clear(&l->page[l->now]);
}

static void settle(struct bulk_tree *t, unsigned k);

static struct bytes node_cell(uint32_t child, struct bytes key, uint8_t out[CELL_MAX + CHILD])
{
    put_be(out, child, CHILD);
    memcpy(out + CHILD, key.p, key.n);
    return bytes_of(out, CHILD + key.n);
}

/* What lies up to the key is in child. */
static void add_child(struct bulk_tree *t, unsigned k, uint32_t child, struct bytes key)
{
    struct level *l = level_at(t, k);
    uint8_t cell[CELL_MAX + CHILD];

    if (l == NULL)
        return;
    if (page_fits(&l->page[l->now], k, CHILD + key.n)) {
        page_add(&l->page[l->now], k, node_cell(child, key, cell));
        settle(t, k);
    } else {
        l->page[l->now].right = child;
        turn_page(l, key);
    }
}

/* The page being filled has a cell: the one before it is done. */
static void settle(struct bulk_tree *t, unsigned k)
{
    struct level *l = t->level[k];

    if (!l->waits)
        return;
    l->waits = false;
    page_finish(t, &l->page[l->now ^ 1], k);
    const uint32_t number = add_page(t->file, l->page[l->now ^ 1].b);
    add_child(t, k + 1, number, bytes_of(l->divider, l->divider_n));
}

enum trap_err bulk_tree_new(struct bulk_file *f, uint32_t root, bool by_rowid, struct bulk_tree **out)
{
    struct bulk_tree *t = calloc(1, sizeof *t);

    if (t == NULL)
        return TRAP_ENOMEM;
    *t = (struct bulk_tree){ .file = f, .root = root, .by_rowid = by_rowid };
    if (level_at(t, 0) == NULL) {
        free(t);
        return TRAP_ENOMEM;
    }
    *out = t;
    return TRAP_OK;
}

static struct bytes leaf_cell(const struct bulk_tree *t, int64_t rowid, const struct bulk_record *r,
                              uint8_t out[CELL_MAX])
{
    size_t n = put_varint(out, r->head[0] + r->body_n);

    if (t->by_rowid)
        n += put_varint(out + n, (uint64_t)rowid);
    memcpy(out + n, r->head, r->head[0]);
    n += r->head[0];
    memcpy(out + n, r->body, r->body_n);
    return bytes_of(out, n + r->body_n);
}

/* In an index the row that does not fit stands between the pages; a table by rowid has all rows in leaves. */
void bulk_tree_add(struct bulk_tree *t, int64_t rowid, const struct bulk_record *r)
{
    struct level *l = t->level[0];
    uint8_t text[CELL_MAX];
    const struct bytes cell = leaf_cell(t, rowid, r, text);
    const bool fits = page_fits(&l->page[l->now], 0, cell.n);

    if (t->file->err != TRAP_OK)
        return;
    if (!fits)
        turn_page(l, t->by_rowid ? bytes_of(t->last_key, t->last_key_n) : cell);
    if (fits || t->by_rowid) {
        page_add(&l->page[l->now], 0, cell);
        settle(t, 0);
    }
    if (t->by_rowid)
        t->last_key_n = put_varint(t->last_key, (uint64_t)rowid);
}

/* Nothing came behind the last divider: it goes into the page being filled, and the last cell before it takes its
 * place. */
static void fill_empty(struct bulk_tree *t, unsigned k)
{
    struct level *l = t->level[k];
    struct page *now = &l->page[l->now], *before = &l->page[l->now ^ 1];
    const struct bytes divider = bytes_of(l->divider, l->divider_n);
    uint8_t cell[CELL_MAX + CHILD];
    struct bytes last;

    if (now->cells > 0 || !l->waits)
        return;
    page_add(now, k, k == 0 ? divider : node_cell(before->right, divider, cell));
    last = page_pop(before, k);
    if (k > 0) {
        before->right =
            (uint32_t)last.p[0] << 24 | (uint32_t)last.p[1] << 16 | (uint32_t)last.p[2] << 8 | last.p[3];
        last = bytes_skip(last, CHILD);
    }
    memcpy(l->divider, last.p, last.n);
    l->divider_n = last.n;
    settle(t, k);
}

void bulk_tree_end(struct bulk_tree **tp)
{
    struct bulk_tree *t = *tp;
    uint32_t child = 0;

    *tp = NULL;
    if (t == NULL)
        return;
    for (unsigned k = 0; k < LEVELS && t->level[k] != NULL && t->file->err == TRAP_OK; k++) {
        struct level *l = t->level[k];
        struct page *p = &l->page[l->now];

        fill_empty(t, k);
        p->right = child;
        page_finish(t, p, k);
        if (k == t->top)
            write_at(t->file, p->b, PAGE, (off_t)(t->root - 1) * PAGE);
        else
            child = add_page(t->file, p->b);
    }
    for (unsigned k = 0; k < LEVELS; k++)
        free(t->level[k]);
    free(t);
}
