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

/* Where the kernel says that a variable of the module's is; 0 if it does not. */
static unsigned long place_of(const char *variable)
{
	char line[512], name[256], module[64];
	unsigned long address, found = 0;
	FILE *symbols = fopen("/proc/kallsyms", "re");

	while (symbols && !found && fgets(line, sizeof(line), symbols))
		if (sscanf(line, "%lx %*c %255s [%63[^]]]", &address, name, module) == 3 &&
		    strcmp(name, variable) == 0 && strcmp(module, "deskpod") == 0)
			found = address;
	if (symbols)
		fclose(symbols);
	return found;
}

long disarming_load(const char *variable)
{
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "place=%lu", place_of(variable));
	return load("/checkout/disarming.ko", parameters);
}

long disarming_unload(void) { return unload("disarming"); }
