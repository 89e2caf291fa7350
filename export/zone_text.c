/* zone_text.c - is a TXT text fit for rbldnsd?
 *
 * rbldnsd cuts an expanded text at 254 bytes without a word, and gives `$1`, `$=` meanings of their own;
 * blanks at the ends are lost.
 */
#include "zone_type.h"

enum trap_err zone_text_check(enum zone_type type, const char *text, struct err_text *why)
{
    const struct bytes t = bytes_str(text);
    size_t expanded = 0;

    if (t.n == 0 || t.p[0] == ' ' || t.p[t.n - 1] == ' ') {
        err_text_set(why,
                     "text is empty or begins or ends with a blank: every listing needs a reason (RFC 5782)");
        return TRAP_EINVAL;
    }
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < ' ' || t.p[i] > '~') {
            err_text_set(why, "text may hold printable ASCII only");
            return TRAP_EINVAL;
        }
        if (t.p[i] != '$') {
            expanded++;
        } else if (i + 1 < t.n && t.p[i + 1] == '$') {
            expanded++;
            i++;
        } else if (i + 1 < t.n && (ascii_is_digit(t.p[i + 1]) || t.p[i + 1] == '=')) {
            err_text_set(
                why, "text holds \"$%c\", which rbldnsd replaces by a variable; write \"$$\" for a dollar",
                t.p[i + 1]);
            return TRAP_EINVAL;
        } else {
            expanded += zone_type_ops(type)->dollar_max;
        }
    }
    if (expanded > ZONE_TXT_MAX) {
        err_text_set(why, "text takes up to %zu bytes where \"$\" is an address; rbldnsd cuts at %d",
                     expanded, (int)ZONE_TXT_MAX);
        return TRAP_ERANGE;
    }
    return TRAP_OK;
}
