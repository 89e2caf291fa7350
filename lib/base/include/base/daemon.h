/* daemon.h - what every program does at start and at the end: options, exit codes, stop signals, privileges.
 *
 * Exit codes follow sysexits.h: 0, 64 usage, 69 a port or peer is unavailable, 70 our own mistake, 71 the
 * system refuses, 73 a file cannot be created, 74 input/output, 75 try again (another instance runs), 77
 * permission, 78 configuration.
 * Threads: main only.
 * Tests:   tests/unit/base/test_daemon.c
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <base/config.h>
#include <base/err.h>

enum { EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_SOFTWARE = 70, EXIT_OSERR = 71, EXIT_CANTCREAT = 73,
       EXIT_IOERR = 74, EXIT_TEMPFAIL = 75, EXIT_NOPERM = 77, EXIT_CONFIG = 78 };

/* The exit code that fits an error at start. */
int daemon_exit_code(enum trap_err err);

/* Parses `-c CONF`, `--help`, `--version`; then daemon_config(). --help prints `help` as it stands and exits
 * 0; an argument that is not known is said, exit 64. */
struct config *daemon_start(int argc, char **argv, const char *program, const char *help);

/* For programs with options of their own: reads and checks the configuration, starts the log, raises the soft
 * limit of descriptors to the hard one. On a problem it says one line (file:line: what is wrong) on standard
 * error and exits 78. */
struct config *daemon_config(const char *path, const char *program);

/* "0.1.0" */
const char *daemon_version(void);

/* $TRAPLINE_CONF, else /etc/trapline/trapline.conf. */
const char *daemon_default_config(void);

/* Blocks SIGTERM, SIGINT, SIGHUP in all threads made later and returns a signalfd for them (-1: errno).
 * SIGPIPE and SIGXFSZ are ignored. */
int daemon_signal_fd(void);

/* Tells a supervisor (NOTIFY_SOCKET, systemd's protocol) "READY=1". Does nothing without one. */
void daemon_ready(void);

/* Becomes config->user where the process is root and a user is named; no way back is verified. */
TRAP_NODISCARD enum trap_err daemon_drop_privileges(const struct config *config, struct err_text *why);

#endif
