#include "recipient.h"

#include "server.h"

#include <mail/smtp_path.h>

/* Asked for every address, also where the directory has an answer or the domain is none of the mint: the time
 * tells nothing then. */
static bool is_minted(struct server *server, const struct trapdir_result *found, struct bytes local,
                      const struct mint_window *window)
{
    const struct config *config = server->config;
    const bool minting = found->domain != NULL && found->domain->klass == CLASS_MINTED;
    const size_t at = minting ? (size_t)(found->domain - config->trap_domains) : config->trap_domain_count;
    struct mint_ref ref;

    return mint_decode(server->mint, server->mint_domains[at], local, window, &ref) == TRAP_OK && minting;
}

static bool is_role_of_host(const struct server *server, struct bytes local, struct bytes domain)
{
    return bytes_ieq(domain, bytes_str(server->config->smtp.hostname)) &&
           (bytes_ieq(local, BYTES("postmaster")) || bytes_ieq(local, BYTES("abuse")));
}

/* Never for minted domains (the configuration sees to it). */
static bool refused_after_data(const struct server *server, const struct trapdir_result *found)
{
    return found->domain != NULL ? found->domain->after_data_reject : server->config->smtp.after_data_reject;
}

struct recipient recipient_find(struct server *server, const struct smtp_path *path)
{
    struct recipient r = { .kind = RECIPIENT_FOREIGN, .domain = path->domain };
    struct trapdir_result found;
    bool minted;

    if (path->domain.n == 0) /* <postmaster>: RFC 5321 4.5.1 */
        r.domain = bytes_str(server->config->smtp.hostname);
    found = trapdir_find(server->trapdir, path->local, r.domain);
    minted = is_minted(server, &found, path->local, &server->window);
    r.refused_after_data = refused_after_data(server, &found);

    switch (found.answer) {
    case TRAPDIR_FOREIGN:
        if (is_role_of_host(server, path->local, r.domain))
            r.kind = RECIPIENT_ROLE;
        break;
    case TRAPDIR_MINTED_DOMAIN:
        r.kind = minted || found.domain->unknown_accept ? RECIPIENT_TRAP : RECIPIENT_UNKNOWN;
        r.klass = minted ? RCPT_MINTED : RCPT_GUESS;
        break;
    case TRAPDIR_TRAP:
        r.kind = RECIPIENT_TRAP;
        r.klass = found.rcpt_class;
        break;
    case TRAPDIR_UNKNOWN:
        r.kind = RECIPIENT_UNKNOWN;
        break;
    case TRAPDIR_ROLE:
        r.kind = RECIPIENT_ROLE;
        break;
    }
    return r;
}

enum recipient_past recipient_past(struct server *server, const struct smtp_path *path)
{
    const struct trapdir_result found = trapdir_find(server->trapdir, path->local, path->domain);
    const bool minted = is_minted(server, &found, path->local, &server->window_ever);

    if (found.retired)
        return RECIPIENT_RETIRED;
    return found.answer == TRAPDIR_MINTED_DOMAIN && minted ? RECIPIENT_WAS_MINTED : RECIPIENT_NEVER;
}
