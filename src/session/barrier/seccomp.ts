// The system calls that a session may not make, each with the reason, and the OCI filter made of them.

/** EPERM: the call exists and is refused. */
const EPERM = 1;
/** EINVAL: this use of the call is refused. */
const EINVAL = 22;
/** ENOSYS: the call seems not to exist, so that programs fall back to the older one. */
const ENOSYS = 38;
/** EAFNOSUPPORT: the address family seems not to exist. */
const EAFNOSUPPORT = 97;

const CLONE_NEWUSER = 0x10000000;
const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const ALL_32_BITS = 0xffffffff;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const AF_ALG = 38;
const AF_VSOCK = 40;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x8;
const PIDFD_THREAD = 0x80;

/** A condition on one argument: its bits under `mask` are `value`. */
interface ArgumentMatch {
  readonly index: number;
  readonly mask: number;
  readonly value: number;
}

/** One row of the table: these calls (with this argument) give `errno`, because of `reason`. */
interface DeniedCalls {
  readonly names: readonly string[];
  readonly errno: number;
  readonly reason: string;
  readonly argument?: ArgumentMatch;
}

/**
 * The one table of denied calls. Two kinds of reasons: a call leads out of the barrier, or it makes something that
 * CRIU cannot checkpoint, so that a session that cannot be checkpointed does not come to exist. A filter survives
 * checkpoint and restore; Landlock domains and keyrings do not, which is why programs are not offered them.
 */
const DENIED_CALLS: readonly DeniedCalls[] = [
  {
    names: ['mount', 'umount2', 'pivot_root', 'chroot'],
    errno: EPERM,
    reason: 'the view of the file system is part of the barrier',
  },
  {
    names: [
      'move_mount',
      'open_tree',
      'open_tree_attr',
      'fsopen',
      'fsmount',
      'fsconfig',
      'fspick',
      'mount_setattr',
    ],
    errno: EPERM,
    reason: 'the newer calls for mounts, for the same reason',
  },
  { names: ['setns', 'unshare'], errno: EPERM, reason: 'namespaces are part of the barrier' },
  {
    names: ['clone'],
    errno: EPERM,
    argument: { index: 0, mask: CLONE_NEWUSER, value: CLONE_NEWUSER },
    reason: 'CRIU cannot checkpoint nested user namespaces, and every other namespace needs one first',
  },
  {
    names: ['clone3'],
    errno: ENOSYS,
    reason: 'its flags lie in memory where a filter cannot see them; clone is used instead',
  },
  { names: ['ptrace'], errno: EPERM, reason: 'a traced process cannot be checkpointed' },
  {
    names: ['open_by_handle_at'],
    errno: EPERM,
    reason: 'a handle names any file of a file system, the ones outside too',
  },
  {
    names: ['mknod'],
    errno: EPERM,
    argument: { index: 1, mask: S_IFMT, value: S_IFCHR },
    reason: "devices are the host's; pipes and sockets can be made",
  },
  {
    names: ['mknod'],
    errno: EPERM,
    argument: { index: 1, mask: S_IFMT, value: S_IFBLK },
    reason: "devices are the host's",
  },
  {
    names: ['mknodat'],
    errno: EPERM,
    argument: { index: 2, mask: S_IFMT, value: S_IFCHR },
    reason: "devices are the host's",
  },
  {
    names: ['mknodat'],
    errno: EPERM,
    argument: { index: 2, mask: S_IFMT, value: S_IFBLK },
    reason: "devices are the host's",
  },
  {
    names: [
      'kexec_load',
      'kexec_file_load',
      'init_module',
      'finit_module',
      'delete_module',
      'reboot',
      'swapon',
      'swapoff',
    ],
    errno: EPERM,
    reason: "they act on the host's kernel",
  },
  {
    names: ['bpf'],
    errno: EPERM,
    reason: "it acts on the host's kernel, and its maps cannot be checkpointed",
  },
  { names: ['perf_event_open'], errno: EPERM, reason: 'it watches the host, and cannot be checkpointed' },
  {
    names: ['keyctl', 'add_key', 'request_key'],
    errno: EPERM,
    reason: 'keyrings are shared with the host, and a checkpoint loses them silently',
  },
  { names: ['syslog'], errno: EPERM, reason: "the kernel's messages are the host's" },
  {
    names: ['ioctl'],
    errno: EPERM,
    argument: { index: 1, mask: ALL_32_BITS, value: TIOCSTI },
    reason: "it types into somebody else's terminal",
  },
  {
    names: ['ioctl'],
    errno: EPERM,
    argument: { index: 1, mask: ALL_32_BITS, value: TIOCLINUX },
    reason: "it reads and pastes the host's console",
  },
  {
    names: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
    errno: ENOSYS,
    reason: 'CRIU cannot checkpoint rings',
  },
  { names: ['userfaultfd'], errno: ENOSYS, reason: 'CRIU cannot checkpoint it' },
  { names: ['memfd_secret'], errno: ENOSYS, reason: 'CRIU cannot read its pages' },
  { names: ['mq_open'], errno: ENOSYS, reason: 'CRIU cannot checkpoint message queues' },
  { names: ['fanotify_init'], errno: ENOSYS, reason: 'it needs rights that do not exist here' },
  {
    names: ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'],
    errno: ENOSYS,
    reason: 'a checkpoint loses a domain silently: a program must not believe that it is confined',
  },
  {
    names: ['seccomp'],
    errno: EINVAL,
    argument: { index: 1, mask: SECCOMP_FILTER_FLAG_NEW_LISTENER, value: SECCOMP_FILTER_FLAG_NEW_LISTENER },
    reason: 'CRIU cannot checkpoint a filter that asks a listener',
  },
  {
    names: ['pidfd_open'],
    errno: EINVAL,
    argument: { index: 1, mask: PIDFD_THREAD, value: PIDFD_THREAD },
    reason: 'CRIU cannot checkpoint the pidfd of a thread',
  },
  {
    names: ['socket', 'socketpair'],
    errno: EAFNOSUPPORT,
    argument: { index: 0, mask: ALL_32_BITS, value: AF_VSOCK },
    reason: 'it reaches the hypervisor, and CRIU does not know it',
  },
  {
    names: ['socket', 'socketpair'],
    errno: EAFNOSUPPORT,
    argument: { index: 0, mask: ALL_32_BITS, value: AF_ALG },
    reason: 'CRIU does not know it',
  },
];

/** A rule as the OCI runtime specification writes it. */
export interface OciSeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet: number;
  readonly args?: readonly {
    readonly index: number;
    readonly value: number;
    readonly valueTwo: number;
    readonly op: string;
  }[];
}

/** `linux.seccomp` of an OCI configuration: everything is allowed but {@link DENIED_CALLS}. */
export function seccompProfile(): {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSeccompRule[];
} {
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    // A call by any other ABI ends the process: x32 would be a way around the table.
    architectures:
      process.arch === 'arm64'
        ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']
        : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    syscalls: DENIED_CALLS.map(({ names, errno, argument }) => ({
      names,
      action: 'SCMP_ACT_ERRNO',
      errnoRet: errno,
      ...(argument === undefined
        ? {}
        : {
            args: [
              {
                index: argument.index,
                value: argument.mask,
                valueTwo: argument.value,
                op: 'SCMP_CMP_MASKED_EQ',
              },
            ],
          }),
    })),
  };
}
