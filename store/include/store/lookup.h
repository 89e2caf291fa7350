/* lookup.h - acts of traplook (ACT_LOOKUP): what they are about, and the words they are made of.
 *
 * Subject: an ip_key() as text ("192.0.2.1", "2001:db8::/64"): its reverse name and what else is known of it. "crawler:" and an address:
 *          whether a harvester is a search engine's crawler. "dnswl:" and an address: whether a DNS
 *          whitelist has a sender. "provider:" and a domain: the networks that its SPF record names.
 * Detail:  words key=value, one blank between them. A value has no blank: octets other than letters, digits and
 *          -._:/,+ stand as %XX. What each word means: docs/adr/0020.
 * Newest:  of several acts of one subject the newest counts; `at` is when it was asked.
 * Owns:    words are borrowed from the detail.
 * Threads: one per struct store_db.
 * Tests:   tests/unit/store/test_lookup.c
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include <base/buf.h>
#include <store/act_log.h>

#define LOOKUP_CRAWLER  "crawler:"
#define LOOKUP_DNSWL    "dnswl:"
#define LOOKUP_PROVIDER "provider:"
enum { LOOKUP_DETAIL_MAX = 65536, LOOKUP_SUBJECT_MAX = 320 };

/* Appends " key=value", the value escaped. */
void lookup_word_add(struct buf *detail, const char *key, struct bytes value);
/* The value as it stands there; false where there is no such word. */
bool lookup_word(struct bytes detail, const char *key, struct bytes *raw_out);
/* The value without its escapes, at most max octets of it. */
bool lookup_word_text(struct bytes detail, const char *key, struct buf *out);
/* Is it there and exactly this? */
bool lookup_word_is(struct bytes detail, const char *key, const char *value);

/* All whose subject begins so, by subject, then by sequence. Ends its read transactions within 100 ms. */
TRAP_NODISCARD enum trap_err lookup_each(struct store_db *acts, const char *begin, act_fn *fn, void *arg);
/* The newest of one subject; TRAP_ENOENT. */
TRAP_NODISCARD enum trap_err lookup_newest(struct store_db *acts, struct bytes subject, act_fn *fn, void *arg);
/* The same, of those whose `at` is not later. */
TRAP_NODISCARD enum trap_err lookup_as_of(struct store_db *acts, struct bytes subject, wall_t as_of, act_fn *fn,
                                          void *arg);
/* The newest of any whose subject begins so (0: none). */
TRAP_NODISCARD enum trap_err lookup_last(struct store_db *acts, const char *begin, uint64_t *seq_out);

#endif
