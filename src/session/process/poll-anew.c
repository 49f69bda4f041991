/*
 * Loaded into CRIU with its other libraries: what waits in poll(2) for as long as it takes goes on waiting after a checkpoint.
 *
 * Whatever stops a process interrupts the call that it waits in. The kernel begins most of them again by itself; of poll it
 * keeps aside how long is left, and CRIU, which cannot see that, ends the call with EINTR: in a session that goes on as in one
 * that is resumed. A program that handles no signal need not expect that, and some take it for the end: script(1) ends
 * what runs in it. A wait without a limit has nothing left to keep, so CRIU is told that this is a call to begin again.
 *
 * Of a wait with a limit nobody knows what is left of it: that one still ends with EINTR. So does any that a stop signal
 * interrupted before, which the kernel has go on as restart_syscall(2), whatever it was.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

/* Of the kernel's include/linux/errno.h, which only a tracer ever sees. */
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#ifdef __x86_64__
static void tell(const struct iovec *registers)
{
	struct user_regs_struct *regs = registers->iov_base;

	/* a process of 32 bits has fewer registers */
	if (registers->iov_len != sizeof(*regs))
		return;
	if (regs->orig_rax == SYS_poll && (long)regs->rax == -ERESTART_RESTARTBLOCK && (int)regs->rdx < 0)
		regs->rax = -ERESTARTNOHAND;
}
#else
/* There the kernel itself hands out registers of calls that begin again. */
static void tell(const struct iovec *registers)
{
	(void)registers;
}
#endif

/* ptrace(2), as the next library has it. */
long ptrace(enum __ptrace_request request, ...)
{
	static long (*next)(enum __ptrace_request, ...);
	void *pid, *address, *data;
	va_list rest;
	long answer;

	va_start(rest, request);
	pid = va_arg(rest, void *);
	address = va_arg(rest, void *);
	data = va_arg(rest, void *);
	va_end(rest);
	if (!next)
		next = (long (*)(enum __ptrace_request, ...))dlsym(RTLD_NEXT, "ptrace");
	answer = next(request, pid, address, data);
	if (request == PTRACE_GETREGSET && (unsigned int)(unsigned long)address == NT_PRSTATUS && answer == 0)
		tell(data);
	return answer;
}
