// SPDX-License-Identifier: GPL-2.0
/*
 * What a session knows by another name than the host.
 *
 * /dev/tty is the controlling terminal of whoever opens it. A checkpoint cannot hold
 * such an open file, so in a session it is a link to /proc/thread-self/fd/2: to the
 * terminal itself, as long as stderr is that. Here it is the terminal in any case.
 */
#include <linux/dcache.h>
#include <linux/kernel.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>

#include "compat.h"
#include "deskpod_int.h"
#include "judges.h"

static bool is_named(const struct dentry *dentry, const char *name)
{
	return strcmp(dentry->d_name.name, name) == 0;
}

/*
 * proc_fd_link(dentry, path): where a link in a process's folder of open files leads
 * to. Only the way that /dev/tty takes is changed.
 */
bool deskpod_judge_terminal(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	const struct dentry *dentry = (const struct dentry *)regs_get_kernel_argument(regs, 0);

	if (!deskpod_session_of(task_pid(current)))
		return false;
	/* Above /proc itself is nothing but /proc. */
	if (!is_named(dentry, "2") || !is_named(dentry->d_parent->d_parent->d_parent, "task"))
		return false;
	if (deskpod_pid_of_proc_inode(d_inode(dentry)) != task_pid(current))
		return false;
	/* What runs in place of it may sleep, and the session may end meanwhile. */
	return try_module_get(THIS_MODULE);
}

static int find_terminal(struct tty_struct *tty, struct path *path)
{
	char name[sizeof("/dev/pts/") + 10];
	int error;

	if (tty->driver->major != UNIX98_PTY_SLAVE_MAJOR)
		return -ENXIO;
	snprintf(name, sizeof(name), "/dev/pts/%d", tty->index);
	error = kern_path(name, 0, path);
	if (error)
		return -ENXIO;
	/* It may be gone, and another have its number; or another /dev/pts be there. */
	if (path->dentry == READ_ONCE(tty->driver_data))
		return 0;
	path_put(path);
	return -ENXIO;
}

/**
 * deskpod_terminal - runs in place of proc_fd_link()
 * @dentry: the link
 * @path: out: where it leads to
 *
 * Context: of a session's process; may sleep.
 * Return: 0; -ENXIO without a controlling terminal, as of /dev/tty.
 */
int deskpod_terminal(struct dentry *dentry, struct path *path)
{
	struct tty_struct *tty = get_current_tty();
	int error = -ENXIO;

	if (tty) {
		error = find_terminal(tty, path);
		tty_kref_put(tty);
	}
	/* What is left of this function is waited for when the module is unloaded. */
	module_put(THIS_MODULE);
	return error;
}
