// SPDX-License-Identifier: Apache-2.0
// What the module tells of a session, and does not tell of it to others.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "listener.h"
#include "tests.h"

const char *records_name_both(void)
{
	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	EXPECT(agent_ask(&guarded.supervisor, device_wait, DESKPOD_REFUSED_IN), 1);
	EXPECT(agent_ask(&guarded.supervisor, device_last_actor, 0), getpid());
	EXPECT(agent_ask(&guarded.supervisor, device_last_target, 0), guarded.init.pid);
	return NULL;
}

const char *overflow_is_counted(void)
{
	const int times = 1000;
	long before = agent_ask(&guarded.supervisor, device_refused_in, id), lost, read;

	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	lost = agent_ask(&guarded.supervisor, device_lost, 0);
	for (int i = 0; i < times; i++)
		kill(guarded.init.pid, 0);
	read = agent_ask(&guarded.supervisor, device_drain, 0);
	kill(guarded.init.pid, 0);
	read += agent_ask(&guarded.supervisor, device_drain, 0);
	lost = agent_ask(&guarded.supervisor, device_lost, 0) - lost;
	EXPECT(lost > 0, 1);
	EXPECT(read + lost, times + 1);
	EXPECT(agent_ask(&guarded.supervisor, device_refused_in, id) - before, times + 1);
	return NULL;
}

const char *processes_told(void)
{
	long forks, exits;

	agent_ask(&guarded.supervisor, device_drain, 0);
	forks = agent_ask(&guarded.supervisor, device_counted, DESKPOD_FORK * 256);
	exits = agent_ask(&guarded.supervisor, device_counted, DESKPOD_EXIT * 256);
	EXPECT(agent_ask(&guarded.init, fork_once, 0), 0);
	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	EXPECT(agent_ask(&guarded.supervisor, device_counted, DESKPOD_FORK * 256) - forks, 1);
	EXPECT(agent_ask(&guarded.supervisor, device_counted, DESKPOD_EXIT * 256) - exits, 1);
	return NULL;
}

const char *connector(void)
{
	int listener = listener_open();
	struct seen seen;

	if (listener < 0)
		return failed("the process connector could not be listened to: %d", errno);
	EXPECT(agent_ask(&bare.init, fork_once, 0), 0);
	EXPECT(agent_ask(&guarded.init, fork_once, 0), 0);
	EXPECT(fork_once(0), 0);
	seen = listener_until(listener, getpid(), bare.init.pid, guarded.init.pid);
	close(listener);
	EXPECT(seen.has_end, 1);
	EXPECT(seen.first > 0, 1);
	EXPECT(seen.second, 0);
	return NULL;
}
