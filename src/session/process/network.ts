// The session's way out: pasta, outside the session, gives it the host's network while it runs, checkpoints included.
import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { endProcess, identifyProcess, isRunning, type ProcessIdentity } from '../host/process-identity.ts';
import type { Programs } from '../host/programs.ts';

/** Where the session asks for names, the same on every host: pasta passes the question to the host's own resolver. */
export const NAME_SERVER = '169.254.1.1';

/** What the session calls its interface, the same on every host: sockets are bound to it by name. */
export const INTERFACE = 'eth0';

const PLUG_TIMEOUT_MS = 10_000;
const PLUG_POLL_MS = 5;
/** How much of what pasta said is told. */
const TOLD_LENGTH = 2000;

const RETRIED = 'Connect this host to a network: the next checkpoint, or resume, tries again.';

/** Makes the interface as a restore leaves it: without addresses and routes of either family, and down. */
const CLEAR_INTERFACE = `link set dev ${INTERFACE} down\naddress flush dev ${INTERFACE}\n`;

/** The cable of one session. Calls are done one after another. */
export interface NetworkCable {
  /**
   * Plugs in, if it is not plugged in.
   * @returns a NETWORK_FAILED that tells why there is no network, or `undefined` if there is. The session goes on
   * either way.
   */
  plug(): Promise<DeskPodError | undefined>;
  /** Pulls the cable: connections will end. Nothing happens if it is not plugged in. */
  unplug(): Promise<void>;
}

/**
 * The cable of the session whose pid 1 is `rootPid`.
 * @param runDir a folder for the pid of pasta, so that a cable that a former supervisor left is found and pulled.
 * @param options `isGuarded` if the kernel module protects the session: a cable that is not of this process's making may not
 * enter it any more, and is replaced.
 */
export function networkCable(
  programs: Programs,
  rootPid: number,
  runDir: string,
  { isGuarded = false }: { readonly isGuarded?: boolean } = {},
): NetworkCable {
  // Named after its session: the cable of the one that ran here before must not pull this one's.
  const pidFile = `${runDir}/pasta-${rootPid}.pid`;
  let pasta: ProcessIdentity | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    // The one who asked gets the failure; the next in turn only waits.
    last = turn.catch(() => undefined);
    return turn;
  };
  const pull = async (): Promise<void> => {
    pasta ??= await findPasta(pidFile);
    if (pasta !== undefined && !(await endProcess(pasta))) {
      throw new DeskPodError('NETWORK_FAILED', `pasta (process ${pasta.pid}) does not end`, {
        details: { ...pasta },
      });
    }
    pasta = undefined;
    await rm(pidFile, { force: true });
  };
  return {
    plug: () =>
      inTurn(async () => {
        if (!isGuarded) pasta ??= await findPasta(pidFile);
        if (pasta !== undefined && isRunning(pasta)) return undefined;
        await pull();
        try {
          await clearInterface(rootPid);
          await startPasta(programs.pasta, pastaArgs(rootPid, pidFile), pidFile, `${runDir}/pasta.log`);
        } catch (error) {
          if (error instanceof DeskPodError) return error;
          if (!(error instanceof ProcessError)) throw error;
          return new DeskPodError('NETWORK_FAILED', 'the session has no network', {
            hint: error.notFound ? 'Install the package util-linux.' : RETRIED,
            details: { program: error.program, output: error.stderrTail },
            cause: error,
          });
        }
        pasta = await findPasta(pidFile);
        return undefined;
      }),
    unplug: () => inTurn(pull),
  };
}

/**
 * Takes from the interface what a pasta that died left on it: the one of a restored session outlives every pasta. Newer
 * ones do not set an address that is there already. It is not deleted: sockets that are bound to it would lose it.
 */
async function clearInterface(rootPid: number): Promise<void> {
  const interfaces = await readFile(`/proc/${rootPid}/net/dev`, 'utf8');
  if (!interfaces.includes(` ${INTERFACE}:`)) return;
  await run('nsenter', ['--target', `${rootPid}`, '--net', 'ip', '-batch', '-'], {
    input: CLEAR_INTERFACE,
    timeoutMs: PLUG_TIMEOUT_MS,
  });
}

/**
 * Starts pasta, and returns when everything is set up. It stays this process's child, by which the kernel module knows that it may
 * enter the session; in the background it would be nobody's. What it says goes to a file, as it may outlive this process.
 * @throws DeskPodError NETWORK_FAILED
 */
async function startPasta(
  program: string,
  args: readonly string[],
  pidFile: string,
  logPath: string,
): Promise<void> {
  const log = await open(logPath, 'w', 0o600);
  try {
    const child = spawn(program, args, { cwd: '/', detached: true, stdio: ['ignore', 'ignore', log.fd] });
    child.unref();
    const failure = new Promise<NodeJS.ErrnoException>((resolve) => {
      child.once('error', resolve);
      child.once('exit', (status, signal) => resolve(new Error(`pasta ended with ${signal ?? status}`)));
    });
    const deadlineMs = performance.now() + PLUG_TIMEOUT_MS;
    let cause: NodeJS.ErrnoException | undefined;
    while (cause === undefined && (await findPasta(pidFile)) === undefined) {
      if (performance.now() > deadlineMs) {
        child.kill('SIGKILL');
        cause = new Error(`pasta has set up nothing in ${PLUG_TIMEOUT_MS / 1000} s`);
      } else cause = await Promise.race([failure, delay(PLUG_POLL_MS, undefined)]);
    }
    if (cause === undefined) return;
    const isMissing = cause.code === 'ENOENT';
    throw new DeskPodError('NETWORK_FAILED', 'the session has no network', {
      hint: isMissing ? 'Install the package passt.' : RETRIED,
      details: { program, output: (await readFile(logPath, 'utf8')).slice(-TOLD_LENGTH) },
      cause,
    });
  } finally {
    await log.close();
  }
}

function pastaArgs(rootPid: number, pidFile: string): readonly string[] {
  return [
    ...['--foreground', '--quiet'],
    ...['--pid', pidFile],
    // Root is needed to enter the session's namespaces.
    ...['--runas', '0:0'],
    ...['--config-net', '--ns-ifname', INTERFACE],
    // No port is forwarded, in neither direction; and the gateway's address is not the host's loopback, as it would
    // be by default: services of the host that listen there only stay out of reach.
    ...['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none', '--no-map-gw'],
    ...['--dns-forward', NAME_SERVER],
    // The session is none that has a name in a file system. Newer ones would look for it in a folder that they cannot read.
    '--no-netns-quit',
    ...['--userns', `/proc/${rootPid}/ns/user`, '--netns', `/proc/${rootPid}/ns/net`],
  ];
}

/** The pasta whose pid a file holds, if it still runs and is one. */
async function findPasta(pidFile: string): Promise<ProcessIdentity | undefined> {
  try {
    const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10);
    // Empty while pasta starts.
    const found = Number.isNaN(pid) ? undefined : identifyProcess(pid);
    if (found === undefined) return undefined;
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.includes(pidFile) ? found : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
