// What of /proc and /sys a session does not see, or sees but cannot write.

/**
 * Hidden files. Only paths that every kernel since 5.10 has as it is built by distributions: each of them is a mount,
 * and a session restored on a host whose kernel lacks one mount point would not come back. Only files: hiding a folder
 * costs a tmpfs, which is archived at every checkpoint. What is not here is closed by the user namespace: uid 1000
 * without capabilities reads nothing that the host keeps for its root.
 */
export const MASKED_PATHS: readonly string[] = [
  '/proc/kcore',
  '/proc/keys',
  '/proc/timer_list',
  '/proc/kallsyms',
];

/** Read-only folders and files, by the same rule. */
export const READONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys'];
