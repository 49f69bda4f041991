// SPDX-License-Identifier: GPL-2.0
/*
 * The sessions under protection: how they are registered, claimed and let go.
 *
 * All of it happens under deskpod_lock, and lets a grace period pass before it
 * frees what a probe may still look at. A session holds the module, so that it
 * cannot be unloaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <crypto/algapi.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <linux/workqueue.h>

#include "deskpod_int.h"

#define WATCH_INTERVAL HZ

/* Whoever changes the list of sessions, or what a handle holds, or arms the probes. */
DEFINE_MUTEX(deskpod_lock);
static u64 last_id;
static unsigned int session_count;

static void watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(watch_work, watch);

static void free_session(struct kref *kref)
{
	struct deskpod_session *session = container_of(kref, struct deskpod_session, kref);

	put_pid(session->init);
	deskpod_ring_free(&session->ring);
	kfree_sensitive(session);
}

/**
 * deskpod_session_put - give a reference back
 * @session: of deskpod_session_get()
 */
void deskpod_session_put(struct deskpod_session *session)
{
	kref_put(&session->kref, free_session);
}

/**
 * deskpod_session_get - the session that a handle holds
 * @handle: the handle
 *
 * Return: the session with a reference, or NULL.
 */
struct deskpod_session *deskpod_session_get(struct deskpod_handle *handle)
{
	struct deskpod_session *session;

	mutex_lock(&deskpod_lock);
	session = handle->session;
	if (session)
		kref_get(&session->kref);
	mutex_unlock(&deskpod_lock);
	return session;
}

/* Runs in an interrupt of its own, so without any lock of what the probe interrupted. */
static void wake_reader(struct irq_work *work)
{
	struct deskpod_session *session = container_of(work, struct deskpod_session, wake);
	struct deskpod_handle *owner;

	rcu_read_lock();
	owner = rcu_dereference(session->owner);
	if (owner)
		wake_up_interruptible(&owner->wait);
	rcu_read_unlock();
}

/*
 * Gives a session to a handle and a supervisor, or to none. @runtime's reference
 * goes to the session. When this returns, no probe compares with the former
 * supervisor any more, and nothing wakes the former handle's readers.
 */
static void set_owner(struct deskpod_session *session, struct deskpod_handle *handle,
		      struct pid *runtime)
{
	struct deskpod_handle *former =
		rcu_dereference_protected(session->owner, lockdep_is_held(&deskpod_lock));
	struct pid *former_runtime = session->runtime;

	WRITE_ONCE(session->runtime, runtime);
	rcu_assign_pointer(session->owner, handle);
	synchronize_rcu();
	put_pid(former_runtime);
	if (former) {
		WRITE_ONCE(former->session, NULL);
		wake_up_interruptible(&former->wait);
	}
	if (handle)
		WRITE_ONCE(handle->session, session);
}

/* Ends the protection. */
static void unpublish(struct deskpod_session *session)
{
	set_owner(session, NULL, NULL);
	list_del_rcu(&session->link);
	session_count--;
	synchronize_rcu();
	/* Probes queued it, and there are none any more that could. */
	irq_work_sync(&session->wake);
	deskpod_session_put(session);
	module_put(THIS_MODULE);
}

static struct deskpod_session *find_session(u64 id)
{
	struct deskpod_session *session;

	list_for_each_entry(session, &deskpod_sessions, link) {
		if (session->id == id)
			return session;
	}
	return NULL;
}

static struct deskpod_session *make_session(const struct deskpod_register *wish)
{
	struct deskpod_session *session;
	int error = -EINVAL;

	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return ERR_PTR(-ENOMEM);
	kref_init(&session->kref);
	init_irq_work(&session->wake, wake_reader);
	session->want = wish->want;
	memcpy(session->token, wish->token, sizeof(session->token));
	session->init = find_get_pid(wish->pid);
	if (!session->init || deskpod_session_is_over(session)) {
		error = -ESRCH;
		goto fail;
	}
	session->ns = ns_of_pid(session->init);
	session->level = session->init->level;
	session->user_ns = session->ns->user_ns;
	if (!deskpod_admits(session))
		goto fail;
	error = deskpod_ring_init(&session->ring);
	if (error)
		goto fail;
	return session;
fail:
	deskpod_session_put(session);
	return ERR_PTR(error);
}

static int publish(struct deskpod_session *session, struct deskpod_handle *handle)
{
	int error;

	if (handle->session)
		return -EBUSY;
	if (session_count == DESKPOD_MAX_SESSIONS)
		return -ENOSPC;
	if (deskpod_overlaps(session))
		return -EEXIST;
	error = deskpod_barrier_arm();
	if (error)
		return error;
	__module_get(THIS_MODULE);
	session->id = ++last_id;
	session_count++;
	list_add_tail_rcu(&session->link, &deskpod_sessions);
	set_owner(session, handle, get_task_pid(current, PIDTYPE_TGID));
	schedule_delayed_work(&watch_work, WATCH_INTERVAL);
	return 0;
}

/**
 * deskpod_session_register - put a session under protection
 * @handle: that holds it from now on
 * @wish: which; its id is filled in
 *
 * Processes that begin meanwhile are protected, too. If a stranger traces one of
 * them, nothing is protected.
 *
 * Return: 0; -ESRCH without such a process; -EINVAL if it is not the first of a
 * pid namespace of its own, owned by a user namespace of its own; -EEXIST if it is
 * registered; -EBUSY if the handle has a session, or a stranger traces a process;
 * -ENXIO if the probes cannot be armed; -ENOSPC, -ENOMEM, -EINTR.
 */
int deskpod_session_register(struct deskpod_handle *handle, struct deskpod_register *wish)
{
	struct deskpod_session *session = make_session(wish);
	int error;

	if (IS_ERR(session))
		return PTR_ERR(session);
	mutex_lock(&deskpod_lock);
	error = publish(session, handle);
	if (error) {
		mutex_unlock(&deskpod_lock);
		deskpod_session_put(session);
		return error;
	}
	kref_get(&session->kref);
	wish->session = session->id;
	mutex_unlock(&deskpod_lock);

	/* Without the lock: an execve may take its time, and holds what this waits for. */
	error = deskpod_check_tracers(session);
	if (error) {
		mutex_lock(&deskpod_lock);
		/* Another thread may have released it already. */
		if (handle->session == session)
			unpublish(session);
		mutex_unlock(&deskpod_lock);
	}
	deskpod_session_put(session);
	return error;
}

/**
 * deskpod_session_claim - take over a session whose supervisor is gone
 * @handle: that holds it from now on
 * @wish: which, and the token that proves the right to it
 *
 * Return: 0; -ENOENT without such a session; -ESRCH if it is over; -EACCES for
 * another token; -EBUSY if its supervisor lives, or the handle has a session.
 */
int deskpod_session_claim(struct deskpod_handle *handle, const struct deskpod_claim *wish)
{
	struct deskpod_session *session;
	int error = 0;

	mutex_lock(&deskpod_lock);
	session = find_session(wish->session);
	if (!session) {
		error = -ENOENT;
	} else if (crypto_memneq(session->token, wish->token, sizeof(session->token))) {
		atomic64_inc(&session->refused_in);
		deskpod_ring_put(session, DESKPOD_REFUSED_IN, DESKPOD_CLAIM, 0, NULL);
		error = -EACCES;
	} else if (deskpod_session_is_over(session)) {
		error = -ESRCH;
	} else if (handle->session ||
		   (session->runtime && pid_has_task(session->runtime, PIDTYPE_TGID))) {
		error = -EBUSY;
	} else {
		set_owner(session, handle, get_task_pid(current, PIDTYPE_TGID));
		deskpod_ring_put(session, DESKPOD_CLAIMED, 0, 0, NULL);
	}
	mutex_unlock(&deskpod_lock);
	return error;
}

/**
 * deskpod_session_end - end all processes of a session
 * @wish: which
 *
 * The way out of the machine's owner, who cannot signal them: it is logged.
 *
 * Return: 0; -ENOENT without such a session; -ESRCH if it is over.
 */
int deskpod_session_end(const struct deskpod_end *wish)
{
	struct deskpod_session *session;
	int error = 0;

	mutex_lock(&deskpod_lock);
	session = find_session(wish->session);
	if (!session) {
		error = -ENOENT;
	} else if (deskpod_session_is_over(session)) {
		error = -ESRCH;
	} else {
		pr_notice("session %llu is ended by %s[%d], uid %u\n", session->id,
			  current->comm, task_tgid_nr(current),
			  from_kuid(&init_user_ns, current_uid()));
		deskpod_ring_put(session, DESKPOD_ENDED, 0, 0, NULL);
		/* The kernel's own signal: nothing is asked, and the kernel ends all the others. */
		kill_pid(session->init, SIGKILL, 1);
	}
	mutex_unlock(&deskpod_lock);
	return error;
}

static u32 state_of(struct deskpod_session *session)
{
	if (deskpod_session_is_over(session))
		return DESKPOD_OVER;
	return rcu_access_pointer(session->owner) ? DESKPOD_HELD : DESKPOD_ORPHANED;
}

/**
 * deskpod_session_status - how a session fares
 * @status: with the smallest id that is asked for; filled in
 *
 * Return: 0, or -ENOENT if there is no session with that id or a larger one.
 */
int deskpod_session_status(struct deskpod_status *status)
{
	struct deskpod_session *session;
	u64 from = status->session;
	int error = -ENOENT;

	memset(status, 0, sizeof(*status));
	mutex_lock(&deskpod_lock);
	/* They lie in the order of their ids. */
	list_for_each_entry(session, &deskpod_sessions, link) {
		if (session->id < from)
			continue;
		status->session = session->id;
		status->state = state_of(session);
		status->pid = status->state == DESKPOD_OVER ? 0 : pid_vnr(session->init);
		status->supervisor = session->runtime ? pid_vnr(session->runtime) : 0;
		status->refused_in = atomic64_read(&session->refused_in);
		status->refused_out = atomic64_read(&session->refused_out);
		status->alarms = atomic64_read(&session->alarms);
		status->dropped = READ_ONCE(session->ring.dropped);
		error = 0;
		break;
	}
	mutex_unlock(&deskpod_lock);
	return error;
}

/**
 * deskpod_session_release - end the protection of what a handle holds
 * @handle: the handle
 *
 * Return: 0, or -ENOENT if it holds nothing.
 */
int deskpod_session_release(struct deskpod_handle *handle)
{
	int error = -ENOENT;

	mutex_lock(&deskpod_lock);
	if (handle->session) {
		unpublish(handle->session);
		error = 0;
	}
	mutex_unlock(&deskpod_lock);
	return error;
}

/**
 * deskpod_session_orphan - a handle is closed: its session stays protected
 * @handle: which nobody uses when this returns
 */
void deskpod_session_orphan(struct deskpod_handle *handle)
{
	mutex_lock(&deskpod_lock);
	if (handle->session) {
		if (deskpod_session_is_over(handle->session))
			unpublish(handle->session);
		else
			set_owner(handle->session, NULL, NULL);
	}
	mutex_unlock(&deskpod_lock);
}

/*
 * Once a second, as long as there is a session. The last of them may be followed by
 * another at once, and arming takes its time: so probes are disarmed here.
 */
static void watch(struct work_struct *work)
{
	struct deskpod_session *session, *next;

	mutex_lock(&deskpod_lock);
	list_for_each_entry_safe(session, next, &deskpod_sessions, link) {
		if (state_of(session) == DESKPOD_OVER) {
			if (!rcu_access_pointer(session->owner))
				unpublish(session);
			continue;
		}
		if (deskpod_barrier_is_whole(session))
			continue;
		atomic64_inc(&session->alarms);
		deskpod_ring_put(session, DESKPOD_ALARM, 0, 0, NULL);
		pr_alert_ratelimited("the barrier of session %llu is not there: its probes are not hit\n",
				     session->id);
	}
	if (list_empty(&deskpod_sessions))
		deskpod_barrier_disarm();
	else
		schedule_delayed_work(&watch_work, WATCH_INTERVAL);
	mutex_unlock(&deskpod_lock);
}

/**
 * deskpod_watch_stop - wait for the watch to end
 *
 * There are no sessions any more, so it does not begin again.
 */
void deskpod_watch_stop(void)
{
	cancel_delayed_work_sync(&watch_work);
}
