// Hashing the objects of an ssh home where they lie, by the programs of its host, so that their bytes need not travel.
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../process.ts';
import { OBJECT_KINDS } from '../repository/repository.ts';
import type { HomeVerification, TransferOptions } from './home.ts';
import { sshOptions } from './rsync.ts';
import { faultOf } from './rsync-faults.ts';

const BEGIN = 'deskpod-hashes-begin';
const END = 'deskpod-hashes-end';
/** A host that says nothing for this long is asked no further; hashing one large base takes a while. */
const SILENCE_TIMEOUT_MS = 30 * 60 * 1000;
const OBJECT =
  /^(?<hash>[0-9a-f]{64}) [ *]\.\/(?<path>(?:packs\/[0-9a-f]{2}|segments|keyrings|bases|inventories|catalog|branches)\/(?:\d{12}-)?(?<name>[0-9a-f]{64})(?:\.age|\.erofs)?)$/;

/** How the host is reached. */
export interface RemoteFolder {
  /** The command that connects, as in RSYNC_RSH: `ssh -i key`. */
  readonly shell: string;
  readonly destination: string;
  readonly port: number | undefined;
  /** The absolute path of the pod's folder there. */
  readonly path: string;
  /** The home's, for messages. */
  readonly url: string;
}

/**
 * Asks the host for the hashes of a pod's objects. What it says proves nothing against the host itself: who can write
 * there can lie. Undefined if it runs no such command for us, as with a key that is for receiving only.
 * @throws DeskPodError HOME_UNREACHABLE, RUNTIME_MISSING, CANCELLED
 */
export async function hashRemotely(
  folder: RemoteFolder,
  objects: ReadonlyMap<string, number>,
  { onProgress, signal }: TransferOptions = {},
): Promise<HomeVerification | undefined> {
  const { shell, destination, port, path } = folder;
  const [program = 'ssh', ...args] = splitCommand(shell);
  let hasBegun = false;
  let hasEnded = false;
  let lineCount = 0;
  const sound = new Set<string>();
  const wrong = new Set<string>();
  const take = (line: string): void => {
    if (line === BEGIN) hasBegun = true;
    else if (line === END) hasEnded = true;
    else if (hasBegun) {
      const { hash, path: object = '', name } = OBJECT.exec(line)?.groups ?? {};
      if (objects.has(object)) (hash === name ? sound : wrong).add(object);
      onProgress?.({ step: 'verifying at home', doneFiles: ++lineCount, totalFiles: objects.size });
    }
  };
  const idle = watchSilence(signal);
  try {
    await run(program, [...args, ...sshOptions(port), destination, remoteCommand(path)], {
      signal: idle.signal,
      onStdoutLine: (line) => {
        idle.touch();
        take(line);
      },
    });
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    // 255 is ssh's own; anything else is what the host said to the command
    const isRefused = error.exitCode !== undefined && error.exitCode !== 255 && !hasBegun && !error.cancelled;
    if (isRefused) return undefined;
    throw explained(error, folder, signal?.aborted === true);
  } finally {
    idle.end();
  }
  if (!hasBegun) return undefined;
  if (!hasEnded) {
    throw new DeskPodError('HOME_UNREACHABLE', `${folder.url}: the host stopped hashing before the end`, {
      hint: 'Run `deskpod verify` again.',
      details: { url: folder.url },
    });
  }
  // what is there and has no hash could not be read
  const damaged = [...objects.keys()].filter((object) => wrong.has(object) || !sound.has(object)).sort();
  return { checkedObjects: objects.size, damaged };
}

/** For a POSIX shell. `find` goes on past what can not be read; the last line says that all was gone through. */
function remoteCommand(path: string): string {
  const within = OBJECT_KINDS.map((kind) => `-path './${kind}/*'`).join(' -o ');
  const find = `find . -type f \\( ${within} \\) ! -path '*/.*/*' ! -name '.*' -exec sha256sum {} +`;
  const quoted = `'${path.replaceAll("'", "'\\''")}'`;
  return `cd ${quoted} && command -v sha256sum >/dev/null && echo ${BEGIN} && { ${find}; echo ${END}; }`;
}

/** Words as rsync splits its `-e`: at blanks, except within quotes. */
function splitCommand(command: string): string[] {
  const words = command.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}

function watchSilence(outer: AbortSignal | undefined) {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  let timer = setTimeout(stop, SILENCE_TIMEOUT_MS);
  outer?.addEventListener('abort', stop);
  return {
    signal: controller.signal,
    touch: () => {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_TIMEOUT_MS);
    },
    end: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', stop);
    },
  };
}

function explained(error: ProcessError, { url }: RemoteFolder, isStopped: boolean): DeskPodError {
  const fault = faultOf(error, true);
  const isSilent = error.cancelled && !isStopped;
  return new DeskPodError(
    isSilent ? 'HOME_UNREACHABLE' : fault.code,
    `${url}: ${isSilent ? 'the host says nothing any more' : fault.message}`,
    { hint: fault.hint, details: { url, exitCode: error.exitCode, output: error.stderrTail }, cause: error },
  );
}
