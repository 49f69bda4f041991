// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a call is refused: one judge for each kind of arguments.
 *
 * All of them run in the caller's context, with preemption disabled and under
 * rcu_read_lock(). Above each stands what the probed function is given.
 */
#include <linux/fs.h>
#include <linux/kernel_read_file.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "deskpod_int.h"
#include "judges.h"

#define NAMESPACE_FLAGS                                                              \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
	 CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)

static unsigned long argument(struct pt_regs *regs, unsigned int number)
{
	return regs_get_kernel_argument(regs, number);
}

static void note(struct deskpod_session *session, u32 kind, const struct deskpod_probe *probe,
		 u32 detail, struct task_struct *target)
{
	atomic64_inc(kind == DESKPOD_REFUSED_IN ? &session->refused_in : &session->refused_out);
	deskpod_ring_put(session, kind, probe->operation, detail, target);
}

/*
 * Whether the current task may not do this to the process of @pid. Both are in the
 * same session, or in none: that is no business of ours. @over is the session of
 * the process. Quiet: what tools ask for of every process, and means nobody in
 * particular, is not told.
 */
static bool is_refused(const struct deskpod_probe *probe, struct deskpod_session *over,
		       u32 detail, struct task_struct *target, bool is_quiet)
{
	struct deskpod_session *inside = deskpod_session_of(task_pid(current));

	if (inside == over)
		return false;
	if (over && !inside && deskpod_is_runtime(over, current))
		return false;
	if (is_quiet)
		return true;
	if (inside)
		note(inside, DESKPOD_REFUSED_OUT, probe, detail, target);
	if (over)
		note(over, DESKPOD_REFUSED_IN, probe, detail, target);
	return true;
}

/* (struct task_struct *target, ...) */
bool deskpod_judge_task(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *target = (struct task_struct *)argument(regs, 0);

	return is_refused(probe, deskpod_session_of(task_pid(target)), 0, target, false);
}

/**
 * deskpod_refuses_signal_to - whether the current task may not signal another
 * @probe: of security_task_kill()
 * @target: the other
 * @signal: its number
 * @credentials: NULL, or whose they are it is to be judged by
 *
 * Return: true if so, and it is told.
 */
bool deskpod_refuses_signal_to(const struct deskpod_probe *probe, struct task_struct *target,
			       int signal, const struct cred *credentials)
{
	/* With credentials it comes from a driver, for a task that is not the current one. */
	return !credentials &&
	       is_refused(probe, deskpod_session_of(task_pid(target)), signal, target, false);
}

/* security_task_kill(target, info, signal, credentials), where it has no direct call */
bool deskpod_judge_signal(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	return deskpod_refuses_signal_to(probe, (struct task_struct *)argument(regs, 0),
					 argument(regs, 2),
					 (const struct cred *)argument(regs, 3));
}

/*
 * security_file_send_sigiotask(target, owner of a file, signal): the signal that a
 * process may have sent to whom it names when something happens to a file of its.
 * What happens is the kernel's doing, in an interrupt perhaps; so who asked for it
 * is known by the user ids only that are kept with the file.
 */
bool deskpod_judge_async_signal(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *target = (struct task_struct *)argument(regs, 0);
	const struct fown_struct *owner = (const struct fown_struct *)argument(regs, 1);
	struct deskpod_session *over = deskpod_session_of(task_pid(target));

	if (!over || kuid_has_mapping(over->user_ns, owner->uid))
		return false;
	atomic64_inc(&over->refused_in);
	if (in_task())
		deskpod_ring_put(over, DESKPOD_REFUSED_IN, probe->operation, argument(regs, 2),
				 target);
	return true;
}

/*
 * security_ptrace_access_check(target, mode). Who could write to the supervisor's
 * memory would have its rights, so it is kept from strangers, too; they may look
 * at it as at any process.
 */
bool deskpod_judge_trace(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *target = (struct task_struct *)argument(regs, 0);
	unsigned int mode = argument(regs, 1);
	struct deskpod_session *over = deskpod_session_of(task_pid(target));

	if (is_refused(probe, over, mode, target, mode & PTRACE_MODE_NOAUDIT))
		return true;
	if (over || !(mode & PTRACE_MODE_ATTACH))
		return false;
	over = deskpod_session_run_by(target);
	if (!over || deskpod_is_runtime(over, current))
		return false;
	if (!(mode & PTRACE_MODE_NOAUDIT))
		note(over, DESKPOD_REFUSED_IN, probe, mode, target);
	return true;
}

/* security_ptrace_traceme(parent): the current task offers itself to its parent. */
bool deskpod_judge_traceme(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *parent = (struct task_struct *)argument(regs, 0);
	struct deskpod_session *inside = deskpod_session_of(task_pid(current));

	if (!inside || inside == deskpod_session_of(task_pid(parent)))
		return false;
	note(inside, DESKPOD_REFUSED_OUT, probe, 0, parent);
	return true;
}

/* security_task_prlimit(credentials, credentials of the target, flags) */
bool deskpod_judge_prlimit(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	const struct cred *target = (const struct cred *)argument(regs, 1);

	/*
	 * A process of the session may have come with the host's credentials,
	 * and asks for its own limits without getting here.
	 */
	return is_refused(probe, deskpod_session_of_user_ns(target->user_ns), 0, NULL, false);
}

/* security_task_setrlimit(target, resource, limit) */
bool deskpod_judge_setrlimit(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *target = (struct task_struct *)argument(regs, 0);

	return is_refused(probe, deskpod_session_of(task_pid(target)), argument(regs, 1), target,
			  false);
}

/* proc_pid_permission(idmap, inode, mask): the folder of a process in /proc */
bool deskpod_judge_proc_permission(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	const struct inode *inode = (const struct inode *)argument(regs, 1);
	struct pid *pid = deskpod_pid_of_proc_inode(inode);

	return is_refused(probe, deskpod_session_of(pid), 0, pid_task(pid, PIDTYPE_PID), false);
}

/* pid_getattr(idmap, path, ...) */
bool deskpod_judge_proc_stat(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	const struct path *path = (const struct path *)argument(regs, 1);
	struct pid *pid = deskpod_pid_of_proc_inode(d_inode(path->dentry));

	return is_refused(probe, deskpod_session_of(pid), 0, NULL, true);
}

/* proc_fill_cache(file, context, name, length, instantiate, target, ...): a line of a listing */
bool deskpod_judge_proc_listing(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *target = (struct task_struct *)argument(regs, 5);

	return is_refused(probe, deskpod_session_of(task_pid(target)), 0, NULL, true);
}

/* *_install(nsset, namespace): setns, by whatever the namespace is named with */
bool deskpod_judge_setns(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct ns_common *ns = (struct ns_common *)argument(regs, 1);
	struct deskpod_session *inside = deskpod_session_of(task_pid(current));
	const struct user_namespace *owner;

	if (inside) {
		note(inside, DESKPOD_REFUSED_OUT, probe, deskpod_ns_type(ns), NULL);
		return true;
	}
	owner = deskpod_ns_type(ns) == CLONE_NEWUSER ?
			container_of(ns, struct user_namespace, ns) : ns->ops->owner(ns);
	return is_refused(probe, deskpod_session_of_user_ns(owner), deskpod_ns_type(ns), NULL,
			  false);
}

static bool refuse_inside(const struct deskpod_probe *probe, u32 detail)
{
	struct deskpod_session *inside = deskpod_session_of(task_pid(current));

	if (!inside)
		return false;
	note(inside, DESKPOD_REFUSED_OUT, probe, detail, NULL);
	return true;
}

/* Nobody in a session has any business there. */
bool deskpod_judge_inside(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	return refuse_inside(probe, 0);
}

/* (flags, ...) of fork or unshare */
bool deskpod_judge_namespaces(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	unsigned long flags = argument(regs, 0) & NAMESPACE_FLAGS;

	return flags && refuse_inside(probe, flags);
}

/* security_path_mknod(folder, dentry, mode, device) */
bool deskpod_judge_node(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	umode_t mode = argument(regs, 2);

	return (S_ISCHR(mode) || S_ISBLK(mode)) && refuse_inside(probe, argument(regs, 3));
}

/* security_kernel_read_file(file, id, ...): modules, kernels, policies */
bool deskpod_judge_read_file(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	/* Firmware is what a driver asks for, whoever uses it. */
	return argument(regs, 1) != READING_FIRMWARE && refuse_inside(probe, argument(regs, 1));
}

/* security_kernel_load_data(id, ...) */
bool deskpod_judge_load_data(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	return argument(regs, 0) != LOADING_FIRMWARE && refuse_inside(probe, argument(regs, 0));
}

/*
 * proc_*_connector(task, ...): the kernel tells everybody who listens what a
 * process does; of a session's it tells the session's supervisor only.
 */
bool deskpod_judge_event(const struct deskpod_probe *probe, struct pt_regs *regs)
{
	struct task_struct *task = (struct task_struct *)argument(regs, 0);
	struct deskpod_session *session = deskpod_session_of(task_pid(task));

	if (!session)
		return false;
	if (probe->event != NO_EVENT && session->want & DESKPOD_WANT_PROCESSES)
		deskpod_ring_put(session, probe->event, 0,
				 probe->event == DESKPOD_EXIT ? task->exit_code : 0, task);
	return true;
}
