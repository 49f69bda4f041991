// rsync: how it is called, how its progress is read, and what its failures mean for a home.
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { ProcessError, run } from '../process.ts';
import type { HomeAddress } from './home-url.ts';

const CONNECT_TIMEOUT_S = 10;
/** A connection over which nothing moves for this long is taken for dead. */
const SILENCE_TIMEOUT_S = 120;

/** One run of rsync. */
export interface RsyncCall {
  readonly args: readonly string[];
  /** For `--files-from=-`. */
  readonly files?: readonly string[];
  readonly step?: string;
  readonly totalBytes?: number;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** rsync between this host and one address. */
export class Rsync {
  readonly #address: HomeAddress;
  readonly #url: string;
  readonly #shell: string;
  /** Until a peer says that it is too old to know the option. */
  #canFsync = true;

  /** `shell` is the command that connects, as in RSYNC_RSH: `ssh -i key`. */
  constructor(address: HomeAddress, url: string, shell: string) {
    this.#address = address;
    this.#url = url;
    this.#shell = shell;
  }

  /** How rsync is told of a path below the home. */
  place(relative: string): string {
    const { path } = this.#address;
    const whole = relative === '' ? `${path}/` : `${path}/${relative}`;
    return this.#address.kind === 'ssh' ? `${this.#address.destination}:${whole}` : whole;
  }

  /**
   * Runs rsync; gives what it printed.
   * @throws DeskPodError as {@link Home} says
   */
  async run(call: RsyncCall): Promise<string> {
    try {
      return await this.#attempt(call);
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      if (!this.#canFsync || !/fsync: unknown option/.test(error.stderrTail)) throw this.#explain(error);
      this.#canFsync = false;
      return this.run(call);
    }
  }

  async #attempt({ args, files, step, totalBytes, onProgress, signal }: RsyncCall): Promise<string> {
    const isWatched = onProgress !== undefined && step !== undefined;
    const { stdout } = await run(
      'rsync',
      [
        // paths go to the other side as they are, not through its shell (the long name of this option has changed)
        '-s',
        ...(this.#canFsync ? ['--fsync'] : []),
        ...(isWatched ? ['--info=progress2', '--no-human-readable', '--outbuf=L'] : []),
        ...this.#connection(),
        ...(files === undefined ? [] : ['--files-from=-', '--from0']),
        ...args,
      ],
      {
        ...(files === undefined ? {} : { input: files.map((file) => `${file}\0`).join('') }),
        ...(signal === undefined ? {} : { signal }),
        ...(isWatched
          ? {
              onStdoutLine: (line) => {
                const seen = /^\s*(\d+)\s+\d+%/.exec(line);
                if (seen === null) return;
                const total = totalBytes === undefined ? {} : { totalBytes };
                onProgress({ step, doneBytes: Number(seen[1]), ...total });
              },
            }
          : {}),
      },
    );
    return stdout;
  }

  #connection(): string[] {
    if (this.#address.kind !== 'ssh') return [];
    const { port } = this.#address;
    const options = [
      ...(port === undefined ? [] : ['-p', String(port)]),
      // nobody is there to answer a question
      '-o BatchMode=yes',
      `-o ConnectTimeout=${CONNECT_TIMEOUT_S}`,
      '-o ServerAliveInterval=15',
      '-o ServerAliveCountMax=4',
    ];
    return ['-e', `${this.#shell} ${options.join(' ')}`, `--timeout=${SILENCE_TIMEOUT_S}`];
  }

  #explain(error: ProcessError): DeskPodError {
    const fault = faultOf(error, this.#address.kind === 'ssh');
    return new DeskPodError(fault.code, `${this.#url}: ${fault.message}`, {
      hint: fault.hint,
      details: { url: this.#url, exitCode: error.exitCode, output: error.stderrTail },
      cause: error,
    });
  }
}

interface Fault {
  readonly code:
    | 'CANCELLED'
    | 'RUNTIME_MISSING'
    | 'HOME_NOT_FOUND'
    | 'HOME_UNREACHABLE'
    | 'HOME_FULL'
    | 'TARGET_WRITE_FAILED';
  readonly message: string;
  readonly hint: string;
}

/** What rsync and ssh print, most telling first, and what it means. LC_ALL=C keeps these texts what they are. */
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
    text: /Could not resolve hostname/,
    code: 'HOME_UNREACHABLE',
    message: 'the host has no address',
    hint: 'check the name of the host and the network',
  },
  {
    text: /Connection refused|Connection timed out|No route to host|Network is unreachable|Operation timed out/,
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
    text: /Permission denied \(13\)|Operation not permitted \(1\)/,
    code: 'TARGET_WRITE_FAILED',
    message: 'the home may not be read or written by this user',
    hint: 'give this user the folder of the home',
  },
  {
    text: /No such file or directory \(2\)|Not a directory \(20\)/,
    code: 'HOME_NOT_FOUND',
    message: 'there is no home',
    hint: 'mount the drive it is on, or initialise with deskpod home add',
  },
];

function faultOf(error: ProcessError, isRemote: boolean): Fault {
  if (error.cancelled)
    return { code: 'CANCELLED', message: 'stopped', hint: 'sync again: it goes on where it stopped' };
  if (error.notFound)
    return { code: 'RUNTIME_MISSING', message: 'rsync is not installed on this host', hint: 'install rsync' };
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
