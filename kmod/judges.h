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

#define NO_EVENT (-1)

/**
 * struct deskpod_probe - one function at which the barrier stands
 * @symbol: the function's name
 * @ip: the place in it, as ftrace names it
 * @judge: whether the call is refused; under RCU, in a process's context
 * @operation: one of enum deskpod_operation
 * @instead: what runs in place of a refused call
 * @verdict: what a refused call returns
 * @event: of enum deskpod_kind, that the call means; NO_EVENT without one
 */
struct deskpod_probe {
	const char *symbol;
	unsigned long ip;
	bool (*judge)(const struct deskpod_probe *probe, struct pt_regs *regs);
	u32 operation;
	unsigned long instead;
	long verdict;
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

/* names.c */
bool deskpod_judge_terminal(const struct deskpod_probe *probe, struct pt_regs *regs);
int deskpod_terminal(struct dentry *dentry, struct path *path);

#endif /* DESKPOD_JUDGES_H */
