// SPDX-License-Identifier: Apache-2.0
// What is told when probes are not there any more: another module takes them away.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "module.h"
#include "tests.h"

#define READ_ALL 3
#define WAIT_MS 20000

static int kernel_says(const char *text)
{
	static char log[1 << 20];
	int size = klogctl(READ_ALL, log, sizeof(log) - 1);

	if (size < 0)
		return 0;
	log[size] = 0;
	return strstr(log, text) != NULL;
}

/* Waits for the kernel to say it from now on. */
static int kernel_will_say(int log, const char *text)
{
	struct pollfd more = { .fd = log, .events = POLLIN };
	char line[8192];

	while (poll(&more, 1, WAIT_MS) == 1) {
		ssize_t size = read(log, line, sizeof(line) - 1);

		line[size < 0 ? 0 : size] = 0;
		if (strstr(line, text))
			return 1;
	}
	return 0;
}

/* Meanwhile something works that is refused otherwise: that the probes are gone is no pretence. */
static const char *without(const char *probes, deed deed)
{
	long alarms = agent_ask(&guarded.supervisor, device_alarms, id);

	EXPECT(deed(guarded.init.pid), -EPERM);
	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	EXPECT(disarming_load(probes), 0);
	EXPECT(deed(guarded.init.pid) >= 0, 1);
	EXPECT(agent_ask(&guarded.supervisor, device_wait, DESKPOD_ALARM) > 0, 1);
	EXPECT(agent_ask(&guarded.supervisor, device_alarms, id) > alarms, 1);
	EXPECT(disarming_unload(), 0);
	EXPECT(deed(guarded.init.pid), -EPERM);
	return NULL;
}

const char *without_call(void)
{
	char text[64];
	const char *failure;

	snprintf(text, sizeof(text), "the barrier of session %ld is not there", id);
	EXPECT(agent_ask(&guarded.supervisor, device_alarms, id), 0);
	EXPECT(kernel_says(text), 0);
	failure = without("direct", signal_process);
	if (failure)
		return failure;
	EXPECT(kernel_says(text), 1);
	return NULL;
}

const char *without_probes(void)
{
	return without("ops", group_of);
}

const char *without_ftrace(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const struct agent *supervisor = &bare.supervisor;

	if (log < 0 || lseek(log, 0, SEEK_END) < 0)
		return failed("/dev/kmsg: %d", errno);
	EXPECT(module_load(), 0);
	EXPECT(agent_ask(supervisor, device_open, 0), 0);
	EXPECT(agent_ask(supervisor, device_register_quietly, bare.init.pid) > 0, 1);
	EXPECT(disarming_break(), 0);
	EXPECT(signal_process(bare.init.pid), -EPERM);
	EXPECT(group_of(bare.init.pid), -EPERM);
	EXPECT(agent_ask(supervisor, device_release, 0), 0);
	EXPECT(kernel_will_say(log, "the probes cannot be disarmed"), 1);
	EXPECT(signal_process(bare.init.pid), 0);
	EXPECT(agent_ask(supervisor, device_register_quietly, bare.init.pid) > 0, 1);
	EXPECT(signal_process(bare.init.pid), -EPERM);
	EXPECT(group_of(bare.init.pid), -EPERM);
	close(log);
	return NULL;
}
