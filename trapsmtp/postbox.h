/* postbox.h - mail to postmaster and abuse: kept in full, one file a message, never evidence (RFC 5321
 * 4.5.1, RFC 2142).
 *
 * Files:   in state_dir/postmaster, named as <store/postmaster.h> says, durable before the client gets 250:
 *          trace fields of ours (Return-Path, Delivered-To a line each, Received), then the content as
 *          received.
 * Bounds:  postmaster_max_files and postmaster_max_bytes in the folder, postmaster_share per cent of both for
 *          what one client (address, /48) sent in the last 24 hours; POSTBOX_QUEUE_MAX messages on their way;
 *          unfinished messages in memory: POSTBOX_HELD_MAX bytes, a quarter of it one client's, or four and
 *          one times message_max where that is more. Beyond any of them 452. The operator empties the folder;
 *          nothing is deleted here.
 * Threads: postbox_submit and the rest on the loop; files are written by a thread of its own (no file I/O in
 *          the loop).
 * Tests:   tests/functional/test_smtp_postmaster.py
 */
#ifndef TRAPSMTP_POSTBOX_H
#define TRAPSMTP_POSTBOX_H

#include "message.h"

enum { POSTBOX_QUEUE_MAX = 64, POSTBOX_HELD_MAX = 64 << 20 };

struct postbox;
/* Makes the folder where it is missing, starts the thread. */
TRAP_NODISCARD enum trap_err postbox_new(struct server *server, struct postbox **out, struct err_text *why);
/* Writes what was submitted, then ends the thread. */
void postbox_free(struct postbox **p);

/* At DATA: our trace fields into the copy. */
void postbox_begin(struct session *s);
void postbox_add_content(struct message *m, struct bytes content);
/* m->copy_done comes back with m->copy_result. TRAP_EFULL: too many on their way, or the copy is not whole.
 * m->copy_refused then, as where there is no room in the folder: nothing is wrong with the disk. */
TRAP_NODISCARD enum trap_err postbox_submit(struct postbox *p, struct message *m);
/* The message ends: its copy no longer counts. */
void postbox_release(struct message *m);

#endif
