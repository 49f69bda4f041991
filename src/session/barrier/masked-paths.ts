// What of /proc and /sys a session does not see, or sees but cannot write.

/** One place, and why it is as it is. */
interface ProfilePath {
  readonly path: string;
  readonly reason: string;
}

/**
 * Hidden files. Only paths that every kernel since 5.10 has as it is built by distributions: each of them is a mount,
 * and a session restored on a host whose kernel lacks one mount point would not come back. Only files: hiding a folder
 * costs a tmpfs, which is archived at every checkpoint. What is not here is closed by the user namespace: uid 1000
 * without capabilities reads nothing that the host keeps for its root.
 */
export const HIDDEN_FILES: readonly ProfilePath[] = [
  { path: '/proc/kcore', reason: "the host's memory" },
  { path: '/proc/keys', reason: "the kernel's keyrings, which are shared with the host" },
  { path: '/proc/timer_list', reason: 'the timers of all processes of the host' },
  { path: '/proc/kallsyms', reason: 'where the kernel lies in memory' },
];

/** Read-only folders and files, by the same rule. */
export const READ_ONLY_FOLDERS: readonly ProfilePath[] = [
  { path: '/proc/bus', reason: "the host's devices" },
  { path: '/proc/fs', reason: "the host's file systems" },
  { path: '/proc/irq', reason: "the host's interrupts" },
  { path: '/proc/sys', reason: "the kernel's settings" },
  { path: '/sys', reason: "the host's devices and kernel" },
];

/** The hidden files, as the OCI runtime specification wants them. */
export const MASKED_PATHS: readonly string[] = HIDDEN_FILES.map(({ path }) => path);

/** The read-only folders of /proc, as the OCI runtime specification wants them: /sys is mounted so. */
export const READONLY_PATHS: readonly string[] = READ_ONLY_FOLDERS.map(({ path }) => path).filter((path) =>
  path.startsWith('/proc/'),
);
