#include <store/record.h>

static const char *const act_names[] = {
    [ACT_ALLOW] = "allow",
    [ACT_DENY] = "deny",
    [ACT_DELIST] = "delist",
    [ACT_TRAP_ADD] = "trap-add",
    [ACT_TRAP_RETIRE] = "trap-retire",
    [ACT_TAINT] = "taint",
    [ACT_SUBMIT] = "submit",
    [ACT_REVOKE] = "revoke",
    [ACT_KEYS_EXPORTED] = "keys-exported",
    [ACT_RETENTION] = "retention",
    [ACT_EPOCH] = "epoch",
    [ACT_LOOKUP] = "lookup",
    [ACT_EXTRACT] = "extract",
    [ACT_FORGET] = "forget",
    [ACT_RESTORE] = "restore",
    [ACT_SAVED] = "saved",
};
enum { ACT_KINDS = sizeof act_names / sizeof act_names[0] };

const char *act_kind_name(enum act_kind k)
{
    const char *name = (unsigned)k < ACT_KINDS ? act_names[k] : NULL;

    return name == NULL ? "unknown" : name;
}

enum trap_err act_kind_parse(struct bytes in, enum act_kind *out)
{
    for (unsigned k = 1; k < ACT_KINDS; k++) {
        if (bytes_ieq(in, bytes_str(act_names[k]))) {
            *out = (enum act_kind)k;
            return TRAP_OK;
        }
    }
    return TRAP_EINVAL;
}

const char *rcpt_class_name(uint8_t klass)
{
    static const char *const names[] = { [RCPT_MINTED] = "minted",
                                         [RCPT_PRISTINE] = "pristine",
                                         [RCPT_RECYCLED] = "recycled",
                                         [RCPT_TYPO] = "typo",
                                         [RCPT_GUESS] = "guess" };
    const unsigned k = klass & RCPT_CLASS_MASK;
    const char *name = k < sizeof names / sizeof names[0] ? names[k] : NULL;

    return name == NULL ? "unknown" : name;
}

const char *visit_flag_name(uint32_t flag)
{
    static const char *const names[] = {
        "batch", "not_shown", "crawler", "no_agent", "head", "proxied", "mailto", "truncated",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (flag == 1u << i)
            return names[i];
    return NULL;
}

const char *hit_flag_name(uint32_t flag)
{
    static const char *const names[] = {
        "null_sender",
        "tls",
        "esmtp",
        "xclient",
        "proxy",
        "xforward",
        "bare_lf",
        "bare_cr",
        "nul",
        "8bit",
        "long_line",
        "early_talk",
        "pipelined",
        "sloppy_path",
        "list_header",
        "auto_submitted",
        "report",
        "cut",
        "refused_after_data",
        "bdat",
        "smtputf8",
        "counted",
        "tls_on_plain",
        "other_protocol",
        "relay_probe",
        "dictionary",
        "auth",
        "injected",
        "tarpit",
        "automatic",
        "backscatter",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (flag == 1u << i)
            return names[i];
    return NULL;
}

const char *hit_flags_text(uint32_t flags, char out[HIT_FLAGS_TEXT_MAX])
{
    size_t n = 0;

    for (; flags != 0; flags &= flags - 1) {
        const char *name = hit_flag_name(flags & -flags);
        const size_t len = name == NULL ? 0 : strlen(name);

        if (len == 0 || n + len + 2 > HIT_FLAGS_TEXT_MAX)
            continue;
        if (n > 0)
            out[n++] = ',';
        memcpy(out + n, name, len);
        n += len;
    }
    out[n] = '\0';
    return out;
}
