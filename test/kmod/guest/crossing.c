// SPDX-License-Identifier: Apache-2.0
// What is tried across the barrier: on both sessions, and by whoever may.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

static int is_refusal(long result)
{
	return result == -EPERM || result == -EACCES || result == -ENOENT;
}

/* What works on one session, works for the other's own supervisor, and is refused to this process. */
const char *try_outside(const struct attack *attack)
{
	long result = attack->act(bare.init.pid);

	if (result < 0)
		return failed("without protection it came to %ld", result);
	result = attack->act(guarded.init.pid);
	if (!is_refusal(result))
		return failed("it came to %ld", result);
	result = attack->act(guarded.escaped.pid);
	if (!attack->is_by_user_namespace && !is_refusal(result))
		return failed("on another process it came to %ld", result);
	result = agent_ask(&guarded.supervisor, attack->act, guarded.init.pid);
	if (result < 0)
		return failed("for the supervisor it came to %ld", result);
	return NULL;
}

const char *try_inside(const struct attack *attack)
{
	long result = agent_ask(&bare.escaped, attack->act, getpid());

	if (result < 0)
		return failed("without protection it came to %ld", result);
	result = agent_ask(&guarded.escaped, attack->act, getpid());
	if (!is_refusal(result))
		return failed("it came to %ld", result);
	return NULL;
}

/* Namespaces that were opened before there was protection. */
static const char *const names[] = { "user", "mnt", "pid", "net", "uts", "ipc" };
static int opened[2][6];

static void open_namespaces(const struct session *session, int fds[])
{
	char path[64];

	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", session->init.pid, names[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			die(path);
	}
}

void open_namespaces_of_both(void)
{
	open_namespaces(&bare, opened[0]);
	open_namespaces(&guarded, opened[1]);
}

static long enter_opened(long fd)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(setns(fd, 0) < 0 ? errno : 0);
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

const char *namespaces_opened_before(void)
{
	for (int i = 0; i < 6; i++) {
		long result = enter_opened(opened[0][i]);

		if (result < 0)
			return failed("without protection %s came to %ld", names[i], result);
		result = enter_opened(opened[1][i]);
		if (result != -EPERM)
			return failed("%s came to %ld", names[i], result);
	}
	return NULL;
}

/* Has a pipe send a signal to a process as soon as there is something in it. */
static long signal_by_file(long pid)
{
	long result = 0;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(ends[0], F_SETOWN, pid) < 0 || fcntl(ends[0], F_SETSIG, SIGUSR1) < 0 ||
	    fcntl(ends[0], F_SETFL, O_ASYNC) < 0 || write(ends[1], "", 1) != 1)
		result = -errno;
	close(ends[0]);
	close(ends[1]);
	return result;
}

const char *signals_by_files(void)
{
	EXPECT(signal_by_file(bare.init.pid), 0);
	EXPECT(agent_ask(&bare.init, take_signal, 0), 1);
	EXPECT(signal_by_file(guarded.init.pid), 0);
	EXPECT(agent_ask(&guarded.init, take_signal, 0), 0);
	EXPECT(agent_ask(&guarded.init, signal_by_file, 1), 0);
	EXPECT(agent_ask(&guarded.init, take_signal, 0), 1);
	return NULL;
}

static long offer_to_parent(long unused)
{
	pid_t child;

	(void)unused;
	/* Its parent is the one outside that the session's first process has. */
	child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(errno);
		_exit(0);
	}
	return child < 0 ? -errno : 0;
}

static long status_of_child(long unused)
{
	int status;

	(void)unused;
	if (waitpid(-1, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

const char *traceme(void)
{
	EXPECT(agent_ask(&bare.escaped, offer_to_parent, 0), 0);
	EXPECT(agent_ask(&bare.supervisor, status_of_child, 0), 0);
	EXPECT(agent_ask(&guarded.escaped, offer_to_parent, 0), 0);
	EXPECT(agent_ask(&guarded.supervisor, status_of_child, 0), -EPERM);
	return NULL;
}

static long own_pid(long unused) { (void)unused; return getpid(); }

const char *life_inside(void)
{
	/* The session's first process looks at proc of the host here, where it has the host's pid. */
	EXPECT(agent_ask(&guarded.escaped, signal_process, 1), 0);
	for (const struct attack *attack = outside_attacks; attack->title; attack++) {
		/* A process with the host's own credentials asks for limits in another way. */
		if (strstr(attack->title, "in the listing") || strstr(attack->title, "folder in proc") ||
		    strstr(attack->title, "command line") || strstr(attack->title, "memory in proc"))
			if (agent_ask(&guarded.escaped, attack->act, guarded.init.pid) < 0)
				return failed("%s", attack->title);
	}
	EXPECT(agent_ask(&guarded.init, own_pid, 0), 1);
	return NULL;
}

/* A child of the supervisor's child, as CRIU's are. */
static long signal_from_below(long pid)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		pid_t below = fork();

		if (below == 0)
			_exit(kill(pid, 0) < 0 ? errno : 0);
		waitpid(below, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

const char *runtime_below(void)
{
	EXPECT(agent_ask(&guarded.supervisor, signal_from_below, guarded.init.pid), 0);
	return NULL;
}

static long open_memory_to_write(long pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

const char *supervisor_memory(void)
{
	EXPECT(open_memory_to_write(bare.supervisor.pid), 0);
	EXPECT(open_memory_to_write(guarded.supervisor.pid), -EACCES);
	EXPECT(open_memory_to_write(getpid()), 0);
	return NULL;
}
