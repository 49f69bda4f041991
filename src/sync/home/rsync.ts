// rsync: how it is called, and how its progress is read.
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { ProcessError, run } from '../process.ts';
import type { RsyncAddress } from './home-url.ts';
import { faultHere, faultOf, type UnreadableObject, unreadableObject } from './rsync-faults.ts';

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
  /** How many such calls share what may go over the wire; one if left out. */
  readonly parts?: number;
  /** The folder of this host that it writes to, if it fetches: what cannot be written then is not home. */
  readonly into?: string;
}

/** How an address is reached. */
export interface RsyncAccess {
  /** The command that connects to an ssh home, as in RSYNC_RSH: `ssh -i key`. */
  readonly shell: string;
  /** Given to an rsync daemon that asks for one. */
  readonly password: string | undefined;
  /** The most that goes over the wire; no limit if undefined. */
  readonly bytesPerSecond: number | undefined;
  /** How many transfers go side by side; as many as fit if undefined. */
  readonly streams: number | undefined;
}

/** rsync between this host and one address. */
export class Rsync {
  readonly #address: RsyncAddress;
  readonly #url: string;
  readonly #access: RsyncAccess;
  /** Until a peer says that it is too old to know the option. */
  #canFsync = true;

  constructor(address: RsyncAddress, url: string, access: RsyncAccess) {
    this.#address = address;
    this.#url = url;
    this.#access = access;
  }

  /** How rsync is told of a path below the home. */
  place(relative: string): string {
    const address = this.#address;
    const whole = relative === '' ? `${address.path}/` : `${address.path}/${relative}`;
    if (address.kind === 'folder') return whole;
    if (address.kind === 'ssh') return `${address.destination}:${whole}`;
    return `${this.#daemon()}${whole}`;
  }

  /**
   * How rsync is told to read `files` below a folder of the home. A daemon of rsync 3.5.0 without chroot looks for a
   * list's files in the module's own folder, whatever folder it is given: so it is given that one.
   */
  reading(relative: string, files: readonly string[]): { readonly place: string; readonly files: string[] } {
    const [, module = '', below = ''] =
      this.#address.kind === 'daemon'
        ? (/^(\/[^/]+)\/(.+)$/.exec(`${this.#address.path}/${relative}`) ?? [])
        : [];
    const folder = below.replace(/\/+$/, '');
    if (folder === '') return { place: this.place(relative), files: [...files] };
    return { place: `${this.#daemon()}${module}/`, files: files.map((file) => `${folder}/./${file}`) };
  }

  #daemon(): string {
    const { kind } = this.#address;
    if (kind !== 'daemon') throw new TypeError(`expected the address of a daemon, got one of a ${kind}`);
    const { destination, port } = this.#address;
    return `rsync://${destination}${port === undefined ? '' : `:${port}`}`;
  }

  /**
   * Runs rsync; gives what it printed.
   * @throws DeskPodError as {@link Home} says
   */
  run(call: RsyncCall): Promise<string> {
    return this.#run(call, false);
  }

  async #run(call: RsyncCall, isAgain: boolean): Promise<string> {
    const asksForFsync = this.#canFsync;
    try {
      return await this.#attempt(call, asksForFsync);
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      // of several calls at a time each may find out
      if (asksForFsync && /fsync: unknown option/.test(error.stderrTail)) {
        this.#canFsync = false;
        return this.#run(call, isAgain);
      }
      // of several that found no folder one has made it; once more is enough
      if (!isAgain && /mkdir "[^"]*" failed: .* \(17\)/.test(error.stderrTail)) return this.#run(call, true);
      throw this.#explain(error, call.into);
    }
  }

  async #attempt(
    { args, files, step, totalBytes, onProgress, signal, parts = 1 }: RsyncCall,
    asksForFsync: boolean,
  ): Promise<string> {
    const isWatched = onProgress !== undefined && step !== undefined;
    const { stdout } = await run(
      'rsync',
      [
        // paths go to the other side as they are, not through its shell (the long name of this option has changed)
        '-s',
        ...(asksForFsync ? ['--fsync'] : []),
        ...(isWatched ? ['--info=progress2', '--no-human-readable', '--outbuf=L'] : []),
        ...this.#connection(parts),
        ...(files === undefined ? [] : ['--files-from=-', '--from0']),
        ...args,
      ],
      {
        ...(files === undefined ? {} : { input: files.map((file) => `${file}\0`).join('') }),
        ...(signal === undefined ? {} : { signal }),
        // without this variable rsync would ask at the terminal, if there is one
        ...(this.#address.kind === 'daemon' ? { env: { RSYNC_PASSWORD: this.#access.password ?? '' } } : {}),
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

  #connection(parts: number): string[] {
    const { shell, bytesPerSecond } = this.#access;
    const limit =
      bytesPerSecond === undefined ? [] : [`--bwlimit=${Math.ceil(bytesPerSecond / parts / 1024)}`];
    if (this.#address.kind === 'folder') return limit;
    const silence = `--timeout=${SILENCE_TIMEOUT_S}`;
    if (this.#address.kind === 'daemon') return [...limit, silence, `--contimeout=${CONNECT_TIMEOUT_S}`];
    return ['-e', `${shell} ${sshOptions(this.#address.port).join(' ')}`, ...limit, silence];
  }

  #explain(error: ProcessError, into: string | undefined): DeskPodError {
    const here = into === undefined ? undefined : faultHere(error, into);
    if (here !== undefined) {
      const details = { path: into, output: error.stderrTail };
      return new DeskPodError(here.code, here.message, { hint: here.hint, details, cause: error });
    }
    const unreadable = unreadableObject(error);
    if (unreadable !== undefined) return this.#unreadable(unreadable, into === undefined, error);
    const fault = faultOf(error, this.#address.kind !== 'folder');
    return new DeskPodError(fault.code, `${this.#url}: ${fault.message}`, {
      hint: fault.hint,
      details: { url: this.#url, exitCode: error.exitCode, output: error.stderrTail },
      cause: error,
    });
  }

  #unreadable(object: UnreadableObject, isOurs: boolean, cause: ProcessError): DeskPodError {
    const { place, label, reason } = object;
    const text = `${label}: the drive does not give its bytes (${reason})`;
    if (isOurs) {
      return new DeskPodError('OBJECT_DAMAGED', text, {
        hint: 'See `dmesg`. `deskpod verify` brings back from another home what can be read there.',
        details: { path: label, reason },
        cause,
      });
    }
    return new DeskPodError('HOME_DAMAGED', `${this.#url}: ${text}`, {
      hint: `\`deskpod verify --home ${this.#url}\` sends it again from the device; or bring it from another copy of this home.`,
      details: { url: this.#url, damaged: [place], reason },
      cause,
    });
  }
}

/** What every connection by ssh is made with. */
export function sshOptions(port: number | undefined): string[] {
  return [
    ...(port === undefined ? [] : ['-p', String(port)]),
    // nobody is there to answer a question
    '-oBatchMode=yes',
    // whatever the user's own configuration says: a home's new key is looked at by a person
    '-oStrictHostKeyChecking=yes',
    `-oConnectTimeout=${CONNECT_TIMEOUT_S}`,
    '-oServerAliveInterval=15',
    '-oServerAliveCountMax=4',
  ];
}
