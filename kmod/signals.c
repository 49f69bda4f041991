// SPDX-License-Identifier: GPL-2.0
/*
 * Signals: the check point that is called directly.
 *
 * kill(2) with signal 0 is the shortest call with a check point on its way, and what
 * ftrace saves and restores around a callback is a tenth of it. So ftrace has
 * security_task_kill() call trampoline.S itself, which lets most signals pass by a few
 * comparisons, and asks deskpod_refuses_signal() for the rest. No other check point has
 * such a call: a function has room for one, which a bpf program may want, and nothing
 * else that is probed is called so often and does so little.
 */
#include <linux/ftrace.h>

#include "compat.h"
#include "deskpod_int.h"
#include "judges.h"

static struct ftrace_ops direct;
static const struct deskpod_probe *signal_probe;
static bool is_armed;

/**
 * deskpod_refuses_signal - whether security_task_kill() is to return an error at once
 * @target: see there
 * @info: see there
 * @signal: see there
 * @credentials: see there
 *
 * Context: under rcu_read_lock(), which all that call security_task_kill() hold.
 * Return: true if so.
 */
bool deskpod_refuses_signal(struct task_struct *target, struct kernel_siginfo *info, int signal,
			    const struct cred *credentials)
{
	return !deskpod_is_kernels_own() &&
	       deskpod_refuses_signal_to(signal_probe, target, signal, credentials);
}

/**
 * deskpod_signals_arm - have signals judged by a direct call
 * @probe: of security_task_kill()
 *
 * Context: under deskpod_lock; may sleep.
 * Return: 0, or -EBUSY if something else is called there, or redirects the function.
 */
int deskpod_signals_arm(const struct deskpod_probe *probe)
{
	int error = ftrace_set_filter_ip(&direct, probe->ip, 0, 1);

	signal_probe = probe;
	if (!error)
		error = deskpod_register_direct(&direct, (unsigned long)deskpod_at_signal);
	is_armed = !error;
	return error;
}

/**
 * deskpod_signals_disarm - have them judged so no more, if they were
 *
 * Context: under deskpod_lock, or when nobody else can be here; may sleep.
 * Return: 0, or an error with which they still are.
 */
int deskpod_signals_disarm(void)
{
	int error = 0;

	if (is_armed)
		error = deskpod_unregister_direct(&direct, (unsigned long)deskpod_at_signal);
	if (!error)
		is_armed = false;
	return error;
}

/**
 * deskpod_signals_forget - free what arming has left
 *
 * Once, at the end: Linux 6.1 does not note that it is free.
 */
void deskpod_signals_forget(void)
{
	ftrace_free_filter(&direct);
}
