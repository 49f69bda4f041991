// SPDX-License-Identifier: Apache-2.0
// A session as runc makes one: its processes, in namespaces of their own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

#define NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

/* The ends of the sockets that processes below the supervisor answer on. */
static int init_socket, escaped_socket;
static pid_t started_init;

static void write_file(long pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* As init of its namespace it would not even get it, if it did not wait for it. */
static void hold_signal(void)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &held, NULL) < 0)
		die("the session's first process");
}

long take_signal(long unused)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t held;

	(void)unused;
	sigemptyset(&held);
	sigaddset(&held, SIGUSR1);
	return sigtimedwait(&held, NULL, &at_once) == SIGUSR1;
}

static long start_init(long unused)
{
	char map[64], go = 0;
	int gate[2];
	pid_t pid;

	(void)unused;
	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	pid = syscall(SYS_clone, NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (read(gate[0], &go, 1) != 1 || setuid(0) < 0 || setpgid(0, 0) < 0)
			die("the session's first process");
		hold_signal();
		agent_serve(init_socket);
	}
	snprintf(map, sizeof(map), "0 %u 65536\n", FIRST_ID);
	write_file(pid, "uid_map", map);
	write_file(pid, "gid_map", map);
	if (write(gate[1], &go, 1) != 1)
		return -errno;
	close(gate[0]);
	close(gate[1]);
	started_init = pid;
	return pid;
}

static long start_escaped(long unused)
{
	char path[64];
	int own, its;
	pid_t pid;

	(void)unused;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", started_init);
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	its = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || its < 0 || setns(its, CLONE_NEWPID) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (setpgid(0, 0) < 0)
			die("the session's other process");
		agent_serve(escaped_socket);
	}
	if (setns(own, CLONE_NEWPID) < 0)
		return -errno;
	close(own);
	close(its);
	return pid < 0 ? -errno : pid;
}

struct session session_start(void)
{
	struct session session;
	int init[2], escaped[2];

	agent_sockets(init);
	agent_sockets(escaped);
	init_socket = init[1];
	escaped_socket = escaped[1];
	session.supervisor = agent_start();
	session.init.socket = init[0];
	session.escaped.socket = escaped[0];
	session.init.pid = must(agent_ask(&session.supervisor, start_init, 0), "the session's first process");
	session.escaped.pid = must(agent_ask(&session.supervisor, start_escaped, 0), "the session's other process");
	close(init[1]);
	close(escaped[1]);
	return session;
}

/* The supervisor may end what it started, and the kernel the rest. */
static long end_init(long pid)
{
	long result = outcome(kill(pid, SIGKILL));

	while (waitpid(-1, NULL, 0) > 0)
		;
	return result;
}

void session_stop(struct session *session)
{
	must(agent_ask(&session->supervisor, end_init, session->init.pid), "the session's end");
	close(session->supervisor.socket);
	close(session->init.socket);
	close(session->escaped.socket);
	while (waitpid(session->supervisor.pid, NULL, 0) < 0 && errno == EINTR)
		;
}
