// SPDX-License-Identifier: Apache-2.0
// What /dev/tty leads to in a session, whose link it is.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

#define TERMINAL_MAJOR 136
#define OTHER_FILE "/checkout/barrier"

/* What a child found, as its exit code: these, or an errno. */
enum { FOUND_TERMINAL = 201, FOUND_FILE, FOUND_SOMETHING };

long prepare_terminal(long unused)
{
	(void)unused;
	if (setgid(0) < 0 || mount("tmpfs", "/dev", "tmpfs", 0, "mode=755") < 0 || mkdir("/dev/pts", 0755) < 0 ||
	    mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666") < 0 ||
	    symlink("/proc/thread-self/fd/2", "/dev/tty") < 0)
		return -errno;
	return 0;
}

static int found_at(const char *path, const char *terminal)
{
	char link[32], target[32] = "";
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &status) < 0 || readlink(link, target, sizeof(target) - 1) < 0)
		return errno;
	if (S_ISREG(status.st_mode))
		return FOUND_FILE;
	return major(status.st_rdev) == TERMINAL_MAJOR && strcmp(target, terminal) == 0 ? FOUND_TERMINAL : FOUND_SOMETHING;
}

static long child_finds(const char *path, const char *terminal, int is_controlling)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int other = open(OTHER_FILE, O_RDONLY | O_CLOEXEC);

		if (setsid() < 0 || open(terminal, O_RDWR | (is_controlling ? 0 : O_NOCTTY)) < 0 || dup2(other, 2) < 0)
			_exit(errno);
		_exit(found_at(path, terminal));
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static long find(const char *path, int is_controlling)
{
	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), number, lock = 0;
	char terminal[32];
	long found;

	if (master < 0 || ioctl(master, TIOCGPTN, &number) < 0 || ioctl(master, TIOCSPTLCK, &lock) < 0)
		return -errno;
	snprintf(terminal, sizeof(terminal), "/dev/pts/%d", number);
	found = child_finds(path, terminal, is_controlling);
	close(master);
	return found;
}

static long find_by_name(long is_controlling) { return find("/dev/tty", is_controlling); }
static long find_by_number(long is_controlling) { return find("/proc/self/fd/2", is_controlling); }

const char *terminal_by_name(void)
{
	EXPECT(agent_ask(&bare.init, find_by_name, 1), FOUND_FILE);
	EXPECT(agent_ask(&guarded.init, find_by_name, 1), FOUND_TERMINAL);
	EXPECT(agent_ask(&guarded.init, find_by_name, 0), ENXIO);
	EXPECT(agent_ask(&guarded.init, find_by_number, 1), FOUND_FILE);
	return NULL;
}
