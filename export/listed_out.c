/* listed_out.c - the snapshot of what is listed (store/listed.h). */
#include "publisher.h"

#include <base/log.h>
#include <store/listed.h>

static enum trap_err collect(const struct publisher *p, struct prefix_set *out)
{
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < p->plan->dataset_count; i++)
        for (size_t k = 0; p->plan->dataset[i].zone->live && k < p->shown[i].entries.n && err == TRAP_OK; k++)
            err = prefix_set_add(out, p->shown[i].entries.v[k].prefix);
    return err == TRAP_OK ? prefix_set_seal(out) : err;
}

void publisher_listed(struct publisher *p, wall_t as_of)
{
    enum { REST_FACTOR = 200 };
    const mono_t began = mono_now();
    struct err_text why = { "out of memory" };
    struct prefix_set set;
    enum trap_err err;

    if (!p->config->smtp.tarpit || !p->listed_due || began.ms < p->listed_next.ms)
        return;
    prefix_set_init(&set);
    err = collect(p, &set);
    if (err == TRAP_OK)
        err = listed_write(p->config->state_dir, &set, as_of, &why);
    prefix_set_free(&set);
    p->listed_next = mono_add(mono_now(), SPAN_MS(mono_diff(mono_now(), began).ms * REST_FACTOR));
    p->listed_due = err != TRAP_OK;
    if (err != TRAP_OK)
        log_warning("export.listed", LOG_STR("error", why.text),
                    LOG_STR("effect", "the tarpit works with an older list"));
}
