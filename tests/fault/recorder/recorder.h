/* recorder.h - what a process does to the files below one directory and says on its sockets, in one order
 * (LD_PRELOAD).
 *
 * Why:     crash_check.py rebuilds from it every disk that a power cut may leave, and looks for what was
 *          promised by then (docs/adr/0014-crash-testing.md).
 * Use:     LD_PRELOAD=libtrapline_record.so with
 *            TRAPLINE_RECORD_DIR   what lies below this directory is recorded
 *            TRAPLINE_RECORD_LOG   the log is <this>.<program>.<pid>
 *            TRAPLINE_FSYNC_MS     fsync(2) and fdatasync(2) below the directory take so much longer
 *            TRAPLINE_FSYNC_DROP   those of paths that end with this text ("1": all) do nothing and say that
 *            they did
 *            TRAPLINE_FSYNC_FAIL   the first one of a path that ends with this text fails with EIO, and what
 *            was written is lost
 * Form:    records: struct record, then `path_bytes` and `data_bytes` bytes. Paths are relative to the
 *          directory.
 * Order:   that of the log. A change of a file is made and logged under one lock. fsync is logged before it
 *          begins and after it has ended: it makes certain what was logged before it began, from its end on.
 *          A send is logged before it is made.
 * Limits:  glibc on 64 bits; calls that libc makes inside itself (stdio) are not seen: crash_check.py
 *          compares the directory at the end with what the log says. Shared mappings for writing are seen and
 *          refused by it, but for SQLite's -shm.
 * Threads: any. A child after fork(2) records nothing until it calls execve(2).
 * Tests:   tests/fault/test_recorder.py
 */
#ifndef FAULT_RECORDER_H
#define FAULT_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum record_kind {
    RECORD_OPEN = 1,   /* path; offset: 1 = was created, 2 = was cut to nothing */
    RECORD_CLOSE,      /* fd */
    RECORD_DUP,        /* fd -> value */
    RECORD_WRITE,      /* fd, offset, data */
    RECORD_SIZE,       /* fd or path, offset: file ends there now */
    RECORD_GROW,       /* fd, offset: file ends there at least */
    RECORD_SYNC_BEGIN, /* fd, value: number of this sync */
    RECORD_SYNC_END,   /* fd, value: number of this sync; logged where it succeeded */
    RECORD_SYNC_DROP,  /* fd */
    RECORD_SYNC_FAIL,  /* fd; what was written before is in memory only, and no later sync writes it */
    RECORD_RENAME,     /* path -> data */
    RECORD_LINK,       /* path -> data */
    RECORD_SYMLINK,    /* path; data = target */
    RECORD_UNLINK,     /* path */
    RECORD_MKDIR,      /* path */
    RECORD_RMDIR,      /* path */
    RECORD_UNSEEN,     /* path: changed in a way that is not recorded */
    RECORD_ACCEPT,     /* fd */
    RECORD_SEND,       /* fd, data, about to be sent */
    RECORD_RECEIVE     /* fd, data */
};
struct record {
    uint32_t kind;
    int32_t fd;
    int64_t offset, value, time_ns;
    uint32_t path_bytes, data_bytes;
};

enum { RECORD_PATH_MAX = 4096 };

/* What a file descriptor is. */
enum fd_kind { FD_OTHER, FD_FILE, FD_SOCKET };
enum fd_kind fd_kind(int fd);
void fd_set_kind(int fd, enum fd_kind kind);

/* False: nothing is recorded (not asked for, a forked child, or the recorder's own start). */
bool recorder_on(void);
int recorder_sync_ms(void);
bool recorder_drops(int fd);
/* True once. */
bool recorder_fails(int fd);

/* The lock of the one order; recursive, so that remove(3) may be made of unlink(2). */
void recorder_lock(void);
void recorder_unlock(void);

/* Path relative to the directory into out; false: not below it. The last component is not followed. */
bool path_below(int dir_fd, const char *path, char out[RECORD_PATH_MAX]);
bool path_of_fd(int fd, char out[RECORD_PATH_MAX]);

/* Appends a record. */
void record_put(const struct record *r, const char *path, const void *data);
void record_name(enum record_kind kind, const char *path, const char *second);

/* The function that comes after ours; ends the process where there is none. out: a function pointer. */
void next_function(const char *name, void *out);

/* NEXT(read) declares nothing new: it is libc's read, looked up once. */
#define NEXT(name)                                                              \
    __extension__({                                                             \
        static __typeof__(&name) next_##name##_cached;                          \
        __typeof__(&name) next_##name##_now =                                   \
            __atomic_load_n(&next_##name##_cached, __ATOMIC_ACQUIRE);           \
        if (next_##name##_now == NULL) {                                        \
            next_function(#name, &next_##name##_now);                           \
            __atomic_store_n(&next_##name##_cached, next_##name##_now, __ATOMIC_RELEASE); \
        }                                                                       \
        next_##name##_now;                                                      \
    })

#endif
