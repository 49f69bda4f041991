// The one error type of the project, and the table of its stable codes.

/**
 * Every code that a DeskPodError can carry, with its meaning. Codes never change within a major version;
 * message texts may. Grouped by the room that throws them.
 */
export const ERROR_CODES = {
  // what the user typed
  USAGE: 'the command line is not one that deskpod understands',
  CANCELLED: 'the user stopped the command',
  // core: bytes
  RECORD_DAMAGED: 'a log record does not carry the bytes that were written',
  SEGMENT_DAMAGED: 'a segment does not carry the bytes that were written',
  PACK_DAMAGED: 'a pack does not carry the bytes that were written',
  MANIFEST_DAMAGED: 'a manifest does not carry the bytes that were written',
  HEAD_DAMAGED: 'a head does not carry the bytes that were written',
  KEYRING_DAMAGED: 'a keyring does not carry the bytes that were written',
  MARKER_DAMAGED: 'the marker of a pod does not carry the bytes that were written',
  FORMAT_UNKNOWN: 'the bytes were written by a version that this one does not know',
  EVENT_UNKNOWN: 'the log holds an event that this version does not know',
  // core: decisions
  SESSION_ALREADY_RUNNING: 'the pod has a running session',
  SESSION_NOT_RUNNING: 'the pod has no running session',
  CHECKPOINT_NOT_FOUND: 'no such checkpoint in the log',
  CHECKPOINT_DOUBTFUL: 'what the checkpoint would hold looks like a loss; nothing was sealed',
  PATH_NOT_FOUND: 'no such path in the checkpoint',
  PATH_NOT_A_FILE: 'the path in the checkpoint is no file, and has no bytes',
  PICTURE_NOT_FOUND: 'the checkpoint has no picture of the screen',
  HOME_UNKNOWN: 'the pod knows no such home',
  BRANCH_NOT_FOUND: 'home has no such branch of the pod',
  HOME_ALREADY_KNOWN: 'the pod knows this home already',
  SCHEDULE_INVALID: 'the words or the expression of cron are no schedule that can be kept',
  SCHEDULE_NOT_FOUND: 'the pod has no such schedule',
  // sync
  POD_NOT_FOUND: 'there is no pod here',
  POD_EXISTS: 'there is a pod here already',
  POD_BUSY: 'another process has this pod open',
  LOG_CONFLICT: 'the log has gone on since it was read',
  LOG_DAMAGED: 'the log on this device is damaged',
  OBJECT_MISSING: 'the repository lacks an object',
  OBJECT_DAMAGED: 'an object does not have the bytes that its name promises',
  CHUNK_MISSING: 'no pack holds this chunk',
  CHUNK_DAMAGED: 'a chunk does not have the bytes that its id promises',
  KEYRING_NO_IDENTITY: 'this key opens no slot of the keyring',
  PASSPHRASE_WRONG: 'the passphrase opens no slot of the keyring',
  UNLOCK_REFUSED: 'too many wrong passphrases were tried in a short time',
  PASSPHRASE_MISSING: 'a passphrase is needed and none was given',
  KEY_NEEDED: 'without this key nothing might open the pod any more',
  SOURCE_UNREADABLE: 'a folder or file to be checkpointed could not be read',
  SOURCE_UNMOUNTED: 'the folder to be checkpointed is not the one that was opened',
  FILE_UNREADABLE: 'a file could not be read',
  TARGET_NOT_EMPTY: 'the place of a new pod or home holds something already',
  TARGET_WRITE_FAILED: 'a file could not be written',
  SPACE_EXHAUSTED: 'there is no space left',
  HOME_NOT_FOUND: 'there is no home at this place',
  HOME_UNREACHABLE: 'the home could not be reached',
  HOME_FULL: 'the home has no space left',
  HOME_DAMAGED: 'an object at home is damaged or missing',
  HOME_FENCED: 'home belongs to a newer device of this pod',
  HOME_FOREIGN: 'home holds another history under this name',
  HOME_AWAY: 'the twin is not plugged in',
  HISTORY_AWAITED: 'home lacks older history that has not come to this device yet',
  DOCK_REFUSED: 'home may not take over by itself what is on the device',
  LEASE_ENDED: 'a twin may have been started in the place of this device',
  POD_IS_TWIN: 'the device is a twin, which only follows its pod until it is started',
  // session
  DEVICE_NOT_FOUND: 'there is no such device',
  DEVICE_NOT_A_POD: 'the device holds no pod',
  DEVICE_TOO_SMALL: 'the device is too small',
  DEVICE_IN_USE: 'the device is mounted or used by something else',
  DEVICE_CHANGED: 'the drive is another one than was chosen, or was written to since',
  DEVICE_FULL: 'the device has no space left',
  DEVICE_GONE: 'the drive was pulled out while it was worked with',
  VAULT_LOCKED: 'the vault is locked',
  VAULT_UNSUPPORTED: 'this host can not open this kind of vault',
  VAULT_FAILED: 'the vault could not be made, opened or closed',
  MOUNT_FAILED: 'a mount failed',
  BASE_NOT_FOUND: 'there is no such base',
  BASE_DAMAGED: 'the base is not the one that the log names',
  BASE_BUILD_FAILED: 'the base could not be built',
  RUNTIME_MISSING: 'a program that sessions need is missing',
  HOST_UNSUPPORTED: 'this host lacks something that sessions need',
  PROCESSOR_LACKING: 'this processor lacks something that the session to go on with uses',
  ROOT_NEEDED: 'this needs root',
  SESSION_START_FAILED: 'the session did not start',
  SESSION_LOST: 'the session ended without a checkpoint',
  SUSPEND_FAILED: 'the session could not be checkpointed',
  RESUME_FAILED: 'the session could not be resumed',
  EXEC_FAILED: 'the command could not be run in the session',
  INSTALL_FAILED: 'the packages could not be installed',
  NETWORK_FAILED: 'the session could not be connected to the network',
  SUPERVISOR_UNREACHABLE: 'the supervisor of the pod does not answer',
  DISPLAY_FAILED: 'the display of the session does not answer as RFB',
  VIEWER_FAILED: 'the viewer could not be served',
  HOOK_FAILED: 'a hook of this host failed, and stopped the step that it comes before',
  HOOK_REFUSED: 'a hook of this host is not run, as others could have changed it',
  TIER_UNAVAILABLE: 'the tier of the barrier that was asked for cannot be had on this host',
} as const;

/** A stable code of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error carries besides its code and text. */
export interface ErrorContext {
  /** The next step for the user: one sentence in the imperative. */
  readonly hint?: string;
  /** The ids, paths and numbers that the text is about. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The failure underneath, kept for `--debug`. */
  readonly cause?: unknown;
}

/**
 * A failure that the user is told about. The message names the thing, what was expected and what came, lower case,
 * without a full stop; `hint` says what to do next. Wrong arguments inside the program are TypeError or RangeError.
 */
export class DeskPodError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = 'DeskPodError';
    this.code = code;
    this.hint = context.hint;
    this.details = context.details ?? {};
  }
}

/** True if `error` is a DeskPodError, with `code` if one is given. */
export function isDeskPodError(error: unknown, code?: ErrorCode): error is DeskPodError {
  return error instanceof DeskPodError && (code === undefined || error.code === code);
}
