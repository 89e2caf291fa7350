/* own_address.h - an address that the operator gives for mail of Trapline's own.
 *
 * Why:     mail of ours to a trap, or a bounce that comes to one, would be evidence against our own mail server, and a
 *          message with a trap in it tells it.
 * Rule:    plain dot-atom@domain; at a domain of traps only a name that the configuration reserves: that is a mailbox.
 * Errors:  says what is wrong on standard error; the exit code, 0 is fine.
 * Threads: main only. Tests: tests/functional/test_report.py, test_probe.py
 */
#ifndef TRAPLINE_OWN_ADDRESS_H
#define TRAPLINE_OWN_ADDRESS_H

#include <base/config.h>

/* text: of the option; NULL is missing. */
int own_address_check(const struct config *c, const char *verb, const char *option, const char *text);

#endif
