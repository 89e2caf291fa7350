/* verb_restore.c - `trapline restore DIR`: a backup becomes the store of an installation that has none.
 *
 * Order:   all of it is made ready in state_dir/restore.tmp, the mint's epoch included; then each file gets
 *          its name, visits.db last. Cut off before that no daemon starts, and the next restore begins again.
 * Epochs:  since the backup the node may have shown addresses that the backup does not know. So the mint goes
 *          on above every epoch that it can have reached with its daily budget.
 */
#include "backup_manifest.h"
#include "home.h"

#include <base/daemon.h>
#include <store/act_log.h>
#include <store/backup.h>
#include <store/epochs.h>
#include <store/trapdir.h>
#include <store/visit_log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct restore {
    struct config *config;
    const char *from;
    char temp[PATH_TEXT_MAX];
    struct backup_manifest manifest;
    uint32_t epoch;
};

static bool is_there(const struct restore *r, const char *name)
{
    char path[PATH_TEXT_MAX];

    config_state_path(r->config, name, path);
    return access(path, F_OK) == 0;
}

/* No store may be there; what a restore left that was cut off is removed. */
static enum trap_err clear(struct restore *r, struct err_text *why)
{
    const bool cut_off = access(r->temp, F_OK) == 0 && !is_there(r, "visits.db");
    char path[PATH_TEXT_MAX];

    for (unsigned f = 0; f < STORE_FILES; f++) {
        const char *name = store_file_name((enum store_file)f);

        if (!is_there(r, name))
            continue;
        config_state_path(r->config, name, path);
        if (!cut_off) {
            err_text_set(why,
                         "%s: is there already; restore into an installation without a store (stop its "
                         "daemons and move "
                         "its *.db files away)",
                         path);
            return TRAP_EEXIST;
        }
        (void)unlink(path);
    }
    return access(r->temp, F_OK) == 0 ? dir_remove(r->temp, why) : TRAP_OK;
}

static enum trap_err check(struct restore *r, struct err_text *why)
{
    enum trap_err err = backup_manifest_read(r->from, &r->manifest, why);

    if (err == TRAP_OK && r->manifest.node != r->config->node_id) {
        err_text_set(why, "%s: of node %u, and node_id is %u", r->from, r->manifest.node, r->config->node_id);
        err = TRAP_EINVAL;
    }
    for (size_t i = 0; i < STORE_BACKUP_FILES && err == TRAP_OK; i++)
        if (!backup_manifest_has(&r->manifest, store_file_name(store_backup_files[i]))) {
            err_text_set(why, "%s: %s is missing in it", r->from, store_file_name(store_backup_files[i]));
            err = TRAP_ECORRUPT;
        }
    return err == TRAP_OK ? backup_manifest_check(&r->manifest, r->from, why) : err;
}

/* Copies a file of the backup below `dir` (state_dir, or the folder where it is made ready). */
static enum trap_err bring(const struct restore *r, const char *dir, const char *name, struct err_text *why)
{
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX];
    enum trap_err err = path_join(r->from, name, from);

    if (err == TRAP_OK)
        err = path_join(dir, name, to);
    return err == TRAP_OK ? backup_copy(from, to, why) : err;
}

/* What root makes belongs to the owner of state_dir; files in it follow. */
static enum trap_err make_folder(const char *path, struct err_text *why)
{
    enum trap_err err = dir_make(path, 0700, why);
    const int fd = err == TRAP_OK ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (err != TRAP_OK)
        return err;
    if (fd == -1) {
        err_text_set(why, "%s: %s", path, strerror(errno));
        return TRAP_EIO;
    }
    err = file_own_as_dir(fd, path, why);
    (void)close(fd);
    return err;
}

/* Keys that are there stay: they must be those of the backup, or its addresses are lost. */
static enum trap_err bring_keys(const struct restore *r, struct err_text *why)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < r->manifest.n && err == TRAP_OK; i++) {
        const char *name = r->manifest.file[i].name;
        char folder[PATH_TEXT_MAX];
        const size_t n = strcspn(name, "/");

        if (name[n] == '\0' || is_there(r, name))
            continue;
        config_state_path(r->config, name, folder);
        *strrchr(folder, '/') = '\0';
        err = make_folder(folder, why);
        if (err == TRAP_OK)
            err = bring(r, r->config->state_dir, name, why);
    }
    if (err == TRAP_OK && !is_there(r, "keys/master.key")) {
        err_text_set(why,
                     "%s/keys/master.key: not there; put the keys of the installation back first (`trapline "
                     "keys import`): "
                     "without them every address it has shown is lost",
                     r->config->state_dir);
        err = TRAP_ENOENT;
    }
    if (err == TRAP_OK && r->manifest.keys != 0 && backup_keys_sign(r->config) != r->manifest.keys) {
        err_text_set(why,
                     "%s/keys/master.key: not the key of this backup, whose addresses would be lost; move "
                     "keys/ away and "
                     "put those of the installation back (`trapline keys import`)",
                     r->config->state_dir);
        err = TRAP_EEXIST;
    }
    return err;
}

/* How many epochs may have begun since. */
static uint32_t epochs_since(const struct restore *r)
{
    const int64_t us = wall_now().us - r->manifest.made.us;
    const uint64_t days = us > 0 ? (uint64_t)(us / WALL_US_PER_DAY) + 1 : 1;
    const uint64_t shown = days * r->config->web.visits_per_day;

    return 1 + (uint32_t)(shown / MINT_EPOCH_SERIALS + 1);
}

static enum trap_err raise_epoch(struct restore *r, struct err_text *why)
{
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX];
    enum trap_err err = TRAP_OK;

    /* What the old installation announced, where it is still there. */
    config_state_path(r->config, "snap/epochs", from);
    if (access(from, F_OK) == 0) {
        err = path_join(r->temp, "snap", to);
        if (err == TRAP_OK)
            err = dir_make(to, 0700, why);
        if (err == TRAP_OK)
            err = path_join(r->temp, "snap/epochs", to);
        if (err == TRAP_OK)
            err = backup_copy(from, to, why);
    }
    for (uint32_t i = 0; i < epochs_since(r) && err == TRAP_OK; i++)
        err = visit_epoch_raise(r->temp, &r->epoch, why);
    return err == TRAP_OK ? epochs_announce(r->config->state_dir, r->config->node_id, r->epoch, why) : err;
}

static enum trap_err put_on_record(const struct restore *r, struct err_text *why)
{
    char subject[WALL_TEXT_MAX], detail[64];
    struct store_db *acts = NULL;
    struct act act = { .kind = ACT_RESTORE, .at = wall_now(), .who = home_operator() };
    enum trap_err err = store_open(r->temp, STORE_ACTS, STORE_WRITE, &acts, why);

    act.subject = bytes_str(wall_text(r->manifest.made, subject));
    (void)snprintf(detail, sizeof(detail), "epoch=%u", r->epoch);
    act.detail = bytes_str(detail);
    if (err == TRAP_OK)
        err = act_append(acts, &act, 1, why);
    store_close(&acts);
    return err;
}

static enum trap_err make_ready(struct restore *r, struct err_text *why)
{
    static const struct store_progress silent = { .tell = NULL };
    enum trap_err err = make_folder(r->temp, why);

    for (size_t i = 0; i < STORE_BACKUP_FILES && err == TRAP_OK; i++) {
        err = bring(r, r->temp, store_file_name(store_backup_files[i]), why);
        if (err == TRAP_OK)
            err = store_verify(r->temp, store_backup_files[i], true, &silent, why);
    }
    if (err == TRAP_OK)
        err = raise_epoch(r, why);
    return err == TRAP_OK ? put_on_record(r, why) : err;
}

/* visits.db is the last of the list. */
static enum trap_err put_in_place(const struct restore *r, struct err_text *why)
{
    char from[PATH_TEXT_MAX], to[PATH_TEXT_MAX];
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < STORE_BACKUP_FILES && err == TRAP_OK; i++) {
        const char *name = store_file_name(store_backup_files[i]);

        err = path_join(r->temp, name, from);
        config_state_path(r->config, name, to);
        if (err == TRAP_OK && rename(from, to) == -1) {
            err_text_set(why, "%s: %s", to, strerror(errno));
            err = TRAP_EIO;
        }
        if (err == TRAP_OK)
            err = dir_sync(r->config->state_dir, why);
    }
    return err;
}

/* What the daemons read beside the logs; all of it can be made again. */
static enum trap_err make_rest(const struct restore *r, struct err_text *why)
{
    struct store_db *db = NULL;
    enum trap_err err = store_open(r->config->state_dir, STORE_ACTS, STORE_READ, &db, why);

    if (err == TRAP_OK)
        err = trapdir_build(r->config->state_dir, db, why);
    store_close(&db);
    if (err == TRAP_OK)
        err = store_open(r->config->state_dir, STORE_DERIVED, STORE_CREATE, &db, why);
    store_close(&db);
    return err == TRAP_OK ? dir_remove(r->temp, why) : err;
}

static enum trap_err restore(struct restore *r, struct err_text *why)
{
    enum trap_err err = check(r, why);

    config_state_path(r->config, "restore.tmp", r->temp);
    if (err == TRAP_OK)
        err = clear(r, why);
    if (err == TRAP_OK)
        err = bring_keys(r, why);
    if (err == TRAP_OK)
        err = make_ready(r, why);
    if (err == TRAP_OK)
        err = put_in_place(r, why);
    return err == TRAP_OK ? make_rest(r, why) : err;
}

int verb_restore(struct cli *cli)
{
    struct restore r = { .config = NULL };
    struct err_text why = { "" };
    char made[WALL_TEXT_MAX];
    enum trap_err err;
    int code = cli_words(cli, "restore", 1, 1);

    if (code == 0)
        code = home_config_read(cli, &r.config, &why); /* files get the owner of their folder */
    if (code != 0)
        return code;
    r.from = cli->argv[0];
    err = restore(&r, &why);
    config_free(&r.config);
    if (err != TRAP_OK)
        return cli_fail(daemon_exit_code(err), "restore: %s", why.text);
    if (cli->json)
        return cli_json(
            json_pack("{s:s, s:I}", "made", wall_text(r.manifest.made, made), "epoch", (json_int_t)r.epoch));
    printf("Restored as of %s. The mint goes on with epoch %u: no address is shown twice.\n"
           "What came after the backup is not on record. trapexport makes the evidence when it starts.\n",
           wall_text(r.manifest.made, made), r.epoch);
    return 0;
}
