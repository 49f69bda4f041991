// SPDX-License-Identifier: Apache-2.0
// What is asked of /dev/deskpod, and by whom.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

const char *disarmed_probes(void)
{
	EXPECT(write_text("/proc/sys/kernel/ftrace_enabled", "0"), 0);
	EXPECT(agent_ask(&guarded.supervisor, device_register, guarded.init.pid), -ENXIO);
	EXPECT(signal_process(guarded.init.pid), 0);
	EXPECT(write_text("/proc/sys/kernel/ftrace_enabled", "1"), 0);
	return NULL;
}

const char *begin(void)
{
	id = agent_ask(&guarded.supervisor, device_register, guarded.init.pid);
	return id > 0 ? NULL : failed("it came to %ld", id);
}

const char *ill_formed(void)
{
	struct agent other = agent_start();

	EXPECT(agent_ask(&other, device_open, 0), 0);
	EXPECT(agent_ask(&other, device_register_with_flags, bare.init.pid), -EINVAL);
	EXPECT(agent_ask(&other, device_register_without_token, bare.init.pid), -EINVAL);
	EXPECT(agent_ask(&other, device_register, getpid()), -EINVAL);
	EXPECT(agent_ask(&other, device_register, 1), -EINVAL);
	EXPECT(agent_ask(&other, device_register, bare.escaped.pid), -EINVAL);
	EXPECT(agent_ask(&other, device_register, 4000000), -ESRCH);
	EXPECT(agent_ask(&other, device_register, guarded.init.pid), -EEXIST);
	EXPECT(agent_ask(&guarded.supervisor, device_register, bare.init.pid), -EBUSY);
	EXPECT(agent_ask(&other, device_release, 0), -ENOENT);
	EXPECT(agent_ask(&other, device_claim, id + 1000), -ENOENT);
	EXPECT(agent_ask(&other, device_unknown, 0), -ENOTTY);
	close(other.socket);
	waitpid(other.pid, NULL, 0);
	return NULL;
}

const char *for_root_only(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (chmod("/dev/deskpod", 0666) < 0 || setuid(1000) < 0)
			_exit(255);
		_exit(open("/dev/deskpod", O_RDWR) < 0 ? errno : 0);
	}
	waitpid(child, &status, 0);
	chmod("/dev/deskpod", 0600);
	EXPECT(WEXITSTATUS(status), EPERM);
	return NULL;
}
