/* verb_check_map.c - `trapline check-map`: which of a site's own mailboxes would be taken for a trap. */
#include "home.h"

#include <base/buf.h>
#include <base/daemon.h>
#include <mail/mint.h>
#include <store/epochs.h>
#include <store/trapdir.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct check_map {
    struct home home;
    struct trapdir *traps;
    struct mint_window window; /* all epochs so far: more than the sink counts */
    const char *domain;        /* of names without one; NULL: every trap domain */
    uint64_t names, reserved;
    struct buf taken, similar; /* lines "address[ TAB how]" */
};

static struct mint_window all_epochs(struct mint_window w)
{
    for (size_t node = 0; node < sizeof(w.node) / sizeof(w.node[0]); node++)
        w.node[node].count = w.node[node].newest;
    return w;
}

static bool is_minted(const struct check_map *m, const struct conf_trap_domain *d, struct bytes local)
{
    const struct mint_domain tweak = mint_domain(m->home.mint, bytes_str(d->name));
    struct mint_ref ref;

    return mint_decode(m->home.mint, tweak, local, &m->window, &ref) == TRAP_OK;
}

/* How the sink would take it; NULL: not at all. */
static const char *taken_as(struct check_map *m, struct bytes local, struct bytes domain)
{
    const struct trapdir_result r = trapdir_find(m->traps, local, domain);

    m->reserved += r.domain != NULL && config_is_reserved(r.domain, local);
    if (r.answer == TRAPDIR_TRAP)
        return (r.rcpt_class & RCPT_CATCHALL) != 0 ? "an address of a domain that takes all" : "a static trap";
    if (r.answer != TRAPDIR_MINTED_DOMAIN)
        return NULL;
    if (is_minted(m, r.domain, local))
        return "a minted address";
    return mint_is_form(local) ? "" : NULL;
}

static void look_at(struct check_map *m, struct bytes local, struct bytes domain)
{
    const char *as = taken_as(m, local, domain);
    struct buf *out = as != NULL && as[0] == '\0' ? &m->similar : &m->taken;

    m->names++;
    if (as == NULL)
        return;
    buf_add(out, local);
    buf_add_byte(out, '@');
    buf_add(out, domain);
    buf_addf(out, "\t%s\n", as);
}

/* The first word of a line: so tables of mailboxes, aliases and users can be given as they are. */
static void take_line(struct check_map *m, struct bytes line)
{
    static const struct bytes ends = BYTES_INIT(" \t\r\n:,;#");
    size_t n = 0, at;

    line = bytes_trim(line);
    while (n < line.n && bytes_find(ends, line.p[n]) == ends.n)
        n++;
    line = bytes_take(line, n);
    at = bytes_rfind(line, '@');
    if (line.n == 0 || at == 0)
        return;
    if (at < line.n)
        look_at(m, bytes_take(line, at), bytes_skip(line, at + 1));
    else if (m->domain != NULL)
        look_at(m, line, bytes_str(m->domain));
    else
        for (size_t i = 0; i < m->home.config->trap_domain_count; i++)
            look_at(m, line, bytes_str(m->home.config->trap_domains[i].name));
}

static int take_file(struct check_map *m, FILE *in, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int code = 0;

    while ((n = getline(&line, &cap, in)) != -1)
        take_line(m, bytes_of(line, (size_t)n));
    if (ferror(in))
        code = cli_fail(EXIT_IOERR, "check-map: cannot read %s: %s", path, strerror(errno));
    free(line);
    return code;
}

/* ---- the answer ---- */

static json_t *json_rows(const struct buf *rows, bool with_how)
{
    struct bytes rest = buf_bytes(rows), row;
    json_t *list = json_array();

    while (bytes_split(&rest, '\n', &row)) {
        const size_t tab = bytes_rfind(row, '\t');
        json_t *address = json_bytes(bytes_take(row, tab));

        (void)json_array_append_new(list, !with_how ? address
                                                    : json_pack("{s:o, s:o}", "address", address, "as",
                                                                json_bytes(bytes_skip(row, tab + 1))));
    }
    return list;
}

static uint64_t print_rows(const struct buf *rows, const char *otherwise)
{
    struct bytes rest = buf_bytes(rows), row;
    uint64_t n = 0;

    for (; bytes_split(&rest, '\n', &row); n++) {
        const size_t tab = bytes_rfind(row, '\t');
        const struct bytes how = bytes_skip(row, tab + 1);

        printf("%-40s %s\n", cli_text(bytes_take(row, tab)), how.n > 0 ? cli_text(how) : otherwise);
    }
    return n;
}

static int print_answer(const struct check_map *m)
{
    const uint64_t taken = print_rows(&m->taken, "");
    const uint64_t similar =
        print_rows(&m->similar, "looks like a minted address; it is none, but 1 in 512 for each later epoch");

    if (taken + similar > 0)
        puts("");
    printf("%llu names looked at, %llu of them reserved: %llu would be taken for a trap, %llu look like one\n",
           (unsigned long long)m->names, (unsigned long long)m->reserved, (unsigned long long)taken,
           (unsigned long long)similar);
    if (taken + similar > 0)
        puts("Put those that are real mailboxes into `reserved` of their trap_domain block. A static trap that is a\n"
             "mailbox is ended with `trapline trap retire`, or taken out of the configuration.");
    return taken > 0 ? 1 : 0;
}

static int answer(const struct cli *cli, const struct check_map *m)
{
    int code;

    if (m->taken.err != TRAP_OK || m->similar.err != TRAP_OK)
        return cli_fail(EXIT_OSERR, "check-map: out of memory");
    if (!cli->json)
        return print_answer(m);
    code = cli_json(json_pack("{s:I, s:I, s:o, s:o}", "names", (json_int_t)m->names, "reserved",
                              (json_int_t)m->reserved, "taken", json_rows(&m->taken, true), "similar",
                              json_rows(&m->similar, false)));
    return code == 0 && m->taken.n > 0 ? 1 : code;
}

static int run(struct cli *cli, struct check_map *m, FILE *in)
{
    enum { ROWS_MAX = 1 << 30 };
    struct err_text why = { "" };
    int code = home_open(cli, HOME_KEYS, &m->home);
    enum trap_err err;

    if (code != 0)
        return code;
    if (m->home.config->trap_domain_count == 0 && m->domain == NULL)
        return cli_fail(EXIT_CONFIG, "check-map: the configuration has no trap_domain");
    err = epochs_read(m->home.config->state_dir, &m->window, &why);
    if (err == TRAP_OK)
        err = trapdir_new(m->home.config, &m->traps, &why);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    m->window = all_epochs(m->window);
    trapdir_set_time(m->traps, (wall_t){ INT64_MAX }); /* also what is only conditioned so far */
    buf_init(&m->taken, ROWS_MAX);
    buf_init(&m->similar, ROWS_MAX);
    code = take_file(m, in, cli->argv[0]);
    return code == 0 ? answer(cli, m) : code;
}

int verb_check_map(struct cli *cli)
{
    struct check_map m = { .domain = NULL };
    FILE *in = stdin;
    int code;

    (void)cli_option(cli, "--domain", &m.domain);
    code = cli_words(cli, "check-map", 1, 1);
    if (code != 0)
        return code;
    if (strcmp(cli->argv[0], "-") != 0) /* as the caller, who may read what the daemons may not */
        in = fopen(cli->argv[0], "re");
    if (in == NULL)
        return cli_fail(EXIT_IOERR, "check-map: %s: %s", cli->argv[0], strerror(errno));
    code = run(cli, &m, in);
    trapdir_free(&m.traps);
    buf_free(&m.taken);
    buf_free(&m.similar);
    home_close(&m.home);
    if (in != stdin)
        (void)fclose(in);
    return code;
}
