// SPDX-License-Identifier: GPL-2.0
/*
 * Where the functions are that are probed, and whether the kernel is laid out as the
 * judges expect. Asked once, when the module is loaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "judges.h"

/* Whether the kernel lays out the inodes of /proc as compat.h says: asks it for this process's. */
static int check_proc(void)
{
	struct file *file = filp_open("/proc/self", O_RDONLY | O_DIRECTORY, 0);
	int error = 0;

	if (IS_ERR(file)) {
		pr_err("/proc/self could not be opened: %ld\n", PTR_ERR(file));
		return PTR_ERR(file);
	}
	if (file_inode(file)->i_sb->s_magic != PROC_SUPER_MAGIC ||
	    deskpod_pid_of_proc_inode(file_inode(file)) != task_tgid(current)) {
		pr_err("the inodes of /proc are not laid out as this module expects\n");
		error = -EOPNOTSUPP;
	}
	fput(file);
	return error;
}

/*
 * Finds out where the functions are: a kprobe that is never armed is the way to ask
 * the kernel for that.
 */
static int locate(struct deskpod_probe *probes, unsigned int count, struct kprobe *places,
		  struct kprobe **registered)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < count; i++) {
		places[i].symbol_name = probes[i].symbol;
		places[i].flags = KPROBE_FLAG_DISABLED;
		registered[i] = &places[i];
		error = register_kprobe(&places[i]);
		if (error) {
			pr_err("%s cannot be probed: %d\n", probes[i].symbol, error);
			break;
		}
		probes[i].ip = (unsigned long)places[i].addr;
		if (!kprobe_ftrace(&places[i])) {
			pr_err("%s cannot be probed in its own context\n", probes[i].symbol);
			error = -EOPNOTSUPP;
			i++;
			break;
		}
	}
	unregister_kprobes(registered, i);
	return error;
}

/**
 * deskpod_locate - find the functions, and whether the kernel is as this module expects
 * @probes: those that are to stand there; their places are filled in
 * @count: how many they are
 *
 * Return: 0; -ENOENT if the kernel lacks a function; -EOPNOTSUPP if it is another
 * kernel; -ENOMEM, and what opening /proc comes to.
 */
int deskpod_locate(struct deskpod_probe *probes, unsigned int count)
{
	struct kprobe **registered;
	struct kprobe *places;
	int error = check_proc();

	if (error)
		return error;
	places = kcalloc(count, sizeof(*places), GFP_KERNEL);
	registered = kcalloc(count, sizeof(*registered), GFP_KERNEL);
	error = places && registered ? locate(probes, count, places, registered) : -ENOMEM;
	kfree(registered);
	kfree(places);
	return error;
}
