// SPDX-License-Identifier: Apache-2.0
// What all tests of the barrier have.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

struct session bare, guarded;
long id;

const char *failed(const char *format, ...)
{
	static char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return text;
}

long signal_process(long pid) { return outcome(kill(pid, 0)); }

long group_of(long pid) { return outcome(getpgid(pid)); }

long fork_once(long unused)
{
	pid_t child = fork();

	(void)unused;
	if (child == 0)
		_exit(0);
	return child < 0 ? -errno : outcome(waitpid(child, NULL, 0)) < 0 ? -errno : 0;
}

long write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long result;

	if (fd < 0)
		return -errno;
	result = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return result;
}
