/* policy_text.c - the rule in plain words: what is published is what runs. Every number comes from the policy
 * that is applied. */
#include <base/buf.h>
#include <policy/listing.h>

static void add_milli(struct buf *out, uint32_t milli)
{
    const uint32_t part = milli % 1000;

    buf_add_u64(out, milli / 1000);
    if (part == 0)
        return;
    buf_addf(out, ".%03u", (unsigned)part);
    while (out->err == TRAP_OK && out->p[out->n - 1] == '0')
        out->n--;
}

static void add_span(struct buf *out, span_t d)
{
    char text[WALL_TEXT_MAX];

    buf_add_str(out, span_text(d, text));
}

static void add_weights(const struct conf_policy *p, struct buf *out)
{
    static const struct {
        enum weight_class class;
        const char *words;
    } lines[] = {
        { WEIGHT_MINTED, "an address that was shown to one visitor only" },
        { WEIGHT_PRISTINE, "a trap that nobody ever had a reason to mail" },
        { WEIGHT_RECYCLED, "a trap that was a person's address long ago" },
        { WEIGHT_TYPO, "a trap at a misspelt domain" },
        { WEIGHT_GUESS, "an address that was guessed" },
        { WEIGHT_ATTEMPT, "a message to a trap that was begun and not finished (alone it never lists)" },
    };
    static const struct {
        enum weight_class class;
        const char *words;
    } kinds[] = {
        { WEIGHT_LIST, "that came through a mailing list, by its header" },
        { WEIGHT_AUTOMATIC, "that is a bounce, a feedback report or an automatic reply by its structure" },
    };
    static const struct {
        enum weight_class class;
        const char *words;
    } looks[] = {
        { WEIGHT_NO_REVERSE, "without a reverse name that leads back to it" },
        { WEIGHT_GENERIC_REVERSE, "whose reverse name has the form of a row of hosts" },
        { WEIGHT_HELO_MISMATCH, "whose HELO name does not lead to it" },
    };

    buf_add_str(out, "Each message counts:\n");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        buf_add_str(out, "  ");
        add_milli(out, p->weight_milli[lines[i].class]);
        buf_addf(out, "  to %s\n", lines[i].words);
    }
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        if (p->weight_milli[looks[i].class] == 0)
            continue;
        buf_add_str(out, "  ");
        add_milli(out, p->weight_milli[looks[i].class]);
        buf_addf(out, "  more, from a sender %s\n", looks[i].words);
    }
    buf_add_str(out, "Whatever the trap, a message counts:\n");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        buf_add_str(out, "  ");
        add_milli(out, p->weight_milli[kinds[i].class]);
        buf_addf(out, "  %s\n", kinds[i].words);
    }
    buf_addf(out,
             "Up to %u bounces a day that return mail in which a trap's address was forged count nothing; they are what lists in "
             "a zone of backscatter.\n",
             (unsigned)p->backscatter_day_max);
    buf_addf(out,
             "At most %u messages a day (UTC) count for one source: the network that harvested the address "
             "(/24 or /48), the trap, or "
             "the trap domain.\n",
             (unsigned)p->per_source_day_max);
    buf_add_str(out, "What a message counts halves every ");
    add_span(out, p->half_life);
    buf_add_str(out, ".\n");
}

static void add_conditions(const struct conf_policy *p, struct buf *out)
{
    buf_add_str(out, "A sender (one IPv4 address, or one IPv6 /64) is listed when its messages add up to ");
    add_milli(out, p->threshold_milli);
    buf_addf(out, " or more, from %u or more sources, on %u or more days", (unsigned)p->sources_min,
             (unsigned)p->days_min);
    if (p->nodes_min > 1)
        buf_addf(out, ", seen by %u or more machines where more than one takes part", (unsigned)p->nodes_min);
    buf_add_str(out, ".\n");
    if (p->young_sources_max != UINT32_MAX) {
        buf_addf(out, "At most %u of these sources may be a network whose first visit is less than ",
                 (unsigned)p->young_sources_max);
        add_span(out, p->young_age);
        buf_add_str(out, " ago.\n");
    }
    if (p->delay_max.ms > 0) {
        buf_add_str(out, "The listing begins between ");
        add_span(out, p->delay_min);
        buf_add_str(out, " and ");
        add_span(out, p->delay_max);
        buf_add_str(out, " later.\n");
    }
    buf_add_str(out, "It ends ");
    add_span(out, p->half_life);
    buf_add_str(out, " after the messages no longer add up to that, and at the latest ");
    add_span(out, p->stay_max);
    buf_add_str(
        out, " after the last message; up to 59 minutes are added, so that not everything ends at once.\n");
}

static void add_harvesters(const struct conf_policy *p, struct buf *out)
{
    buf_addf(out,
             "A harvester is listed when %u or more senders mailed addresses that only it was shown, or when "
             "%u or more such "
             "addresses were mailed. The listing ends ",
             (unsigned)p->harvester_senders_min, (unsigned)p->harvester_addresses_min);
    add_span(out, p->visit_age_max);
    buf_add_str(out, " after its last visit.\nCrawlers in the ranges that search engines publish are not "
                     "listed as harvesters.\n");
}

static void add_networks(const struct conf_policy *p, struct buf *out)
{
    enum { V4_MAPPED = 96 };

    if (p->escalate.n > 0)
        buf_add_str(out, "\nOnly in the zone of networks, while so many are listed:\n");
    for (size_t i = 0; i < p->escalate.n; i++) {
        const struct conf_escalation *e = &p->escalate.v[i];
        const unsigned family = e->v4 ? V4_MAPPED : 0;

        buf_addf(out, "  an %s /%u for %u of its /%u\n", e->v4 ? "IPv4" : "IPv6", e->to - family, (unsigned)e->members,
                 e->from - family);
    }
}

void policy_text(const struct conf_policy *p, struct buf *out)
{
    buf_addf(out, "Policy \"%s\"\n\n", p->name);
    add_weights(p, out);
    buf_add_str(out, "\n");
    add_conditions(p, out);
    buf_add_str(out, "\n");
    add_harvesters(p, out);
    add_networks(p, out);
    if (p->submissions)
        buf_add_str(out, "\nA trusted person may submit an address or a network, with a reason and an end; it is "
                         "listed until then, without evidence of ours.\n");
    buf_add_str(out, p->guard_off
                         ? "\nNever listed: special-use addresses (IANA), the operator's never-list, and what an operator "
                           "allowed. The guard over big mail providers is off: their addresses can be listed.\n"
                         : "\nNever listed: special-use addresses (IANA), the operator's never-list, the ranges of guarded "
                           "mail providers, and what an operator allowed.\n");
    buf_add_str(out, "All that counts is evidence on record; asking for removal makes "
                     "evidence up to that moment "
                     "not count any more.\n");
}
