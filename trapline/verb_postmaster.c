/* verb_postmaster.c - `trapline postmaster`: reads and removes the mail that trapsmtp kept for people. */
#include "home.h"

#include <base/daemon.h>
#include <store/postmaster.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_MAX = 32 * 1024, TRACE_MAX = 1 << 20, NAMES_MAX = 100000 };

struct box {
    struct config *config;
    char dir[PATH_TEXT_MAX];
};

static int box_open(const struct cli *cli, struct box *out)
{
    const int code = home_config(cli, &out->config);

    if (code == 0)
        config_state_path(out->config, "postmaster", out->dir);
    return code;
}

static bool is_mail(const char *name)
{
    return postmaster_is_name(bytes_str(name));
}

static int is_entry(const struct dirent *e)
{
    return is_mail(e->d_name) ? 1 : 0;
}

/* ---- list ---- */

/* The value of the first line that begins with `name`, before the empty line. */
static struct bytes field(struct bytes head, struct bytes name)
{
    struct bytes line;

    while (bytes_split(&head, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            break;
        if (bytes_has_iprefix(line, name))
            return bytes_trim(bytes_skip(line, name.n));
    }
    return BYTES("");
}

static size_t read_head(const char *path, uint8_t head[HEAD_MAX], uint64_t *size_out)
{
    FILE *f = fopen(path, "re");
    size_t n = 0;
    struct stat st;

    *size_out = 0;
    if (f == NULL)
        return 0;
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
        *size_out = (uint64_t)st.st_size;
        n = fread(head, 1, HEAD_MAX, f);
    }
    (void)fclose(f);
    return n;
}

static int list_one(const struct box *box, const char *name, json_t *out)
{
    uint8_t bytes[HEAD_MAX];
    char path[PATH_TEXT_MAX];
    struct bytes head;
    uint64_t size;
    struct ip client;

    if (path_join(box->dir, name, path) != TRAP_OK)
        return 0;
    head = bytes_of(bytes, read_head(path, bytes, &size));
    if (out == NULL) {
        printf("%s  %llu bytes  %s  %s\n", cli_text(bytes_str(name)), (unsigned long long)size,
               cli_text(field(head, BYTES("Return-Path:"))), cli_text(field(head, BYTES("Subject:"))));
        return 0;
    }
    return json_array_append_new(out,
                                 json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "name",
                                           json_bytes(bytes_str(name)), "bytes", (json_int_t)size, "client",
                                           postmaster_client(bytes_str(name), &client) ? json_ip(client) : json_null(),
                                           "return_path", json_bytes(field(head, BYTES("Return-Path:"))),
                                           "to", json_bytes(field(head, BYTES("Delivered-To:"))), "subject",
                                           json_bytes(field(head, BYTES("Subject:"))))) == 0
               ? 0
               : cli_fail(EXIT_OSERR, "out of memory");
}

/* Calls one(box, name, arg) for each file, oldest first, until it does not return 0. */
static int each(const struct box *box, int (*one)(const struct box *, const char *, void *), void *arg)
{
    struct dirent **entries = NULL;
    const int n = scandir(box->dir, &entries, is_entry, alphasort);
    int code = 0;

    if (n == -1)
        return errno == ENOENT ? 0 : cli_fail(EXIT_IOERR, "%s: %s", box->dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (code == 0)
            code = one(box, entries[i]->d_name, arg);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int list_each(const struct box *box, const char *name, void *arg)
{
    return list_one(box, name, arg);
}

static int list(struct cli *cli, const struct box *box)
{
    json_t *out = cli->json ? json_array() : NULL;
    const int code = cli->argc != 1 ? cli_usage("postmaster") : each(box, list_each, out);

    if (code != 0 || out == NULL) {
        json_decref(out);
        return code;
    }
    return cli_json(out);
}

/* ---- show ---- */

static int show(struct cli *cli, const struct box *box)
{
    struct err_text why = { "" };
    char path[PATH_TEXT_MAX];
    struct buf text;
    enum trap_err err;

    if (cli->argc != 2)
        return cli_usage("postmaster");
    if (!is_mail(cli->argv[1]) || path_join(box->dir, cli->argv[1], path) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "postmaster: \"%s\" is no name that `trapline postmaster list` shows",
                        cli_text(bytes_str(cli->argv[1])));
    err = file_slurp(path, box->config->smtp.message_max_bytes + TRACE_MAX, &text, &why);
    if (err == TRAP_ENOENT)
        return cli_fail(EXIT_USAGE, "postmaster: there is no %s", cli_text(bytes_str(cli->argv[1])));
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    cli_print_content(buf_bytes(&text));
    buf_free(&text);
    return 0;
}

/* ---- remove ---- */

static int remove_one(const struct box *box, const char *name)
{
    char path[PATH_TEXT_MAX];

    if (!is_mail(name) || path_join(box->dir, name, path) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "postmaster: \"%s\" is no name that `trapline postmaster list` shows",
                        cli_text(bytes_str(name)));
    if (unlink(path) == -1)
        return errno == ENOENT ? cli_fail(EXIT_USAGE, "postmaster: there is no %s", cli_text(bytes_str(name)))
                               : cli_fail(EXIT_IOERR, "%s: %s", path, strerror(errno));
    return 0;
}

struct sweep {
    struct prefix from;
    uint64_t removed;
};

static int sweep_one(const struct box *box, const char *name, void *arg)
{
    struct sweep *sweep = arg;
    struct ip client;

    if (!postmaster_client(bytes_str(name), &client) || !prefix_has(sweep->from, client))
        return 0;
    sweep->removed++;
    return remove_one(box, name);
}

static int remove_from(const struct box *box, const char *word)
{
    struct sweep sweep = { .removed = 0 };
    int code;

    if (prefix_parse(bytes_str(word), &sweep.from) != TRAP_OK)
        return cli_fail(EXIT_USAGE, "postmaster: \"%s\" is no address and no prefix",
                        cli_text(bytes_str(word)));
    code = each(box, sweep_one, &sweep);
    if (code == 0)
        printf("%llu removed.\n", (unsigned long long)sweep.removed);
    return code;
}

static int remove_all(struct cli *cli, const struct box *box, const char *from)
{
    int code = 0;

    if ((from != NULL) != (cli->argc == 1))
        return cli_usage("postmaster");
    if (from != NULL)
        return remove_from(box, from);
    for (int i = 1; i < cli->argc && code == 0; i++)
        code = remove_one(box, cli->argv[i]);
    return code;
}

int verb_postmaster(struct cli *cli)
{
    struct box box = { .config = NULL };
    const char *from = NULL;
    const bool given = cli_option(cli, "--from", &from);
    int code = cli_words(cli, "postmaster", 1, NAMES_MAX);

    if (code != 0)
        return code;
    if (strcmp(cli->argv[0], "list") != 0 && strcmp(cli->argv[0], "show") != 0 &&
        strcmp(cli->argv[0], "remove") != 0)
        return cli_usage("postmaster");
    if (given && strcmp(cli->argv[0], "remove") != 0)
        return cli_usage("postmaster");
    code = box_open(cli, &box);
    if (code != 0)
        return code;
    code = cli->argv[0][0] == 'l'   ? list(cli, &box)
           : cli->argv[0][0] == 's' ? show(cli, &box)
                                    : remove_all(cli, &box, from);
    config_free(&box.config);
    return code;
}
