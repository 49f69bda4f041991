// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a process is: in which session, and of which session's runtime.
 *
 * This is what probes ask, under RCU or without preemption, which is the same for it;
 * nothing here waits.
 */
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

#include "deskpod_int.h"

/* Between the supervisor and a program of its: runc, its children, and theirs. */
#define MAX_DESCENT 64

LIST_HEAD(deskpod_sessions);

/**
 * deskpod_session_below - the session that a process is in
 * @pid: of a process that is not only in the topmost pid namespace
 *
 * A pid knows all its namespaces from the topmost down, so one comparison tells
 * whether it is in a session's or in one below it.
 *
 * Context: under rcu_read_lock(), or without preemption.
 * Return: the session, or NULL.
 */
struct deskpod_session *deskpod_session_below(const struct pid *pid)
{
	struct deskpod_session *session;

	list_for_each_entry_rcu(session, &deskpod_sessions, link, lockdep_is_held(&deskpod_lock)) {
		if (pid->level >= session->level &&
		    pid->numbers[session->level].ns == session->ns)
			return session;
	}
	return NULL;
}

/**
 * deskpod_session_of_user_ns - the session that a user namespace belongs to
 * @ns: compared with all its parents
 *
 * Context: under rcu_read_lock().
 * Return: the session, or NULL.
 */
struct deskpod_session *deskpod_session_of_user_ns(const struct user_namespace *ns)
{
	struct deskpod_session *session;

	for (; ns; ns = ns->parent) {
		list_for_each_entry_rcu(session, &deskpod_sessions, link) {
			if (session->user_ns == ns)
				return session;
		}
	}
	return NULL;
}

/**
 * deskpod_is_runtime - whether a task may act on a session from outside
 * @session: the session
 * @task: which is not in it
 *
 * The supervisor may, and what it started: runc, CRIU, pasta. A program that
 * outlives its parent is adopted by another, and loses the right.
 *
 * Context: under rcu_read_lock(), which keeps every parent that is met here.
 * Return: true if so.
 */
bool deskpod_is_runtime(const struct deskpod_session *session, struct task_struct *task)
{
	const struct pid *runtime = READ_ONCE(session->runtime);
	int depth;

	if (!runtime)
		return false;
	for (depth = 0; depth < MAX_DESCENT; depth++) {
		struct task_struct *parent =
			rcu_dereference_check(task->real_parent, rcu_read_lock_any_held());

		if (task_tgid(task) == runtime)
			return true;
		if (parent == task)
			return false;
		task = parent;
	}
	return false;
}

/**
 * deskpod_session_run_by - the session that a task belongs to the runtime of
 * @task: which is in no session
 *
 * Context: under rcu_read_lock().
 * Return: the session, or NULL.
 */
struct deskpod_session *deskpod_session_run_by(struct task_struct *task)
{
	struct deskpod_session *session;

	list_for_each_entry_rcu(session, &deskpod_sessions, link) {
		if (deskpod_is_runtime(session, task))
			return session;
	}
	return NULL;
}

/**
 * deskpod_session_is_over - whether all its processes have ended
 * @session: the session
 *
 * The first process of a pid namespace is reaped after all others.
 *
 * Return: true if so.
 */
bool deskpod_session_is_over(const struct deskpod_session *session)
{
	return !pid_has_task(session->init, PIDTYPE_TGID);
}
