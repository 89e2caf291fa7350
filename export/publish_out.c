/* publish_out.c - a set in a directory of the caller's: for looking, comparing, replaying. Touches nothing
 * else. */
#include <base/file.h>
#include <export/publish.h>

#include "set.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

static enum trap_err must_be_empty(const char *dir, struct err_text *why)
{
    struct dirent *entry;
    bool empty = true;
    DIR *d = opendir(dir);

    if (d == NULL) {
        err_text_set(why, "cannot read %s: %s", dir, strerror(errno));
        return TRAP_EIO;
    }
    while ((entry = readdir(d)) != NULL)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    (void)closedir(d);
    if (empty)
        return TRAP_OK;
    err_text_set(why, "%s is not empty: name a new directory", dir);
    return TRAP_EEXIST;
}

static enum set_action action_for(const struct plan_file *f, const struct publish_input *in)
{
    for (size_t i = f->first; i < f->first + f->count; i++)
        if (in->dataset[i].held)
            return SET_SKIP; /* nothing of it was shown before */
    return SET_WRITE;
}

enum trap_err publish_out(const struct config *c, const struct plan *plan, const struct publish_input *in,
                          const char *out_dir, struct publish_result *out, struct err_text *why)
{
    struct publish_result result = { .published = true, .serial = in->serial };
    enum set_action *action = calloc(plan->file_count + 1, sizeof(*action));
    struct zone_entries *entries = calloc(plan->dataset_count + 1, sizeof(*entries));
    struct manifest m = { 0 };
    enum trap_err err = action == NULL || entries == NULL ? TRAP_ENOMEM : TRAP_OK;

    if (err != TRAP_OK) {
        err_text_set(why, "no memory for a set");
        goto out;
    }
    if (result.serial == 0)
        result.serial = (uint32_t)(in->as_of.us / WALL_US_PER_S);
    for (size_t i = 0; i < plan->dataset_count; i++) {
        entries[i] = in->dataset[i].entries; /* borrowed */
        result.held += in->dataset[i].held;
        result.entries += plan->dataset[i].zone->live && !in->dataset[i].held ? entries[i].n : 0;
    }
    for (size_t i = 0; i < plan->file_count; i++) {
        action[i] = action_for(&plan->file[i], in);
        result.files_written += action[i] == SET_WRITE;
    }
    const struct set_order order = { .plan = plan,
                                     .conf = &c->export,
                                     .action = action,
                                     .entries = entries,
                                     .lists = in->lists,
                                     .serial = result.serial,
                                     .as_of = in->as_of,
                                     .policy = in->policy_digest };
    err = dir_make(out_dir, 0755, why);
    if (err == TRAP_OK)
        err = must_be_empty(out_dir, why);
    if (err == TRAP_OK)
        err = set_write(out_dir, &order, &m, why);
    if (err == TRAP_OK)
        *out = result;
out:
    manifest_free(&m);
    free(entries);
    free(action);
    return err;
}
