// SPDX-License-Identifier: Apache-2.0
// Others at the functions that the module probes: what looks on does not take the barrier away, nor is it kept from looking.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "module.h"
#include "program.h"
#include "tests.h"

#define TRACING "/sys/kernel/tracing"
/* One that is called directly, and one that is not. */
#define SIGNALS "security_task_kill"
#define GROUPS "security_task_getpgid"

static const char *refuses_both(const struct session *session)
{
	EXPECT(signal_process(session->init.pid), -EPERM);
	EXPECT(group_of(session->init.pid), -EPERM);
	EXPECT(agent_ask(&session->supervisor, signal_process, session->init.pid), 0);
	EXPECT(signal_process(getpid()), 0);
	return NULL;
}

static int trace_shows(const char *text)
{
	char line[512];
	int found = 0;
	FILE *trace = fopen(TRACING "/trace", "re");

	while (trace && !found && fgets(line, sizeof(line), trace))
		found = line[0] != '#' && strstr(line, text) != NULL;
	if (trace)
		fclose(trace);
	return found;
}

const char *beside_tracers(void)
{
	const char *failure;

	if (mount("tracefs", TRACING, "tracefs", 0, "") < 0)
		return failed("tracefs: %d", errno);
	EXPECT(write_text(TRACING "/set_ftrace_filter", SIGNALS), 0);
	EXPECT(write_text(TRACING "/set_ftrace_filter", GROUPS), 0);
	EXPECT(write_text(TRACING "/current_tracer", "function"), 0);
	failure = refuses_both(&guarded);
	if (failure)
		return failure;
	EXPECT(trace_shows(SIGNALS " <-"), 1);
	EXPECT(trace_shows(GROUPS " <-"), 1);
	EXPECT(write_text(TRACING "/current_tracer", "nop"), 0);

	EXPECT(write_text(TRACING "/kprobe_events", "p:beside/signals " SIGNALS), 0);
	EXPECT(write_text(TRACING "/events/beside/enable", "1"), 0);
	failure = refuses_both(&guarded);
	if (failure)
		return failure;
	EXPECT(trace_shows("signals: ("), 1);
	EXPECT(write_text(TRACING "/events/beside/enable", "0"), 0);
	EXPECT(write_text(TRACING "/kprobe_events", "-:beside/signals"), 0);
	return refuses_both(&guarded);
}

const char *before_programs(void)
{
	const char *failure;
	int program;

	EXPECT(program_attach(SIGNALS), -EBUSY);
	program = program_attach(GROUPS);
	if (program < 0)
		return failed("a program came to %d", program);
	failure = refuses_both(&guarded);
	close(program);
	return failure;
}

/* The module as it is loaded after the programs, and unloaded after it. */
static const char *load_after(const struct session *session)
{
	const char *failure;

	EXPECT(module_load(), 0);
	EXPECT(agent_ask(&session->supervisor, device_open, 0), 0);
	EXPECT(agent_ask(&session->supervisor, device_register_quietly, session->init.pid) > 0, 1);
	failure = refuses_both(session);
	EXPECT(agent_ask(&session->supervisor, device_release, 0), 0);
	EXPECT(agent_ask(&session->supervisor, device_close, 0), 0);
	EXPECT(module_unload(), 0);
	return failure;
}

const char *after_programs(void)
{
	int programs[2] = { program_attach(SIGNALS), program_attach(GROUPS) };
	const char *failure;

	if (programs[0] < 0 || programs[1] < 0)
		return failed("programs came to %d and %d", programs[0], programs[1]);
	EXPECT(module_unload(), 0);
	failure = load_after(&guarded);
	close(programs[0]);
	close(programs[1]);
	if (failure)
		return failure;
	EXPECT(module_load(), 0);
	return NULL;
}
