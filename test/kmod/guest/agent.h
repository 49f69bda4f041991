/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that do as they are told: each answers what came of a deed, a number or an errno below zero. */
#ifndef AGENT_H
#define AGENT_H

#include <sys/types.h>

/* Runs in the agent's process: all are copies of one program, so a function is at the same place in each. */
typedef long (*deed)(long argument);

/* A process that serves. */
struct agent {
	int socket;
	/* As the host sees it. */
	pid_t pid;
};

/* Serves until nobody asks any more; does not return. */
void agent_serve(int socket) __attribute__((noreturn));

/* What came of a deed. */
long agent_ask(const struct agent *agent, deed deed, long argument);

/* Starts one as a child of this process. */
struct agent agent_start(void);

/* Two connected sockets, of which no program that is started has any. */
void agent_sockets(int sockets[2]);

/* Ends this program with the name of the call that failed. */
void die(const char *what) __attribute__((noreturn));

/* Gives what came of a deed, or ends this program with the name of it and the errno that it came to. */
long must(long result, const char *what);

/* What a call of the C library came to. */
long outcome(long result);

#endif
