// What the system says of a drive or file that it cannot read or write, as the user is told it: a code and a next step.
import { DeskPodError, type ErrorCode } from '../core/errors.ts';

/** What a drive answers for a place that it, or the file system, can not read: damage, and no failure of the machine. */
const UNREADABLE = new Set(['EIO', 'EBADMSG', 'EUCLEAN', 'EILSEQ', 'ENODATA', 'EREMOTEIO']);
/** Those that Node has no name for: it calls them `UNKNOWN`, or `Unknown system error -122`. */
const NAMES: Readonly<Record<number, string>> = {
  74: 'EBADMSG',
  116: 'ESTALE',
  117: 'EUCLEAN',
  121: 'EREMOTEIO',
  122: 'EDQUOT',
};
const OUT_OF_MEANS = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);
/** Error codes of the system that mean a full device or quota. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);
const READING = /^(read|pread|readv|scandir|opendir|readdir|stat|lstat|fstat|statx|access|readlink|open)/;
/** Only these are about the place; of others, such as ENOENT, whoever calls knows what they mean. */
const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EROFS: [
    'its file system is read-only',
    'Mount it writable. If it became read-only by itself, the drive or file system has failed: see `dmesg`.',
  ],
  EACCES: ['this user may not', 'Run the command as the user who owns it, or give this user the rights.'],
  EPERM: ['this user may not', 'Run the command as the user who owns it, or give this user the rights.'],
  EMFILE: ['too many files are open', 'Raise the limit with `ulimit -n`, then run the command again.'],
  ENFILE: ['too many files are open', 'Close other programs, then run the command again.'],
  ENODEV: ['its drive is gone', 'Plug the drive in and mount it, then run the command again.'],
  ENXIO: ['its drive is gone', 'Plug the drive in and mount it, then run the command again.'],
  ESTALE: ['its network drive is gone', 'Mount it again, then run the command again.'],
};
const FAILING_HINT =
  'See `dmesg`: if the drive fails, restore the pod to another one with `deskpod restore`. What was acknowledged stays.';

/** The name of a system's error, such as EIO; undefined if it is none. */
export function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const number = 'errno' in error ? Math.abs(Number(error.errno)) : 0;
  return NAMES[number] ?? String(error.code);
}

/**
 * True for the system's error that this host has no open files or memory left for this process: it says nothing of the place that
 * was looked at, and not that there is none.
 */
export function isOutOfMeans(error: unknown): boolean {
  return OUT_OF_MEANS.has(systemCodeOf(error) ?? '');
}

/** True for the system's error that a drive or quota is full. */
export function isFull(error: unknown): boolean {
  return FULL.has(systemCodeOf(error) ?? '');
}

/** True for the system's error about bytes that can not be read where they lie, or for what was told because of one. */
export function isUnreadable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return UNREADABLE.has(systemCodeOf(error) ?? '') || isUnreadable(error.cause);
}

/**
 * The error for bytes of the pod itself that the drive does not give: the same as for wrong ones, as the same heals them.
 * Any other error stays what it is.
 */
export function unreadableError(error: unknown, code: ErrorCode, subject: string): unknown {
  if (error instanceof DeskPodError || !isUnreadable(error)) return error;
  return new DeskPodError(code, `${subject}: the drive does not give its bytes (${reasonOf(error)})`, {
    hint: 'See `dmesg`. `deskpod verify` brings back from home what can be read there.',
    details: { path: subject, reason: reasonOf(error) },
    cause: error,
  });
}

/**
 * SPACE_EXHAUSTED, TARGET_WRITE_FAILED or FILE_UNREADABLE for an error of the system about a place on a drive; any other
 * error stays what it is.
 *
 * @param path what was written or read; the error may say it itself
 */
export function storageError(error: unknown, path?: string): unknown {
  const failure = failureOf(error);
  if (failure === undefined) return error;
  const { reason, syscall } = failure;
  const subject = path ?? failure.path ?? 'a file';
  const context = { details: { path: subject, reason }, cause: error };
  if (FULL.has(reason)) {
    return new DeskPodError('SPACE_EXHAUSTED', `${subject}: there is no space left to write it`, {
      ...context,
      hint: 'Free some space on this drive, then run the command again.',
    });
  }
  const [text, hint] = UNREADABLE.has(reason)
    ? ['the drive reports an error', FAILING_HINT]
    : (REASONS[reason] ?? []);
  if (text === undefined || hint === undefined) return error;
  const isReading = READING.test(syscall) && reason !== 'EROFS';
  const [code, what] = isReading
    ? (['FILE_UNREADABLE', 'read'] as const)
    : (['TARGET_WRITE_FAILED', 'written'] as const);
  return new DeskPodError(code, `${subject} could not be ${what}: ${text} (${reason}, ${syscall})`, {
    ...context,
    hint,
  });
}

/** What a system's error says; LevelDB tells it in words, below others. */
function failureOf(
  error: unknown,
): { reason: string; syscall: string; path: string | undefined } | undefined {
  const code = systemCodeOf(error);
  if (!(error instanceof Error) || error instanceof DeskPodError || code === undefined) return undefined;
  if (code.startsWith('LEVEL_')) {
    const [, path, said] = /^IO error: (.*): ([^:]+)$/.exec(error.message) ?? [];
    const reason = LEVEL_WORDS[said ?? ''];
    return reason === undefined ? failureOf(error.cause) : { reason, syscall: 'write', path };
  }
  if (!('syscall' in error)) return undefined;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return { reason: code, syscall: String(error.syscall), path };
}

const LEVEL_WORDS: Readonly<Record<string, string>> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'Input/output error': 'EIO',
  'Read-only file system': 'EROFS',
  'Permission denied': 'EACCES',
  'Too many open files': 'EMFILE',
};

function reasonOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause)
    if (UNREADABLE.has(systemCodeOf(each) ?? '')) return systemCodeOf(each) ?? '';
  return String(error);
}
