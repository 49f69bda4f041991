// SPDX-License-Identifier: Apache-2.0
// A supervisor that the kernel has no memory for.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

#define GROUPS "/tmp/groups"
#define GROUP GROUPS "/poor"
#define FEW_BYTES "1048576"
#define MOST_FILES 60000

/* Nobody may end it to have its memory, and it needs no more of its own: the kernel waits for that for ever. */
static long become_poor(long unused)
{
	const struct rlimit files = { MOST_FILES, MOST_FILES };

	(void)unused;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return write_text("/proc/self/oom_score_adj", "-1000");
}

/* Opens files, each of which costs memory of the kernel's, until there is none; gives how many, or an errno. */
static long fill_memory(int *files, long most)
{
	long count;

	for (count = 0; count < most; count++) {
		files[count] = open("/dev/deskpod", O_RDWR | O_CLOEXEC);
		if (files[count] < 0)
			return errno == ENOMEM ? count : -errno;
	}
	return -EMFILE;
}

/* An answer would need memory, too: so this makes room again. */
static long register_when_full(long pid)
{
	static int files[MOST_FILES];
	long result, count;

	memset(files, 0xff, sizeof(files));
	if (mlockall(MCL_CURRENT) < 0 || write_text(GROUP "/cgroup.procs", "0") < 0)
		return -errno;
	count = fill_memory(files, MOST_FILES);
	result = count < 0 ? count : device_register_quietly(pid);
	for (long i = 0; i < count; i++)
		close(files[i]);
	return result;
}

static const char *register_without_memory(struct session *session)
{
	const struct agent *poor = &session->supervisor;

	EXPECT(agent_ask(poor, become_poor, 0), 0);
	EXPECT(agent_ask(poor, device_open, 0), 0);
	EXPECT(write_text(GROUP "/memory.max", FEW_BYTES), 0);
	EXPECT(agent_ask(poor, register_when_full, session->init.pid), -ENOMEM);
	EXPECT(signal_process(session->init.pid), 0);
	EXPECT(agent_ask(poor, signal_process, guarded.init.pid), -EPERM);

	EXPECT(write_text(GROUP "/memory.max", "max"), 0);
	EXPECT(agent_ask(poor, device_register_quietly, session->init.pid) > 0, 1);
	EXPECT(signal_process(session->init.pid), -EPERM);
	EXPECT(agent_ask(poor, device_release, 0), 0);
	return NULL;
}

const char *without_memory(void)
{
	struct session session = session_start();
	const char *failure;

	if (mkdir(GROUPS, 0755) < 0 || mount("cgroup2", GROUPS, "cgroup2", 0, "") < 0 || mkdir(GROUP, 0755) < 0)
		return failed("control groups: %d", errno);
	EXPECT(write_text(GROUPS "/cgroup.subtree_control", "+memory"), 0);
	failure = register_without_memory(&session);
	session_stop(&session);
	return failure;
}
