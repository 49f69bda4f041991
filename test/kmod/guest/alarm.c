// SPDX-License-Identifier: Apache-2.0
// What is told when probes are not there any more: another module takes them away.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "module.h"
#include "tests.h"

#define READ_ALL 3

static int kernel_says(const char *text)
{
	static char log[1 << 20];
	int size = klogctl(READ_ALL, log, sizeof(log) - 1);

	if (size < 0)
		return 0;
	log[size] = 0;
	return strstr(log, text) != NULL;
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
