// SPDX-License-Identifier: GPL-2.0
/*
 * What trampoline.S wants to know of C: compiled for its text only, out of which
 * Kbuild makes offsets.h.
 */
#include <linux/build_bug.h>
#include <linux/kbuild.h>
#include <linux/log2.h>
#include <linux/pid.h>
#include <linux/sched.h>

static void __used offsets(void)
{
	OFFSET(TASK_PID, task_struct, thread_pid);
	OFFSET(PID_LEVEL, pid, level);
	DEFINE(PID_NS, offsetof(struct pid, numbers) + offsetof(struct upid, ns));
	DEFINE(UPID_SHIFT, ilog2(sizeof(struct upid)));
	BUILD_BUG_ON(!is_power_of_2(sizeof(struct upid)));
}
