// SPDX-License-Identifier: Apache-2.0
// Registering a session that does not stand still.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

#define REPEATS 10

/* Forks until it is ended. */
static long storm_begin(long unused)
{
	pid_t storm = fork();

	(void)unused;
	if (storm == 0)
		for (;;)
			fork_once(0);
	return storm < 0 ? -errno : storm;
}

static long storm_end(long storm)
{
	if (kill(storm, SIGKILL) < 0)
		return -errno;
	return outcome(waitpid(storm, NULL, 0)) < 0 ? -errno : 0;
}

/* Traces a process again and again, for as long as it is let. */
static pid_t hammer(pid_t target)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	for (;;) {
		pid_t tracer = fork();

		if (tracer == 0)
			_exit(ptrace(PTRACE_SEIZE, target, 0, 0) < 0);
		waitpid(tracer, NULL, 0);
	}
}

static long tracer_of(long pid)
{
	char path[64], line[128];
	long tracer = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %ld", &tracer) == 1)
			break;
	fclose(file);
	return tracer;
}

const char *registration_storm(void)
{
	struct session session = session_start();
	pid_t hammers[2] = { hammer(session.init.pid), hammer(session.escaped.pid) };
	long storm = agent_ask(&session.escaped, storm_begin, 0);
	int registered = 0;

	EXPECT(agent_ask(&session.supervisor, device_open, 0), 0);
	for (int tries = 0; registered < REPEATS && tries < 100 * REPEATS; tries++) {
		long result = agent_ask(&session.supervisor, device_register_quietly, session.init.pid);

		if (result == -EBUSY)
			continue;
		if (result <= 0)
			return failed("registering came to %ld", result);
		registered++;
		EXPECT(agent_ask(&session.supervisor, tracer_of, session.init.pid), 0);
		EXPECT(agent_ask(&session.supervisor, tracer_of, session.escaped.pid), 0);
		EXPECT(outcome(kill(session.init.pid, 0)), -EPERM);
		EXPECT(agent_ask(&session.supervisor, device_release, 0), 0);
	}
	for (int i = 0; i < 2; i++) {
		kill(hammers[i], SIGKILL);
		waitpid(hammers[i], NULL, 0);
	}
	EXPECT(agent_ask(&session.escaped, storm_end, storm) , 0);
	session_stop(&session);
	EXPECT(registered, REPEATS);
	return NULL;
}

const char *traced_before(void)
{
	struct session session = session_start();
	int gate[2];
	char byte;
	pid_t tracer;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return failed("pipe: %d", errno);
	tracer = fork();
	if (tracer == 0) {
		if (ptrace(PTRACE_SEIZE, session.escaped.pid, 0, 0) < 0)
			_exit(1);
		if (write(gate[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	if (read(gate[0], &byte, 1) != 1)
		return failed("nothing traces");
	EXPECT(agent_ask(&session.supervisor, device_open, 0), 0);
	EXPECT(agent_ask(&session.supervisor, device_register_quietly, session.init.pid), -EBUSY);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	EXPECT(agent_ask(&session.supervisor, device_register_quietly, session.init.pid) > 0, 1);
	EXPECT(agent_ask(&session.supervisor, device_release, 0), 0);
	session_stop(&session);
	return NULL;
}
