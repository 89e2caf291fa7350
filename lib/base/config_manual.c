/* config_manual.c - trapline.conf(5) from the tables, so that it cannot be out of date. */
#include "config_schema.h"

/* roff gives a meaning to '.' and '\'' at the begin of a line, and to '\\' and '-' anywhere. */
static void add_text(struct buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\\')
            buf_add_str(out, "\\e");
        else if (*c == '-')
            buf_add_str(out, "\\-");
        else if (c == text && (*c == '.' || *c == '\''))
            buf_addf(out, "\\&%c", *c);
        else
            buf_add_byte(out, (uint8_t)*c);
    }
}

static void add_allowed(struct buf *out, const struct conf_key *key)
{
    struct buf allowed;
    const char *text;

    buf_init(&allowed, 1024);
    conf_allowed(key, &allowed);
    text = buf_cstr(&allowed);
    if (text != NULL) {
        buf_add_str(out, conf_is_list(key) ? "A list; each: " : "Allowed: ");
        add_text(out, text);
        buf_add_str(out, ".\n");
    }
    buf_free(&allowed);
}

static void add_default_list(struct buf *out, const char *fallback)
{
    struct bytes rest = bytes_str(fallback), one;
    const char *before = "Default: {\\(dq";

    for (; bytes_split(&rest, ' ', &one); before = ", \\(dq") {
        buf_add_str(out, before);
        buf_add(out, one);
        buf_add_str(out, "\\(dq");
    }
    buf_add_str(out, "}, also when it is empty.\n");
}

static void add_default(struct buf *out, const struct conf_section *s, const struct conf_key *key)
{
    const bool policy =
        strcmp(s->name, "policy") == 0 || (s->parent != NULL && strcmp(s->parent, "policy") == 0);

    if (key->required) {
        buf_add_str(out, "Required.\n");
    } else if (key->fallback != NULL && conf_is_list(key)) {
        add_default_list(out, key->fallback);
    } else if (key->fallback != NULL) {
        buf_add_str(out, "Default: \\(dq");
        add_text(out, key->fallback);
        buf_add_str(out, "\\(dq.\n");
    } else if (conf_is_list(key)) {
        buf_add_str(out, "Default: empty.\n");
    } else if (policy && strcmp(key->name, "preset") != 0) {
        buf_add_str(out, "Default: the preset's.\n");
    }
}

static void add_section(struct buf *out, const struct conf_section *s)
{
    if (s->name[0] == '\0')
        buf_add_str(out, ".SH TOP LEVEL\n");
    else
        buf_addf(out, ".SH SECTION %s%s%s\n", s->parent[0] == '\0' ? "" : s->parent,
                 s->parent[0] == '\0' ? "" : " / ", s->name);
    add_text(out, s->doc);
    buf_add_str(out, "\n");
    if (s->title != NULL) {
        buf_addf(out, "Written\n.B %s \\(dq\\fI%s\\fB\\(dq { \\fR...\\fB }\n", s->name, s->title->name);
        add_allowed(out, s->title);
    }
    for (size_t i = 0; i < s->key_count; i++) {
        buf_add_str(out, ".TP\n.B ");
        add_text(out, s->keys[i].name);
        buf_add_str(out, "\n");
        add_text(out, s->keys[i].doc);
        buf_add_str(out, "\n");
        add_allowed(out, &s->keys[i]);
        add_default(out, s, &s->keys[i]);
    }
}

static void add_presets(struct buf *out)
{
    static const char *const names[] = { "aggressive", "standard", "conservative" };

    buf_add_str(out, ".SH PRESETS\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct conf_policy *const p = conf_preset(names[i]);
        char text[4][WALL_TEXT_MAX];

        buf_addf(out,
                 ".TP\n.B %s\nthreshold %u.%03u, sources %u, days %u, nodes %u, half_life %s, longest_stay "
                 "%s, listing_delay %s to %s",
                 p->name, p->threshold_milli / 1000, p->threshold_milli % 1000, p->sources_min, p->days_min,
                 p->nodes_min, span_text(p->half_life, text[0]), span_text(p->stay_max, text[1]),
                 span_text(p->delay_min, text[2]), span_text(p->delay_max, text[3]));
        if (p->young_sources_max != UINT32_MAX)
            buf_addf(out, ", young_sources %u, young_age %s", p->young_sources_max,
                     span_text(p->young_age, text[0]));
        buf_add_str(out, ".\n");
    }
}

void config_manual(struct buf *out)
{
    static const char head[] =
        ".TH TRAPLINE.CONF 5\n"
        ".SH NAME\n"
        "trapline.conf \\- configuration of all programs of Trapline\n"
        ".SH DESCRIPTION\n"
        "One file for all programs of an installation: \\fIkey\\fR = \\fIvalue\\fR, and sections in braces.\n"
        "Values that hold other than letters and digits stand in double quotes; lists stand in braces with "
        "commas between, and\n"
        "\"+=\" adds to a list. Comments: #, //, and /* to */. Each key and each section without a title "
        "stands once; an unknown\n"
        "key is an error. \"${...}\" is refused: the environment has no part in the configuration. There "
        "is no include; the file\n"
        "has at most 1 MB.\n"
        ".PP\n"
        ".B trapline check \\-c \\fIFILE\n"
        "says file, line, what is wrong and what is allowed.\n";
    static const char tail[] = ".SH SEE ALSO\n.BR trapline (1)\n";

    buf_add_str(out, head);
    for (size_t i = 0; i < conf_section_count; i++)
        add_section(out, &conf_sections[i]);
    add_presets(out);
    buf_add_str(out, tail);
}
