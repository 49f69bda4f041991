// The system calls that a session may not make: one row each, with what the session is told, and why.

const CLONE_VM = 0x100;
const CLONE_FS = 0x200;
const CLONE_VFORK = 0x4000;
const CLONE_THREAD = 0x10000;
const CLONE_NEWUSER = 0x10000000;
const MFD_HUGETLB = 0x4;
const MAP_HUGETLB = 0x40000;
const MAP_TYPE = 0xf;
const MAP_DROPPABLE = 0x8;
const SHM_HUGETLB = 0o4000;
const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const ALL_32_BITS = 0xffffffff;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x8;
const PIDFD_THREAD = 0x80;
const PR_SET_SYSCALL_USER_DISPATCH = 59;
const PR_SET_MDWE = 65;

/** Address families below the last one that is let through (packet, 17), other than unix, IPv4, IPv6 and netlink. */
const OLD_FAMILIES = [3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];
const FIRST_LATER_FAMILY = 18;
/** DCCP, L2TP, SCTP, SMC and MPTCP: no other family has protocols of these numbers. */
const UNKNOWN_PROTOCOLS = [33, 115, 132, 256, 262];

/** What a denied call gives. */
export type DeniedErrno = 'EPERM' | 'ENOMEM' | 'EINVAL' | 'ENOSYS' | 'EAFNOSUPPORT' | 'EPROTONOSUPPORT';

/** A condition on one argument (counted from 0): its bits under `mask` are one of `values`, or it is `atLeast`. */
export type ArgumentMatch =
  | { readonly index: number; readonly mask: number; readonly values: readonly number[] }
  | { readonly index: number; readonly atLeast: number };

/** What a checkpoint makes of a thing that a session has: CRIU fails with a line that holds `fails`, or it `loses` it. */
export type CheckpointOutcome = { readonly fails: string } | { readonly loses: string };

/** One row: these calls (with these arguments) give `errno`. */
export interface DeniedCalls {
  /** What a session would have by them. */
  readonly what: string;
  readonly names: readonly string[];
  /** Each of them is reason enough. */
  readonly arguments?: readonly ArgumentMatch[];
  readonly errno: DeniedErrno;
  readonly reason: string;
  /** Absent where the barrier alone is the reason. */
  readonly checkpoint?: CheckpointOutcome;
}

/**
 * The table. Two kinds of reasons: a call leads out of the barrier, or it makes something that CRIU cannot checkpoint, so
 * that a session that cannot be checkpointed does not come to exist. ENOSYS lets programs fall back to what was there
 * before the call. A filter survives checkpoint and restore.
 */
export const DENIED_CALLS: readonly DeniedCalls[] = [
  {
    what: 'mounts',
    names: ['mount', 'umount2', 'pivot_root', 'chroot'],
    errno: 'EPERM',
    reason: 'the view of the file system is part of the barrier',
  },
  {
    what: 'mounts, by the newer calls',
    names: [
      ...['move_mount', 'open_tree', 'open_tree_attr', 'fsopen', 'fsmount', 'fsconfig', 'fspick'],
      'mount_setattr',
    ],
    errno: 'EPERM',
    reason: 'the view of the file system is part of the barrier',
  },
  {
    what: 'other namespaces',
    names: ['setns', 'unshare'],
    errno: 'EPERM',
    reason: 'namespaces are part of the barrier',
    checkpoint: { fails: "Can't dump nested user namespace" },
  },
  {
    what: 'a process in a user namespace of its own',
    names: ['clone'],
    errno: 'EPERM',
    arguments: [{ index: 0, mask: CLONE_NEWUSER, values: [CLONE_NEWUSER] }],
    reason: 'every other namespace needs one first, so programs can make none',
    checkpoint: { fails: "Can't dump nested user namespace" },
  },
  {
    what: 'a process that shares its working folder with another',
    names: ['clone'],
    errno: 'EINVAL',
    arguments: [{ index: 0, mask: CLONE_FS | CLONE_THREAD, values: [CLONE_FS] }],
    reason: 'threads may, and a child has a folder of its own: CRIU knows nothing between',
    checkpoint: { fails: "Can't make FS id" },
  },
  {
    what: 'a process that shares its memory with another',
    names: ['clone'],
    errno: 'EINVAL',
    arguments: [{ index: 0, mask: CLONE_VM | CLONE_VFORK | CLONE_THREAD, values: [CLONE_VM] }],
    reason: 'threads may, and a child until it has started its program: CRIU knows nothing between',
    checkpoint: { fails: "Can't make VM id" },
  },
  {
    what: 'a process, by the newer call',
    names: ['clone3'],
    errno: 'ENOSYS',
    reason: 'its flags lie in memory where a filter cannot see them; clone is used instead',
  },
  {
    what: 'another process to trace',
    names: ['ptrace'],
    errno: 'EPERM',
    reason: 'a process has one tracer at most, and CRIU must be it',
    checkpoint: { fails: 'Unseizable non-zombie' },
  },
  {
    what: 'a file by its handle',
    names: ['open_by_handle_at'],
    errno: 'EPERM',
    reason: 'a handle names any file of a file system, the ones outside too',
  },
  {
    what: 'a device node',
    names: ['mknod'],
    errno: 'EPERM',
    arguments: [{ index: 1, mask: S_IFMT, values: [S_IFCHR, S_IFBLK] }],
    reason: "devices are the host's; pipes and sockets can be made",
  },
  {
    what: 'a device node, by the newer call',
    names: ['mknodat'],
    errno: 'EPERM',
    arguments: [{ index: 2, mask: S_IFMT, values: [S_IFCHR, S_IFBLK] }],
    reason: "devices are the host's; pipes and sockets can be made",
  },
  {
    what: "a change of the host's kernel",
    names: [
      ...['kexec_load', 'kexec_file_load', 'init_module', 'finit_module', 'delete_module'],
      ...['reboot', 'swapon', 'swapoff'],
    ],
    errno: 'EPERM',
    reason: "they act on the host's kernel",
  },
  {
    what: 'a BPF map or program',
    names: ['bpf'],
    errno: 'EPERM',
    reason: "it acts on the host's kernel",
    checkpoint: { fails: 'anon_inode:bpf' },
  },
  {
    what: 'a performance counter',
    names: ['perf_event_open'],
    errno: 'EPERM',
    reason: 'it watches the host',
    checkpoint: { fails: 'anon_inode:[perf_event]' },
  },
  {
    what: 'a key in a keyring of the kernel',
    names: ['keyctl', 'add_key', 'request_key'],
    errno: 'EPERM',
    reason: 'keyrings are shared with the host',
    checkpoint: { loses: 'the key' },
  },
  {
    what: "the kernel's messages",
    names: ['syslog'],
    errno: 'EPERM',
    reason: "they are the host's",
  },
  {
    what: "input to somebody else's terminal, or the host's console",
    names: ['ioctl'],
    errno: 'EPERM',
    arguments: [{ index: 1, mask: ALL_32_BITS, values: [TIOCSTI, TIOCLINUX] }],
    reason: 'TIOCSTI types into a terminal, TIOCLINUX reads and pastes a console',
  },
  {
    what: 'an io_uring',
    names: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
    errno: 'ENOSYS',
    reason: 'CRIU does not know rings; programs fall back to epoll and threads',
    checkpoint: { fails: 'send_fds failed' },
  },
  {
    what: 'a userfaultfd',
    names: ['userfaultfd'],
    errno: 'ENOSYS',
    reason: 'CRIU does not know it',
    checkpoint: { fails: 'anon_inode:[userfaultfd]' },
  },
  {
    what: 'secret memory',
    names: ['memfd_secret'],
    errno: 'ENOSYS',
    reason: 'CRIU cannot read its pages',
    checkpoint: { fails: "Can't lookup mount" },
  },
  {
    what: 'memory that is sealed against changes of its mapping',
    names: ['mseal'],
    errno: 'ENOSYS',
    reason: 'a program must not believe that it is safer than it is',
    checkpoint: { loses: 'the seal' },
  },
  {
    what: 'a file of huge pages',
    names: ['memfd_create'],
    errno: 'EINVAL',
    arguments: [{ index: 1, mask: MFD_HUGETLB, values: [MFD_HUGETLB] }],
    reason: 'a host must have set some aside: the session would not come back on another',
  },
  {
    what: 'memory of huge pages',
    names: ['mmap'],
    errno: 'ENOMEM',
    arguments: [{ index: 3, mask: MAP_HUGETLB, values: [MAP_HUGETLB] }],
    reason: 'a host must have set some aside: the session would not come back on another',
  },
  {
    what: 'memory that the kernel may drop',
    names: ['mmap'],
    errno: 'EINVAL',
    arguments: [{ index: 3, mask: MAP_TYPE, values: [MAP_DROPPABLE] }],
    reason:
      'Linux has it since 6.11: a session with it would not come back on an older kernel. The C library keeps random ' +
      'numbers in it, and without it asks the kernel for each',
  },
  {
    what: 'shared memory of huge pages',
    names: ['shmget'],
    errno: 'ENOMEM',
    arguments: [{ index: 2, mask: SHM_HUGETLB, values: [SHM_HUGETLB] }],
    reason: 'a host must have set some aside: the session would not come back on another',
  },
  {
    what: 'a POSIX message queue',
    names: [...['mq_open', 'mq_unlink', 'mq_timedsend', 'mq_timedreceive', 'mq_notify'], 'mq_getsetattr'],
    errno: 'ENOSYS',
    reason: 'CRIU does not know it',
    checkpoint: { fails: "Can't lookup mount" },
  },
  {
    what: 'a fanotify group',
    names: ['fanotify_init', 'fanotify_mark'],
    errno: 'ENOSYS',
    reason: 'users may make one since Linux 5.13: a session with one would not come back on an older kernel',
  },
  {
    what: 'a Landlock domain',
    names: ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'],
    errno: 'ENOSYS',
    reason: 'a program must not believe that it is confined',
    checkpoint: { loses: 'the domain: what was forbidden is allowed' },
  },
  {
    what: 'a filter that asks a listener',
    names: ['seccomp'],
    errno: 'EINVAL',
    arguments: [
      {
        index: 1,
        mask: SECCOMP_FILTER_FLAG_NEW_LISTENER,
        values: [SECCOMP_FILTER_FLAG_NEW_LISTENER],
      },
    ],
    reason: 'other filters can be checkpointed, and can be set',
    checkpoint: { fails: 'anon_inode:seccomp notify' },
  },
  {
    what: 'a pidfd of a thread',
    names: ['pidfd_open'],
    errno: 'EINVAL',
    arguments: [{ index: 1, mask: PIDFD_THREAD, values: [PIDFD_THREAD] }],
    reason: 'those of processes can be checkpointed, and can be made',
    checkpoint: { fails: 'PIDFD_THREAD flag is currently not supported' },
  },
  {
    what: 'a socket of a family other than unix, IPv4, IPv6, netlink and packet',
    names: ['socket', 'socketpair'],
    errno: 'EAFNOSUPPORT',
    arguments: [
      { index: 0, mask: ALL_32_BITS, values: OLD_FAMILIES },
      { index: 0, atLeast: FIRST_LATER_FAMILY },
    ],
    reason: 'AF_VSOCK reaches the hypervisor, others load modules of the host, and CRIU knows none of them',
    checkpoint: { fails: 'Unknown socket collected' },
  },
  {
    what: 'a socket of MPTCP, SCTP, DCCP, SMC or L2TP',
    names: ['socket'],
    errno: 'EPROTONOSUPPORT',
    arguments: [{ index: 2, mask: ALL_32_BITS, values: UNKNOWN_PROTOCOLS }],
    reason: 'servers written in Go ask for MPTCP and fall back to TCP',
    checkpoint: { fails: 'Unsupported proto' },
  },
  {
    what: 'memory that is never writable and executable',
    names: ['prctl'],
    errno: 'EINVAL',
    arguments: [{ index: 0, mask: ALL_32_BITS, values: [PR_SET_MDWE] }],
    reason: 'a program must not believe that it is safer than it is',
    checkpoint: { loses: 'the promise' },
  },
  {
    what: "dispatch of a program's own system calls to itself",
    names: ['prctl'],
    errno: 'EINVAL',
    arguments: [{ index: 0, mask: ALL_32_BITS, values: [PR_SET_SYSCALL_USER_DISPATCH] }],
    reason: 'CRIU does not know it',
    checkpoint: { loses: 'the dispatch' },
  },
  {
    what: 'a local descriptor table',
    names: ['modify_ldt'],
    errno: 'ENOSYS',
    reason: 'CRIU does not know it; programs of 32 bits use the thread areas, which it does',
    checkpoint: { loses: 'the table' },
  },
  {
    what: 'a protection key of memory',
    names: ['pkey_alloc', 'pkey_free', 'pkey_mprotect'],
    errno: 'ENOSYS',
    reason: 'not every processor has them: programs find out once, and go on on another host',
  },
];
