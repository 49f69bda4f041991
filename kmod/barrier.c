// SPDX-License-Identifier: GPL-2.0
/*
 * The barrier: probes at the kernel's own check points, which refuse what would
 * cross it.
 *
 * Each stands at the first instruction of a function. If its judge says so, the
 * function returns an error without having run, or another runs in its place. This
 * needs no room for each call, as a return probe does, so it cannot run out of it
 * and fail open. All but that of signals are one user of ftrace, which calls
 * at_check_point() in the context of the probed function's caller: so that may look
 * at what RCU protects, and may not sleep. Nothing that it calls is probed, so it
 * needs no guard against recursion, which would let a call pass.
 *
 * All of them are needed: a kernel that lacks one does not get the module. They are
 * armed while there is a session; until then they cost nothing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "deskpod_int.h"
#include "judges.h"

/* The watch itself asks to signal a session: by that it sees whether its probe is hit. */
static struct task_struct *canary_task;
static bool canary_was_seen;

#define PROBE(_symbol, _judge, _operation, _instead, _event)                                \
	{                                                                                   \
		.symbol = _symbol, .judge = _judge, .operation = _operation,                \
		.instead = (unsigned long)(_instead), .event = _event                       \
	}
/* What a session knows by another name than the host: no refusal, and nothing to tell. */
#define NAME(_symbol, _judge, _instead) \
	PROBE(_symbol, _judge, DESKPOD_OPERATION_COUNT, _instead, NO_EVENT)
#define CHECK(_symbol, _judge, _operation) \
	PROBE(_symbol, _judge, _operation, deskpod_return_eperm, NO_EVENT)
#define EVENT(_symbol, _event)                                                              \
	PROBE(_symbol, deskpod_judge_event, DESKPOD_OPERATION_COUNT, deskpod_return_nothing, \
	      _event)
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
	/* The first is called directly, where it can be: see signals.c. */
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

	PROBE("proc_pid_permission", deskpod_judge_proc_permission, DESKPOD_PROCFS,
	      deskpod_return_enoent, NO_EVENT),
	PROBE("pid_getattr", deskpod_judge_proc_stat, DESKPOD_PROCFS, deskpod_return_enoent,
	      NO_EVENT),
	/* It says that the line was written, and the listing goes on with the next. */
	PROBE("proc_fill_cache", deskpod_judge_proc_listing, DESKPOD_PROCFS, deskpod_return_true,
	      NO_EVENT),

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
static unsigned long ips[ARRAY_SIZE(probes)];

static struct deskpod_probe **slot_of(unsigned long ip)
{
	unsigned int slot = hash_long(ip, SLOT_BITS);

	BUILD_BUG_ON(2 * ARRAY_SIZE(probes) > SLOTS);
	while (slots[slot] && slots[slot]->ip != ip)
		slot = (slot + 1) % SLOTS;
	return &slots[slot];
}

/**
 * deskpod_is_kernels_own - whether a call is the kernel's own, which has no side
 *
 * Its threads, and interrupts.
 *
 * Context: at a probe.
 * Return: true if so.
 */
bool deskpod_is_kernels_own(void)
{
	if (in_task() && !(current->flags & PF_KTHREAD))
		return false;
	if (READ_ONCE(canary_task) == current)
		WRITE_ONCE(canary_was_seen, true);
	return true;
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
	if (deskpod_is_kernels_own() && probe->judge != deskpod_judge_async_signal)
		return;
	/* For RCU it is the same, and cheaper. */
	preempt_disable_notrace();
	refused = probe->judge(probe, regs);
	preempt_enable_notrace();
	if (!refused)
		return;
	instruction_pointer_set(regs, probe->instead);
}

static struct ftrace_ops ops = {
	.func = at_check_point,
	/*
	 * Permanent: while it is armed, the kernel does not let ftrace be switched off,
	 * nor the direct call with it. FTRACE_OPS_FL_RECURSION would ask for a guard.
	 */
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static bool is_armed;

static int index_probes(void)
{
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
	return 0;
}

/*
 * Where a bpf program is called directly already, or something redirects the function,
 * the probe for signals is one of all: ftrace knows how to share it, or refuses.
 */
static int arm(void)
{
	unsigned int first;
	int error;

	error = deskpod_signals_arm(&probes[0]);
	if (error && error != -EBUSY)
		return error;
	first = error ? 0 : 1;
	error = ftrace_set_filter_ips(&ops, ips + first, ARRAY_SIZE(ips) - first, 0, 1);
	if (!error)
		error = register_ftrace_function(&ops);
	if (error)
		deskpod_signals_disarm();
	return error;
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
	error = arm();
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
 * ftrace refuses this when it has found itself broken, and leaves the probes where
 * they are: then they stay armed, and the module where it is.
 *
 * Context: under deskpod_lock, or when nobody else can be here; may sleep.
 */
void deskpod_barrier_disarm(void)
{
	int error = 0;

	if (!is_armed)
		return;
	if (ops.flags & FTRACE_OPS_FL_ENABLED)
		error = unregister_ftrace_function(&ops);
	if (!error)
		error = deskpod_signals_disarm();
	if (error)
		pr_alert("the probes cannot be disarmed: %d\n", error);
	else
		is_armed = false;
}

static void forget_functions(void)
{
	ftrace_free_filter(&ops);
	deskpod_signals_forget();
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
	int error = deskpod_locate(probes, ARRAY_SIZE(probes));

	if (!error)
		error = index_probes();
	if (!error)
		error = deskpod_barrier_arm();
	if (error)
		forget_functions();
	else
		deskpod_barrier_disarm();
	return error;
}

/**
 * deskpod_barrier_lower - take all probes away
 *
 * When this returns nothing runs in the module's text: each task that was on its way
 * through what runs in place of a function, or through trampoline.S, preempted there
 * perhaps, has gone on. An interrupt that was is in no task's way: that ends before
 * the second grace period does.
 */
void deskpod_barrier_lower(void)
{
	deskpod_barrier_disarm();
	/* What is still called cannot be freed: this waits for the machine's end. */
	while (is_armed)
		ssleep(60);
	forget_functions();
	synchronize_rcu_tasks();
	synchronize_rcu();
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

/* Whether each function has a call at its beginning, and that leads here. */
static bool are_all_called(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ips); i++) {
		if (!deskpod_is_call(ips[i]))
			return false;
	}
	return ops.flags & FTRACE_OPS_FL_ENABLED;
}

/**
 * deskpod_barrier_is_whole - whether probes are hit
 * @session: that is protected
 *
 * Whatever has the rights of the kernel can take them away, which nothing tells of. So
 * this looks whether they are there, and tries one, in the way of the watch only.
 *
 * Context: one caller at a time; may sleep.
 * Return: false if they are not.
 */
bool deskpod_barrier_is_whole(struct deskpod_session *session)
{
	if (!are_all_called())
		return false;
	WRITE_ONCE(canary_was_seen, false);
	WRITE_ONCE(canary_task, current);
	/* Signal 0: everything is checked, nothing is sent. */
	kill_pid(session->init, 0, 0);
	WRITE_ONCE(canary_task, NULL);
	/* Without processes there was nothing to ask for. */
	return READ_ONCE(canary_was_seen) || deskpod_session_is_over(session);
}
