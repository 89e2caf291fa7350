/* file.h - the SQLite files of a state directory: open, create, migrate, refuse what is newer or damaged.
 *
 * Files:   visits.db (written by trapweb), hits.db and samples.db (trapsmtp), acts.db (command line and
 *          others, rare), derived.db and published.db (trapexport). One writer each. At a hub: nodes/<id>/
 *          with one set per node.
 * Form:    WAL, synchronous=FULL, STRICT tables; application_id tells whose file it is, user_version the last
 *          migration; store/schema/NAME/NNN.sql are the migrations, compiled in.
 * Errors:  TRAP_ENEWER, TRAP_ECORRUPT (quick_check at a writer's open of up to 256 MB, or SQLite says so),
 *          TRAP_EBUSY (another writer runs: lock file NAME.lock), TRAP_ENOENT, TRAP_EIO. A reader of a file
 *          that awaits its migration: TRAP_EBUSY. `why` names the file and says what to do. Nothing is
 *          changed on refusal.
 * Threads: one struct store_db belongs to one thread at a time.
 * Tests:   tests/unit/store/test_file.c, tests/functional/test_bad_database.py
 */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include <base/config.h>
#include <base/err.h>

enum store_file { STORE_VISITS, STORE_HITS, STORE_SAMPLES, STORE_ACTS, STORE_DERIVED, STORE_PUBLISHED, STORE_FILES };
enum store_mode {
    STORE_CREATE, /* init: makes the file; an existing one is opened as by STORE_WRITE */
    STORE_WRITE,  /* the one writer: takes NAME.lock (acts.db: no lock), migrates */
    STORE_READ    /* queries: never writes, never migrates */
};

struct store_db;
const char *store_file_name(enum store_file f);
/* dir is the state directory (or nodes/<id>). */
TRAP_NODISCARD enum trap_err store_open(const char *dir, enum store_file f, enum store_mode mode, struct store_db **out,
                                        struct err_text *why);
/* The same file once more, for reading by another thread. */
TRAP_NODISCARD enum trap_err store_open_again(const struct store_db *db, struct store_db **out, struct err_text *why);
void store_close(struct store_db **db);

/* All files of a new state directory; node is written into each. */
TRAP_NODISCARD enum trap_err store_create_all(const char *dir, uint8_t node, struct err_text *why);
/* The node the file belongs to. */
uint8_t store_node(const struct store_db *db);

#endif
