/* cli.h - what every verb of the command line shares: options, messages, JSON.
 *
 * Rule:    facts go to standard output, as text or with --json as one JSON document; problems go to standard
 *          error as one line `trapline: what is wrong; what to do`, with the exit codes of base/daemon.h.
 * Threads: main only.
 */
#ifndef TRAPLINE_CLI_H
#define TRAPLINE_CLI_H

#include <base/bytes.h>
#include <base/err.h>
#include <base/file.h>
#include <base/ip.h>
#include <base/time.h>

#include <jansson.h>

struct cli {
    const char *conf_path;
    bool conf_named; /* by -c, not by default */
    bool json;
    int argc; /* words behind the verb, options of the verb included */
    char **argv;
};

struct verb {
    const char *name;
    const char *usage;   /* words behind the name */
    const char *summary; /* one line, a sentence */
    const char *help;    /* a paragraph or two with an example */
    int (*run)(struct cli *cli);
};
/* Ends with .name == NULL; one entry a file verb_*.c, in the order of --help. */
extern const struct verb verbs[];

int verb_allow(struct cli *cli);
int verb_backup(struct cli *cli);
int verb_check(struct cli *cli);
int verb_check_map(struct cli *cli);
int verb_delist(struct cli *cli);
int verb_demo(struct cli *cli);
int verb_deny(struct cli *cli);
int verb_dump(struct cli *cli);
int verb_explain(struct cli *cli);
int verb_export_subject(struct cli *cli);
int verb_forget(struct cli *cli);
int verb_harvester(struct cli *cli);
int verb_import(struct cli *cli);
int verb_init(struct cli *cli);
int verb_keys(struct cli *cli);
int verb_look(struct cli *cli);
int verb_policy(struct cli *cli);
int verb_postmaster(struct cli *cli);
int verb_probe(struct cli *cli);
int verb_rebuild(struct cli *cli);
int verb_replay(struct cli *cli);
int verb_report(struct cli *cli);
int verb_restore(struct cli *cli);
int verb_revoke(struct cli *cli);
int verb_run(struct cli *cli);
int verb_sample(struct cli *cli);
int verb_saves(struct cli *cli);
int verb_sender(struct cli *cli);
int verb_status(struct cli *cli);
int verb_submit(struct cli *cli);
int verb_taint(struct cli *cli);
int verb_trace(struct cli *cli);
int verb_trap(struct cli *cli);
int verb_verify(struct cli *cli);

/* Prints "trapline: …" and returns the code. */
int cli_fail(int code, const char *format, ...) TRAP_PRINTF(2, 3);
/* The same, with the exit code that fits err. */
int cli_fail_err(enum trap_err err, const struct err_text *why);
/* Usage line of a verb; returns EXIT_USAGE. */
int cli_usage(const char *verb);
/* Where the programs are: the folder of this one. */
TRAP_NODISCARD enum trap_err cli_bin_dir(char out[PATH_TEXT_MAX]);

/* Takes `--name VALUE` or `--name=VALUE` out of argv. False when it is not there; a missing value ends the
 * program with EXIT_USAGE. */
bool cli_option(struct cli *cli, const char *name, const char **value_out);
/* Takes a bare `--name` out of argv. */
bool cli_flag(struct cli *cli, const char *name);
/* After all options were taken: complains about what is left and starts with '-', or about a wrong count of
 * words. 0 when fine. */
int cli_words(struct cli *cli, const char *verb, int min, int max);

/* Prints the document and releases it; returns the exit code. (main() looks whether standard output took all
 * of it.) */
int cli_json(json_t *document);
/* Strings from remote bytes: valid UTF-8 whatever is in them (other bytes as \xHH). */
json_t *json_bytes(struct bytes s);
json_t *json_wall(wall_t t); /* null: never, or without end */
json_t *json_ip(struct ip a);
json_t *json_prefix(struct prefix p);

/* Remote bytes on a terminal: printable ASCII and valid UTF-8 letters as they are, all else as \xHH. Returns
 * a static ring of 8 texts, cut at 200. */
const char *cli_text(struct bytes s);

/* The content of a message, line by line (CRLF and LF end one), as json_bytes() writes it: nothing of it
 * steers a terminal. */
void cli_print_content(struct bytes content);

/* "127.0.0.1" or "192.0.2.0/24": the key under which evidence is kept. */
enum trap_err cli_prefix(const char *word, struct prefix *out);

#endif
