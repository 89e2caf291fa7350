/* rule.c - what every key's verdict needs: weights, decay, keyed times, acts, first visits of networks. */
#include "rule.h"

#include <store/lookup.h>

#include <stdlib.h>

enum { CACHE_SLOTS = 1024, NODES = 256, KEY_TEXT_MAX = 32 };

/* Where each class of evidence takes its weight from. EVIDENCE_TEST has none: somebody tried out the trap; nor has
 * EVIDENCE_OBSERVED: the trap was not armed. */
static const struct {
    uint8_t klass;
    enum weight_class weight;
} weights[] = {
    { EVIDENCE_MINTED, WEIGHT_MINTED },     { EVIDENCE_PRISTINE, WEIGHT_PRISTINE },
    { EVIDENCE_RECYCLED, WEIGHT_RECYCLED }, { EVIDENCE_TYPO, WEIGHT_TYPO },
    { EVIDENCE_GUESS, WEIGHT_GUESS },       { EVIDENCE_ATTEMPT, WEIGHT_ATTEMPT },
    { EVIDENCE_LIST, WEIGHT_LIST },         { EVIDENCE_AUTOMATIC, WEIGHT_AUTOMATIC },
    { EVIDENCE_BACKSCATTER, WEIGHT_AUTOMATIC }, /* what is beyond backscatter_per_day */
};
enum { BACKSCATTER_MILLI = 1000 }; /* where it is what lists */

/* The fold marks every node that it knows with RECORD_EPOCHS, so that this does not depend on who sent
 * mail. */
static enum trap_err count_nodes(struct store_db *derived, uint32_t *out)
{
    uint32_t known = 0;

    for (unsigned node = 0; node < NODES && derived != NULL; node++) {
        uint64_t seq = 0;
        const enum trap_err err = derived_mark_get(derived, (uint8_t)node, RECORD_EPOCHS, &seq);
        if (err != TRAP_OK)
            return err;
        known += seq > 0;
    }
    *out = known;
    return TRAP_OK;
}

struct looks {
    const struct conf_policy *policy;
    uint32_t milli;
};

enum trap_err rule_init(const struct policy_env *env, struct rule *out)
{
    const struct conf_policy *p = env->policy;
    struct rule r = { .env = env, .young_rule = env->derived != NULL && p->young_sources_max != UINT32_MAX };
    const enum trap_err err = count_nodes(env->derived, &r.nodes_known);

    if (err != TRAP_OK)
        return err;
    for (size_t i = 0; i < sizeof weights / sizeof weights[0] && !env->backscatter; i++)
        r.weight_milli[weights[i].klass] = p->weight_milli[weights[i].weight];
    if (env->backscatter)
        r.weight_milli[EVIDENCE_BACKSCATTER] = BACKSCATTER_MILLI;
    for (unsigned w = WEIGHT_NO_REVERSE; w < WEIGHT_CLASSES; w++)
        r.looks = r.looks || (p->weight_milli[w] > 0 && !env->backscatter);
    decay_init(&r.decay, p->half_life);
    if (r.young_rule) {
        r.cache = calloc(CACHE_SLOTS, sizeof *r.cache);
        if (r.cache == NULL)
            return TRAP_ENOMEM;
    }
    *out = r;
    return TRAP_OK;
}

void rule_free(struct rule *r)
{
    free(r->cache);
    *r = (struct rule){ 0 };
}

enum trap_err rule_matures(struct rule *r, uint64_t source, wall_t *out)
{
    const enum source_kind kind = source_kind(source);
    wall_t first = { 0 };

    *out = first;
    if (!r->young_rule || (kind != SOURCE_NET4 && kind != SOURCE_NET6))
        return TRAP_OK;
    struct first_visit *slot = &r->cache[(source ^ source >> 12 ^ source >> 24) % CACHE_SLOTS];
    if (slot->source != source) {
        const enum trap_err err = network_first(r->env->derived, source, &first);
        /* Evidence from a network without a first visit: nothing says that it is old. */
        if (err == TRAP_ENOENT)
            first = r->env->as_of;
        else if (err != TRAP_OK)
            return err;
        *slot = (struct first_visit){ source, first };
    }
    *out = wall_add(slot->first, r->env->policy->young_age);
    rule_next(r, *out);
    if (slot->first.us >= r->env->as_of.us) /* nothing is known of it: another one at every moment */
        rule_next(r, (wall_t){ r->env->as_of.us + 1 });
    return TRAP_OK;
}

/* ---- look-ups ---- */

static enum trap_err add_looks(const struct act *a, void *arg)
{
    static const struct {
        enum weight_class class;
        const char *key, *value;
    } facts[] = {
        { WEIGHT_NO_REVERSE, "reverse", "missing" },
        { WEIGHT_NO_REVERSE, "reverse", "invalid" },
        { WEIGHT_NO_REVERSE, "reverse", "unconfirmed" },
        { WEIGHT_GENERIC_REVERSE, "form", "generic" },
        { WEIGHT_HELO_MISMATCH, "helo", "mismatch" },
    };
    struct looks *looks = arg;

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (lookup_word_is(a->detail, facts[i].key, facts[i].value))
            looks->milli += looks->policy->weight_milli[facts[i].class];
    return TRAP_OK;
}

enum trap_err rule_looks(const struct rule *r, struct prefix key, uint32_t *milli_out)
{
    const struct policy_env *env = r->env;
    struct looks looks = { .policy = env->policy };
    char subject[PREFIX_TEXT_MAX];
    enum trap_err err = TRAP_OK;

    if (env->lookups != NULL && r->looks)
        err = lookup_as_of(env->lookups, bytes_str(prefix_text(key, subject)), env->as_of, add_looks, &looks);
    if (err != TRAP_OK && err != TRAP_ENOENT)
        return err;
    *milli_out = looks.milli;
    return TRAP_OK;
}

void rule_next(struct rule *r, wall_t at)
{
    if (at.us > r->env->as_of.us && at.us < r->next.us)
        r->next = at;
}

int rule_key_cmp(struct prefix a, struct prefix b)
{
    const int families = (int)ip_is_v4(b.ip) - (int)ip_is_v4(a.ip);

    return families != 0 ? families : prefix_cmp(a, b);
}

/* One use of the policy key must tell nothing of another: the purpose is part of what is hashed. */
static uint64_t keyed_number(const struct rule *r, char purpose, struct prefix key)
{
    uint8_t text[KEY_TEXT_MAX] = { (uint8_t)purpose, key.len };

    memcpy(text + 2, key.ip.b, sizeof key.ip.b);
    return keyed_hash(&r->env->key, bytes_of(text, 2 + sizeof key.ip.b));
}

span_t rule_delay(const struct rule *r, struct prefix key)
{
    const struct conf_policy *p = r->env->policy;
    const int64_t width = p->delay_max.ms > p->delay_min.ms ? p->delay_max.ms - p->delay_min.ms : 0;

    return SPAN_MS(p->delay_min.ms + (int64_t)(keyed_number(r, 'd', key) % ((uint64_t)width + 1)));
}

span_t rule_offset(const struct rule *r, struct prefix key)
{
    return SPAN_MIN(keyed_number(r, 'o', key) % 60);
}

static bool share(struct prefix a, struct prefix b)
{
    return prefix_covers(a, b) || prefix_covers(b, a);
}

bool rule_delisted(const struct rule *r, struct prefix key, wall_t last)
{
    const struct acts_view *acts = r->env->acts;

    for (size_t i = 0; acts != NULL && i < acts->delist_count; i++)
        if (last.us <= acts->delist[i].at.us && share(acts->delist[i].prefix, key))
            return true;
    return false;
}

static const struct act_prefix *find_act(const struct act_prefix *v, size_t n, struct prefix key)
{
    for (size_t i = 0; i < n; i++)
        if (share(v[i].prefix, key))
            return &v[i];
    return NULL;
}

const struct act_prefix *rule_denied(const struct rule *r, struct prefix key)
{
    const struct acts_view *acts = r->env->acts;

    return acts == NULL ? NULL : find_act(acts->deny, acts->deny_count, key);
}

const struct act_prefix *rule_submitted(const struct rule *r, struct prefix key)
{
    const struct acts_view *acts = r->env->acts;

    return acts == NULL || !r->env->policy->submissions ? NULL
                                                         : find_act(acts->submit, acts->submit_count, key);
}
