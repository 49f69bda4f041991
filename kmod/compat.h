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
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS
#error "DeskPod's module needs CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"
#endif
#ifndef CONFIG_SECURITY_PATH
#error "DeskPod's module needs CONFIG_SECURITY_PATH"
#endif
#ifndef CONFIG_PROC_EVENTS
#error "DeskPod's module needs CONFIG_PROC_EVENTS"
#endif

#ifdef __ASSEMBLER__

#include <asm/asm-offsets.h>

/* Where a processor keeps which task it runs. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define DESKPOD_CURRENT PER_CPU_VAR(pcpu_hot + X86_current_task)
#else
#define DESKPOD_CURRENT PER_CPU_VAR(current_task)
#endif

/* Counting calls, against Retbleed, came with 6.2. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define CALL_DEPTH_ACCOUNT
#endif

#else /* __ASSEMBLER__ */

#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/ns_common.h>
#include <linux/proc_ns.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <asm/nops.h>

/*
 * The start of struct proc_inode of fs/proc/internal.h, which modules do not get
 * to see, up to the inode. It is the same from 5.7 on. Whether it is that of the
 * running kernel is proven when the module is loaded: see places.c.
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

/* Has the functions of @ops call @address. After an error it can be tried again. */
static inline int deskpod_register_direct(struct ftrace_ops *ops, unsigned long address)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return register_ftrace_direct(ops, address);
#else
	int error = register_ftrace_direct_multi(ops, address);

	/* These are left behind, and the next try would fail for them. */
	if (error) {
		ops->func = NULL;
		ops->trampoline = 0;
	}
	return error;
#endif
}

static inline int deskpod_unregister_direct(struct ftrace_ops *ops, unsigned long address)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return unregister_ftrace_direct(ops, address, false);
#else
	return unregister_ftrace_direct_multi(ops, address);
#endif
}

/* Whether ftrace has the function at @ip call something. If not, nothing is done there. */
static inline bool deskpod_is_call(unsigned long ip)
{
	static const u8 nothing[MCOUNT_INSN_SIZE] = { BYTES_NOP5 };

	return memcmp((const void *)ip, nothing, sizeof(nothing)) != 0;
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

#endif /* __ASSEMBLER__ */

#endif /* DESKPOD_COMPAT_H */
