// What can keep a session from being checkpointed: one row a kind, with CRIU's words for it and ours.

/** The largest deleted file that is still open and is stored with a checkpoint: browsers hold some of many megabytes. */
export const GHOST_LIMIT_MEBIBYTES = 64;

const CLOSE_PROGRAM = 'close that program and suspend again';

/** One kind. */
export interface ObstacleKindRow {
  /** What a program does; it comes after the program's name. */
  readonly text: string;
  /** True if it is expected to pass within milliseconds. */
  readonly isTransient: boolean;
  /** What the user can do, beside ending the session without its processes. */
  readonly advice: string;
  /** Errors of CRIU's log that mean it. */
  readonly criu: RegExp;
}

/** The table; where an error fits several rows, the first one counts. */
export const OBSTACLE_KINDS = {
  'deleted-file': {
    text: `holds a deleted file of more than ${GHOST_LIMIT_MEBIBYTES} MiB open`,
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /Can't dump ghost file/,
  },
  'kernel-object': {
    text: 'holds an object of the kernel that cannot be checkpointed',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /anon_inode:|Can't dump file \d+ of that type|send_fds failed|PIDFD_THREAD|pidfd pid \d+ is not/,
  },
  'unknown-socket': {
    text: 'has a socket of a kind, or in a state, that cannot be checkpointed',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /Unknown socket collected|Sockets \(family \d+ proto \d+\) are not collected|Unsupported proto|Can't dump \d+ inet socket|corked dgram socket|more than 32 groups/,
  },
  'other-namespace': {
    text: 'uses a namespace other than those of the session',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /nested \w+ namespace|Nested mount namespaces|No NS ID with kid/,
  },
  'ended-leader': {
    text: 'goes on in threads while its first one has ended',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /Zombies with threads|Zombie thread/,
  },
  'stopped-thread': {
    text: 'has threads of which only some are stopped',
    isTransient: true,
    advice: `let it go on, or ${CLOSE_PROGRAM}`,
    criu: /Individually stopped threads/,
  },
  'shared-task': {
    text: 'shares memory or working folder with another process',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /Can't make (?:VM|FS) id/,
  },
  'torn-shared-memory': {
    text: 'has given back a part of a shared memory that it holds',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    // With its end gone CRIU fails at once; with a hole it fails when it is too late, at the restore.
    criu: /Failed to write IPC namespace data/,
  },
  'unnamed-watch': {
    text: 'watches a file of a file system that gives its files no lasting names, such as /proc',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /error parsing \[inotify|Can't dump that handle|Can't find suitable path for handle/,
  },
  terminal: {
    text: 'holds its terminal in a way that cannot be checkpointed',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /ctty inheritance|dangling tty/,
  },
  'outside-file': {
    text: 'has a file open that does not lie in the session',
    isTransient: false,
    advice: CLOSE_PROGRAM,
    criu: /Can't lookup mount=|Can't handle non-regular mapping|Unaccessible path opened/,
  },
  'unread-credentials': {
    text: 'does not read a message with credentials that waits for it',
    isTransient: true,
    advice: `let it go on, or ${CLOSE_PROGRAM}`,
    criu: /Control messages in queue/,
  },
  'unread-netlink': {
    text: 'does not read a message of the kernel that waits for it',
    isTransient: true,
    advice: `let it go on, or ${CLOSE_PROGRAM}`,
    criu: /The socket has data to read/,
  },
  'outside-connection': {
    text: 'is still connected to a program outside the session',
    isTransient: true,
    advice: 'close the viewer, or whatever of the host is connected, and suspend again',
    criu: /External socket is used|half of stream unix connection|Unix socket \d+ not found|with(?:out| unreachable) peer/,
  },
  'unaccepted-connection': {
    text: 'has not taken a connection that waits for it',
    isTransient: true,
    advice: `let it go on, or ${CLOSE_PROGRAM}`,
    criu: /in-flight/i,
  },
  unstoppable: {
    text: 'cannot be stopped: it waits in the kernel',
    isTransient: true,
    advice: `let it go on, or ${CLOSE_PROGRAM}`,
    criu: /Unseizable non-zombie \d+ found, state D|Unable to interrupt|Timeout reached/,
  },
  traced: {
    text: 'is traced by another program',
    isTransient: true,
    advice: 'end the debugger or tracer and suspend again',
    criu: /Unseizable/,
  },
} as const satisfies Readonly<Record<string, ObstacleKindRow>>;

/** The name of a kind. */
export type ObstacleKind = keyof typeof OBSTACLE_KINDS;

/** The kinds in the order of the table. */
export const OBSTACLE_KIND_NAMES = Object.keys(OBSTACLE_KINDS) as readonly ObstacleKind[];
