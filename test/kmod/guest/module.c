// SPDX-License-Identifier: Apache-2.0
// The module that is tried: into the kernel, and out of it; and the one that takes its probes away.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "module.h"

static long load(const char *path, const char *parameters)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	long result = outcome(syscall(SYS_finit_module, file, parameters, 0));

	close(file);
	return result;
}

static long unload(const char *name)
{
	return outcome(syscall(SYS_delete_module, name, O_NONBLOCK));
}

long module_load(void) { return load("/checkout/deskpod.ko", ""); }
long module_unload(void) { return unload("deskpod"); }

/* Where the kernel says that something is, of a module's if one is named; 0 if it does not. */
static unsigned long place_of(const char *wanted, const char *whose)
{
	char line[512], name[256], module[64];
	unsigned long address, found = 0;
	FILE *symbols = fopen("/proc/kallsyms", "re");

	while (symbols && !found && fgets(line, sizeof(line), symbols)) {
		module[0] = 0;
		if (sscanf(line, "%lx %*c %255s [%63[^]]]", &address, name, module) >= 2 &&
		    strcmp(name, wanted) == 0 && strcmp(module, whose) == 0)
			found = address;
	}
	if (symbols)
		fclose(symbols);
	return found;
}

static long load_disarming(const char *parameter, unsigned long place)
{
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "%s=%lu", parameter, place);
	return load("/checkout/disarming.ko", parameters);
}

long disarming_load(const char *variable) { return load_disarming("place", place_of(variable, "deskpod")); }
long disarming_break(void) { return load_disarming("end", place_of("ftrace_kill", "")); }
long disarming_unload(void) { return unload("disarming"); }
