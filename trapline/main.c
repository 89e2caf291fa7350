/* main.c - the table of verbs, --help, and the way to one of them. */
#include "cli.h"

#include <base/daemon.h>
#include <mail/keyed.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct verb verbs[] = {
    { "init", "--dir DIR [--domain D]... [--hostname H] [--tls on|off]",
      "Make configuration, keys and store of a new installation.",
      "Makes DIR with trapline.conf, keys/, self-signed certificates in tls/ and the databases. Never "
      "overwrites: a DIR that holds an installation is refused.\n"
      "Without --domain it uses trap.test, which is only for trying on this machine. With your own trap "
      "domains:\n\n"
      "    trapline init --dir /var/lib/trapline --domain example.net --hostname mx.example.net\n",
      verb_init },
    { "run", "[-c CONF]", "Start the daemons and keep them running.",
      "Starts trapweb, trapsmtp and trapexport, restarts one that fails, and stops all on SIGTERM or "
      "SIGINT.\n"
      "A wrong configuration or a port in use ends it at once with one line that says why.\n",
      verb_run },
    { "check", "[-c CONF]", "Is the configuration right?",
      "Reads the configuration and says FILE:LINE: what is wrong, or what it would do. Then looks whether the "
      "daemons would start: user,\n"
      "keys, certificates, lists, free disk. Starts nothing. Exit 78 when something is wrong; `mind` in front of "
      "what only should be known.\n",
      verb_check },
    { "check-map", "FILE|- [--domain D] [--json]", "Which of your mailboxes would be taken for a trap?",
      "For traps inside a domain that receives real mail: reads your mailboxes, an address or the part before the \"@\" "
      "a line (a table of\n"
      "mailboxes or aliases will do: the first word counts), and names those that the sink would take. They belong "
      "into `reserved`.\n"
      "A name without domain stands for itself in D, or in every trap domain. Exit 1 when there are any.\n\n"
      "    postmap -s hash:/etc/postfix/vmailbox | trapline check-map -\n",
      verb_check_map },
    { "status", "[-c CONF] [--json]", "What runs, what is on record, what is published.",
      "\"records\" are visits, messages and sessions on disk; \"folded\" says how far the evidence has taken "
      "them in; a zone in shadow is\n"
      "counted, but not served; `mind` stands before what is not as it should be (see `trapline check`).\n",
      verb_status },
    { "trace", "ADDRESS [--json]", "Who was shown this address, and who mailed it.",
      "Decodes a trap address: when, where and to whom it was shown, and which messages came to it.\n",
      verb_trace },
    { "explain", "IP|PREFIX|DOMAIN|ADDRESS|HIT [--json]", "Why an address is listed, or why not.",
      "Tells the whole chain: the evidence, which rule fired or what is missing, until when, and who may "
      "have harvested.\n"
      "Of a PREFIX who in it has evidence, and whether it is listed as a network; HIT is a number that `trapline sender` "
      "showed.\n\n"
      "    trapline explain 203.0.113.9\n",
      verb_explain },
    { "harvester", "IP [--json]", "What this visitor took, and who mails it.",
      "Its visits, the addresses it was shown that were mailed since, and by whom; how soon, and from which places of a "
      "page;\nwhat leaked through it where it is a known fetcher. An IPv6 address stands for its /64.\n",
      verb_harvester },
    { "sender", "IP [--json]", "What this sender sent to traps.",
      "The evidence, the newest messages with the visit that each recipient was minted for, the sessions with what they "
      "showed of the\nclient, and what was only counted.\n",
      verb_sender },
    { "sample", "HIT [--wire]", "The head of a message.",
      "HIT is a number that `trapline sender` or `trace` showed. One sample is kept a campaign: it is that of "
      "the first message. Without option\n"
      "the content, with what could steer a terminal as \\xHH; --wire: the octets as they came.\n",
      verb_sample },
    { "postmaster", "list [--json] | show NAME | remove NAME... | remove --from IP|PREFIX",
      "Mail to postmaster and abuse.",
      "It is kept in full, lists nobody, and waits in state_dir/postmaster until you read and remove it. `show`: what "
      "could steer a terminal\n"
      "as \\xHH. `remove --from`: all that one client sent.\n",
      verb_postmaster },
    { "probe", "[DOMAIN]... --from ADDRESS [--via HOST:PORT] [--wait TIME] [--json]",
      "Does mail to the trap domains arrive here?",
      "Sends a marked message to postmaster of each domain through your mail server (--via, localhost:25), waits for it "
      "(--wait, 2m), and\nremoves it where the sink has put it. Mail to postmaster is no evidence. Exit 0: all arrived; 1: not "
      "all.\n\n"
      "    trapline probe --from postmaster@example.org\n",
      verb_probe },
    { "look", "[IP|DOMAIN] [--now] [--json]", "What the DNS says of an address or a mail provider.",
      "What traplook wrote down: reverse name, HELO, whitelist, country and network; of a provider the networks that its "
      "SPF record names.\n"
      "Without a word: the guard and all providers. --now: asks about the address, whenever it was asked last.\n",
      verb_look },
    { "trap",
      "add ADDRESS|DOMAIN CLASS [--condition TIME] [--observe TIME] | import FILE [--class CLASS] [--except FILE]... "
      "[--form list|csv|sql] [--dry-run] [--partial] | retire ADDRESS|DOMAIN | taint ADDRESS|DOMAIN --why TEXT | "
      "list [--all] [--state STATE] [--json]",
      "Static traps, from their first day to their last.",
      "CLASS is pristine, recycled or typo. A trap that was somebody's address should first be conditioned: mail to it "
      "is refused exactly\n"
      "like that to an unknown recipient, so that honest senders take it off (--condition 365d); then observed: mail is "
      "kept and lists\n"
      "nobody (--observe 30d); then it is armed. Without the options a recycled one takes trap_conditioning and "
      "trap_observing of the\nconfiguration, and any other is armed at once. `trap add` once more arms it now.\n"
      "`import` reads lines `ADDRESS [CLASS]`, CSV, or an SQL dump of Spamikaze (the traps are in its archived mail), and "
      "imports all or\n"
      "none of them; --partial leaves out what it refuses, --dry-run only tells. --except names your real mailboxes: they "
      "are never traps.\n"
      "`retire` ends a trap: mail to it is refused from then on. `taint`: nothing that came or comes to it counts. All "
      "take --by NAME and\n--why TEXT for the record. Running daemons learn of it within two seconds.\n\n"
      "    trapline trap add sales@old-brand.example recycled --condition 365d --observe 30d\n",
      verb_trap },
    { "allow", "PREFIX [--until TIME] [--by NAME] --why TEXT", "Never list a prefix.",
      "Put on record with who, when and why. TIME: 2026-12-31 or 2026-12-31T12:00:00Z.\n", verb_allow },
    { "deny", "PREFIX [--until TIME] [--by NAME] --why TEXT", "List a prefix by hand.",
      "Never past the never-list. Put on record with who, when and why.\n", verb_deny },
    { "submit", "PREFIX (--until TIME | --for TIME) [--by NAME] --why TEXT",
      "A trusted person's listing, with a reason and an end.",
      "Listed by policies with `submissions = \"on\"`, under a reason of its own, until its end; never past the "
      "never-list, the guard or an\n`allow`. NAME is who vouches for it.\n\n"
      "    trapline submit 203.0.113.9 --for 7d --by jane --why \"phishing our users, ticket 4711\"\n",
      verb_submit },
    { "delist", "PREFIX [--self-service] [--by NAME] --why TEXT",
      "A removal: evidence up to now does not list any more.",
      "What comes later counts again. Put on record with who, when and why. What forbids a listing is "
      "`allow`.\n"
      "Each removal locks the next for longer (delist_lockout) for the listed themselves: with --self-service it is "
      "refused while the lock\nholds (exit 75).\n",
      verb_delist },
    { "taint", "WHAT=VALUE... [--by NAME] --why TEXT | list [--notices] [--json]",
      "Evidence that must not count.",
      "Takes out what must not list anybody, as if it had never come, also what is folded already: a trap that was signed "
      "up somewhere, a\n"
      "page whose addresses leaked, a machine that lies. WHAT is trap, visit (NODE/NUMBER), slot, site, page, harvester "
      "(a prefix), node,\n"
      "from, to (of the mail), visited-from, visited-to; all that are given must hold. Nobody is listed by a taint. "
      "`list --notices`: the\nsame without names, to be published. `trapline revoke ACT` takes it back.\n\n"
      "    trapline taint site=www.shop.example visited-from=2026-03-01 visited-to=2026-03-03 --why \"page was "
      "linked\"\n",
      verb_taint },
    { "revoke", "ACT [--by NAME] --why TEXT", "Take back an allow, deny, submit, delist or taint.",
      "ACT is the number that the command printed. Both stay on record.\n", verb_revoke },
    { "saves", "[--by-list NAME] [--json]", "Who would be listed, but for a list.",
      "Whom the never-list, an `allow`, the guard or the crawlers' ranges keep off the zones now: by which entry, since "
      "when.\n",
      verb_saves },
    { "report", "IP --from ADDRESS --to ADDRESS [--json]", "A report about a listed sender, for an abuse desk.",
      "A message on standard output (RFC 5965, with XARF v4 inside) for your mail program. Only about who is on a "
      "published zone for mail\n"
      "of his own. It names the sender, since when it is listed, how many messages count and the day of the newest one, "
      "and nothing that could\ntell a trap. The same listing has the same id each time. --json: the XARF document "
      "alone.\n\n"
      "    trapline report 203.0.113.9 --from abuse@example.org --to abuse@isp.example | sendmail -t\n",
      verb_report },
    { "policy", "list | show NAME [--json]", "The listing policies, in plain words.",
      "`show`: what the rule asks for, as it is published; NAME is a policy block or a preset. --json: its numbers.\n",
      verb_policy },
    { "replay",
      "[--policy FILE] [--name NAME] [--against NAME] [--since TIME] [--until TIME] [--step SPAN] [--kind KIND] [--limit N]",
      "Who would have been listed by another policy.",
      "Applies a policy of FILE (or one of the configuration, or a preset, by --name) and a present one (--against) to "
      "the evidence on record,\n"
      "at each UTC midnight since TIME (30 days ago) and now, and says whom only one of them lists, with the evidence. "
      "Changes nothing.\n"
      "FILE holds a policy block. TIME: 2026-03-01, 2026-03-01T12:00:00Z, or how long ago, 7d. KIND: senders, harvesters, "
      "nets.\n\n"
      "    trapline replay --name conservative --against standard --since 7d\n",
      verb_replay },
    { "forget", "IP|PREFIX|DOMAIN [--why TEXT] [--json]", "Erases what is on record of a subject.",
      "Visits keep its network alone; messages, sessions, counted messages, samples and look-ups go; evidence is made anew. Of a "
      "domain: what names\nit as sender, HELO or log-in. The daemons that own the files do it, within seconds; without them this "
      "command does. An act stays, with a\nkeyed hash in place of the subject. An IPv6 address stands for its /64; nothing wider "
      "than /16 (IPv4) or /32 (IPv6). docs/retention.md.\n",
      verb_forget },
    { "export-subject", "IP|PREFIX|DOMAIN [--operator]", "All that is on record of a subject, as JSON.",
      "For the subject itself: no trap is in it, no page that shows bait, and no operator. --operator: whole, for your own eyes.\n",
      verb_export_subject },
    { "import", "--events FILE|- [--json]", "A log with its own clock, into an installation that does not run.",
      "Lines of JSON: visits, messages, sessions and acts with their times (docs/events.md). Sequences rise above what "
      "is there; without \"seq\" the\nnext one is given. For tests, replays and moves.\n\n"
      "    trapline dump --events | trapline import -c /tmp/copy/trapline.conf --events -\n",
      verb_import },
    { "dump", "[--as-of TIME] [--json | --events]", "Evidence and listings as text, the same bytes from the same log.",
      "Prints every row of evidence and every listing of every zone, in order. Two installations with the "
      "same log, keys and configuration print the\n"
      "same bytes, whatever the order and the batches in which the records came.\n"
      "--events: the log itself, for `trapline import`.\n",
      verb_dump },
    { "rebuild", "[--batch N]", "Make derived.db again from the log.",
      "The exporter must not run. Prints records per second.\n", verb_rebuild },
    { "backup", "DIR [--keys] [--json]", "A copy of the store while the daemons run.",
      "DIR is made, or empty. In it: the logs, acts, samples, the record of what was published, the configuration, and a "
      "MANIFEST with digests.\n"
      "--keys: the keys and certificates, too, as they are; keep such a copy as you keep the keys. Evidence is not in it: it is "
      "made from the logs.\n",
      verb_backup },
    { "restore", "DIR [--json]", "Makes a backup the store of an installation that has none.",
      "Checks every file first. The mint goes on with a new epoch, so that no address is shown twice. Keys that are there "
      "stay; others\n"
      "than those of the backup are refused. On a new machine:\n\n"
      "    trapline init --dir /var/lib/trapline\n"
      "    cd /var/lib/trapline && rm -r *.db keys && cp /backup/monday/trapline.conf trapline.conf\n"
      "    trapline keys import SEALED            # unless the backup was made with --keys\n"
      "    trapline restore /backup/monday\n",
      verb_restore },
    { "verify", "[--full] [--json] | --backup DIR", "Is every file of the store whole?",
      "Reads every record and counts every index, while the daemons run. --full: SQLite's own check of each file in one go; "
      "stop the daemons\nfirst, or their write-ahead logs grow meanwhile. --backup: are the files of a backup what was copied? "
      "Exit 74 when something is damaged.\n",
      verb_verify },
    { "keys", "export [--out FILE] | import FILE | tls", "A copy of the keys, sealed with a passphrase; certificates.",
      "`export`: losing the master key loses every address. The passphrase is asked for, or read from the "
      "first line of standard input.\n"
      "`import`: puts the keys of such a copy into an installation that has lost them; never overwrites. trapweb "
      "must not run.\n"
      "`tls`: makes the self-signed certificates tls/ecdsa.pem and tls/rsa.pem of the installation, where they "
      "are not there. A running\n"
      "trapsmtp takes them up within seconds and offers STARTTLS.\n",
      verb_keys },
    { "demo", "[--keep]", "Catch one harvester and two spammers in a scratch directory, step by step.",
      "Starts real daemons and a real rbldnsd on free ports of 127.0.0.1, plays both sides, and explains "
      "what was caught. Leaves nothing\n"
      "behind; with --keep the scratch directory stays, to look into.\n",
      verb_demo },
    { .name = NULL },
};

static void print_help(FILE *out)
{
    fputs(
        "Trapline ties those who harvest addresses to those who mail them, and publishes DNS blocklists.\n\n"
        "usage: trapline VERB [WORDS] [-c CONF] [--json]\n\n",
        out);
    for (const struct verb *v = verbs; v->name != NULL; v++)
        fprintf(out, "  %-10s %s\n", v->name, v->summary);
    fprintf(out, "\n-c defaults to $TRAPLINE_CONF, then /etc/trapline/trapline.conf. `trapline help VERB` "
                 "tells more about one verb.\n"
                 "New here: `trapline demo`, then `trapline init`.\n");
}

static const struct verb *find_verb(const char *name)
{
    for (const struct verb *v = verbs; v->name != NULL; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static int help_verb(const struct verb *v)
{
    printf("usage: trapline %s %s\n\n%s\n", v->name, v->usage, v->summary);
    if (v->help[0] != '\0')
        printf("\n%s", v->help);
    return 0;
}

static int no_verb(const char *word)
{
    return cli_fail(EXIT_USAGE, "no verb \"%s\"; `trapline --help` lists them", cli_text(bytes_str(word)));
}

/* `help`, `help VERB` and `VERB --help` are the same. */
static int help(const char *about)
{
    const struct verb *v = about == NULL ? NULL : find_verb(about);

    if (v != NULL)
        return help_verb(v);
    if (about != NULL)
        return no_verb(about);
    print_help(stdout);
    return 0;
}

/* The options that all verbs share may stand anywhere, also before the verb. */
static int answer(struct cli *cli)
{
    const bool asked = cli_flag(cli, "--help") || cli_flag(cli, "-h");
    const struct verb *v;

    if (cli_flag(cli, "--version")) {
        puts("trapline " TRAPLINE_VERSION);
        return 0;
    }
    if (cli->argc > 0 && strcmp(cli->argv[0], "help") == 0)
        return help(cli->argv[1]);
    if (asked)
        return help(cli->argv[0]);
    cli->conf_named = cli_option(cli, "-c", &cli->conf_path);
    cli->json = cli_flag(cli, "--json");
    if (cli->argc == 0) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    v = find_verb(cli->argv[0]);
    if (v == NULL)
        return no_verb(cli->argv[0]);
    cli->argc--;
    cli->argv++;
    return v->run(cli);
}

int main(int argc, char **argv)
{
    struct cli cli = { .conf_path = daemon_default_config(), .argc = argc - 1, .argv = argv + 1 };
    int code;

    if (keyed_init() != TRAP_OK)
        return cli_fail(EXIT_OSERR, "no random numbers from the system");
    code = answer(&cli);
    if ((fflush(stdout) == EOF || ferror(stdout)) && code == 0)
        code = cli_fail(EXIT_IOERR, "cannot write the answer: standard output is closed or full");
    return code;
}
