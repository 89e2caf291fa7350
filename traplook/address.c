/* address.c - see address.h. Each step asks one question and names the step that takes the answer. */
#include "address.h"

#include "crawler.h"

#include <base/log.h>
#include <mail/helo_class.h>
#include <store/lookup.h>

#include <stdio.h>
#include <stdlib.h>

struct address {
    struct look_env *env;
    struct address_ask ask;
    address_done_fn *done;
    void *arg;
    char names[ADDRESS_NAMES_MAX][DNS_NAME_TEXT_MAX];
    size_t name_count, next;
    const char *confirmed; /* one of names, or NULL */
    bool undecided;        /* a forward question had no answer */
    const char *reverse, *helo, *dnswl; /* results; NULL: not asked */
    uint8_t dnswl_category, dnswl_score;
};

static void finish(struct address *a);

/* A question that cannot be put for lack of memory ends the work as it is. */
static void ask(struct address *a, enum dns_type type, const char *name, dns_fn *fn)
{
    a->env->questions++;
    if (dns_ask(a->env->dns, type, name, fn, a) == TRAP_OK)
        return;
    if (a->reverse == NULL)
        a->reverse = "undecided";
    finish(a);
}

static enum dns_type forward_type(const struct address *a)
{
    return ip_is_v4(a->ask.ip) ? DNS_A : DNS_AAAA;
}

static bool answer_has(const struct dns_answer *answer, struct ip ip)
{
    for (size_t i = 0; i < answer->ip_count; i++)
        if (ip_eq(answer->ip[i], ip))
            return true;
    return false;
}

/* ---- the whitelist: 127.0.CATEGORY.SCORE and nothing else ---- */

enum { DNSWL_CATEGORY_FIRST = 2, DNSWL_SCORE_MAX = 3 };

/* 127.0.0.255: asked too often. Anything else is not this list's language: another list, or a resolver that makes up
 * answers. */
static const char *read_dnswl(struct address *a, const struct dns_answer *answer)
{
    if (answer->result != DNS_FOUND)
        return answer->result == DNS_NONE ? "none" : "undecided";
    for (size_t i = 0; i < answer->ip_count; i++) {
        const uint8_t *b = answer->ip[i].b + 12;

        if (ip_eq(answer->ip[i], ip_v4(127, 0, 0, 255)))
            return "blocked";
        if (!ip_is_v4(answer->ip[i]) || b[0] != 127 || b[1] != 0 || b[2] < DNSWL_CATEGORY_FIRST ||
            b[3] > DNSWL_SCORE_MAX)
            return "undecided";
        a->dnswl_category = b[2];
        a->dnswl_score = b[3] > a->dnswl_score ? b[3] : a->dnswl_score;
    }
    return answer->ip_count > 0 ? "listed" : "undecided";
}

static void on_dnswl(void *arg, const struct dns_answer *answer)
{
    struct address *a = arg;

    a->dnswl = read_dnswl(a, answer);
    finish(a);
}

static void step_dnswl(struct address *a)
{
    const char *zone = a->env->config->look.dnswl;
    char name[DNS_NAME_TEXT_MAX];

    if (!a->ask.sender || zone == NULL || dns_name_reverse(a->ask.ip, zone, name) != TRAP_OK)
        finish(a);
    else
        ask(a, DNS_A, name, on_dnswl);
}

/* ---- HELO ---- */

static void on_helo(void *arg, const struct dns_answer *answer)
{
    struct address *a = arg;

    a->helo = answer->result == DNS_UNDECIDED         ? "undecided"
              : answer_has(answer, a->ask.ip)         ? "match"
                                                      : "mismatch";
    step_dnswl(a);
}

static void step_helo(struct address *a)
{
    char name[DNS_NAME_TEXT_MAX];

    if (!a->ask.sender || a->ask.helo[0] == '\0') {
        step_dnswl(a);
    } else if (dns_name_read(bytes_str(a->ask.helo), name) != TRAP_OK || strchr(name, '.') == NULL) {
        a->helo = "unusable"; /* no name of a host: helo_class() says what it is */
        step_dnswl(a);
    } else if (a->confirmed != NULL && strcmp(a->confirmed, name) == 0) {
        a->helo = "match";
        step_dnswl(a);
    } else {
        ask(a, forward_type(a), name, on_helo);
    }
}

/* ---- reverse names ---- */

static void step_forward(struct address *a);

static void on_forward(void *arg, const struct dns_answer *answer)
{
    struct address *a = arg;

    if (answer_has(answer, a->ask.ip))
        a->confirmed = a->names[a->next];
    a->undecided = a->undecided || answer->result == DNS_UNDECIDED;
    a->next++;
    step_forward(a);
}

static void step_forward(struct address *a)
{
    if (a->confirmed == NULL && a->next < a->name_count) {
        ask(a, forward_type(a), a->names[a->next], on_forward);
        return;
    }
    a->reverse = a->confirmed != NULL ? "confirmed" : a->undecided ? "undecided" : "unconfirmed";
    step_helo(a);
}

/* Names that make a crawler first: of many only some are asked for. */
static void take_names(struct address *a, const struct dns_answer *answer)
{
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < answer->name_count && a->name_count < ADDRESS_NAMES_MAX; i++)
            if ((crawler_operator(bytes_str(answer->name[i])).n > 0) == (round == 0))
                memcpy(a->names[a->name_count++], answer->name[i], DNS_NAME_TEXT_MAX);
}

static void on_ptr(void *arg, const struct dns_answer *answer)
{
    struct address *a = arg;

    take_names(a, answer);
    if (a->name_count > 0) {
        step_forward(a);
        return;
    }
    a->reverse = answer->result == DNS_FOUND  ? "invalid"
                 : answer->result == DNS_NONE ? "missing"
                                              : "undecided";
    step_helo(a);
}

/* ---- the acts ---- */

/* Only who controls a crawler's domain can confirm a name in it; who merely says so fails. */
static const char *crawler_result(const struct address *a)
{
    bool claimed = false;

    if (a->confirmed != NULL && crawler_operator(bytes_str(a->confirmed)).n > 0)
        return "verified";
    if (strcmp(a->reverse, "undecided") == 0)
        return "undecided";
    for (size_t i = 0; i < a->name_count; i++)
        claimed = claimed || crawler_operator(bytes_str(a->names[i])).n > 0;
    return claimed ? "failed" : "none";
}

static const char *name_of(const struct address *a)
{
    return a->confirmed != NULL ? a->confirmed : a->name_count > 0 ? a->names[0] : NULL;
}

static void add_dnswl(const struct address *a, struct buf *detail)
{
    char text[8];

    lookup_word_add(detail, "dnswl", bytes_str(a->dnswl));
    if (strcmp(a->dnswl, "listed") != 0)
        return;
    (void)snprintf(text, sizeof(text), "%u", a->dnswl_score);
    lookup_word_add(detail, "dnswl_score", bytes_str(text));
    (void)snprintf(text, sizeof(text), "%u", a->dnswl_category);
    lookup_word_add(detail, "dnswl_category", bytes_str(text));
}

static void add_name(const struct address *a, struct buf *detail)
{
    const struct helo_context context = { .client = a->ask.ip };
    const char *name = name_of(a);

    if (name == NULL)
        return;
    lookup_word_add(detail, "name", bytes_str(name));
    lookup_word_add(detail, "form",
                    helo_class(bytes_str(name), &context) == HELO_DYNAMIC ? BYTES("generic") : BYTES("own"));
}

static void describe(const struct address *a, struct buf *detail)
{
    char ip[IP_TEXT_MAX];

    lookup_word_add(detail, "address", bytes_str(ip_text(a->ask.ip, ip)));
    lookup_word_add(detail, "reverse", bytes_str(a->reverse));
    add_name(a, detail);
    if (a->helo != NULL) {
        lookup_word_add(detail, "helo", bytes_str(a->helo));
        lookup_word_add(detail, "helo_name", bytes_str(a->ask.helo));
    }
    if (a->ask.harvester)
        lookup_word_add(detail, "crawler", bytes_str(crawler_result(a)));
    if (a->dnswl != NULL)
        add_dnswl(a, detail);
    geo_add(a->env->geo, a->ask.ip, detail);
}

static void describe_crawler(const struct address *a, struct buf *detail)
{
    const char *result = crawler_result(a);
    const char *name = strcmp(result, "verified") == 0 ? a->confirmed : a->names[0]; /* who claims stands first */

    lookup_word_add(detail, "crawler", bytes_str(result));
    if (strcmp(result, "verified") == 0 || strcmp(result, "failed") == 0) {
        lookup_word_add(detail, "name", bytes_str(name));
        lookup_word_add(detail, "operator", crawler_operator(bytes_str(name)));
    }
}

static enum trap_err was_listed(const struct act *act, void *arg)
{
    *(bool *)arg = lookup_word_is(act->detail, "dnswl", "listed");
    return TRAP_OK;
}

/* One that ends a whitelisting is written, too; else it is a word of the main act only. */
static bool wants_dnswl_act(const struct address *a, struct bytes subject)
{
    bool was = false;

    if (a->dnswl == NULL)
        return false;
    return strcmp(a->dnswl, "listed") == 0 ||
           (lookup_newest(a->env->acts, subject, was_listed, &was) == TRAP_OK && was);
}

enum { ACTS = 3 };
static enum trap_err write_acts(const struct address *a, struct err_text *why)
{
    const wall_t now = wall_now();
    char subject[ACTS][LOOKUP_SUBJECT_MAX], ip[IP_TEXT_MAX], key[PREFIX_TEXT_MAX];
    struct buf detail[ACTS];
    struct act acts[ACTS];
    size_t n = 1;
    enum trap_err err = TRAP_OK;

    for (size_t i = 0; i < ACTS; i++)
        buf_init(&detail[i], LOOKUP_DETAIL_MAX);
    (void)ip_text(a->ask.ip, ip);
    (void)snprintf(subject[0], sizeof(subject[0]), "%s", prefix_text(ip_key(a->ask.ip), key));
    describe(a, &detail[0]);
    if (a->ask.harvester) {
        (void)snprintf(subject[n], sizeof(subject[n]), LOOKUP_CRAWLER "%s", ip);
        describe_crawler(a, &detail[n++]);
    }
    (void)snprintf(subject[n], sizeof(subject[n]), LOOKUP_DNSWL "%s", ip);
    if (wants_dnswl_act(a, bytes_str(subject[n])))
        add_dnswl(a, &detail[n++]);
    for (size_t i = 0; i < n; i++) {
        acts[i] = (struct act){ .at = now,
                                .kind = ACT_LOOKUP,
                                .subject = bytes_str(subject[i]),
                                .detail = buf_bytes(&detail[i]),
                                .who = BYTES("traplook") };
        if (detail[i].err != TRAP_OK)
            err = detail[i].err;
    }
    if (err == TRAP_OK)
        err = act_append(a->env->acts, acts, n, why);
    for (size_t i = 0; i < ACTS; i++)
        buf_free(&detail[i]);
    return err;
}

static void finish(struct address *a)
{
    struct err_text why = { "" };
    const enum trap_err err = write_acts(a, &why);
    const char *name = name_of(a);

    if (err != TRAP_OK)
        log_error("look.act", LOG_STR("kind", err_name(err)), LOG_STR("error", why.text));
    else
        log_info("look.address", LOG_IP(a->ask.ip), LOG_STR("reverse", a->reverse),
                 LOG_STR("name", name == NULL ? "" : name), LOG_STR("helo", a->helo == NULL ? "" : a->helo),
                 LOG_STR("dnswl", a->dnswl == NULL ? "" : a->dnswl),
                 LOG_STR("crawler", a->ask.harvester ? crawler_result(a) : ""));
    a->done(a->arg, a);
    address_free(&a);
}

enum trap_err address_start(struct look_env *env, const struct address_ask *wanted, address_done_fn *done,
                            void *arg, struct address **out)
{
    struct address *a = calloc(1, sizeof(*a));
    char name[DNS_NAME_TEXT_MAX];

    if (a == NULL)
        return TRAP_ENOMEM;
    *a = (struct address){ .env = env, .ask = *wanted, .done = done, .arg = arg };
    if (dns_name_reverse(wanted->ip, NULL, name) != TRAP_OK ||
        dns_ask(env->dns, DNS_PTR, name, on_ptr, a) != TRAP_OK) {
        address_free(&a);
        return TRAP_ENOMEM;
    }
    env->questions++;
    *out = a;
    return TRAP_OK;
}

void address_free(struct address **a)
{
    free(*a);
    *a = NULL;
}
