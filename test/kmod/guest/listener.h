/* SPDX-License-Identifier: Apache-2.0 */
/* Listens to the process connector, by which the kernel tells of every process of the host. */
#ifndef LISTENER_H
#define LISTENER_H

#include <sys/types.h>

struct seen {
	/* Whether there was a fork of the process that comes last. */
	int has_end;
	/* How many messages were about each of the two. */
	int first;
	int second;
};

/* A socket, or -1. */
int listener_open(void);
/* Listens until it hears of a fork of `end`. */
struct seen listener_until(int listener, pid_t end, pid_t first, pid_t second);

#endif
