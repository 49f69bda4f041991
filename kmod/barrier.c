// SPDX-License-Identifier: GPL-2.0
/*
 * The barrier: probes at the kernel's own check points, which refuse what would
 * cross it.
 *
 * Each is a kprobe at the first instruction of a function. If its judge says so,
 * the function returns an error without having run. This needs no room for each
 * call, as a return probe does, so it cannot run out of it and fail open. The
 * probes are those of ftrace: they run in the context of the probed function's
 * caller, with preemption disabled. So they may look at what RCU protects, and may
 * not sleep.
 *
 * All of them are needed: a kernel that lacks one does not get the module.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "deskpod_int.h"
#include "judges.h"

/* The watch itself asks to signal a session: by that it sees whether probes are hit. */
static struct task_struct *canary_task;
static bool canary_was_seen;

/*
 * Where a refused function goes on: to its caller, with the verdict in the
 * register. The kernel has the same for its error injection, and keeps it.
 */
asm(".pushsection .text, \"ax\"\n"
    ".type deskpod_return, @function\n"
    ".globl deskpod_return\n"
    "deskpod_return:\n"
    ANNOTATE_NOENDBR
    ASM_RET
    ".size deskpod_return, .-deskpod_return\n"
    ".popsection\n");

#define PROBE(_symbol, _judge, _operation, _verdict, _event)                         \
	{                                                                            \
		.kp.symbol_name = _symbol, .judge = _judge, .operation = _operation, \
		.verdict = _verdict, .event = _event                                 \
	}
#define CHECK(_symbol, _judge, _operation) PROBE(_symbol, _judge, _operation, -EPERM, NO_EVENT)
#define EVENT(_symbol, _event) \
	PROBE(_symbol, deskpod_judge_event, DESKPOD_OPERATION_COUNT, 0, _event)
/* Functions that the LSM interface has no check point for: all ways into the kernel. */
#define SYSCALL_64(_name, _operation) CHECK("__x64_sys_" _name, deskpod_judge_inside, _operation)
#ifdef CONFIG_IA32_EMULATION
#define SYSCALL(_name, _operation) \
	SYSCALL_64(_name, _operation), CHECK("__ia32_sys_" _name, deskpod_judge_inside, _operation)
#define SYSCALL_COMPAT(_name, _operation) \
	SYSCALL_64(_name, _operation),    \
	CHECK("__ia32_compat_sys_" _name, deskpod_judge_inside, _operation)
#else
#define SYSCALL SYSCALL_64
#define SYSCALL_COMPAT SYSCALL_64
#endif

static struct deskpod_probe probes[] = {
	CHECK("security_task_kill", deskpod_judge_signal, DESKPOD_SIGNAL),
	CHECK("security_file_send_sigiotask", deskpod_judge_async_signal, DESKPOD_SIGNAL),
	CHECK("security_ptrace_access_check", deskpod_judge_trace, DESKPOD_TRACE),
	CHECK("security_ptrace_traceme", deskpod_judge_traceme, DESKPOD_TRACE),
	CHECK("security_task_prlimit", deskpod_judge_prlimit, DESKPOD_LIMIT),
	CHECK("security_task_setrlimit", deskpod_judge_setrlimit, DESKPOD_LIMIT),
	CHECK("security_task_setnice", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_setioprio", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_getioprio", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_setscheduler", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_getscheduler", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_movememory", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_setpgid", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_getpgid", deskpod_judge_task, DESKPOD_SCHEDULE),
	CHECK("security_task_getsid", deskpod_judge_task, DESKPOD_SCHEDULE),

	PROBE("proc_pid_permission", deskpod_judge_proc_permission, DESKPOD_PROCFS, -ENOENT, NO_EVENT),
	PROBE("pid_getattr", deskpod_judge_proc_stat, DESKPOD_PROCFS, -ENOENT, NO_EVENT),
	/* It says that the line was written, and the listing goes on with the next. */
	PROBE("proc_fill_cache", deskpod_judge_proc_listing, DESKPOD_PROCFS, true, NO_EVENT),

	CHECK("pidns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("mntns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("netns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("utsns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("ipcns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("userns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("cgroupns_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("timens_install", deskpod_judge_setns, DESKPOD_NAMESPACE),
	CHECK("copy_namespaces", deskpod_judge_namespaces, DESKPOD_NAMESPACE),
	CHECK("unshare_nsproxy_namespaces", deskpod_judge_namespaces, DESKPOD_NAMESPACE),
	CHECK("security_create_user_ns", deskpod_judge_inside, DESKPOD_NAMESPACE),

	CHECK("security_sb_mount", deskpod_judge_inside, DESKPOD_MOUNT),
	CHECK("security_sb_umount", deskpod_judge_inside, DESKPOD_MOUNT),
	CHECK("security_move_mount", deskpod_judge_inside, DESKPOD_MOUNT),
	SYSCALL("open_tree", DESKPOD_MOUNT),
	SYSCALL("fsopen", DESKPOD_MOUNT),
	SYSCALL("fspick", DESKPOD_MOUNT),
	SYSCALL("fsmount", DESKPOD_MOUNT),
	SYSCALL("mount_setattr", DESKPOD_MOUNT),
	CHECK("security_path_chroot", deskpod_judge_inside, DESKPOD_ROOT),
	CHECK("security_sb_pivotroot", deskpod_judge_inside, DESKPOD_ROOT),
	CHECK("security_path_mknod", deskpod_judge_node, DESKPOD_NODE),
	SYSCALL_COMPAT("open_by_handle_at", DESKPOD_HANDLE),
	CHECK("security_kernel_read_file", deskpod_judge_read_file, DESKPOD_MODULE),
	CHECK("security_kernel_load_data", deskpod_judge_load_data, DESKPOD_MODULE),
	CHECK("security_kernel_module_request", deskpod_judge_inside, DESKPOD_MODULE),
	SYSCALL("delete_module", DESKPOD_MODULE),
	CHECK("security_bpf", deskpod_judge_inside, DESKPOD_BPF),
	CHECK("security_perf_event_open", deskpod_judge_inside, DESKPOD_PERF),

	EVENT("proc_fork_connector", DESKPOD_FORK),
	EVENT("proc_exec_connector", DESKPOD_EXEC),
	EVENT("proc_exit_connector", DESKPOD_EXIT),
	EVENT("proc_id_connector", NO_EVENT),
	EVENT("proc_sid_connector", NO_EVENT),
	EVENT("proc_ptrace_connector", NO_EVENT),
	EVENT("proc_comm_connector", NO_EVENT),
	EVENT("proc_coredump_connector", NO_EVENT),
};

static struct kprobe *kprobes[ARRAY_SIZE(probes)];

/* The kernel itself, which has no side: its threads, and interrupts. */
static bool is_kernels_own(void)
{
	return !in_task() || current->flags & PF_KTHREAD;
}

static int at_check_point(struct kprobe *kp, struct pt_regs *regs)
{
	const struct deskpod_probe *probe = container_of(kp, struct deskpod_probe, kp);
	bool refused;

	if (!deskpod_have_sessions())
		return 0;
	if (is_kernels_own() && probe->judge != deskpod_judge_async_signal) {
		if (READ_ONCE(canary_task) == current)
			WRITE_ONCE(canary_was_seen, true);
		return 0;
	}
	rcu_read_lock();
	refused = probe->judge(probe, regs);
	rcu_read_unlock();
	if (!refused)
		return 0;
	regs_set_return_value(regs, probe->verdict);
	instruction_pointer_set(regs, (unsigned long)deskpod_return);
	return 1;
}
NOKPROBE_SYMBOL(at_check_point);

/*
 * Does nothing. That there is one keeps the kernel from optimising the probe to a
 * kind that may not change where execution goes on, and reserves that right.
 */
static void after_check_point(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}
NOKPROBE_SYMBOL(after_check_point);

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

static int check_probes(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!kprobe_ftrace(&probes[i].kp)) {
			pr_err("%s cannot be probed in its own context\n",
			       probes[i].kp.symbol_name);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

static int register_probes(void)
{
	unsigned int i;
	int error;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		probes[i].kp.pre_handler = at_check_point;
		probes[i].kp.post_handler = after_check_point;
		kprobes[i] = &probes[i].kp;
		error = register_kprobe(kprobes[i]);
		if (error) {
			pr_err("%s cannot be probed: %d\n", kprobes[i]->symbol_name, error);
			unregister_kprobes(kprobes, i);
			return error;
		}
	}
	return 0;
}

/**
 * deskpod_barrier_raise - set all probes
 *
 * Return: 0, or an error after which none is set: -ENOENT if the kernel lacks a
 * function, -EBUSY if something else redirects one, -EOPNOTSUPP if the kernel is
 * not as this module expects.
 */
int deskpod_barrier_raise(void)
{
	int error = check_proc();

	if (error)
		return error;
	error = register_probes();
	if (error)
		return error;
	error = check_probes();
	if (error)
		deskpod_barrier_lower();
	return error;
}

/**
 * deskpod_barrier_lower - take all probes away
 *
 * When this returns nothing runs in the module's text: probes have ended after the
 * first grace period, and the second is over when each task that was on its way
 * through deskpod_return(), preempted there perhaps, has gone on.
 */
void deskpod_barrier_lower(void)
{
	unregister_kprobes(kprobes, ARRAY_SIZE(kprobes));
	synchronize_rcu_tasks();
}

/**
 * deskpod_barrier_operations - what is refused
 *
 * Return: bit N is set for operation N of enum deskpod_operation.
 */
u64 deskpod_barrier_operations(void)
{
	u64 operations = BIT_ULL(DESKPOD_CLAIM);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].operation < DESKPOD_OPERATION_COUNT)
			operations |= BIT_ULL(probes[i].operation);
	}
	return operations;
}

/**
 * deskpod_barrier_missed - how often a probe was not run that should have been
 *
 * Return: since the module was loaded.
 */
unsigned long deskpod_barrier_missed(void)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		missed += READ_ONCE(probes[i].kp.nmissed);
	return missed;
}

/**
 * deskpod_barrier_is_whole - whether probes are set, and are hit
 * @session: that is protected
 * @gap: where they are not
 *
 * Probes can be disarmed as a whole, through debugfs or by switching ftrace off,
 * which no field of theirs tells. So this tries one, in the way of the watch only.
 *
 * Context: one caller at a time; may sleep.
 * Return: false if there is a gap, or was one since the last time.
 */
bool deskpod_barrier_is_whole(struct deskpod_session *session, const char **gap)
{
	unsigned long missed = deskpod_barrier_missed();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (kprobe_disabled(&probes[i].kp)) {
			*gap = probes[i].kp.symbol_name;
			return false;
		}
	}
	if (missed != session->missed) {
		session->missed = missed;
		*gap = "a call that no probe saw";
		return false;
	}
	WRITE_ONCE(canary_was_seen, false);
	WRITE_ONCE(canary_task, current);
	/* Signal 0: everything is checked, nothing is sent. */
	kill_pid(session->init, 0, 0);
	WRITE_ONCE(canary_task, NULL);
	/* Without processes there was nothing to ask for. */
	if (READ_ONCE(canary_was_seen) || deskpod_session_is_over(session))
		return true;
	*gap = "all probes, which are disarmed";
	return false;
}
