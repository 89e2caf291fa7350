/* taint.h - what acts of taint take out of the evidence: the fold leaves out what they name (docs/adr/0022).
 *
 * Form:    the subject of an act is one or more conditions as words (act_words.h), of which all must hold:
 *              trap=sales@shop.example or trap=shop.example    the recipient, or its domain
 *              visit=1/77  slot=2                              the visit of a minted address, and its place there
 *              site=www.shop.example  page=/contact            where it was shown
 *              harvester=192.0.2.0/24                          who was shown it; of a truncated client the network
 *              visited-from=TIME  visited-to=TIME              when (to: not included)
 *              node=3                                          of the visit or of the sink
 *              from=TIME  to=TIME                              when the mail came
 *          A mail is tainted for one recipient; its others count. A visit is tainted (it is no visit of its
 *          client any more) by a taint that names no trap, slot or time of mail.
 * Purely:  the set is a function of the acts and as_of. What a taint leaves out depends on the record alone,
 *          never on the order in which records are folded.
 * Owns:    struct taints; read-only after taints_load(). NULL stands for none. Threads: any reader.
 * Tests:   tests/unit/store/test_taint.c, tests/unit/correlate/test_fold_taint.c
 */
#ifndef STORE_TAINT_H
#define STORE_TAINT_H

#include <store/act_log.h>

enum taint_condition {
    TAINT_TRAP = 1 << 0,
    TAINT_VISIT = 1 << 1,
    TAINT_SLOT = 1 << 2,
    TAINT_PAGE = 1 << 3,
    TAINT_SITE = 1 << 4,
    TAINT_NODE = 1 << 5,
    TAINT_HARVESTER = 1 << 6,
    TAINT_FROM = 1 << 7,
    TAINT_TO = 1 << 8,
    TAINT_VISITED_FROM = 1 << 9,
    TAINT_VISITED_TO = 1 << 10
};
enum { TAINT_TEXT_MAX = 512 };
struct taint {
    uint32_t has; /* enum taint_condition */
    struct bytes trap, page, site; /* trap and site in lower case; into the text that was parsed into */
    uint8_t visit_node, node, slot;
    uint64_t visit;
    struct prefix harvester;
    wall_t from, to, visited_from, visited_to;
};
/* The texts of *out lie in `text`, which is initialised by the caller and must outlive it. TRAP_EINVAL: *why
 * says what is wrong. */
struct buf;
TRAP_NODISCARD enum trap_err taint_parse(struct bytes subject, struct buf *text, struct taint *out,
                                         struct err_text *why);

struct taints;
/* An act that cannot be read: TRAP_ECORRUPT, because skipping it would list somebody. NULL where there is
 * none. */
TRAP_NODISCARD enum trap_err taints_load(struct store_db *acts, wall_t as_of, struct taints **out,
                                         struct err_text *why);
void taints_free(struct taints **t);
/* The same for the same set of subjects, whatever acts say it; 0: none. At most 63 bits. */
uint64_t taints_digest(const struct taints *t);
/* Does one of them look at site or page? Otherwise a visit may come without its texts. */
bool taints_need_texts(const struct taints *t);

/* Is all mail to this trap or domain tainted, or all mail to its domain, whatever else is true of it? */
bool taints_trap(const struct taints *t, struct bytes name);
bool taints_visit(const struct taints *t, uint8_t node, const struct visit *v);
/* One recipient of a mail, as far as it is known. */
struct taint_mail {
    uint8_t sink_node;
    wall_t at;
    struct bytes address;      /* empty: not known any more */
    uint8_t visit_node;        /* of a minted address; 0: it is none, or not decided yet */
    uint8_t slot;
    uint64_t visit_seq;        /* 0: not on record */
    const struct visit *visit; /* NULL: not on record */
    bool any_text;             /* its site and page are not known: could it be tainted, if they fit? */
};
bool taints_mail(const struct taints *t, const struct taint_mail *m);

#endif
