// SPDX-License-Identifier: Apache-2.0
// How protection ends: not by itself, nor for whoever wants it to.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "tests.h"

static struct agent heir;

const char *kept_armed(void)
{
	EXPECT(write_text("/proc/sys/kernel/ftrace_enabled", "0"), -EBUSY);
	EXPECT(signal_process(guarded.init.pid), -EPERM);
	return NULL;
}

const char *supervisor_dies(void)
{
	struct agent other;

	EXPECT(module_unload(), -EAGAIN);
	kill(guarded.supervisor.pid, SIGKILL);
	waitpid(guarded.supervisor.pid, NULL, 0);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	EXPECT(module_unload(), -EAGAIN);
	heir = agent_start();
	EXPECT(agent_ask(&heir, device_open, 0), 0);
	EXPECT(agent_ask(&heir, device_state, id), DESKPOD_ORPHANED);
	EXPECT(agent_ask(&heir, signal_process, guarded.init.pid), -EPERM);
	EXPECT(agent_ask(&heir, device_claim_wrongly, id), -EACCES);
	EXPECT(agent_ask(&heir, device_claim, id), 0);
	EXPECT(agent_ask(&heir, device_state, id), DESKPOD_HELD);
	EXPECT(agent_ask(&heir, signal_process, guarded.init.pid), 0);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	EXPECT(agent_ask(&heir, device_wait, DESKPOD_CLAIMED), 1);
	other = agent_start();
	EXPECT(agent_ask(&other, device_open, 0), 0);
	EXPECT(agent_ask(&other, device_claim, id), -EBUSY);
	close(other.socket);
	waitpid(other.pid, NULL, 0);
	return NULL;
}

const char *owner_ends_it(void)
{
	struct pollfd first = { .fd = syscall(SYS_pidfd_open, guarded.init.pid, 0), .events = POLLIN };

	EXPECT(outcome(kill(guarded.init.pid, SIGKILL)), -EPERM);
	EXPECT(device_open(0), 0);
	EXPECT(device_end(id), 0);
	/* Their parent is gone, and this process took its place; the first waits for the other to be reaped. */
	EXPECT(waitpid(guarded.escaped.pid, NULL, 0), guarded.escaped.pid);
	EXPECT(poll(&first, 1, 20000), 1);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	EXPECT(device_close(0), 0);
	EXPECT(agent_ask(&heir, device_wait, DESKPOD_ENDED), 1);
	close(first.fd);
	return NULL;
}

static const char *load_and_unload(int times)
{
	for (int i = 0; i < times; i++) {
		EXPECT(module_unload(), 0);
		EXPECT(module_load(), 0);
	}
	EXPECT(module_unload(), 0);
	return NULL;
}

/* While a process is in the module's text again and again: each load arms the probes for a moment. */
const char *unloading(void)
{
	const char *cycles = getenv("CYCLES"), *failure;
	pid_t storm;

	close(heir.socket);
	waitpid(heir.pid, NULL, 0);
	storm = fork();
	if (storm == 0)
		for (;;)
			kill(getppid(), 0);
	failure = load_and_unload(cycles ? atoi(cycles) : 2);
	kill(storm, SIGKILL);
	waitpid(storm, NULL, 0);
	return failure;
}
