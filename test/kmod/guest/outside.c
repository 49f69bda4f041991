// SPDX-License-Identifier: Apache-2.0
// What a process outside tries on one of a session, named by its pid as the host sees it. All of it works without the module.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

/* Something to read in another process, which is a copy of this one: a page. */
static char memory[4096] __attribute__((aligned(4096))) = "memory";

static long signal_zero(long pid) { return outcome(kill(pid, 0)); }
static long signal_group(long pid) { return outcome(kill(-pid, 0)); }
static long signal_continue(long pid) { return outcome(kill(pid, SIGCONT)); }
static long signal_thread(long pid) { return outcome(syscall(SYS_tgkill, pid, pid, SIGCONT)); }

static long signal_queued(long pid)
{
	return outcome(sigqueue(pid, SIGCONT, (union sigval){ .sival_int = 1 }));
}

/* Whatever is done with a pidfd, which anybody may have. */
static long with_pidfd(long pid, long (*use)(int pidfd))
{
	long result;
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;
	result = use(pidfd);
	close(pidfd);
	return result;
}

static long use_signal(int pidfd) { return outcome(syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0)); }
static long signal_pidfd(long pid) { return with_pidfd(pid, use_signal); }

static long use_descriptor(int pidfd)
{
	long result = outcome(syscall(SYS_pidfd_getfd, pidfd, 0, 0));

	if (result >= 0)
		close(result);
	return result < 0 ? result : 0;
}
static long take_descriptor(long pid) { return with_pidfd(pid, use_descriptor); }

static long use_advice(int pidfd)
{
	struct iovec place = { memory, sizeof(memory) };

	return outcome(syscall(SYS_process_madvise, pidfd, &place, 1, 20 /* MADV_COLD */, 0));
}
static long advise_memory(long pid) { return with_pidfd(pid, use_advice); }

/* In a child, as it cannot be undone. */
static long in_child(long (*act)(long), long argument)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(-act(argument));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static long use_namespaces(int pidfd) { return outcome(setns(pidfd, CLONE_NEWUTS | CLONE_NEWNET)); }
static long enter_directly(long pid) { return with_pidfd(pid, use_namespaces); }
static long enter_by_pidfd(long pid) { return in_child(enter_directly, pid); }

static long seize_directly(long pid)
{
	/* The tracer ends at once, and so does the tracing. */
	return outcome(ptrace(PTRACE_SEIZE, pid, 0, 0));
}
static long trace(long pid) { return in_child(seize_directly, pid); }

static long read_memory(long pid)
{
	char copy[sizeof(memory)];
	struct iovec to = { copy, sizeof(copy) }, from = { memory, sizeof(memory) };

	return outcome(process_vm_readv(pid, &to, 1, &from, 1, 0));
}
static long write_memory(long pid)
{
	struct iovec from = { memory, sizeof(memory) }, to = { memory, sizeof(memory) };

	return outcome(process_vm_writev(pid, &from, 1, &to, 1, 0));
}
static long compare(long pid) { return outcome(syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0)); }
static long futexes(long pid)
{
	void *head;
	size_t size;

	return outcome(syscall(SYS_get_robust_list, pid, &head, &size));
}

static char *file_of(long pid, const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	return path;
}

static long open_file(long pid, const char *name, int flags)
{
	char byte;
	long result;
	int fd = open(file_of(pid, name), flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	result = (flags & O_ACCMODE) == O_RDONLY && !(flags & O_DIRECTORY) ? outcome(read(fd, &byte, 1)) : 0;
	close(fd);
	return result;
}

#define FILE_TO_READ(_name) \
	static long read_##_name(long pid) { return open_file(pid, #_name, O_RDONLY); }
FILE_TO_READ(maps)
FILE_TO_READ(environ)
FILE_TO_READ(cmdline)
FILE_TO_READ(status)
FILE_TO_READ(stat)
FILE_TO_READ(mountinfo)
static long open_memory(long pid) { return open_file(pid, "mem", O_RDWR); }
static long write_oom(long pid) { return open_file(pid, "oom_score_adj", O_WRONLY); }
static long list_descriptors(long pid) { return open_file(pid, "fd", O_RDONLY | O_DIRECTORY); }
static long list_threads(long pid) { return open_file(pid, "task", O_RDONLY | O_DIRECTORY); }
static long open_network(long pid) { return open_file(pid, "net", O_RDONLY | O_DIRECTORY); }
static long open_root(long pid) { return open_file(pid, "root", O_RDONLY | O_DIRECTORY); }
static long open_cwd(long pid) { return open_file(pid, "cwd", O_RDONLY | O_DIRECTORY); }
static long open_program(long pid) { return open_file(pid, "exe", O_RDONLY); }
static long open_namespace(long pid)
{
	int fd = open(file_of(pid, "ns/net"), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
static long look_at_folder(long pid)
{
	struct stat found;

	return outcome(stat(file_of(pid, ""), &found));
}
static long find_in_listing(long pid)
{
	char name[16];
	struct dirent *entry;
	long result = -ENOENT;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	snprintf(name, sizeof(name), "%ld", pid);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, name) == 0)
			result = 0;
	closedir(dir);
	return result;
}

static long get_limit(long pid)
{
	struct rlimit limit;

	return outcome(prlimit(pid, RLIMIT_CORE, NULL, &limit));
}
static long set_limit(long pid)
{
	struct rlimit limit = { 0, 0 };

	return outcome(prlimit(pid, RLIMIT_CORE, &limit, NULL));
}
static long set_nice(long pid) { return outcome(setpriority(PRIO_PROCESS, pid, 1)); }
static long set_affinity(long pid)
{
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET(0, &processors);
	return outcome(sched_setaffinity(pid, sizeof(processors), &processors));
}
static long get_affinity(long pid)
{
	cpu_set_t processors;

	return outcome(sched_getaffinity(pid, sizeof(processors), &processors));
}
static long set_scheduler(long pid)
{
	return outcome(sched_setscheduler(pid, SCHED_BATCH, &(struct sched_param){ 0 }));
}
static long get_scheduler(long pid) { return outcome(sched_getscheduler(pid)) < 0 ? -errno : 0; }
static long set_io_priority(long pid) { return outcome(syscall(SYS_ioprio_set, 1, pid, (2 << 13) | 4)); }
static long get_io_priority(long pid) { return outcome(syscall(SYS_ioprio_get, 1, pid)) < 0 ? -errno : 0; }
static long get_group(long pid) { return outcome(getpgid(pid)) < 0 ? -errno : 0; }
static long get_session(long pid) { return outcome(getsid(pid)) < 0 ? -errno : 0; }

const struct attack outside_attacks[] = {
	OUTSIDE("a signal", signal_zero),
	OUTSIDE("a signal to its group", signal_group),
	OUTSIDE("a signal that continues it", signal_continue),
	OUTSIDE("a signal to a thread", signal_thread),
	OUTSIDE("a signal with a value", signal_queued),
	OUTSIDE("a signal by a pidfd", signal_pidfd),
	OUTSIDE("taking a descriptor out of it", take_descriptor),
	OUTSIDE("advice on its memory", advise_memory),
	OUTSIDE("entering its namespaces by a pidfd", enter_by_pidfd),
	OUTSIDE("tracing it", trace),
	OUTSIDE("reading its memory", read_memory),
	OUTSIDE("writing its memory", write_memory),
	OUTSIDE("comparing its resources", compare),
	OUTSIDE("asking for its futexes", futexes),
	OUTSIDE("opening its memory in proc", open_memory),
	OUTSIDE("reading its maps", read_maps),
	OUTSIDE("reading its environment", read_environ),
	OUTSIDE("reading its command line", read_cmdline),
	OUTSIDE("reading its status", read_status),
	OUTSIDE("reading its stat", read_stat),
	OUTSIDE("reading its mounts", read_mountinfo),
	OUTSIDE("writing what the lack of memory does to it", write_oom),
	OUTSIDE("listing its descriptors", list_descriptors),
	OUTSIDE("listing its threads", list_threads),
	OUTSIDE("looking at its network", open_network),
	OUTSIDE("going through its root", open_root),
	OUTSIDE("going through its working folder", open_cwd),
	OUTSIDE("opening its program", open_program),
	OUTSIDE("opening one of its namespaces", open_namespace),
	OUTSIDE("looking at its folder in proc", look_at_folder),
	OUTSIDE("finding it in the listing of proc", find_in_listing),
	OUTSIDE_MAPPED("asking for its limits", get_limit),
	OUTSIDE("setting a limit", set_limit),
	OUTSIDE("setting its nice value", set_nice),
	OUTSIDE("setting its processors", set_affinity),
	OUTSIDE("asking for its processors", get_affinity),
	OUTSIDE("setting its scheduling", set_scheduler),
	OUTSIDE("asking for its scheduling", get_scheduler),
	OUTSIDE("setting its priority for disks", set_io_priority),
	OUTSIDE("asking for its priority for disks", get_io_priority),
	OUTSIDE("asking for its process group", get_group),
	OUTSIDE("asking for its session id", get_session),
	{ NULL, NULL, 0 },
};
