/* SPDX-License-Identifier: Apache-2.0 */
/* What is tried across the barrier. */
#ifndef ATTACKS_H
#define ATTACKS_H

#include "agent.h"

struct attack {
	const char *title;
	deed act;
	/* The kernel's check point is told the user namespace of the process only, so one outside of the session's is not known. */
	int is_by_user_namespace;
};

/* The titles of the tests are read out of the source by these. */
#define OUTSIDE(_title, _act) { "refuses from outside: " _title, _act, 0 }
#define OUTSIDE_MAPPED(_title, _act) { "refuses from outside: " _title, _act, 1 }
#define INSIDE(_title, _act) { "refuses from inside: " _title, _act, 0 }

/* The argument is a process of a session. */
extern const struct attack outside_attacks[];
/* The argument is a process of the host. For a process in a session that came to have all rights on the host. */
extern const struct attack inside_attacks[];
/* Gets ready, before the module is there, what inside_attacks use. */
long prepare_inside(long unused);

#endif
