/* trap_read.h - addresses out of what others keep traps in: lists, CSV, dumps of Spamikaze's tables.
 *
 * Forms:   list: `ADDRESS [CLASS]` a line, '#' comments. CSV: fields divided by ',', ';' or tabs, quoted as in
 *          RFC 4180; a first line without an address names the columns (address, email, trap, recipient or rcpt;
 *          class or type), else the first field is the address and the second the class. SQL: what mysqldump and
 *          pg_dump write, INSERT and COPY. Spamikaze has no table of traps; its traps are in the archived
 *          messages (table `emails`, EmailInDb = 1), in the fields that the operator's own MTA wrote: Delivered-To,
 *          X-Original-To, Envelope-To, X-Envelope-To, and "for" of the topmost Received. `To` is the sender's word
 *          and not read. All other tables are counted as left out.
 * Owns:    nothing: what is given is borrowed from the text, or valid during the call.
 * Threads: any; pure. Tests: tests/functional/test_trap_import.py
 */
#ifndef TRAPLINE_TRAP_READ_H
#define TRAPLINE_TRAP_READ_H

#include <base/bytes.h>
#include <base/err.h>

enum trap_form { TRAP_FORM_LIST, TRAP_FORM_CSV, TRAP_FORM_SQL };
/* By the first lines. */
enum trap_form trap_form_of(struct bytes text);

struct trap_candidate {
    unsigned line;
    struct bytes address, klass; /* klass: empty where none is said; address: as it stands there, maybe none at all */
    struct bytes left_out;       /* instead of both: a table whose row is no trap */
};
typedef enum trap_err trap_candidate_fn(const struct trap_candidate *c, void *arg);
/* Ends with the first result of fn other than TRAP_OK. */
TRAP_NODISCARD enum trap_err trap_read(struct bytes text, enum trap_form form, trap_candidate_fn *fn, void *arg);

/* Rows of a dump. `columns` is empty where the statement names none. */
enum { SQL_COLUMNS_MAX = 32 };
struct sql_row {
    unsigned line;
    struct bytes table;                    /* without quotes and schema */
    struct bytes column[SQL_COLUMNS_MAX];  /* n or 0 of them */
    size_t columns;
    struct bytes value[SQL_COLUMNS_MAX];   /* without quotes and escapes */
    size_t values;
};
typedef enum trap_err sql_row_fn(const struct sql_row *row, void *arg);
TRAP_NODISCARD enum trap_err sql_dump_read(struct bytes text, sql_row_fn *fn, void *arg);

#endif
