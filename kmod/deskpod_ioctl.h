/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What user space says to /dev/deskpod and hears from it.
 *
 * Fixed-width fields, no pointers, no padding that the compiler chooses: the
 * layout is the same for every program on every kernel. Fields named flags and
 * reserved must be zero; what is not zero there is refused with EINVAL, so that
 * they can get a meaning later.
 */
#ifndef DESKPOD_IOCTL_H
#define DESKPOD_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Goes up whenever a structure or a meaning below changes. */
#define DESKPOD_ABI 1

#define DESKPOD_TOKEN_BYTES 32
#define DESKPOD_NAME_BYTES 16

/**
 * enum deskpod_operation - what is refused across the barrier
 * @DESKPOD_SIGNAL: a signal; detail is its number
 * @DESKPOD_TRACE: ptrace, and whatever the kernel guards in the same way:
 *	memory, maps, environment, open files, links and namespaces of a process
 *	in /proc, process_vm_*, pidfd_getfd, kcmp; detail is the kernel's mode
 * @DESKPOD_LIMIT: resource limits; detail is the resource, if one is set
 * @DESKPOD_SCHEDULE: scheduling, nice value, affinity, I/O priority, pages'
 *	place, process group and session id
 * @DESKPOD_NAMESPACE: entering, leaving or making namespaces; detail is the
 *	CLONE_NEW* flags
 * @DESKPOD_PROCFS: the process's folder in /proc
 * @DESKPOD_MOUNT: mounts, by the old calls and the new ones
 * @DESKPOD_ROOT: chroot and pivot_root
 * @DESKPOD_NODE: making a device node; detail is its number
 * @DESKPOD_HANDLE: open_by_handle_at
 * @DESKPOD_MODULE: loading and unloading modules, and kexec images
 * @DESKPOD_BPF: bpf
 * @DESKPOD_PERF: perf_event_open
 * @DESKPOD_CLAIM: claiming a session with a wrong token
 * @DESKPOD_OPERATION_COUNT: how many there are
 */
enum deskpod_operation {
	DESKPOD_SIGNAL = 0,
	DESKPOD_TRACE = 1,
	DESKPOD_LIMIT = 2,
	DESKPOD_SCHEDULE = 3,
	DESKPOD_NAMESPACE = 4,
	DESKPOD_PROCFS = 5,
	DESKPOD_MOUNT = 6,
	DESKPOD_ROOT = 7,
	DESKPOD_NODE = 8,
	DESKPOD_HANDLE = 9,
	DESKPOD_MODULE = 10,
	DESKPOD_BPF = 11,
	DESKPOD_PERF = 12,
	DESKPOD_CLAIM = 13,
	DESKPOD_OPERATION_COUNT = 14,
};

/**
 * enum deskpod_kind - what a record tells
 * @DESKPOD_REFUSED_IN: something outside was refused an operation on a process
 *	of the session
 * @DESKPOD_REFUSED_OUT: a process of the session was refused an operation
 * @DESKPOD_FORK: a process or thread of the session began; target is the new one
 * @DESKPOD_EXEC: a process of the session runs another program
 * @DESKPOD_EXIT: a process or thread of the session ends; detail is its status
 * @DESKPOD_ALARM: the probes do not see what they should: the barrier has a gap
 * @DESKPOD_ENDED: the machine's owner ended the whole session
 * @DESKPOD_CLAIMED: the session has another supervisor, which is the actor
 */
enum deskpod_kind {
	DESKPOD_REFUSED_IN = 0,
	DESKPOD_REFUSED_OUT = 1,
	DESKPOD_FORK = 2,
	DESKPOD_EXEC = 3,
	DESKPOD_EXIT = 4,
	DESKPOD_ALARM = 5,
	DESKPOD_ENDED = 6,
	DESKPOD_CLAIMED = 7,
};

/* Which records a session wants besides those that it gets in any case. */
#define DESKPOD_WANT_PROCESSES 0x1 /* forks, execs and exits */

/**
 * enum deskpod_state - what has become of a session
 * @DESKPOD_HELD: a supervisor holds its handle
 * @DESKPOD_ORPHANED: protected, and waiting to be claimed
 * @DESKPOD_OVER: its processes have all ended
 */
enum deskpod_state {
	DESKPOD_HELD = 0,
	DESKPOD_ORPHANED = 1,
	DESKPOD_OVER = 2,
};

/**
 * struct deskpod_version - answer to DESKPOD_IOC_VERSION
 * @abi: DESKPOD_ABI of the module
 * @record_bytes: size of one record
 * @operations: bit N is set if operation N is refused
 */
struct deskpod_version {
	__u32 abi;
	__u32 record_bytes;
	__aligned_u64 operations;
};

/**
 * struct deskpod_register - puts a session under protection
 * @flags: zero
 * @pid: its first process, as the caller sees it
 * @want: DESKPOD_WANT_*
 * @reserved: zero
 * @session: out: the session's id, never given to another until the module is
 *	unloaded
 * @token: who shows this later may claim the session; not all zero
 */
struct deskpod_register {
	__u32 flags;
	__s32 pid;
	__u32 want;
	__u32 reserved;
	__aligned_u64 session;
	__u8 token[DESKPOD_TOKEN_BYTES];
};

/**
 * struct deskpod_claim - takes over a session whose supervisor is gone
 * @flags: zero
 * @reserved: zero
 * @session: its id
 * @token: as it was registered with
 */
struct deskpod_claim {
	__u32 flags;
	__u32 reserved;
	__aligned_u64 session;
	__u8 token[DESKPOD_TOKEN_BYTES];
};

/**
 * struct deskpod_end - ends all processes of a session: the way out of the
 *	machine's owner, who needs no token; it is logged
 * @flags: zero
 * @reserved: zero
 * @session: its id
 */
struct deskpod_end {
	__u32 flags;
	__u32 reserved;
	__aligned_u64 session;
};

/**
 * struct deskpod_status - how a session fares
 * @flags: zero
 * @state: out: one of enum deskpod_state
 * @session: in: the smallest id that is asked for; out: the id found
 * @pid: out: its first process, as the caller sees it; 0 if it has ended
 * @supervisor: out: its supervisor, as the caller sees it; 0 if there is none
 * @refused_in: out: how much was refused to what is outside
 * @refused_out: out: how much was refused to its own processes
 * @dropped: out: how many records had no room
 * @alarms: out: how often the probes did not see what they should
 */
struct deskpod_status {
	__u32 flags;
	__u32 state;
	__aligned_u64 session;
	__s32 pid;
	__s32 supervisor;
	__aligned_u64 refused_in;
	__aligned_u64 refused_out;
	__aligned_u64 dropped;
	__aligned_u64 alarms;
};

/**
 * struct deskpod_record - what read() gives, whole ones only
 * @sequence: counts the session's records from 1, those without room included
 * @time_ns: nanoseconds since 1970, by the host's clock
 * @session: the session's id
 * @lost: how many records before this one had no room
 * @kind: one of enum deskpod_kind
 * @operation: one of enum deskpod_operation, if something was refused
 * @detail: see the operation
 * @actor_uid: who did it, as the host sees it
 * @actor_pid: its process, as the host sees it
 * @actor_tid: its thread
 * @target_pid: the process that it was done to; 0 if there is none
 * @target_tid: its thread
 * @actor_name: the actor's name, which it gave itself: ends with a zero
 * @target_name: the target's
 */
struct deskpod_record {
	__aligned_u64 sequence;
	__aligned_u64 time_ns;
	__aligned_u64 session;
	__aligned_u64 lost;
	__u32 kind;
	__u32 operation;
	__u32 detail;
	__u32 actor_uid;
	__s32 actor_pid;
	__s32 actor_tid;
	__s32 target_pid;
	__s32 target_tid;
	__u8 actor_name[DESKPOD_NAME_BYTES];
	__u8 target_name[DESKPOD_NAME_BYTES];
};

#define DESKPOD_IOC_MAGIC 0xdb
#define DESKPOD_IOC_VERSION _IOR(DESKPOD_IOC_MAGIC, 0, struct deskpod_version)
#define DESKPOD_IOC_REGISTER _IOWR(DESKPOD_IOC_MAGIC, 1, struct deskpod_register)
#define DESKPOD_IOC_RELEASE _IO(DESKPOD_IOC_MAGIC, 2)
#define DESKPOD_IOC_CLAIM _IOW(DESKPOD_IOC_MAGIC, 3, struct deskpod_claim)
#define DESKPOD_IOC_END _IOW(DESKPOD_IOC_MAGIC, 4, struct deskpod_end)
#define DESKPOD_IOC_STATUS _IOWR(DESKPOD_IOC_MAGIC, 5, struct deskpod_status)

#endif /* DESKPOD_IOCTL_H */
