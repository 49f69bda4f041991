// SPDX-License-Identifier: GPL-2.0
/*
 * The barrier: probes at the kernel's own check points, which refuse what would
 * cross it.
 *
 * Each stands at the first instruction of a function. If its judge says so, the
 * function returns an error without having run, or another runs in its place. This
 * needs no room for each call, as a return probe does, so it cannot run out of it
 * and fail open. All are one user of ftrace, which calls at_check_point() in the
 * context of the probed function's caller: so that may look at what RCU protects,
 * and may not sleep. Nothing that it calls is probed, so it needs no guard against
 * recursion, which would let a call pass.
 *
 * All of them are needed: a kernel that lacks one does not get the module. They are
 * armed while there is a session; until then they cost nothing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

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
	ANNOTATE_NOENDBR "\n"
	ASM_RET "\n"
	".size deskpod_return, .-deskpod_return\n"
	".popsection\n");

#define PROBE(_symbol, _judge, _operation, _verdict, _event)                                \
	{                                                                                   \
		.symbol = _symbol, .judge = _judge, .operation = _operation,                \
		.instead = (unsigned long)deskpod_return, .verdict = _verdict, .event = _event \
	}
/* What a session knows by another name than the host: no refusal, and nothing to tell. */
#define NAME(_symbol, _judge, _instead)                                                     \
	{                                                                                   \
		.symbol = _symbol, .judge = _judge, .operation = DESKPOD_OPERATION_COUNT,   \
		.instead = (unsigned long)(_instead), .event = NO_EVENT                     \
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

	PROBE("proc_pid_permission", deskpod_judge_proc_permission, DESKPOD_PROCFS, -ENOENT,
	      NO_EVENT),
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

	NAME("proc_fd_link", deskpod_judge_terminal, deskpod_terminal),
};

/* The probes by the place that ftrace names them with: twice as many slots as probes at least. */
#define SLOT_BITS 8
#define SLOTS BIT(SLOT_BITS)
static struct deskpod_probe *slots[SLOTS];

static struct deskpod_probe **slot_of(unsigned long ip)
{
	unsigned int slot = hash_long(ip, SLOT_BITS);

	BUILD_BUG_ON(2 * ARRAY_SIZE(probes) > SLOTS);
	while (slots[slot] && slots[slot]->ip != ip)
		slot = (slot + 1) % SLOTS;
	return &slots[slot];
}

/* The kernel itself, which has no side: its threads, and interrupts. */
static bool is_kernels_own(void)
{
	return !in_task() || current->flags & PF_KTHREAD;
}

static void notrace at_check_point(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct pt_regs *regs = deskpod_regs(fregs);
	const struct deskpod_probe *probe;
	bool refused;

	probe = *slot_of(ip);
	if (WARN_ON_ONCE(!probe))
		return;
	if (is_kernels_own() && probe->judge != deskpod_judge_async_signal) {
		if (READ_ONCE(canary_task) == current)
			WRITE_ONCE(canary_was_seen, true);
		return;
	}
	/* For RCU it is the same, and this is in the way of every signal. */
	preempt_disable_notrace();
	refused = probe->judge(probe, regs);
	preempt_enable_notrace();
	if (!refused)
		return;
	regs_set_return_value(regs, probe->verdict);
	instruction_pointer_set(regs, probe->instead);
}

static struct ftrace_ops ops = {
	.func = at_check_point,
	/* Permanent: while it is armed, the kernel does not let ftrace be switched off. */
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RECURSION,
};

static bool is_armed;

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
static int locate(struct kprobe *places, struct kprobe **registered)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
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

static int locate_probes(void)
{
	struct kprobe *places = kcalloc(ARRAY_SIZE(probes), sizeof(*places), GFP_KERNEL);
	struct kprobe **registered = kcalloc(ARRAY_SIZE(probes), sizeof(*registered), GFP_KERNEL);
	int error = -ENOMEM;

	if (places && registered)
		error = locate(places, registered);
	kfree(registered);
	kfree(places);
	return error;
}

static int choose_probes(void)
{
	unsigned long ips[ARRAY_SIZE(probes)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		struct deskpod_probe **slot = slot_of(probes[i].ip);

		if (*slot) {
			pr_err("%s and %s are one function\n", probes[i].symbol, (*slot)->symbol);
			return -EOPNOTSUPP;
		}
		*slot = &probes[i];
		ips[i] = probes[i].ip;
	}
	return ftrace_set_filter_ips(&ops, ips, ARRAY_SIZE(ips), 0, 1);
}

/**
 * deskpod_barrier_arm - have all probes hit from now on
 *
 * Context: under deskpod_lock; may sleep.
 * Return: 0, or -ENXIO if ftrace is switched off, or something else redirects a
 * function: then none is armed.
 */
int deskpod_barrier_arm(void)
{
	int error;

	if (is_armed)
		return 0;
	error = register_ftrace_function(&ops);
	if (error) {
		pr_err("the probes cannot be armed: %d\n", error);
		return -ENXIO;
	}
	is_armed = true;
	return 0;
}

/**
 * deskpod_barrier_disarm - have none hit any more
 *
 * Context: under deskpod_lock, or when nobody else can be here; may sleep.
 */
void deskpod_barrier_disarm(void)
{
	if (!is_armed)
		return;
	WARN_ON(unregister_ftrace_function(&ops));
	is_armed = false;
}

/**
 * deskpod_barrier_raise - find all functions, and try whether they can be probed
 *
 * Return: 0, or an error after which nothing is left of it: -ENOENT if the kernel
 * lacks a function, -ENXIO if something else redirects one, -EOPNOTSUPP if the
 * kernel is not as this module expects.
 */
int deskpod_barrier_raise(void)
{
	int error = check_proc();

	if (!error)
		error = locate_probes();
	if (!error)
		error = choose_probes();
	if (!error)
		error = deskpod_barrier_arm();
	if (error)
		ftrace_free_filter(&ops);
	else
		deskpod_barrier_disarm();
	return error;
}

/**
 * deskpod_barrier_lower - take all probes away
 *
 * When this returns nothing runs in the module's text: each task that was on its way
 * through what runs in place of a function, preempted there perhaps, has gone on.
 */
void deskpod_barrier_lower(void)
{
	deskpod_barrier_disarm();
	ftrace_free_filter(&ops);
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
 * deskpod_barrier_is_whole - whether probes are hit
 * @session: that is protected
 *
 * The kernel switches all of ftrace off when it finds it broken, which nothing tells
 * of. So this tries a probe, in the way of the watch only.
 *
 * Context: one caller at a time; may sleep.
 * Return: false if they are not.
 */
bool deskpod_barrier_is_whole(struct deskpod_session *session)
{
	WRITE_ONCE(canary_was_seen, false);
	WRITE_ONCE(canary_task, current);
	/* Signal 0: everything is checked, nothing is sent. */
	kill_pid(session->init, 0, 0);
	WRITE_ONCE(canary_task, NULL);
	/* Without processes there was nothing to ask for. */
	return READ_ONCE(canary_was_seen) || deskpod_session_is_over(session);
}
