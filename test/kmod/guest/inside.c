// SPDX-License-Identifier: Apache-2.0
// What a process of a session tries that came to have all rights on the host, and no filter of system calls.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"

/* <sys/mount.h> and <linux/mount.h> do not go together in every libc. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#define PRIVATE ((1 << 18) | (1 << 14))

static int detached_mount = -1, file_system = -1, own_namespace = -1;
static struct {
	struct file_handle handle;
	unsigned char bytes[MAX_HANDLE_SZ];
} handle;

long prepare_inside(long unused)
{
	int mount_id;

	(void)unused;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, PRIVATE, NULL) < 0)
		return -errno;
	if (mount("tmpfs", "/tmp/mnt", "tmpfs", 0, NULL) < 0 || mount("tmpfs", "/tmp/media", "tmpfs", 0, NULL) < 0)
		return -errno;
	if (mkdir("/tmp/mnt/old", 0755) < 0 || mkdir("/tmp/mnt/moved", 0755) < 0 || mkdir("/tmp/mnt/new", 0755) < 0)
		return -errno;
	detached_mount = syscall(SYS_open_tree, AT_FDCWD, "/tmp/media", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	file_system = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	own_namespace = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	if (detached_mount < 0 || file_system < 0 || own_namespace < 0)
		return -errno;
	if (syscall(SYS_fsconfig, file_system, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	handle.handle.handle_bytes = MAX_HANDLE_SZ;
	return outcome(name_to_handle_at(AT_FDCWD, "/tmp/mnt", &handle.handle, &mount_id, 0));
}

static long close_again(long fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

/* The others are there to be called with any process. */
#define DEED(_name, _what)                     \
	static long _name(long unused)         \
	{                                      \
		(void)unused;                  \
		return outcome(_what);         \
	}
#define DESCRIPTOR(_name, _what)               \
	static long _name(long unused)         \
	{                                      \
		(void)unused;                  \
		return close_again(outcome(_what)); \
	}

DEED(change_root, chroot("/"))
DEED(mount_new, mount("tmpfs", "/tmp/mnt/new", "tmpfs", 0, NULL))
DEED(mount_bind, mount("/tmp/mnt/old", "/tmp/mnt/new", NULL, 1 << 12, NULL))
DEED(unmount, umount2("/tmp/media", 2))
DEED(move, syscall(SYS_move_mount, detached_mount, "", AT_FDCWD, "/tmp/mnt/moved", MOVE_MOUNT_F_EMPTY_PATH))
DEED(pivot, syscall(SYS_pivot_root, "/tmp/mnt", "/tmp/mnt/old"))
DESCRIPTOR(clone_tree, syscall(SYS_open_tree, AT_FDCWD, "/tmp/mnt", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))
DESCRIPTOR(open_system, syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC))
DESCRIPTOR(pick_system, syscall(SYS_fspick, AT_FDCWD, "/tmp/mnt", FSPICK_CLOEXEC))
DESCRIPTOR(mount_system, syscall(SYS_fsmount, file_system, FSMOUNT_CLOEXEC, 0))
static long change_mount(long unused)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_NOEXEC };

	(void)unused;
	return outcome(syscall(SYS_mount_setattr, AT_FDCWD, "/tmp/mnt", 0, &attributes, sizeof(attributes)));
}

DEED(enter, setns(own_namespace, 0))
DEED(leave, unshare(CLONE_NEWUTS))
static long in_child(long (*act)(void))
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0)
		_exit(-act());
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}
static long leave_users(void) { return outcome(unshare(CLONE_NEWUSER)); }
static long new_users(long unused) { (void)unused; return in_child(leave_users); }
static long with_namespaces(unsigned long flags)
{
	long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(0);
	if (child < 0)
		return -errno;
	waitpid(child, NULL, 0);
	return 0;
}
static long fork_with_names(long unused) { (void)unused; return with_namespaces(CLONE_NEWUTS); }
static long fork_with_users(long unused) { (void)unused; return with_namespaces(CLONE_NEWUSER); }

static long make_node(mode_t kind)
{
	unlink("/tmp/mnt/node");
	return outcome(mknod("/tmp/mnt/node", kind | 0600, makedev(1, 3)));
}
static long make_block(long unused) { (void)unused; return make_node(S_IFBLK); }
static long make_character(long unused) { (void)unused; return make_node(S_IFCHR); }

static long open_handle(long unused)
{
	int dir = open("/tmp/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long result = close_again(outcome(open_by_handle_at(dir, &handle.handle, O_PATH | O_CLOEXEC)));

	(void)unused;
	close(dir);
	return result;
}

/* Without the barrier the kernel says that it is no module, or that there is none: it was asked. */
static long unless(long result, int expected) { return result == -expected ? 0 : result; }
static long load_module(long unused)
{
	/* As long as one has to be, to be looked at. */
	static char no_module[4096];

	(void)unused;
	return unless(outcome(syscall(SYS_init_module, no_module, sizeof(no_module), "")), ENOEXEC);
}
static long load_module_file(long unused)
{
	int file = open("/checkout/barrier.sh", O_RDONLY | O_CLOEXEC);
	long result = unless(outcome(syscall(SYS_finit_module, file, "", 0)), ENOEXEC);

	(void)unused;
	close(file);
	return result;
}
static long unload_module(long unused)
{
	(void)unused;
	return unless(outcome(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK)), ENOENT);
}
static long make_map(long unused)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	(void)unused;
	return close_again(outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map))));
}
static long count_events(long unused)
{
	struct perf_event_attr event = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(event) };

	(void)unused;
	return close_again(outcome(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0)));
}
DESCRIPTOR(open_device, open("/dev/deskpod", O_RDWR | O_CLOEXEC))

static long open_host_memory(long pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/mem", pid);
	return close_again(outcome(open(path, O_RDWR | O_CLOEXEC)));
}
static long read_host_arguments(long pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	return close_again(outcome(open(path, O_RDONLY | O_CLOEXEC)));
}
static long go_through_host_root(long pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/root", pid);
	return close_again(outcome(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
}
static long find_host_process(long pid)
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

const struct attack inside_attacks[] = {
	INSIDE("chroot", change_root),
	INSIDE("mounting a file system", mount_new),
	INSIDE("mounting a folder elsewhere", mount_bind),
	INSIDE("moving a mount", move),
	INSIDE("copying a mount", clone_tree),
	INSIDE("opening a file system", open_system),
	INSIDE("picking a file system", pick_system),
	INSIDE("mounting an opened file system", mount_system),
	INSIDE("changing a mount", change_mount),
	INSIDE("unmounting", unmount),
	INSIDE("entering a namespace", enter),
	INSIDE("leaving a namespace", leave),
	INSIDE("leaving the user namespace", new_users),
	INSIDE("a child with a namespace of its own", fork_with_names),
	INSIDE("a child with a user namespace of its own", fork_with_users),
	INSIDE("making a block device", make_block),
	INSIDE("making a character device", make_character),
	INSIDE("opening a file by its handle", open_handle),
	INSIDE("loading a module", load_module),
	INSIDE("loading a module from a file", load_module_file),
	INSIDE("unloading a module", unload_module),
	INSIDE("making a map for bpf", make_map),
	INSIDE("counting the kernel's events", count_events),
	INSIDE("opening the module's device", open_device),
	INSIDE("opening the memory of a process of the host", open_host_memory),
	INSIDE("reading the command line of a process of the host", read_host_arguments),
	INSIDE("going through the root of a process of the host", go_through_host_root),
	INSIDE("finding a process of the host in the listing of proc", find_host_process),
	INSIDE("pivot_root", pivot),
	{ NULL, NULL, 0 },
};
