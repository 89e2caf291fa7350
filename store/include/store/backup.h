/* backup.h - copies of the files of a state directory while its daemons run, and the way back.
 *
 * Why:     a copy by pages begins again whenever the file changes, or holds one read transaction for its
 *          whole length, and no checkpoint gets past that. A log grows at its end alone: it is copied by
 *          rows, in read transactions of 50 ms (docs/adr/0021).
 * Order:   acts.db and published.db (small: pages, in one transaction each), samples.db, hits.db, visits.db:
 *          no message of the copy is newer than its visits. derived.db is made from these.
 * Result:  each file complete and durable, without WAL; TRAP_EEXIST where one of them is there already.
 * Threads: one. Tests: tests/functional/test_backup.py
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <store/file.h>

struct store_progress {
    /* of `total` 0: not known; may be NULL */
    void (*tell)(const char *file, uint64_t done, uint64_t total, void *arg);
    void *arg;
};
/* Files that a backup has, in its order. */
enum { STORE_BACKUP_FILES = 5 };
extern const enum store_file store_backup_files[STORE_BACKUP_FILES];

/* `to` exists. What was copied before a failure stays; the caller removes it. */
TRAP_NODISCARD enum trap_err store_backup(const char *dir, const char *to,
                                          const struct store_progress *progress, struct err_text *why);

/* One file by all of its rows and indexes: every row can be read, and every index has as many as its table,
 * in read transactions of 50 ms (daemons may run). full: SQLite's integrity_check in one transaction instead,
 * for when none runs. TRAP_ECORRUPT: why says what and what to do. */
TRAP_NODISCARD enum trap_err store_verify(const char *dir, enum store_file f, bool full,
                                          const struct store_progress *progress, struct err_text *why);

#endif
