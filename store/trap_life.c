#include <base/num.h>
#include <store/act_words.h>
#include <store/trap_life.h>

#define SECONDS_MAX ((uint32_t)TRAP_LIFE_SPAN_MAX_D * 86400)

static const char *const names[] = {
    [TRAP_CONDITIONING] = "conditioning", [TRAP_OBSERVING] = "observing", [TRAP_ARMED] = "armed",
    [TRAP_TAINTED] = "tainted",           [TRAP_RETIRED] = "retired",
};

const char *trap_life_name(enum trap_life l)
{
    return (unsigned)l < sizeof names / sizeof names[0] && names[l] != NULL ? names[l] : "?";
}

static void put_span(struct buf *out, const char *key, uint32_t seconds)
{
    if (seconds > 0)
        buf_addf(out, " %s=%u", key, (unsigned)seconds);
}

void trap_birth_put(const struct trap_birth *b, struct buf *out)
{
    buf_add(out, b->klass);
    put_span(out, "condition", b->condition_s);
    put_span(out, "observe", b->observe_s);
}

enum trap_err trap_birth_get(struct bytes detail, struct trap_birth *out)
{
    struct trap_birth b = { .klass = bytes_take(detail, bytes_find(detail, ' ')) };
    struct bytes rest = bytes_skip(detail, b.klass.n + 1), key, value;
    enum trap_err err;

    while ((err = act_word_next(&rest, &key, &value)) == TRAP_OK) {
        uint32_t *place = bytes_eq(key, BYTES("condition")) ? &b.condition_s
                          : bytes_eq(key, BYTES("observe")) ? &b.observe_s
                                                            : NULL;

        if (place == NULL)
            continue; /* a word of a later version */
        if (num_u32(value, 0, SECONDS_MAX, place) != TRAP_OK)
            return TRAP_EINVAL;
    }
    if (err != TRAP_ENOENT)
        return TRAP_EINVAL;
    *out = b;
    return TRAP_OK;
}

static uint32_t second_of(int64_t s)
{
    return s <= 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

struct trap_times trap_times_of(wall_t added, const struct trap_birth *b)
{
    const int64_t begin = (added.us + WALL_US_PER_S - 1) / WALL_US_PER_S;

    if (b->condition_s == 0 && b->observe_s == 0)
        return (struct trap_times){ 0, 0 };
    return (struct trap_times){ b->condition_s == 0 ? 0 : second_of(begin + b->condition_s),
                                second_of(begin + b->condition_s + b->observe_s) };
}

enum trap_life trap_life_at(struct trap_times t, wall_t now, wall_t *ends_out)
{
    const int64_t seconds = now.us / WALL_US_PER_S;

    *ends_out = (wall_t){ 0 };
    if (seconds < t.observing_from) {
        ends_out->us = (int64_t)t.observing_from * WALL_US_PER_S;
        return TRAP_CONDITIONING;
    }
    if (seconds < t.armed_from) {
        ends_out->us = (int64_t)t.armed_from * WALL_US_PER_S;
        return TRAP_OBSERVING;
    }
    return TRAP_ARMED;
}
