/* act_words.h - the texts of an act that programs read: `key=value` words, one blank between them.
 *
 * Form:    keys of lower-case letters, digits and '-'; values percent-escaped: blanks, control characters,
 *          '%' and what is not ASCII as %XX. "delivered=3 name=caf%C3%A9%20du%20coin".
 * Errors:  a text that is not of this form: TRAP_EINVAL.
 * Threads: any; pure. Tests: tests/unit/store/test_act_words.c
 */
#ifndef STORE_ACT_WORDS_H
#define STORE_ACT_WORDS_H

#include <base/buf.h>

/* Appends a word, with a blank before it where something stands already. */
void act_word_add(struct buf *out, const char *key, struct bytes value);
/* Cuts the next word off *rest; the value as it stands there. TRAP_ENOENT: none left. */
TRAP_NODISCARD enum trap_err act_word_next(struct bytes *rest, struct bytes *key_out, struct bytes *value_out);
/* Appends the value without its escapes. */
TRAP_NODISCARD enum trap_err act_word_value(struct bytes value, struct buf *out);

#endif
