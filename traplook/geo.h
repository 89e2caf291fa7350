/* geo.h - country and autonomous system of an address, from MaxMind databases (libmaxminddb), each with the day on
 * which the database was built.
 *
 * Files:   geoip.country and geoip.asn; opened again when they change. One that is not there or cannot be read is a
 *          warning, said once, and there are no such facts. Replace them by rename: a file that is cut while it is
 *          mapped ends the process.
 * Hostile: texts from a database are cut at 100 octets and escaped in the act.
 * Threads: one.
 * Tests:   tests/functional/test_look_geo.py
 */
#ifndef TRAPLOOK_GEO_H
#define TRAPLOOK_GEO_H

#include <base/buf.h>
#include <base/config.h>

struct geo;
TRAP_NODISCARD enum trap_err geo_new(const struct config *c, struct geo **out);
void geo_free(struct geo **g);
/* Opens what is new. */
void geo_refresh(struct geo *g);
/* Appends the words country=, country_built=, as=, as_name=, as_built=: those that are known. */
void geo_add(struct geo *g, struct ip a, struct buf *detail);

#endif
