/* config_preset.c - the three presets of policies (DESIGN.md section 9). A policy block starts as a copy of
 * one. */
#include "config_schema.h"

/* Arrays, because struct conf_policy holds char *; nobody writes to them. */
static char aggressive[] = "aggressive";
static char standard[] = "standard";
static char conservative[] = "conservative";

/* Weights in thousandths: a hit that nobody sends by mistake counts 1, one that a typing error or an old
 * address book may explain counts less. */
#define WEIGHTS(list)                                                                                         \
    .weight_milli = {                                                                                   \
        [WEIGHT_MINTED] = 1000, [WEIGHT_PRISTINE] = 1000, [WEIGHT_RECYCLED] = 500, [WEIGHT_TYPO] = 250, \
        [WEIGHT_GUESS] = 250,   [WEIGHT_ATTEMPT] = 250,   [WEIGHT_BEHAVIOUR] = 0,  \
        [WEIGHT_LIST] = (list), [WEIGHT_AUTOMATIC] = 250                        \
    }
#define MS_MIN     INT64_C(60000)
#define MS_D       INT64_C(86400000)
#define HARVESTERS .visit_age_max = { 30 * MS_D }, .harvester_senders_min = 2, .harvester_addresses_min = 2

static const struct conf_policy presets[] = {
    { .name = aggressive,
      .preset = aggressive,
      .threshold_milli = 1000,
      .sources_min = 1,
      .days_min = 1,
      .nodes_min = 1,
      .young_sources_max = UINT32_MAX,
      .young_age = { 2 * MS_D },
      .per_source_day_max = 5,
      .backscatter_day_max = 50,
      .half_life = { 3 * MS_D },
      .stay_max = { 15 * MS_D },
      .delay_min = { 0 },
      .delay_max = { 5 * MS_MIN },
      WEIGHTS(250),
      HARVESTERS },
    { .name = standard,
      .preset = standard,
      .threshold_milli = 2000,
      .sources_min = 2,
      .days_min = 1,
      .nodes_min = 1,
      .young_sources_max = 1,
      .young_age = { 2 * MS_D },
      .per_source_day_max = 5,
      .backscatter_day_max = 50,
      .half_life = { 7 * MS_D },
      .stay_max = { 30 * MS_D },
      .delay_min = { 10 * MS_MIN },
      .delay_max = { 60 * MS_MIN },
      WEIGHTS(0),
      HARVESTERS },
    { .name = conservative,
      .preset = conservative,
      .threshold_milli = 4000,
      .sources_min = 3,
      .days_min = 2,
      .nodes_min = 2,
      .young_sources_max = UINT32_MAX,
      .young_age = { 2 * MS_D },
      .per_source_day_max = 5,
      .backscatter_day_max = 50,
      .half_life = { 7 * MS_D },
      .stay_max = { 30 * MS_D },
      .delay_min = { 30 * MS_MIN },
      .delay_max = { 120 * MS_MIN },
      WEIGHTS(0),
      HARVESTERS },
};

const struct conf_policy *conf_preset(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}
