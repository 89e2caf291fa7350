/* file_parts.h - what opening (file.c) and making (file_make.c) a file share.
 *
 * Threads: as file.h.
 */
#ifndef STORE_FILE_PARTS_H
#define STORE_FILE_PARTS_H

#include "db.h"

enum { FILE_HEADER_BYTES = 100 }; /* https://www.sqlite.org/fileformat2.html section 1.3 */
enum { FILE_APPLICATION_ID = 0x54724c00 /* "TrL" and the file's number */ };

/* The first bytes of a database and its size, without a connection. SQLite's result code; a file that is shorter leaves
 * head as it was. */
int file_header_read(const char *path, uint8_t head[FILE_HEADER_BYTES], int64_t *size_out);
/* Not open yet. NULL: out of memory, or the path is too long. */
struct store_db *file_db_new(const char *dir, enum store_file f, enum store_mode mode);
/* Of a writer; nothing for acts.db. */
TRAP_NODISCARD enum trap_err file_take_lock(struct store_db *db, struct err_text *why);
/* All migrations above `from`, in one transaction. */
TRAP_NODISCARD enum trap_err file_migrate(struct store_db *db, int from);
/* Makes dir/NAME of a node (-1: that of its neighbours). One that is there stays as it is. */
TRAP_NODISCARD enum trap_err file_make(const char *dir, enum store_file f, int node, struct err_text *why);

#endif
