/* dns_answer.h - from the bytes of an answer to struct dns_answer; private to dns.c.
 *
 * Input:   status and message as c-ares gives them.
 * Owns:    dns_answer_free() releases the texts.
 * Threads: any.
 */
#ifndef TRAPLOOK_DNS_ANSWER_H
#define TRAPLOOK_DNS_ANSWER_H

#include "dns.h"

/* The number of the type on the wire. */
int dns_type_number(enum dns_type type);
void dns_answer_read(enum dns_type type, int status, const unsigned char *message, int len, struct dns_answer *out);
void dns_answer_free(struct dns_answer *a);

#endif
