/* scratch.h - a state directory that goes away with the test, and acts written into it. */
#ifndef TEST_POLICY_SCRATCH_H
#define TEST_POLICY_SCRATCH_H

#include "trap_cmocka.h"

#include <base/file.h>
#include <policy/lists.h>
#include <store/evidence.h>

#include <stdio.h>
#include <stdlib.h>

struct scratch {
    char dir[64];
    struct store_db *acts, *derived;
};

static inline void scratch_begin(struct scratch *s)
{
    struct err_text why = { "" };

    (void)snprintf(s->dir, sizeof s->dir, "/tmp/trapline-policy-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_trap_ok(store_create_all(s->dir, 1, &why), why);
    assert_trap_ok(store_open(s->dir, STORE_ACTS, STORE_WRITE, &s->acts, &why), why);
    assert_trap_ok(store_open(s->dir, STORE_DERIVED, STORE_WRITE, &s->derived, &why), why);
}

static inline void scratch_end(struct scratch *s)
{
    struct err_text why = { "" };

    store_close(&s->acts);
    store_close(&s->derived);
    assert_trap_ok(dir_remove(s->dir, &why), why);
}

/* Returns its sequence. */
static inline uint64_t scratch_act(struct scratch *s, enum act_kind kind, const char *subject, wall_t at,
                                   wall_t until)
{
    struct err_text why = { "" };
    struct act a = {
        .kind = (uint8_t)kind, .at = at, .until = until, .subject = bytes_str(subject), .who = BYTES("test")
    };

    assert_trap_ok(act_append(s->acts, &a, 1, &why), why);
    return a.seq;
}

static inline const char *scratch_file(const struct scratch *s, const char *name, const char *text,
                                       char path[PATH_TEXT_MAX])
{
    struct err_text why = { "" };

    assert_int_equal(path_join(s->dir, name, path), TRAP_OK);
    assert_trap_ok(file_replace(path, bytes_str(text), 0600, &why), why);
    return path;
}

static inline struct prefix cidr(const char *text)
{
    struct prefix p;

    if (prefix_parse(bytes_str(text), &p) != TRAP_OK)
        fail_msg("%s", text);
    return p;
}

#endif
