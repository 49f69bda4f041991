/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The probes, and what judges a call that is about to be made at one.
 */
#ifndef DESKPOD_JUDGES_H
#define DESKPOD_JUDGES_H

#include <linux/dcache.h>
#include <linux/path.h>
#include <linux/ptrace.h>
#include <linux/types.h>

struct cred;
struct kernel_siginfo;
struct task_struct;

#define NO_EVENT (-1)

/**
 * struct deskpod_probe - one function at which the barrier stands
 * @symbol: the function's name
 * @ip: the place in it, as ftrace names it
 * @judge: whether the call is refused; under RCU, in a process's context
 * @operation: one of enum deskpod_operation
 * @instead: what runs in place of a refused call
 * @event: of enum deskpod_kind, that the call means; NO_EVENT without one
 */
struct deskpod_probe {
	const char *symbol;
	unsigned long ip;
	bool (*judge)(const struct deskpod_probe *probe, struct pt_regs *regs);
	u32 operation;
	unsigned long instead;
	int event;
};

bool deskpod_judge_task(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_signal(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_async_signal(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_trace(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_traceme(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_prlimit(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_setrlimit(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_proc_permission(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_proc_stat(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_proc_listing(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_setns(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_inside(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_namespaces(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_node(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_read_file(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_load_data(const struct deskpod_probe *probe, struct pt_regs *regs);
bool deskpod_judge_event(const struct deskpod_probe *probe, struct pt_regs *regs);

bool deskpod_refuses_signal_to(const struct deskpod_probe *probe, struct task_struct *target,
			       int signal, const struct cred *credentials);

/* places.c */
int deskpod_locate(struct deskpod_probe *probes, unsigned int count);

/* signals.c: the first is for trampoline.S. */
bool deskpod_refuses_signal(struct task_struct *target, struct kernel_siginfo *info, int signal,
			    const struct cred *credentials);
int deskpod_signals_arm(const struct deskpod_probe *probe);
int deskpod_signals_disarm(void);
void deskpod_signals_forget(void);

/* trampoline.S: none is called by its name. */
void deskpod_return_eperm(void);
void deskpod_return_enoent(void);
void deskpod_return_true(void);
void deskpod_return_nothing(void);
void deskpod_at_signal(void);

/* names.c */
bool deskpod_judge_terminal(const struct deskpod_probe *probe, struct pt_regs *regs);
int deskpod_terminal(struct dentry *dentry, struct path *path);

#endif /* DESKPOD_JUDGES_H */
