/* two_zones.h - a configuration for the tests of sets and of the publisher: a live combined zone, a shadow one. */
#ifndef TESTS_EXPORT_TWO_ZONES_H
#define TESTS_EXPORT_TWO_ZONES_H

#include <base/config.h>

static char policy_name[] = "standard", text[] = "listed: $", contact[] = "", live_name[] = "bl.example.org",
            shadow_name[] = "new.example.org";
static struct conf_policy policies[] = { { .name = policy_name } };
static struct conf_zone zones[] = {
    { .name = live_name,
      .kind = ZONE_COMBINED,
      .policy = policy_name,
      .live = true,
      .text = text,
      .contact = contact,
      .code = 2,
      .ttl = { 300000 } },
    { .name = shadow_name,
      .kind = ZONE_SENDERS4,
      .policy = policy_name,
      .text = text,
      .contact = contact,
      .code = 2,
      .ttl = { 300000 } },
};
enum { DATASETS = 4, LIVE4 = 0, LIVE6 = 1, HARVESTERS = 2, SHADOW4 = 3 };
#define LIVE         "bl.example.org.combined"
#define SHADOW       "shadow/new.example.org.ip4"

#endif
