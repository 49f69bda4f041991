/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the module know of each other.
 *
 * Who is in a session: every task whose own pid namespace is that of the
 * session's first process, or below it. The kernel hands that namespace down at
 * fork, and lets nobody leave it; so there is no table of processes that a fork
 * storm, a lack of memory or a race with registration could leave a gap in, and
 * a task is a member from the instant it has a pid.
 */
#ifndef DESKPOD_INT_H
#define DESKPOD_INT_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "deskpod_ioctl.h"

/* Records that wait to be read, of one session: 28 KiB. */
#define DESKPOD_RING_RECORDS 256
/* Each costs every probe a comparison. */
#define DESKPOD_MAX_SESSIONS 16

struct file;
struct ns_common;
struct user_namespace;

/**
 * struct deskpod_ring - records that wait to be read
 * @lock: raw, as probes write under locks of the scheduler's callers
 * @records: DESKPOD_RING_RECORDS of them
 * @first: the oldest
 * @count: how many wait
 * @sequence: of the newest, those without room included
 * @dropped: how many had no room
 * @unreported: of these, those that no record has told of yet
 */
struct deskpod_ring {
	raw_spinlock_t lock;
	struct deskpod_record *records;
	u32 first;
	u32 count;
	u64 sequence;
	u64 dropped;
	u64 unreported;
};

/**
 * struct deskpod_handle - one open file of /dev/deskpod
 * @session: what it holds; changes under deskpod_lock
 * @wait: its readers. Here and not in the session, as epoll may keep a wait
 *	queue for as long as the file is open, which can be longer than the
 *	session is
 * @reading: one reader at a time
 */
struct deskpod_handle {
	struct deskpod_session *session;
	wait_queue_head_t wait;
	/* one reader at a time */
	struct mutex reading;
};

/**
 * struct deskpod_session - what is protected
 * @link: in deskpod_sessions; read under RCU, changed under deskpod_lock
 * @kref: one for the list, one for each reader
 * @id: never used again
 * @init: its first process; this reference keeps @ns, too
 * @ns: @init's pid namespace
 * @level: depth of @ns
 * @user_ns: owner of @ns
 * @runtime: thread group of the supervisor, or NULL. Probes only compare it; it
 *	is let go of a grace period after it was replaced
 * @owner: the handle, or NULL. Under RCU
 * @want: DESKPOD_WANT_*
 * @token: for a claim
 * @refused_in: see struct deskpod_status
 * @refused_out: see struct deskpod_status
 * @alarms: see struct deskpod_status
 * @ring: its records
 * @wake: wakes the readers from a context without locks
 */
struct deskpod_session {
	struct list_head link;
	struct kref kref;
	u64 id;
	struct pid *init;
	struct pid_namespace *ns;
	unsigned int level;
	struct user_namespace *user_ns;
	struct pid *runtime;
	struct deskpod_handle __rcu *owner;
	u32 want;
	u8 token[DESKPOD_TOKEN_BYTES];
	atomic64_t refused_in;
	atomic64_t refused_out;
	atomic64_t alarms;
	struct deskpod_ring ring;
	struct irq_work wake;
};

/* members.c: under rcu_read_lock(). The list is changed under deskpod_lock. */
extern struct list_head deskpod_sessions;
struct deskpod_session *deskpod_session_below(const struct pid *pid);
struct deskpod_session *deskpod_session_of_user_ns(const struct user_namespace *ns);
bool deskpod_session_is_over(const struct deskpod_session *session);
bool deskpod_is_runtime(const struct deskpod_session *session, struct task_struct *task);
struct deskpod_session *deskpod_session_run_by(struct task_struct *task);

/**
 * deskpod_session_of - the session that a process is in
 * @pid: of the process, or NULL, as of one that has been reaped
 *
 * Nearly all processes of a host are in its topmost pid namespace only, which is no
 * session's.
 *
 * Context: under rcu_read_lock(), or without preemption.
 * Return: the session, or NULL.
 */
static inline struct deskpod_session *deskpod_session_of(const struct pid *pid)
{
	return pid && pid->level ? deskpod_session_below(pid) : NULL;
}

/* session.c: for the device. */
extern struct mutex deskpod_lock;
int deskpod_session_register(struct deskpod_handle *handle, struct deskpod_register *wish);
int deskpod_session_claim(struct deskpod_handle *handle, const struct deskpod_claim *wish);
int deskpod_session_end(const struct deskpod_end *wish);
int deskpod_session_status(struct deskpod_status *status);
int deskpod_session_release(struct deskpod_handle *handle);
void deskpod_session_orphan(struct deskpod_handle *handle);
struct deskpod_session *deskpod_session_get(struct deskpod_handle *handle);
void deskpod_session_put(struct deskpod_session *session);
void deskpod_watch_stop(void);

/* admission.c */
bool deskpod_admits(const struct deskpod_session *session);
bool deskpod_overlaps(const struct deskpod_session *session);
int deskpod_check_tracers(struct deskpod_session *session);

/* ring.c */
int deskpod_ring_init(struct deskpod_ring *ring);
void deskpod_ring_free(struct deskpod_ring *ring);
void deskpod_ring_put(struct deskpod_session *session, u32 kind, u32 operation, u32 detail,
		      struct task_struct *target);
bool deskpod_ring_peek(struct deskpod_ring *ring, struct deskpod_record *record);
void deskpod_ring_pop(struct deskpod_ring *ring);
bool deskpod_ring_is_empty(struct deskpod_ring *ring);

/* barrier.c */
bool deskpod_is_kernels_own(void);
int deskpod_barrier_raise(void);
void deskpod_barrier_lower(void);
int deskpod_barrier_arm(void);
void deskpod_barrier_disarm(void);
u64 deskpod_barrier_operations(void);
bool deskpod_barrier_is_whole(struct deskpod_session *session);

#endif /* DESKPOD_INT_H */
