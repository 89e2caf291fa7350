/* cli.c - see cli.h. */
#include "cli.h"

#include <base/buf.h>
#include <base/daemon.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cli_fail(int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("trapline: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

int cli_fail_err(enum trap_err err, const struct err_text *why)
{
    return cli_fail(daemon_exit_code(err), "%s", why->text[0] != '\0' ? why->text : err_name(err));
}

int cli_usage(const char *verb)
{
    for (const struct verb *v = verbs; v->name != NULL; v++)
        if (strcmp(v->name, verb) == 0)
            fprintf(stderr, "usage: trapline %s %s\n'trapline help %s' tells more.\n", v->name, v->usage,
                    v->name);
    return EXIT_USAGE;
}

static void drop_words(struct cli *cli, int at, int count)
{
    for (int i = at; i + count <= cli->argc; i++)
        cli->argv[i] = cli->argv[i + count];
    cli->argc -= count;
}

bool cli_option(struct cli *cli, const char *name, const char **value_out)
{
    const size_t n = strlen(name);

    for (int i = 0; i < cli->argc; i++) {
        const char *word = cli->argv[i];

        if (strcmp(word, "--") == 0)
            return false;
        if (strncmp(word, name, n) != 0 || (word[n] != '\0' && word[n] != '='))
            continue;
        if (word[n] == '=') {
            *value_out = word + n + 1;
            drop_words(cli, i, 1);
            return true;
        }
        if (i + 1 >= cli->argc)
            exit(cli_fail(EXIT_USAGE, "%s needs a value", name));
        *value_out = cli->argv[i + 1];
        drop_words(cli, i, 2);
        return true;
    }
    return false;
}

bool cli_flag(struct cli *cli, const char *name)
{
    for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (strcmp(cli->argv[i], name) == 0) {
            drop_words(cli, i, 1);
            return true;
        }
    }
    return false;
}

int cli_words(struct cli *cli, const char *verb, int min, int max)
{
    for (int i = 0; i < cli->argc; i++) {
        if (strcmp(cli->argv[i], "--") == 0) {
            drop_words(cli, i, 1);
            break;
        }
        if (cli->argv[i][0] == '-' && cli->argv[i][1] != '\0') {
            (void)cli_fail(EXIT_USAGE, "%s: unknown option %s", verb, cli->argv[i]);
            return cli_usage(verb);
        }
    }
    return cli->argc < min || cli->argc > max ? cli_usage(verb) : 0;
}

int cli_json(json_t *document)
{
    if (document == NULL)
        return cli_fail(EXIT_OSERR, "out of memory");
    (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    (void)putchar('\n');
    json_decref(document);
    return 0;
}

enum trap_err cli_bin_dir(char out[PATH_TEXT_MAX])
{
    const ssize_t n = readlink("/proc/self/exe", out, PATH_TEXT_MAX - 1);

    if (n == -1)
        return TRAP_EIO;
    out[n] = '\0';
    *strrchr(out, '/') = '\0'; /* the kernel's name begins with one */
    return TRAP_OK;
}

/* C0, DEL, C1 (two bytes in UTF-8) and bidirectional controls never reach a terminal. */
static bool printable(struct bytes s, size_t n)
{
    if (n == 1)
        return s.p[0] >= 0x20 && s.p[0] != 0x7f;
    if (n == 2 && s.p[0] == 0xc2 && s.p[1] < 0xa0)
        return false;
    if (n == 3 && s.p[0] == 0xe2 && (s.p[1] == 0x80 || s.p[1] == 0x81))
        return false;
    return true;
}

static void add_clean(struct buf *b, struct bytes s)
{
    while (s.n > 0) {
        const size_t n = bytes_utf8_len(s);

        if (n == 0 || !printable(s, n)) {
            buf_add_str(b, "\\x");
            buf_add_hex(b, bytes_take(s, 1));
            s = bytes_skip(s, 1);
        } else {
            buf_add(b, bytes_take(s, n));
            s = bytes_skip(s, n);
        }
    }
}

json_t *json_bytes(struct bytes s)
{
    struct buf b;
    json_t *out;

    buf_init(&b, s.n * 4 + 1);
    add_clean(&b, s);
    out = json_stringn(b.n == 0 ? "" : (const char *)b.p, b.n);
    buf_free(&b);
    return out;
}

const char *cli_text(struct bytes s)
{
    enum { RING = 8, CUT = 200 };
    static char ring[RING][CUT * 4 + 8];
    static unsigned next;
    char *out = ring[next++ % RING];
    struct buf b;
    size_t n;

    buf_init(&b, sizeof(ring[0]));
    add_clean(&b, bytes_take(s, CUT));
    if (s.n > CUT)
        buf_add_str(&b, "...");
    n = b.n < sizeof(ring[0]) ? b.n : sizeof(ring[0]) - 1;
    if (n > 0)
        memcpy(out, b.p, n);
    out[n] = '\0';
    buf_free(&b);
    return out;
}

json_t *json_wall(wall_t t)
{
    char text[WALL_TEXT_MAX];

    return t.us == 0 || t.us == INT64_MAX ? json_null() : json_string(wall_text(t, text));
}

json_t *json_ip(struct ip a)
{
    char text[IP_TEXT_MAX];

    return json_string(ip_text(a, text));
}

json_t *json_prefix(struct prefix p)
{
    char text[PREFIX_TEXT_MAX];

    return json_string(prefix_text(p, text));
}

enum trap_err cli_prefix(const char *word, struct prefix *out)
{
    struct ip a;

    if (ip_parse(bytes_str(word), &a) == TRAP_OK) {
        *out = ip_key(a);
        return TRAP_OK;
    }
    return prefix_parse(bytes_str(word), out);
}

void cli_print_content(struct bytes content)
{
    while (content.n > 0) {
        const size_t end = bytes_find(content, '\n');
        struct bytes line = bytes_take(content, end);
        json_t *text;

        if (end < content.n && line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        text = json_bytes(line);
        printf("%s\n", text == NULL ? "" : json_string_value(text));
        json_decref(text);
        content = bytes_skip(content, end < content.n ? end + 1 : content.n);
    }
}
