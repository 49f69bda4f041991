/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of the barrier: each gives NULL, or what failed. Their titles stand where they are run. */
#ifndef TESTS_H
#define TESTS_H

#include "attacks.h"
#include "session.h"

/* One without protection, and one with; and the id of the second. */
extern struct session bare, guarded;
extern long id;

const char *failed(const char *format, ...);

#define EXPECT(_what, _expected)                                               \
	do {                                                                   \
		long _came = (_what);                                          \
		if (_came != (_expected))                                      \
			return failed("%s:%d: it came to %ld", __FILE__, __LINE__, _came); \
	} while (0)

/* crossing.c */
void open_namespaces_of_both(void);
const char *try_outside(const struct attack *attack);
const char *try_inside(const struct attack *attack);
const char *namespaces_opened_before(void);
const char *signals_by_files(void);
const char *traceme(void);
const char *life_inside(void);
const char *runtime_below(void);
const char *supervisor_memory(void);

/* wishes.c */
const char *disarmed_probes(void);
const char *begin(void);
const char *ill_formed(void);
const char *for_root_only(void);

/* records.c */
const char *records_name_both(void);
const char *overflow_is_counted(void);
const char *processes_told(void);
const char *connector(void);

/* registering.c */
const char *traced_before(void);
const char *registration_storm(void);

/* beside.c: the first is to be run while there is no session. */
const char *after_programs(void);
const char *before_programs(void);
const char *beside_tracers(void);

/* alarm.c, in this order; the last is to be run last of all. */
const char *without_call(void);
const char *without_probes(void);
const char *without_ftrace(void);

/* pressure.c */
const char *without_memory(void);

/* terminal.c: the first is to be run before there is protection. */
long prepare_terminal(long unused);
const char *terminal_by_name(void);

/* ending.c, in this order. */
const char *kept_armed(void);
const char *supervisor_dies(void);
const char *owner_ends_it(void);
const char *unloading(void);

/* Deeds and more, for several of them. */
long fork_once(long unused);
long signal_process(long pid);
long group_of(long pid);
/* 0, or an errno below zero. */
long write_text(const char *path, const char *text);

#endif
