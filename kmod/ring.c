// SPDX-License-Identifier: GPL-2.0
/*
 * Records of a session that wait to be read: lossy, but counted.
 *
 * Probes write here, under whatever locks their callers hold, so nothing here
 * sleeps, allocates or wakes anybody itself. When the ring is full the new record
 * is dropped, and the next that finds room says how many were.
 */
#include <linux/cred.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "deskpod_int.h"

/**
 * deskpod_ring_init - make room for records
 * @ring: zeroed
 *
 * Return: 0 or -ENOMEM.
 */
int deskpod_ring_init(struct deskpod_ring *ring)
{
	raw_spin_lock_init(&ring->lock);
	ring->records = kcalloc(DESKPOD_RING_RECORDS, sizeof(*ring->records), GFP_KERNEL_ACCOUNT);
	return ring->records ? 0 : -ENOMEM;
}

/**
 * deskpod_ring_free - give the room back
 * @ring: that nobody writes to any more
 */
void deskpod_ring_free(struct deskpod_ring *ring)
{
	kfree(ring->records);
}

/*
 * Without the lock of get_task_comm(): a probe's caller may hold it. The name may
 * be torn if it changes right now; it always ends.
 */
static void copy_name(u8 *name, const struct task_struct *task)
{
	BUILD_BUG_ON(DESKPOD_NAME_BYTES != TASK_COMM_LEN);
	memcpy(name, task->comm, TASK_COMM_LEN);
	name[TASK_COMM_LEN - 1] = '\0';
}

/**
 * deskpod_ring_put - note what the current task did, or was refused
 * @session: that it concerns
 * @kind: one of enum deskpod_kind
 * @operation: one of enum deskpod_operation
 * @detail: see the operation
 * @target: whom it concerns, or NULL
 */
void deskpod_ring_put(struct deskpod_session *session, u32 kind, u32 operation, u32 detail,
		      struct task_struct *target)
{
	struct deskpod_ring *ring = &session->ring;
	u64 time_ns = ktime_get_real_ns();
	struct deskpod_record *record;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring->lock, flags);
	ring->sequence++;
	if (ring->count == DESKPOD_RING_RECORDS) {
		ring->dropped++;
		ring->unreported++;
		raw_spin_unlock_irqrestore(&ring->lock, flags);
		return;
	}
	record = &ring->records[(ring->first + ring->count) % DESKPOD_RING_RECORDS];
	memset(record, 0, sizeof(*record));
	record->sequence = ring->sequence;
	record->time_ns = time_ns;
	record->session = session->id;
	record->lost = ring->unreported;
	record->kind = kind;
	record->operation = operation;
	record->detail = detail;
	record->actor_uid = from_kuid(&init_user_ns, current_uid());
	record->actor_pid = task_tgid_nr(current);
	record->actor_tid = task_pid_nr(current);
	copy_name(record->actor_name, current);
	if (target) {
		record->target_pid = task_tgid_nr(target);
		record->target_tid = task_pid_nr(target);
		copy_name(record->target_name, target);
	}
	ring->unreported = 0;
	ring->count++;
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	/* The caller may hold a lock that a wake-up takes. */
	irq_work_queue(&session->wake);
}

/**
 * deskpod_ring_peek - copy the oldest record
 * @ring: with one reader at a time
 * @record: where to
 *
 * Return: false if there is none.
 */
bool deskpod_ring_peek(struct deskpod_ring *ring, struct deskpod_record *record)
{
	unsigned long flags;
	bool found;

	raw_spin_lock_irqsave(&ring->lock, flags);
	found = ring->count > 0;
	if (found)
		*record = ring->records[ring->first];
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	return found;
}

/**
 * deskpod_ring_pop - forget the oldest record, which was read
 * @ring: with one reader at a time
 */
void deskpod_ring_pop(struct deskpod_ring *ring)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ring->lock, flags);
	ring->first = (ring->first + 1) % DESKPOD_RING_RECORDS;
	ring->count--;
	raw_spin_unlock_irqrestore(&ring->lock, flags);
}

/**
 * deskpod_ring_is_empty - whether nothing waits to be read
 * @ring: looked at without its lock, as a wake-up follows each record
 *
 * Return: true if so.
 */
bool deskpod_ring_is_empty(struct deskpod_ring *ring)
{
	return READ_ONCE(ring->count) == 0;
}
