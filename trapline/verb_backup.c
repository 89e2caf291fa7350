/* verb_backup.c - `trapline backup DIR` and `trapline verify`: a copy of the store while the daemons run, and
 * whether a store or a copy is whole. */
#include "backup_manifest.h"
#include "home.h"
#include "progress.h"

#include <base/daemon.h>
#include <store/backup.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- progress on a terminal ---- */

static void tell(const char *file, uint64_t done, uint64_t total, void *arg)
{
    (void)arg;
    if (!isatty(STDERR_FILENO))
        return;
    if (total == 0)
        fprintf(stderr, "\r\033[K%s: %llu", file, (unsigned long long)done);
    else
        fprintf(stderr, "\r\033[K%s: %llu of %llu records", file, (unsigned long long)done,
                (unsigned long long)total);
}

const struct store_progress progress_on_terminal = { .tell = tell };

void progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* ---- backup ---- */

struct backup {
    const struct config *config;
    const char *dir;
    struct backup_manifest manifest;
    uint64_t bytes;
    bool begun; /* the folder is ours */
};

/* A new folder, or an empty one. */
static enum trap_err make_dir(const char *dir, struct err_text *why)
{
    enum trap_err err = dir_make(dir, 0700, why);
    DIR *d;
    const struct dirent *e;

    if (err != TRAP_OK)
        return err;
    d = opendir(dir);
    if (d == NULL) {
        err_text_set(why, "%s: %s", dir, strerror(errno));
        return TRAP_EIO;
    }
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            err_text_set(why, "%s: is not empty; name a new folder", dir);
            err = TRAP_EEXIST;
        }
    (void)closedir(d);
    return err;
}

static enum trap_err add_copy(struct backup *b, const char *from, const char *name, struct err_text *why)
{
    char to[PATH_TEXT_MAX];
    enum trap_err err = path_join(b->dir, name, to);

    if (err == TRAP_OK)
        err = backup_copy(from, to, why);
    return err == TRAP_OK ? backup_manifest_add(&b->manifest, b->dir, name, why) : err;
}

/* All plain files of state_dir/name. */
static enum trap_err add_folder(struct backup *b, const char *name, struct err_text *why)
{
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX], path[PATH_TEXT_MAX], file[BACKUP_NAME_MAX];
    const struct dirent *e;
    DIR *d;
    enum trap_err err = path_join(b->dir, name, to);

    config_state_path(b->config, name, from);
    d = opendir(from);
    if (d == NULL)
        return errno == ENOENT ? TRAP_OK : TRAP_EIO;
    if (err == TRAP_OK)
        err = dir_make(to, 0700, why);
    while (err == TRAP_OK && (e = readdir(d)) != NULL) {
        struct stat st;

        if (path_join(from, e->d_name, path) != TRAP_OK || lstat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
            (size_t)snprintf(file, sizeof(file), "%s/%s", name, e->d_name) >= sizeof(file))
            continue;
        err = add_copy(b, path, file, why);
    }
    (void)closedir(d);
    return err;
}

static enum trap_err take(struct backup *b, bool keys, struct err_text *why)
{
    enum trap_err err = make_dir(b->dir, why);

    b->begun = err == TRAP_OK;
    if (err == TRAP_OK)
        err = store_backup(b->config->state_dir, b->dir, &progress_on_terminal, why);
    for (size_t i = 0; i < STORE_BACKUP_FILES && err == TRAP_OK; i++)
        err = backup_manifest_add(&b->manifest, b->dir, store_file_name(store_backup_files[i]), why);
    if (err == TRAP_OK)
        err = add_copy(b, b->config->path, "trapline.conf", why);
    if (err == TRAP_OK && keys)
        err = add_folder(b, "keys", why);
    if (err == TRAP_OK && keys)
        err = add_folder(b, "tls", why);
    return err == TRAP_OK ? backup_manifest_write(&b->manifest, b->dir, why) : err;
}

int verb_backup(struct cli *cli)
{
    struct backup b = { .config = NULL };
    struct config *config = NULL;
    struct err_text why = { "" };
    const bool keys = cli_flag(cli, "--keys");
    const mono_t begun = mono_now();
    enum trap_err err;
    int code = cli_words(cli, "backup", 1, 1);

    if (code == 0)
        code = home_config_read(cli, &config, &why); /* as who calls: the folder is his */
    if (code != 0)
        return code;
    b.config = config;
    b.dir = cli->argv[0];
    b.manifest.made = wall_now();
    b.manifest.node = config->node_id;
    b.manifest.keys = backup_keys_sign(config);
    err = take(&b, keys, &why);
    progress_end();
    for (size_t i = 0; i < b.manifest.n; i++)
        b.bytes += b.manifest.file[i].bytes;
    config_free(&config);
    if (err != TRAP_OK)
        return b.begun ? cli_fail(daemon_exit_code(err), "backup: %s; %s is not complete: remove it",
                                  why.text, b.dir)
                       : cli_fail(daemon_exit_code(err), "backup: %s", why.text);
    if (cli->json)
        return cli_json(json_pack("{s:s, s:I, s:I, s:I, s:b}", "dir", b.dir, "files",
                                  (json_int_t)b.manifest.n, "bytes", (json_int_t)b.bytes, "ms",
                                  (json_int_t)mono_diff(mono_now(), begun).ms, "keys", keys));
    printf("%s: %zu files, %llu bytes.\n", b.dir, b.manifest.n, (unsigned long long)b.bytes);
    if (!keys)
        puts("Keys are not in it: `trapline keys export` makes a sealed copy, --keys puts them there as they "
             "are.");
    return 0;
}

/* ---- verify ---- */

static int verify_backup(const char *dir, bool json)
{
    struct backup_manifest m;
    struct err_text why = { "" };
    enum trap_err err = backup_manifest_read(dir, &m, &why);

    if (err == TRAP_OK)
        err = backup_manifest_check(&m, dir, &why);
    if (err != TRAP_OK)
        return cli_fail(daemon_exit_code(err), "verify: %s", why.text);
    if (json)
        return cli_json(json_pack("{s:s, s:I}", "dir", dir, "files", (json_int_t)m.n));
    printf("%s: %zu files are what was copied.\n", dir, m.n);
    return 0;
}

static int verify_store(const struct config *config, bool full, bool json)
{
    json_t *files = json_array();
    int code = 0;

    for (unsigned f = 0; f < STORE_FILES; f++) {
        struct err_text why = { "" };
        const mono_t begun = mono_now();
        const enum trap_err err =
            store_verify(config->state_dir, (enum store_file)f, full, &progress_on_terminal, &why);
        const json_int_t ms = (json_int_t)mono_diff(mono_now(), begun).ms;

        progress_end();
        json_array_append_new(files, json_pack("{s:s, s:b, s:I}", "file", store_file_name((enum store_file)f),
                                               "whole", err == TRAP_OK, "ms", ms));
        if (err != TRAP_OK)
            code = cli_fail(daemon_exit_code(err), "verify: %s", why.text);
        else if (!json)
            printf("%-14s whole\n", store_file_name((enum store_file)f));
    }
    if (json)
        (void)cli_json(files);
    else
        json_decref(files);
    return code;
}

int verb_verify(struct cli *cli)
{
    const bool full = cli_flag(cli, "--full");
    struct config *config = NULL;
    const char *dir = NULL;
    int code;

    (void)cli_option(cli, "--backup", &dir);
    code = cli_words(cli, "verify", 0, 0);
    if (code == 0 && dir != NULL)
        return verify_backup(dir, cli->json);
    if (code == 0)
        code = home_config(cli, &config);
    if (code == 0)
        code = verify_store(config, full, cli->json);
    config_free(&config);
    return code;
}
