// SPDX-License-Identifier: Apache-2.0
// Measures what the module costs: system calls, signals, forks and execs, on the host and in a session, with it and without.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "module.h"
#include "session.h"

#define THIS_PROGRAM "/checkout/cost"

static pid_t idle;

static void call(void) { syscall(SYS_getppid); }
static void ask_itself(void) { kill(getpid(), 0); }
static void ask_child(void) { kill(idle, 0); }
static void signal_itself(void) { kill(getpid(), SIGUSR2); }

static void begin_idle(void)
{
	idle = fork();
	if (idle == 0)
		for (;;)
			pause();
}

static void end_idle(void)
{
	kill(idle, SIGKILL);
	waitpid(idle, NULL, 0);
}

static void handle(int number) { (void)number; }
static void begin_taking(void) { signal(SIGUSR2, handle); }

static void read_proc(void)
{
	close(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
}

static void begin_process(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void run_program(void)
{
	pid_t child = fork();

	if (child == 0) {
		execl(THIS_PROGRAM, THIS_PROGRAM, "nothing", NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

static const struct work {
	const char *name;
	void (*act)(void);
	int times;
	/* Before and after all, and not measured. */
	void (*begin)(void);
	void (*end)(void);
} works[] = {
	{ "getppid", call, 20000, NULL, NULL },
	{ "kill of itself with signal 0", ask_itself, 10000, NULL, NULL },
	{ "kill of a child with signal 0", ask_child, 10000, begin_idle, end_idle },
	{ "kill of itself, handled", signal_itself, 5000, begin_taking, NULL },
	{ "open proc/self/stat, close", read_proc, 2000, NULL, NULL },
	{ "fork, exit, wait", begin_process, 100, NULL, NULL },
	{ "fork, exec, wait", run_program, 50, NULL, NULL },
};
#define WORK_COUNT ((long)(sizeof(works) / sizeof(works[0])))

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Nanoseconds for one. */
static long measure(long which)
{
	const struct work *work = &works[which];
	double begin, end;

	if (work->begin)
		work->begin();
	begin = now();
	for (int i = 0; i < work->times; i++)
		work->act();
	end = now();
	if (work->end)
		work->end();
	return (end - begin) / work->times;
}

static void tell(const char *place, const char *state, long which, long ns)
{
	printf("{\"work\":\"%s\",\"place\":\"%s\",\"state\":\"%s\",\"ns\":%ld}\n", works[which].name, place, state, ns);
	fflush(stdout);
}

static void measure_all(const struct session *session, const char *state)
{
	for (long which = 0; which < WORK_COUNT; which++) {
		tell("host", state, which, measure(which));
		tell("session", state, which, agent_ask(&session->init, measure, which));
	}
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 1;
	struct session session;

	if (argc > 1 && strcmp(argv[1], "nothing") == 0)
		return 0;
	session = session_start();
	/* Each state comes once in each run, so that what else the machine does is spread over all. */
	for (int run = 0; run < runs; run++) {
		measure_all(&session, "without");
		must(module_load(), "the module");
		measure_all(&session, "loaded");
		must(agent_ask(&session.supervisor, device_open, 0), "/dev/deskpod");
		must(agent_ask(&session.supervisor, device_register_quietly, session.init.pid), "the session");
		measure_all(&session, "registered");
		must(agent_ask(&session.supervisor, device_release, 0), "the session");
		must(agent_ask(&session.supervisor, device_close, 0), "/dev/deskpod");
		must(module_unload(), "the module");
	}
	session_stop(&session);
	printf("{\"runs\":%d}\n", runs);
	return 0;
}
