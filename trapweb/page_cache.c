#include "page_cache.h"

#include <pthread.h>
#include <stdlib.h>

enum { SETS = PAGE_CACHE_ENTRIES / PAGE_CACHE_WAYS };

struct cache_set {
    uint64_t id[PAGE_CACHE_WAYS]; /* most recently used first; a 64-bit keyed hash is the whole key */
    struct page *page[PAGE_CACHE_WAYS];
};
struct page_cache {
    struct hash_key key;
    pthread_mutex_t locks[PAGE_CACHE_LOCKS];
    struct cache_set sets[SETS];
};

enum trap_err page_cache_new(struct page_cache **out)
{
    struct page_cache *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return TRAP_ENOMEM;
    keyed_random(c->key.k, sizeof(c->key.k));
    for (size_t i = 0; i < PAGE_CACHE_LOCKS; i++)
        (void)pthread_mutex_init(&c->locks[i], NULL);
    *out = c;
    return TRAP_OK;
}

void page_cache_free(struct page_cache **cp)
{
    struct page_cache *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < PAGE_CACHE_WAYS; k++)
            page_drop(&c->sets[i].page[k]);
    for (size_t i = 0; i < PAGE_CACHE_LOCKS; i++)
        (void)pthread_mutex_destroy(&c->locks[i]);
    free(c);
}

static uint64_t spec_id(const struct page_cache *c, const struct page_spec *s)
{
    const uint64_t in[] = {
        keyed_hash(&c->key, s->base),
        keyed_hash(&c->key, s->prefix),
        keyed_hash(&c->key, s->site),
        keyed_hash(&c->key, s->path),
        (uint64_t)(uintptr_t)s->theme,
        s->layout->recipe,
        (uint64_t)s->kind,
    };

    return keyed_hash(&c->key, bytes_of(in, sizeof(in)));
}

static void to_front(struct cache_set *set, size_t way)
{
    const uint64_t id = set->id[way];
    struct page *page = set->page[way];

    memmove(&set->id[1], &set->id[0], way * sizeof(set->id[0]));
    memmove(&set->page[1], &set->page[0], way * sizeof(set->page[0]));
    set->id[0] = id;
    set->page[0] = page;
}

static struct page *cache_find(struct page_cache *c, uint64_t id)
{
    pthread_mutex_t *lock = &c->locks[id % PAGE_CACHE_LOCKS];
    struct cache_set *set = &c->sets[id % SETS];
    struct page *found = NULL;

    (void)pthread_mutex_lock(lock);
    for (size_t k = 0; k < PAGE_CACHE_WAYS && found == NULL; k++) {
        if (set->page[k] != NULL && set->id[k] == id) {
            to_front(set, k);
            found = set->page[0];
            page_hold(found);
        }
    }
    (void)pthread_mutex_unlock(lock);
    return found;
}

static void cache_put(struct page_cache *c, uint64_t id, struct page *page)
{
    pthread_mutex_t *lock = &c->locks[id % PAGE_CACHE_LOCKS];
    struct cache_set *set = &c->sets[id % SETS];
    struct page *old = NULL;

    page_hold(page);
    (void)pthread_mutex_lock(lock);
    old = set->page[PAGE_CACHE_WAYS - 1];
    set->page[PAGE_CACHE_WAYS - 1] = page;
    set->id[PAGE_CACHE_WAYS - 1] = id;
    to_front(set, PAGE_CACHE_WAYS - 1);
    (void)pthread_mutex_unlock(lock);
    page_drop(&old);
}

enum trap_err page_cache_get(struct page_cache *c, const struct page_spec *spec, struct page **out)
{
    const uint64_t id = spec_id(c, spec);
    struct page *page = cache_find(c, id);
    enum trap_err err = TRAP_OK;

    if (page == NULL) {
        err = page_build(spec, &page);
        if (err != TRAP_OK)
            return err;
        cache_put(c, id, page);
    }
    *out = page;
    return TRAP_OK;
}
