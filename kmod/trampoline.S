/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a call goes on that is looked at: what ftrace, or a probed function itself,
 * calls or returns to.
 *
 * Nothing calls these by a pointer, so they are no targets of indirect branches. A
 * task may be preempted in here: see deskpod_barrier_lower().
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/errno.h>
#include <asm/frame.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>

#include "compat.h"
#include "offsets.h"

	.text

/*
 * What runs in place of a refused function, and returns what it would. The value is
 * not left to ftrace to hand over: where a bpf program is attached to the function,
 * too, its own trampoline calls this.
 */
.macro IN_PLACE name:req, value:req
SYM_START(\name, SYM_L_GLOBAL, SYM_A_ALIGN)
	ANNOTATE_NOENDBR
	movq	$\value, %rax
	RET
SYM_FUNC_END(\name)
.endm

IN_PLACE deskpod_return_eperm, -EPERM
IN_PLACE deskpod_return_enoent, -ENOENT
IN_PLACE deskpod_return_true, 1
IN_PLACE deskpod_return_nothing, 0

/*
 * security_task_kill(target, info, signal, credentials) calls this before it has
 * done anything: see signals.c. On the stack lies where that goes on, and above it
 * where its caller does. RCU keeps the pid of the target, as its callers hold
 * rcu_read_lock(). No argument is in what is used here before they are saved.
 */
SYM_START(deskpod_at_signal, SYM_L_GLOBAL, SYM_A_ALIGN)
	ANNOTATE_NOENDBR
	CALL_DEPTH_ACCOUNT
	/* Whatever signals itself crosses nothing. */
	movq	DESKPOD_CURRENT, %rax
	cmpq	%rax, %rdi
	je	.Lgo_on
	/* Nor do two whose own pid namespace is one: they are in one session, or in none. */
	movq	TASK_PID(%rax), %r8
	movq	TASK_PID(%rdi), %r9
	testq	%r9, %r9
	jz	.Ljudge
	movl	PID_LEVEL(%r8), %eax
	cmpl	PID_LEVEL(%r9), %eax
	jne	.Ljudge
	shlq	$UPID_SHIFT, %rax
	movq	PID_NS(%r8, %rax), %r10
	cmpq	PID_NS(%r9, %rax), %r10
	jne	.Ljudge
.Lgo_on:
	RET

.Ljudge:
	FRAME_BEGIN
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	call	deskpod_refuses_signal
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	FRAME_END
	testb	%al, %al
	jz	.Lgo_on
	/* As if it had not been called: the stack is its caller's again. */
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	movl	$-EPERM, %eax
	RET
SYM_FUNC_END(deskpod_at_signal)
