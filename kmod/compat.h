/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that depends on the kernel's version, its configuration or its processor.
 *
 * Tried with Debian 12's 6.1 and Debian 13's 6.12. Signatures that probes rely
 * on stand beside the probes, in barrier.c; where an argument moves in a later
 * kernel, its place gets a name here.
 */
#ifndef DESKPOD_COMPAT_H
#define DESKPOD_COMPAT_H

#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/linkage.h>
#include <linux/ns_common.h>
#include <linux/objtool.h>
#include <linux/proc_ns.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "DeskPod's module needs Linux 6.1 or newer"
#endif
#ifndef CONFIG_X86_64
#error "DeskPod's module knows x86-64 only"
#endif
#ifndef CONFIG_KPROBES_ON_FTRACE
#error "DeskPod's module needs CONFIG_KPROBES_ON_FTRACE"
#endif
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#error "DeskPod's module needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS"
#endif
#ifndef CONFIG_SECURITY_PATH
#error "DeskPod's module needs CONFIG_SECURITY_PATH"
#endif
#ifndef CONFIG_PROC_EVENTS
#error "DeskPod's module needs CONFIG_PROC_EVENTS"
#endif

/*
 * The start of struct proc_inode of fs/proc/internal.h, which modules do not get
 * to see, up to the inode. It is the same from 5.7 on. Whether it is that of the
 * running kernel is proven when the module is loaded: see check_proc().
 */
struct deskpod_proc_inode {
	struct pid *pid;
	unsigned int fd;
	void *op;
	void *pde;
	void *sysctl;
	void *sysctl_entry;
	struct hlist_node sibling_inodes;
	void *ns_ops;
	struct inode vfs_inode;
};

/* What ftrace has saved: the arguments, the place to go on at, and the value to return. */
static __always_inline struct pt_regs *deskpod_regs(struct ftrace_regs *fregs)
{
#ifdef arch_ftrace_regs
	return &arch_ftrace_regs(fregs)->regs;
#else
	return &fregs->regs;
#endif
}

static inline struct pid *deskpod_pid_of_proc_inode(const struct inode *inode)
{
	return READ_ONCE(container_of(inode, struct deskpod_proc_inode, vfs_inode)->pid);
}

/* The CLONE_NEW* flag of a namespace's kind. */
static inline int deskpod_ns_type(const struct ns_common *ns)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return ns->ns_type;
#else
	return ns->ops->type;
#endif
}

#endif /* DESKPOD_COMPAT_H */
