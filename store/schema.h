/* schema.h - the migrations of each file, compiled in from store/schema/NAME/NNN.sql.
 *
 * Rule:    a migration that was released is never edited; a change is the next number.
 * Threads: constant data.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <store/file.h>

struct migration {
    int version; /* 1, 2, …; 0 ends the list */
    const char *sql;
};
extern const struct migration *const schema_migrations[STORE_FILES];

/* The highest version of a list. */
int schema_newest(enum store_file f);

#endif
