/* report_print.c - see report.h: from the document to text that a person reads. */
#include "report.h"

#include <stdio.h>

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s == NULL ? "" : s;
}

static long long number(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

static const char *plural(long long n)
{
    return n == 1 ? "" : "s";
}

static void print_times(const json_t *z)
{
    if (text(z, "since")[0] != '\0')
        printf("      since %s", text(z, "since"));
    if (text(z, "until")[0] != '\0')
        printf(" until %s", text(z, "until"));
    if (text(z, "since")[0] != '\0' || text(z, "until")[0] != '\0')
        putchar('\n');
}

static void print_zones(const json_t *zones)
{
    size_t i;
    const json_t *z;

    json_array_foreach(zones, i, z)
    {
        const bool sender = json_object_get(z, "score") != NULL;

        printf("  %s as %s: %s%s (policy %s%s)\n", text(z, "zone"), text(z, "role"), text(z, "state"),
               strcmp(text(z, "reason"), "deny") == 0 ? " by an operator's act `deny`" : "",
               text(z, "policy"),
               json_is_true(json_object_get(z, "published")) ? "" : "; the zone is in shadow, not served");
        if (sender)
            printf("      score %s of %s needed, %lld of %lld source%s, %lld of %lld day%s, %lld message%s\n",
                   text(z, "score"), text(z, "score_needed"), number(z, "sources"),
                   number(z, "sources_needed"), plural(number(z, "sources_needed")), number(z, "days"),
                   number(z, "days_needed"), plural(number(z, "days_needed")), number(z, "messages"),
                   plural(number(z, "messages")));
        if (text(z, "more_each")[0] != '\0')
            printf("      each message counts %s more, for what look-ups say of the sender\n", text(z, "more_each"));
        if (!sender)
            printf(
                "      %lld sender%s (%lld needed) or %lld address%s mailed (%lld needed), last visit %s\n",
                number(z, "senders"), plural(number(z, "senders")), number(z, "senders_needed"),
                number(z, "addresses"), number(z, "addresses") == 1 ? "" : "es",
                number(z, "addresses_needed"),
                text(z, "last_visit")[0] == '\0' ? "none" : text(z, "last_visit"));
        print_times(z);
        if (text(z, "held_until")[0] != '\0' && strcmp(text(z, "state"), "delayed") == 0)
            printf("      held until %s: nobody knows yet whether it is a search engine's crawler\n",
                   text(z, "held_until"));
        if (json_object_get(z, "kept_off_by") != NULL)
            printf("      kept off by the list \"%s\", entry %s\n", text(z, "kept_off_by"),
                   text(z, "kept_off_entry"));
        else if (json_is_true(json_object_get(z, "guard_missing")) && text(z, "since")[0] != '\0')
            puts("      the guard is missing: the zone takes no additions meanwhile (`trapline status` says more)");
    }
}

static void print_visit(const json_t *v, const char *indent)
{
    const char *client = text(v, "client");

    printf("%sshown to %s at %s on %s%s%s\n", indent, client[0] == '\0' ? "nobody (batch)" : client,
           text(v, "at"), text(v, "site"), text(v, "page"),
           json_is_false(json_object_get(v, "shown")) ? " (not shown: the commit was too late)" : "");
    if (text(v, "agent")[0] != '\0')
        printf("%s  user agent: %s\n", indent, text(v, "agent"));
}

/* Remote text between marks that it cannot write itself. */
static void print_between(char begin, const char *s, char end)
{
    putchar(begin);
    for (; *s != '\0'; s++) {
        if (*s == end)
            printf("\\x%02x", (unsigned)end);
        else
            putchar(*s);
    }
    putchar(end);
}

/* "    marks: early_talk nul"; nothing where there is none. */
static void print_marks(const json_t *o)
{
    const json_t *marks = json_object_get(o, "marks"), *first = json_object_get(o, "first_command_ms");
    size_t i;
    const json_t *m;

    if (json_array_size(marks) > 0)
        printf("    marks:");
    json_array_foreach(marks, i, m) printf(" %s", json_string_value(m));
    if (json_array_size(marks) > 0)
        putchar('\n');
    if (json_is_integer(first))
        printf("    first command %lld ms after the greeting\n", (long long)json_integer_value(first));
}

static void print_dsn(const json_t *o)
{
    if (text(o, "dsn")[0] != '\0') {
        printf(", DSN ");
        print_between('"', text(o, "dsn"), '"');
    }
}

void report_print_hit(const json_t *hit)
{
    size_t i;
    const json_t *r;

    printf("  hit %lld at %s from %s, helo ", number(hit, "hit"), text(hit, "at"), text(hit, "sender"));
    print_between('"', text(hit, "helo"), '"');
    printf(", reverse-path ");
    print_between('<', text(hit, "reverse_path"), '>');
    printf(", %lld bytes, at %s", number(hit, "size"), text(hit, "local"));
    print_dsn(hit);
    putchar('\n');
    print_marks(hit);
    printf("    campaign %s, session %s", text(hit, "campaign"), text(hit, "session"));
    if (json_object_get(hit, "sample_of") != NULL)
        printf("; sample: `trapline sample %lld`", number(hit, "sample_of"));
    putchar('\n');
    json_array_foreach(json_object_get(hit, "recipients"), i, r)
    {
        const json_t *visit = json_object_get(r, "visit");

        printf("    to %s (%s%s%s%s%s)", text(r, "address"), text(r, "class"),
               text(r, "outcome")[0] == '\0' ? "" : ", ", text(r, "outcome"),
               json_is_true(json_object_get(r, "observed")) ? ", observed: it does not count" : "",
               json_is_true(json_object_get(r, "tainted")) ? ", tainted: it does not count" : "");
        print_dsn(r);
        putchar('\n');
        if (visit != NULL)
            print_visit(visit, "      ");
        if (text(r, "leaked_through")[0] != '\0')
            printf("      leaked through %s: a known fetcher, no harvester\n", text(r, "leaked_through"));
    }
}

static void print_hits(const json_t *hits)
{
    size_t i;
    const json_t *hit;

    if (json_array_size(hits) == 0)
        return;
    printf("\nmessages (newest first, at most %d)\n", REPORT_HITS_MAX);
    json_array_foreach(hits, i, hit) report_print_hit(hit);
}

static void print_tls(const json_t *session)
{
    const json_t *tls = json_object_get(session, "tls");
    const char *ja4 = text(tls != NULL ? tls : session, "ja4");

    if (tls != NULL) {
        printf("    TLS %s ", text(tls, "version"));
        print_between('"', text(tls, "cipher"), '"');
        if (text(tls, "server_name")[0] != '\0') {
            printf(", asked for ");
            print_between('"', text(tls, "server_name"), '"');
        }
    }
    if (ja4[0] != '\0')
        printf("%s%s", tls != NULL ? ", JA4 " : "    JA4 ", ja4);
    if (tls != NULL || ja4[0] != '\0')
        putchar('\n');
}

static void print_auth(const json_t *session)
{
    size_t i;
    const json_t *a;

    if (number(session, "auth_attempts") > 0)
        printf("    tried to log in %lld time%s\n", number(session, "auth_attempts"),
               plural(number(session, "auth_attempts")));
    json_array_foreach(json_object_get(session, "auth"), i, a)
    {
        printf("      as ");
        print_between('"', text(a, "user"), '"');
        printf(" by ");
        print_between('"', text(a, "mechanism"), '"');
        if (text(a, "password_hash")[0] != '\0')
            printf(", password #%.8s", text(a, "password_hash"));
        putchar('\n');
    }
}

static void print_session(const json_t *s)
{
    const json_t *attempt = json_object_get(s, "attempt");
    const long long refused =
        number(s, "refused_unknown") + number(s, "refused_relay") + number(s, "refused_limit");

    printf("  session %s at %s from %s to %s, %lld ms, helo ", text(s, "session"), text(s, "at"),
           text(s, "client"), text(s, "local"), number(s, "duration_ms"));
    print_between('"', text(s, "helo"), '"');
    printf(" (%s)\n    %lld command%s, %lld error%s, %lld message%s", text(s, "helo_class"),
           number(s, "commands"), plural(number(s, "commands")), number(s, "errors"),
           plural(number(s, "errors")), number(s, "messages"), plural(number(s, "messages")));
    if (refused > 0)
        printf("; refused: %lld unknown, %lld to other domains, %lld by limits", number(s, "refused_unknown"),
               number(s, "refused_relay"), number(s, "refused_limit"));
    putchar('\n');
    print_marks(s);
    print_tls(s);
    print_auth(s);
    if (attempt != NULL)
        printf("    began a message to %s (%s) and did not end it\n", text(attempt, "address"),
               text(attempt, "class"));
}

static void print_sessions(const json_t *doc)
{
    const json_t *sessions = json_object_get(doc, "sessions");
    const json_t *counters = json_object_get(doc, "beyond_hourly_limit");
    size_t i;
    const json_t *o;

    if (json_array_size(sessions) > 0)
        printf("\nsessions (newest first, at most %d)\n", REPORT_SESSIONS_MAX);
    json_array_foreach(sessions, i, o) print_session(o);
    if (json_array_size(counters) > 0)
        puts("\nmessages beyond hits_per_sender_hour, counted only");
    json_array_foreach(counters, i, o)
        printf("  hour %s: %lld message%s, %s .. %s\n", text(o, "hour"), number(o, "messages"),
               plural(number(o, "messages")), text(o, "first"), text(o, "last"));
}

static void print_unfolded(const json_t *doc, const char *what)
{
    const long long n = number(doc, "not_folded");

    if (n > 0)
        printf("  not in the evidence yet: the %lld newest %s%s of all addresses; trapexport takes them in\n", n, what,
               plural(n));
}

void report_print_sender(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "evidence");
    size_t i;
    const json_t *r;

    printf("%s as sender\n", text(doc, "key"));
    print_zones(json_object_get(doc, "zones"));
    print_unfolded(doc, "message");
    if (json_array_size(rows) > 0)
        puts("\nevidence");
    else
        puts(json_array_size(json_object_get(doc, "hits")) > 0 ? "  no evidence: none of its messages counts so far"
                                                              : "  no evidence: nothing from it reached a trap");
    json_array_foreach(rows, i, r)
        printf("  %-9s %lld message%s, source %s, %s .. %s\n", text(r, "class"), number(r, "messages"),
               plural(number(r, "messages")), text(r, "source"), text(r, "first"), text(r, "last"));
    print_hits(json_object_get(doc, "hits"));
    print_sessions(doc);
}

static const char *addresses(long long n)
{
    return n == 1 ? "address" : "addresses";
}

static void print_harvest(const json_t *doc)
{
    const json_t *sum = json_object_get(doc, "harvest"), *after = json_object_get(sum, "first_mail_after_ms");
    const long long n = number(sum, "addresses"), leaked = number(sum, "leaked");
    char soonest[WALL_TEXT_MAX], median[WALL_TEXT_MAX], nine_tenths[WALL_TEXT_MAX];
    const char *name, *sep = "";
    json_t *count;

    if (sum == NULL)
        return;
    printf("  %lld %s mailed by %lld sender%s, %lld message%s\n", n, addresses(n), number(sum, "senders"),
           plural(number(sum, "senders")), number(sum, "messages"), plural(number(sum, "messages")));
    if (leaked > 0)
        printf("  %lld of them leaked through it while it was a known fetcher: that is no harvest\n", leaked);
    printf("  first mail to an address after %s at the soonest, %s for half of them, %s for nine tenths\n",
           span_text((span_t){ number(after, "soonest") }, soonest), span_text((span_t){ number(after, "median") }, median),
           span_text((span_t){ number(after, "nine_tenths") }, nine_tenths));
    printf("  what worked: ");
    json_object_foreach(json_object_get(sum, "techniques"), name, count)
    {
        printf("%s%s %lld", sep, name, (long long)json_integer_value(count));
        sep = ", ";
    }
    putchar('\n');
}

static void print_seen_as(const json_t *doc)
{
    const json_t *seen = json_object_get(doc, "seen_as");
    const long long visits = number(seen, "visits"), agents = number(seen, "agents"), sites = number(seen, "sites");

    if (json_is_true(json_object_get(doc, "known_fetcher")))
        puts("  a known fetcher (crawler_files, or a confirmed crawler): never listed as a harvester");
    if (visits > 0)
        printf("  its %lld newest visit%s here: %lld user agent%s on %lld site%s\n", visits, plural(visits), agents,
               plural(agents), sites, plural(sites));
}

void report_print_harvester(const json_t *doc)
{
    const json_t *visits = json_object_get(doc, "visits");
    const json_t *links = json_object_get(doc, "links");
    size_t i;
    const json_t *l;

    printf("%s as visitor\n", text(doc, "key"));
    print_zones(json_object_get(doc, "zones"));
    print_unfolded(doc, "visit");
    printf("  was given bait %lld time%s", number(visits, "count"), plural(number(visits, "count")));
    if (number(visits, "count") > 0)
        printf(", first %s, last %s", text(visits, "first"), text(visits, "last"));
    putchar('\n');
    print_seen_as(doc);
    print_harvest(doc);
    if (json_array_size(links) == 0) {
        puts("  none of its addresses was mailed");
        return;
    }
    puts("\naddresses that were mailed");
    json_array_foreach(links, i, l) printf(
        "  visit %lld slot %lld (%s), taken %s: mailed by %s, %lld message%s, first %s\n", number(l, "visit"),
        number(l, "slot"), text(l, "technique"), text(l, "visited"), text(l, "sender"), number(l, "messages"),
        plural(number(l, "messages")), text(l, "first_mail"));
    if (number(doc, "links_in_all") > (long long)json_array_size(links))
        printf("  … %lld in all\n", number(doc, "links_in_all"));
}

static void print_not_minted(const json_t *doc)
{
    if (text(doc, "static_trap")[0] != '\0')
        printf("  a static trap, class %s, %s (`trapline trap list`)\n", text(doc, "static_trap"), text(doc, "state"));
    else if (json_is_true(json_object_get(doc, "role")))
        puts("  no trap: mail to postmaster and abuse is kept to be read (`trapline postmaster`)");
    else if (json_is_true(json_object_get(doc, "retired")))
        puts("  no trap any more: retired (`trapline trap list`)");
    else
        puts("  not minted by this installation and no static trap: a guess, or none of ours");
}

void report_print_address(const json_t *doc)
{
    const json_t *visit = json_object_get(doc, "visit");

    printf("%s\n", text(doc, "address"));
    if (!json_is_true(json_object_get(doc, "minted"))) {
        print_not_minted(doc);
    } else {
        printf("  minted by node %lld (epoch %lld, serial %lld, slot %lld%s%s): %s%s\n", number(doc, "node"),
               number(doc, "epoch"), number(doc, "serial"), number(doc, "slot"),
               text(doc, "technique")[0] == '\0' ? "" : ", ", text(doc, "technique"), text(doc, "outcome"),
               json_is_true(json_object_get(doc, "repaired")) ? ", after undoing a harvester's garbling"
                                                              : "");
        if (visit != NULL)
            print_visit(visit, "  ");
    }
    if (json_array_size(json_object_get(doc, "hits")) == 0)
        puts("  nobody has mailed it");
    print_hits(json_object_get(doc, "hits"));
}

void report_print_networks(const json_t *networks)
{
    size_t i, k;
    const json_t *z, *row;

    json_array_foreach(networks, i, z)
    {
        printf("  %s (policy %s%s)\n", text(z, "zone"), text(z, "policy"),
               json_is_true(json_object_get(z, "published")) ? "" : "; the zone is in shadow, not served");
        json_array_foreach(json_object_get(z, "listed"), k, row)
        {
            printf("      %s: listed\n", text(row, "network"));
            print_times(row);
        }
        json_array_foreach(json_object_get(z, "rows"), k, row)
            printf("      %s: %lld listed, %lld make it a network\n", text(row, "network"), number(row, "members"),
                   number(row, "members_needed"));
    }
}

void report_print_prefix(const json_t *doc)
{
    const json_t *senders = json_object_get(doc, "senders"), *s, *z;
    size_t i, k;

    printf("%s: %lld sender%s with evidence\n", text(doc, "prefix"), number(doc, "senders_in_all"),
           plural(number(doc, "senders_in_all")));
    if (text(doc, "kept_off_by")[0] != '\0')
        printf("  (part of it is) kept off by the list \"%s\", entry %s\n", text(doc, "kept_off_by"), text(doc, "kept_off_entry"));
    json_array_foreach(senders, i, s)
    {
        printf("  %s", text(s, "key"));
        json_array_foreach(json_object_get(s, "zones"), k, z)
            printf("%s %s: %s", k == 0 ? " " : ",", text(z, "zone"), text(z, "state"));
        putchar('\n');
    }
    if (number(doc, "senders_in_all") > (long long)json_array_size(senders))
        printf("  ... and %lld more; `trapline dump` tells all\n",
               number(doc, "senders_in_all") - (long long)json_array_size(senders));
    report_print_networks(json_object_get(doc, "networks"));
}
