// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a process can be the first of a session: it has namespaces of its own,
 * no other session has a part in them, and no stranger traces what is in them.
 */
#include <linux/idr.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/user_namespace.h>

#include "deskpod_int.h"

static bool is_inside(const struct pid *pid, const struct pid_namespace *ns, unsigned int level)
{
	return pid->level >= level && pid->numbers[level].ns == ns;
}

/**
 * deskpod_admits - whether this can be a session at all
 * @session: that nobody else knows yet
 *
 * A session has namespaces of its own, and whoever registers it is not in them:
 * else its processes were not to be told from the host's.
 *
 * Return: true if its first process is that of such namespaces.
 */
bool deskpod_admits(const struct deskpod_session *session)
{
	return is_child_reaper(session->init) && session->level > 0 &&
	       session->user_ns != &init_user_ns &&
	       !is_inside(task_pid(current), session->ns, session->level);
}

/**
 * deskpod_overlaps - whether a process of it is in a session already
 * @session: that is to be published
 *
 * Every process is in one session at most. Under deskpod_lock.
 *
 * Return: true if it is.
 */
bool deskpod_overlaps(const struct deskpod_session *session)
{
	const struct deskpod_session *other;

	list_for_each_entry(other, &deskpod_sessions, link) {
		if (is_inside(session->init, other->ns, other->level) ||
		    is_inside(other->init, session->ns, session->level) ||
		    other->user_ns == session->user_ns)
			return true;
	}
	return false;
}

/*
 * Whether what is already traced is traced by the runtime. What attaches from now
 * on is refused, as the session is published; what was past the check by then is
 * waited for: attaching holds this mutex from the check to the end.
 */
static int check_tracer(struct deskpod_session *session, struct task_struct *task)
{
	int error = mutex_lock_killable(&task->signal->cred_guard_mutex);

	if (error)
		return error;
	rcu_read_lock();
	if (READ_ONCE(task->ptrace)) {
		struct task_struct *tracer = rcu_dereference(task->parent);

		if (!deskpod_is_runtime(session, tracer) &&
		    deskpod_session_of(task_pid(tracer)) != session)
			error = -EBUSY;
	}
	rcu_read_unlock();
	mutex_unlock(&task->signal->cred_guard_mutex);
	return error;
}

/**
 * deskpod_check_tracers - look at who traces the threads of a session
 * @session: which is published already: those that begin meanwhile cannot be
 *	attached to any more, and inherit a tracer only from one that is looked at
 *
 * Without deskpod_lock: an execve may take its time, and holds what this waits for.
 *
 * Return: 0; -EBUSY if a stranger traces one; -EINTR.
 */
int deskpod_check_tracers(struct deskpod_session *session)
{
	int error = 0;
	int number;

	/*
	 * What calls PTRACE_TRACEME does so with interrupts off from the check
	 * to the end: that is waited for by this.
	 */
	synchronize_rcu();
	for (number = 1; !error; number++) {
		struct task_struct *task;
		struct pid *pid;

		rcu_read_lock();
		pid = idr_get_next(&session->ns->idr, &number);
		task = pid ? get_pid_task(pid, PIDTYPE_PID) : NULL;
		rcu_read_unlock();
		if (!pid)
			break;
		if (!task)
			continue;
		error = check_tracer(session, task);
		put_task_struct(task);
	}
	return error;
}
