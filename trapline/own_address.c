/* own_address.c - see own_address.h. */
#include "own_address.h"

#include "abuse_report.h"
#include "cli.h"

#include <base/daemon.h>
#include <store/trapdir.h>

static bool may_name(const struct trapdir *traps, struct bytes address)
{
    const struct bytes domain = abuse_report_domain(address),
                       local = bytes_take(address, address.n - domain.n - 1);
    const struct trapdir_result r = trapdir_find(traps, local, domain);

    return r.answer == TRAPDIR_FOREIGN || (r.domain != NULL && config_is_reserved(r.domain, local));
}

int own_address_check(const struct config *c, const char *verb, const char *option, const char *text)
{
    const struct bytes address = bytes_str(text);
    struct err_text why = { "" };
    struct trapdir *traps = NULL;
    enum trap_err err;
    bool may;

    if (text == NULL)
        return cli_fail(EXIT_USAGE, "%s: %s ADDRESS is missing", verb, option);
    if (!abuse_report_address(address))
        return cli_fail(EXIT_USAGE, "%s: %s \"%s\" is not an e-mail address in plain form", verb, option,
                        cli_text(address));
    err = trapdir_new(c, &traps, &why);
    if (err != TRAP_OK)
        return cli_fail_err(err, &why);
    may = may_name(traps, address);
    trapdir_free(&traps);
    if (!may)
        return cli_fail(EXIT_USAGE, "%s: %s \"%s\" is a trap or at a domain of traps", verb, option,
                        cli_text(address));
    return 0;
}
