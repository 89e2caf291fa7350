#include "file_parts.h"

#include <base/log.h>
#include <store/budget.h>

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { TELL_MS = 3600000, HEADER_FREE_PAGES = 36 };

void budget_init(struct budget *b, const char *dir, const struct conf_store *conf)
{
    *b = (struct budget){ .dir = dir, .total_max = conf->total_max_bytes, .free_min = conf->free_min_bytes };
}

static uint64_t used_by(const char *dir, enum store_file f)
{
    char path[PATH_TEXT_MAX], wal[PATH_TEXT_MAX + 8];
    uint8_t head[FILE_HEADER_BYTES];
    int64_t size = 0, unused = 0;
    struct stat st;

    if (path_join(dir, store_file_name(f), path) != TRAP_OK || stat(path, &st) == -1 ||
        file_header_read(path, head, &size) != SQLITE_OK || size < FILE_HEADER_BYTES)
        return 0;
    for (unsigned i = 0; i < 4; i++)
        unused = unused << 8 | head[HEADER_FREE_PAGES + i];
    unused *= FILE_PAGE_BYTES;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    if (unused > size)
        unused = size;
    return (uint64_t)(size - unused) + (stat(wal, &st) == 0 ? (uint64_t)st.st_size : 0);
}

uint64_t store_used(const char *dir)
{
    uint64_t used = 0;

    for (unsigned f = 0; f < STORE_FILES; f++)
        used += used_by(dir, (enum store_file)f);
    return used;
}

static void tell(struct budget *b, mono_t now)
{
    if (!b->near_full || (b->ever_told && mono_diff(now, b->told).ms < TELL_MS))
        return;
    b->ever_told = true;
    b->told = now;
    log_error(
        "store.budget", LOG_STR("dir", b->dir), LOG_U64("used", b->used), LOG_U64("total_max", b->total_max),
        LOG_STR("effect", b->full ? "mail gets 452 and pages carry no addresses"
                                  : "samples go; when it is full mail gets 452 and pages carry no addresses"),
        LOG_STR("todo", "raise store.total_max, or shorten the clocks of retention"));
}

static void look(struct budget *b)
{
    const mono_t now = mono_now();
    struct statvfs vfs;

    if (b->total_max == 0 && b->free_min == 0)
        return;
    if (b->ever_looked && mono_diff(now, b->looked).ms < BUDGET_LOOK_MS)
        return;
    b->ever_looked = true;
    b->looked = now;
    b->disk_low =
        b->free_min > 0 && statvfs(b->dir, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize < b->free_min;
    if (b->total_max == 0)
        return;
    b->used = store_used(b->dir);
    b->full = b->used >= b->total_max;
    b->near_full = b->used >= b->total_max / 10 * 9;
    tell(b, now);
}

bool budget_is_full(struct budget *b)
{
    look(b);
    return b->disk_low || b->full;
}

bool budget_is_near(struct budget *b)
{
    look(b);
    return b->near_full;
}

const char *budget_text(const struct budget *b)
{
    return b->disk_low ? "less free disk than free_min" : "the databases have reached total_max";
}
