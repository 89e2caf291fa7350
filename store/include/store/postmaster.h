/* postmaster.h - names of the files in state_dir/postmaster: one for each mail to postmaster or abuse.
 *
 * Why:     trapsmtp writes them and counts those of one client; trapline lists and removes them, by client
 *          too.
 * Form:    TIME-SESSION-NUMBER-CLIENT.eml: 20260301T120000Z-1772366400123456-7-2001_db8__1.eml. They sort by
 *          time; ":" of an IPv6 address is "_".
 * Threads: any.
 * Tests:   tests/unit/store/test_postmaster.c
 */
#ifndef STORE_POSTMASTER_H
#define STORE_POSTMASTER_H

#include <base/ip.h>
#include <base/time.h>

enum { POSTMASTER_NAME_MAX = 128 };
struct postmaster_file {
    wall_t at; /* end of the message */
    uint64_t session;
    uint64_t number; /* of the writer's own count: no two are the same */
    struct ip client;
};
/* Returns out. */
const char *postmaster_name(const struct postmaster_file *file, char out[POSTMASTER_NAME_MAX]);

/* A name that such a file may have; no other file of the machine is reached by it. */
bool postmaster_is_name(struct bytes name);
/* Who sent it. False: the name does not say. */
bool postmaster_client(struct bytes name, struct ip *out);

#endif
