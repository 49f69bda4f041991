// SPDX-License-Identifier: Apache-2.0
// The module that is tried: into the kernel, and out of it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "module.h"

#define MODULE_FILE "/checkout/deskpod.ko"

long module_load(void)
{
	int file = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
	long result = outcome(syscall(SYS_finit_module, file, "", 0));

	close(file);
	return result;
}

long module_unload(void)
{
	return outcome(syscall(SYS_delete_module, "deskpod", O_NONBLOCK));
}
