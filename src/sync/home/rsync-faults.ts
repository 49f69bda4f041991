// What rsync, its daemon and ssh print when they fail, and what it means for a home.
import type { ErrorCode } from '../../core/errors.ts';
import type { ProcessError } from '../process.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';

/** A failure in our words. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** The last words of `deskpod home receive` before it ends: a code of its own, and a message. */
const REFUSAL = /^deskpod home: (?<code>[A-Z_]+): (?<message>[^\n]+?)(?: \((?<hint>[^()\n]+)\))?$/m;
/** What home's words may be about. Anything else from there is just an interrupted connection. */
const REFUSAL_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'HOME_DAMAGED',
  'HOME_FENCED',
  'HOME_FOREIGN',
  'HOME_FULL',
  'HOME_NOT_FOUND',
  'FILE_UNREADABLE',
  'HOME_UNREACHABLE',
  'OBJECT_DAMAGED',
  'TARGET_WRITE_FAILED',
  'USAGE',
]);

/** The most telling first. LC_ALL=C keeps these texts what they are. */
const FAULTS: readonly (Fault & { readonly text: RegExp })[] = [
  {
    text: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'HOME_UNREACHABLE',
    message:
      'the host shows another key than the one that is known: it was set up anew, or it is another host',
    hint: 'if you know why the key is new, remove the old one with ssh-keygen -R and connect once with ssh',
  },
  {
    text: /Host key verification failed/,
    code: 'HOME_UNREACHABLE',
    message: 'the key of the host is not known here',
    hint: 'connect once with ssh and compare the key, then try again',
  },
  {
    text: /Permission denied \([a-z,-]+\)/,
    code: 'HOME_UNREACHABLE',
    message: 'the host lets this user in with none of the keys at hand',
    hint: 'put the public key into authorized_keys there, or name another key in DESKPOD_SSH',
  },
  {
    text: /Could not resolve hostname|getaddrinfo: /,
    code: 'HOME_UNREACHABLE',
    message: 'the host has no address',
    hint: 'check the name of the host and the network',
  },
  {
    text: /Connection refused|Connection timed out|No route to host|Network is unreachable|Operation timed out|daemon connection timeout/,
    code: 'HOME_UNREACHABLE',
    message: 'the host does not answer',
    hint: 'check that it is switched on and reachable, then sync again',
  },
  {
    text: /rsync: (command )?not found|rsync: No such file or directory/,
    code: 'HOME_UNREACHABLE',
    message: 'the host has no rsync',
    hint: 'install rsync there',
  },
  {
    // the first options of ours that are younger than protocol 30; what is younger still is not asked for
    text: /rsync: (?:on remote machine: )?-\S+: unknown option/,
    code: 'HOME_UNREACHABLE',
    message: 'the rsync of the host is older than 3.1',
    hint: 'install a newer one there',
  },
  {
    text: /is your shell clean\?/,
    code: 'HOME_UNREACHABLE',
    message: "the host answers with something that is not rsync's",
    hint: 'ssh to the host with the command `true` must print nothing: let its shell print only for people',
  },
  {
    text: /@ERROR: Unknown module/,
    code: 'HOME_NOT_FOUND',
    message: 'the rsync daemon has no such module',
    hint: 'the part of the URL after the host is the name of a module in its rsyncd.conf: check it there',
  },
  {
    text: /@ERROR: auth failed/,
    code: 'HOME_UNREACHABLE',
    message: 'the rsync daemon wants a password, and does not take this one',
    hint: 'name a file with it by --home-password-file or DESKPOD_HOME_PASSWORD_FILE, and its user in the URL',
  },
  {
    text: /@ERROR: max connections/,
    code: 'HOME_UNREACHABLE',
    message: 'the rsync daemon has as many connections as it takes',
    hint: 'sync again later, or raise "max connections" in its rsyncd.conf',
  },
  {
    text: /module is read only/,
    code: 'TARGET_WRITE_FAILED',
    message: 'the module is read-only',
    hint: 'set "read only = no" for it in rsyncd.conf, then sync again',
  },
  {
    text: /@ERROR: chdir failed|@ERROR: chroot failed/,
    code: 'HOME_NOT_FOUND',
    message: 'the folder of the module is not there, or the daemon may not enter it',
    hint: 'mount the drive it is on, or check "path" and "uid" in rsyncd.conf',
  },
  {
    text: /@ERROR: access denied/,
    code: 'HOME_UNREACHABLE',
    message: 'the rsync daemon lets nobody in from this host',
    hint: 'add this host to "hosts allow" in its rsyncd.conf',
  },
  {
    text: /No space left on device|Disk quota exceeded/,
    code: 'HOME_FULL',
    message: 'no space left',
    hint: 'make room there and sync again: it goes on where it stopped',
  },
  {
    text: /Read-only file system/,
    code: 'TARGET_WRITE_FAILED',
    message: 'the home is read-only',
    hint: 'mount it writable and sync again',
  },
  {
    text: /\[(?:receiver|generator)\] .*: Input\/output error \(5\)/i,
    code: 'TARGET_WRITE_FAILED',
    message: 'the drive of the home reports an error',
    hint: 'see `dmesg` there: if the drive fails, make a home on another one; what was acknowledged stays',
  },
  {
    text: /Permission denied \(13\)|Operation not permitted \(1\)/,
    code: 'TARGET_WRITE_FAILED',
    message: 'the home may not be read or written by this user',
    hint: 'give this user the folder of the home',
  },
  {
    // the last is how a daemon says it
    text: /No such file or directory \(2\)|Not a directory \(20\)|file has vanished: /,
    code: 'HOME_NOT_FOUND',
    message: 'there is no home',
    hint: 'mount the drive it is on, or initialise with deskpod home add',
  },
];

/** What a failed run of rsync means. */
export function faultOf(error: ProcessError, isRemote: boolean): Fault {
  if (error.cancelled)
    return { code: 'CANCELLED', message: 'stopped', hint: 'sync again: it goes on where it stopped' };
  if (error.notFound)
    return { code: 'RUNTIME_MISSING', message: 'rsync is not installed on this host', hint: 'install rsync' };
  const refusal = isRemote ? refusalOf(error.stderrTail) : undefined;
  if (refusal !== undefined) return refusal;
  const known = FAULTS.find(({ text }) => text.test(error.stderrTail));
  if (known !== undefined) return known;
  const reason = error.signal === undefined ? `exit code ${error.exitCode}` : error.signal;
  const last = error.stderrTail.trim().split('\n').at(0) ?? '';
  return {
    code: 'HOME_UNREACHABLE',
    message: `${isRemote ? 'the connection' : 'rsync'} was interrupted (${reason})${last === '' ? '' : `: ${last}`}`,
    hint: 'sync again: it goes on where it stopped',
  };
}

/** What the system calls EIO, ENODATA, EBADMSG, EILSEQ, EUCLEAN and EREMOTEIO, with their numbers, as rsync tells them. */
const UNREADABLE =
  /\[sender\] (?:read errors mapping|send_files failed to open) "(?<path>[^"\n]+)".*: (?<reason>[^:\n]+) \((?:5|61|74|84|117|121)\)$/im;
const OBJECT = new RegExp(
  `(?<place>(?<kind>${OBJECT_KINDS.join('|')})/(?:[0-9a-f]{2}/)?(?<name>[0-9a-f-]+)(?:\\.age|\\.erofs)?)$`,
);

/** An object that the drive of whoever sends it does not give. */
export interface UnreadableObject {
  /** Its path in the repository. */
  readonly place: string;
  /** `packs/NAME`, as messages name it. */
  readonly label: string;
  /** In the system's words. */
  readonly reason: string;
}

/** The object that rsync could not read where it lies, if that was it; one of several. */
export function unreadableObject({ stderrTail }: ProcessError): UnreadableObject | undefined {
  const { path, reason = '' } = UNREADABLE.exec(stderrTail)?.groups ?? {};
  const { place = '', kind, name } = OBJECT.exec(path ?? '')?.groups ?? {};
  return kind === undefined ? undefined : { place, label: `${kind}/${name}`, reason };
}

/** What kept rsync from writing into a folder of this host, if that was it. */
export function faultHere({ stderrTail }: ProcessError, into: string): Fault | undefined {
  if (/No space left on device|Disk quota exceeded/.test(stderrTail)) {
    return {
      code: 'SPACE_EXHAUSTED',
      message: `${into}: there is no space left for what comes from home`,
      hint: 'Free some space there, then run the command again: it goes on where it stopped.',
    };
  }
  const [, reason] =
    /\[(?:receiver|generator)\].*: (Read-only file system|Permission denied|Input\/output error)/i.exec(
      stderrTail,
    ) ?? [];
  if (reason === undefined) return undefined;
  return {
    code: 'TARGET_WRITE_FAILED',
    message: `${into}: what comes from home could not be written: ${reason}`,
    hint: 'Look at the drive that it is on, then run the command again.',
  };
}

function refusalOf(stderr: string): Fault | undefined {
  const { code = '', message = '', hint } = REFUSAL.exec(stderr)?.groups ?? {};
  if (!REFUSAL_CODES.has(code)) return undefined;
  return { code: code as ErrorCode, message, hint: hint ?? 'look at what home says, then sync again' };
}
