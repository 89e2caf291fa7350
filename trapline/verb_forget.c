/* verb_forget.c - `trapline forget SUBJECT`: an order to the daemons that own the files, carried out here
 * where none runs.
 *
 * Cut off: the order is a file and stays; the daemons go on with it, and the next `forget` finishes it first.
 */
#include "home.h"

#include <base/daemon.h>
#include <store/act_log.h>
#include <store/act_words.h>
#include <store/erasure.h>
#include <store/evidence.h>
#include <store/forget.h>
#include <store/hit_log.h>
#include <store/visit_log.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S = 300, LOOK_MS = 200, WIDEST_V4 = 112, WIDEST_V6 = 32 };

struct forget {
    struct home *home;
    struct forget_order order;
    struct visit_log *visit_log; /* where their daemon does not run */
    struct hit_log *hit_log;
    uint64_t visits, mail, lookups; /* erased */
};

static void rest(void)
{
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static bool is_done(const struct forget *f, struct store_db *db, uint64_t *records_out)
{
    uint64_t number = 0;

    return forget_done(db, &number, records_out) == TRAP_OK && number >= f->order.number;
}

/* Opening a log takes the lock that its daemon would hold, and begins the same work. */
static enum trap_err stand_in(struct forget *f, bool visits, bool mail, struct err_text *why)
{
    const char *dir = f->home->config->state_dir;
    const struct conf_store *conf = &f->home->config->store;
    enum trap_err err = TRAP_OK;

    if (!visits && f->visit_log == NULL)
        err = visit_log_open(dir, conf, NULL, NULL, &f->visit_log, why);
    if ((err == TRAP_OK || err == TRAP_EBUSY) && !mail && f->hit_log == NULL)
        err = hit_log_open(dir, conf, NULL, NULL, &f->hit_log, why);
    return err == TRAP_EBUSY ? TRAP_OK : err;
}

static enum trap_err carry_out(struct forget *f, struct err_text *why)
{
    const mono_t until = mono_add(mono_now(), SPAN_S(WAIT_S));
    enum trap_err err = forget_give(f->home->config->state_dir, &f->order, why);
    bool visits = false, mail = false;

    while (err == TRAP_OK && !(visits && mail)) {
        visits = is_done(f, f->home->visits, &f->visits);
        mail = is_done(f, f->home->hits, &f->mail);
        if (visits && mail)
            break;
        err = stand_in(f, visits, mail, why);
        if (err == TRAP_OK && mono_now().ms > until.ms) {
            err_text_set(why,
                         "%s has not carried it out within %d s; see its log. The order stays, and is "
                         "carried out when it can be",
                         visits ? "trapsmtp" : "trapweb", WAIT_S);
            err = TRAP_EBUSY;
        }
        if (err == TRAP_OK)
            rest();
    }
    hit_log_close(&f->hit_log);
    visit_log_close(&f->visit_log);
    return err;
}

/* A keyed hash in place of the subject: whoever asks about one can be told that it was forgotten, and nobody
 * can read whom. */
static enum trap_err put_on_record(struct forget *f, const char *why_text, struct err_text *why)
{
    const struct hash_key key = keyed_purpose(f->home->keys.master, "forget");
    char text[FORGET_SUBJECT_MAX], subject[32], number[24];
    struct store_db *acts = NULL;
    struct buf detail;
    struct act act = {
        .kind = ACT_FORGET, .at = wall_now(), .who = home_operator(), .why = bytes_str(why_text)
    };
    enum trap_err err = store_open(f->home->config->state_dir, STORE_ACTS, STORE_WRITE, &acts, why);

    (void)snprintf(subject, sizeof(subject), "hash:%016" PRIx64,
                   keyed_hash(&key, bytes_str(forget_text(&f->order, text))));
    act.subject = bytes_str(subject);
    buf_init(&detail, 256);
    (void)snprintf(number, sizeof(number), "%" PRIu64, f->visits);
    act_word_add(&detail, "visits", bytes_str(number));
    (void)snprintf(number, sizeof(number), "%" PRIu64, f->mail);
    act_word_add(&detail, "mail", bytes_str(number));
    act.detail = buf_bytes(&detail);
    if (err == TRAP_OK)
        err = act_append(acts, &act, 1, why);
    if (err == TRAP_OK && !f->order.is_domain)
        err = act_forget(acts, f->order.prefix, &f->lookups, why);
    store_close(&acts);
    buf_free(&detail);
    return err;
}

/* Evidence: trapexport makes it anew when it sees that files have changed; without it all is cleared, and
 * made when it starts. */
static enum trap_err clear_evidence(struct forget *f, bool *made_out, struct err_text *why)
{
    const mono_t until = mono_add(mono_now(), SPAN_S(WAIT_S / 5));
    const char *dir = f->home->config->state_dir;
    struct store_db *db = NULL;
    uint64_t wanted = 0, have = 0;
    enum trap_err err = erasure_mark(f->home->hits, f->home->visits, &wanted);

    *made_out = false;
    if (err == TRAP_OK)
        err = store_open(dir, STORE_DERIVED, STORE_CREATE, &db, why);
    if (err == TRAP_OK)
        err = derived_clear(db);
    store_close(&db);
    if (err != TRAP_EBUSY)
        return err;
    err = store_open(dir, STORE_DERIVED, STORE_READ, &db, why);
    while (err == TRAP_OK && !*made_out && mono_now().ms < until.ms) {
        err = derived_mark_get(db, f->home->config->node_id, RECORD_ERASURES, &have);
        *made_out = have == wanted;
        if (!*made_out)
            rest();
    }
    store_close(&db);
    return err;
}

static enum trap_err forget(struct forget *f, const char *why_text, bool *made_out, struct err_text *why)
{
    enum trap_err err = carry_out(f, why);

    if (err == TRAP_OK)
        err = put_on_record(f, why_text, why);
    if (err == TRAP_OK)
        forget_remove(f->home->config->state_dir);
    return err == TRAP_OK ? clear_evidence(f, made_out, why) : err;
}

/* ---- orders ---- */

static int check_subject(const char *word, struct forget_order *o)
{
    if (forget_subject(bytes_str(word), o) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "forget: \"%s\" is no address, prefix or domain",
                        cli_text(bytes_str(word)));
    if (!o->is_domain && o->prefix.len < (ip_is_v4(o->prefix.ip) ? WIDEST_V4 : WIDEST_V6))
        return cli_fail(
            EXIT_USAGE,
            "forget: nothing wider than /16 (IPv4) or /32 (IPv6); what is old goes by `retention`");
    return 0;
}

/* One that was cut off has the file; its number is done first. */
static enum trap_err finish_older(struct forget *f, struct err_text *why)
{
    struct forget older = { .home = f->home };
    uint64_t visits = 0, mail = 0, ignored = 0;
    bool made = false;
    enum trap_err err = forget_read(f->home->config->state_dir, &older.order, why);

    if (err == TRAP_ECORRUPT) { /* nobody can carry it out */
        forget_remove(f->home->config->state_dir);
        err = TRAP_OK;
    } else if (err == TRAP_OK && older.order.number != 0) {
        err = forget(&older, "", &made, why);
    }
    if (err == TRAP_OK)
        err = forget_done(f->home->visits, &visits, &ignored);
    if (err == TRAP_OK)
        err = forget_done(f->home->hits, &mail, &ignored);
    f->order.number = (uint64_t)wall_now().us;
    if (f->order.number <= (visits > mail ? visits : mail))
        f->order.number = (visits > mail ? visits : mail) + 1;
    return err;
}

static int report(const struct forget *f, bool made, bool json)
{
    if (json)
        return cli_json(json_pack("{s:I, s:I, s:I, s:b}", "visits", (json_int_t)f->visits, "mail",
                                  (json_int_t)f->mail, "lookups", (json_int_t)f->lookups, "evidence", made));
    printf(
        "Forgotten: %" PRIu64 " visits keep their network alone; %" PRIu64
        " messages, sessions and counts are erased, "
        "%" PRIu64
        " look-ups.\n%s\nBackups, mail to postmaster and the record of what was published are not touched.\n",
        f->visits, f->mail, f->lookups,
        made ? "Evidence was made anew."
             : "Evidence is made anew by trapexport; until then there may be none.");
    return 0;
}

int verb_forget(struct cli *cli)
{
    struct home h = { .config = NULL };
    struct forget f = { .home = &h };
    struct err_text why = { "" };
    const char *why_text = "";
    char lock[PATH_TEXT_MAX];
    int fd = -1, code;
    bool made = false;
    enum trap_err err;

    (void)cli_option(cli, "--why", &why_text);
    code = cli_words(cli, "forget", 1, 1);
    if (code == 0)
        code = check_subject(cli->argv[0], &f.order);
    if (code == 0)
        code = home_open(cli, HOME_KEYS | HOME_LOGS, &h);
    if (code != 0)
        return code;
    config_state_path(h.config, "forget.lock", lock);
    err = file_lock(lock, &fd, &why);
    if (err == TRAP_OK)
        err = finish_older(&f, &why);
    if (err == TRAP_OK)
        err = forget(&f, why_text, &made, &why);
    code = err == TRAP_OK ? report(&f, made, cli->json)
                          : cli_fail(daemon_exit_code(err), "forget: %s", why.text);
    if (fd != -1)
        file_unlock(fd);
    home_close(&h);
    return code;
}
