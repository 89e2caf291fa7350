/* world.h - a made-up history of visits, mail and sessions at two nodes, and real store files that hold as
 * much of it as a test wants.
 *
 * story_make() invents the history from a seed: it can be written in any order of arrival, because epochs and
 * serials follow from the order of the visits of a node alone.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include <base/buf.h>
#include <correlate/fold.h>
#include <store/evidence.h>
#include <store/record.h>

enum { WORLD_NODES = 2, RCPTS_MAX = 4, ADDRESS_MAX = 320 };
#define WORLD_BEGIN 1772323200LL /* 2026-03-01T00:00:00Z */

struct story_visit {
    uint8_t node; /* 1, 2 */
    bool raise;   /* a new epoch begins before it */
    wall_t at;
    struct ip client;
    uint64_t recipe;
    uint32_t flags;
    uint32_t epoch, serial; /* what the log will give it */
};
struct story_hit {
    uint8_t node;
    wall_t at;
    struct ip sender;
    uint32_t flags; /* what it is by its structure */
    size_t rcpt_count;
    struct {
        uint8_t klass;
        char address[ADDRESS_MAX];
    } rcpt[RCPTS_MAX];
    bool left_out;
};
struct story_session {
    uint8_t node;
    wall_t at;
    struct ip client;
    uint8_t klass;
    char address[ADDRESS_MAX];
};
struct story {
    struct story_visit *visit; /* each kind in order of time */
    struct story_hit *hit;
    struct story_session *session;
    size_t visits, hits, sessions;
    struct mint *mint;
    uint64_t seed;
};
struct story_size {
    size_t visits, hits, sessions;
    uint32_t days;
    bool one_epoch;
};
void story_make(struct story *s, uint64_t seed, struct story_size size);
void story_free(struct story *s);
uint64_t story_random(struct story *s, uint64_t below);
/* An address of that visit and slot at quellwerft.net. */
void story_address(struct story *s, struct mint_ref ref, const char *before, char out[ADDRESS_MAX]);

struct world {
    const struct story *story;
    char dir[64], second[96];
    struct taints *taints; /* what world_fold() leaves out; made by world_act() */
    struct store_db *derived, *acts, *hits[WORLD_NODES], *visits[WORLD_NODES];
    struct fold *fold;
    struct config config;
    size_t written[3][WORLD_NODES]; /* by kind: how far the story was gone through */
};
enum world_log { WORLD_VISITS, WORLD_HITS, WORLD_SESSIONS };
/* Empty files. turned: the nodes are given to the fold in the other order. */
void world_begin(struct world *w, const struct story *s, bool turned);
void world_end(struct world *w);
/* Writes what one node has of a log, up to `upto` of the story's list and not later than `until`. */
void world_write(struct world *w, enum world_log log, uint8_t node, size_t upto, wall_t until);
void world_write_all(struct world *w);
struct fold_result world_fold(struct world *w, uint32_t batch_max, wall_t as_of);
/* Appends an act, with the time `at`, and looks at all taints anew. Returns its number. */
uint64_t world_act(struct world *w, enum act_kind kind, const char *subject, wall_t at);
/* In bulk where nothing was folded before, or afresh. */
struct fold_result world_fold_bulk(struct world *w, size_t rows_max, wall_t as_of, bool afresh);
/* Makes the fold anew, as another process would. */
void world_restart(struct world *w, bool turned);

/* Every row of derived.db, one a line. pending: with the pending ones, whose keys are sequences of hits. */
void world_dump(struct world *w, bool pending, struct buf *out);
void world_assert_same(struct world *a, struct world *b, bool pending);

#endif
