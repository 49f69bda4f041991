// Debian packages into a pod: apt in a container of its own over the pod's mounted root.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { removeStale, temporaryName } from '../../sync/repository/temporary-name.ts';
import { requireRoot } from '../host/root-rights.ts';
import type { Runtime } from '../host/runtime.ts';
import { readAptSettings } from './archive.ts';
import { writeInstallBundle } from './install-bundle.ts';
import { requirePackageNames } from './package-name.ts';

/** Bundles, and what runc knows of these containers: apart from those of sessions, and gone with the boot. */
const INSTALL_DIR = '/run/deskpod-install';
const RUNC_ROOT = join(INSTALL_DIR, 'runc');
const BUNDLES_DIR = join(INSTALL_DIR, 'bundles');

/** dpkg first finishes what an interrupted run left. Package names come as the script's arguments, never in its text. */
const SCRIPT = `set -e
dpkg --configure -a --force-confdef --force-confold
apt-get $APT_OPTIONS update
exec apt-get $APT_OPTIONS install -- "$@"
`;

const APT_OPTIONS = [
  '-q',
  '-y',
  '-oAPT::Update::Error-Mode=any',
  // A name is a name, even if it looks like a pattern.
  '-oAPT::Cmd::Pattern-Only=true',
  '-oDPkg::Use-Pty=false',
  '-oDPkg::Lock::Timeout=60',
  '-oDpkg::Options::=--force-confdef',
  '-oDpkg::Options::=--force-confold',
  '-oAcquire::Retries=1',
  '-oAcquire::http::Timeout=20',
  '-oAcquire::https::Timeout=20',
];

const NETWORK_FAILURE =
  /Failed to fetch|resolving|Could not connect|Connection (failed|timed out)|unreachable/i;

/** What is installed, and where. */
export interface InstallOptions {
  /** The pod's root, mounted for writing. A session may be running on it. */
  readonly mergedDir: string;
  readonly packages: readonly string[];
  readonly runtime: Runtime;
  readonly onProgress?: ProgressListener;
  /** Ends apt; what dpkg had begun is finished by the next install. */
  readonly signal?: AbortSignal;
}

/** What an install did. */
export interface InstallReport {
  /** Every package that was set up, those that others needed too: `name version`. */
  readonly installed: readonly string[];
}

/**
 * Installs packages with what they need from the archive that the base names. When this settles nothing of it runs.
 * @throws DeskPodError INSTALL_FAILED with apt's own sentence, `details.output` has the end of what it printed;
 * CANCELLED by `signal`; ROOT_NEEDED.
 */
export async function installPackages(options: InstallOptions): Promise<InstallReport> {
  const { mergedDir, packages, runtime, onProgress = () => undefined, signal } = options;
  requirePackageNames(packages, 'INSTALL_FAILED');
  if (packages.length === 0) throw new TypeError('expected packages to install, got none');
  requireRoot('installing packages');
  await cleanUp(runtime);
  const containerId = await temporaryName();
  const bundleDir = join(BUNDLES_DIR, containerId);
  const installed: string[] = [];
  const errors: string[] = [];
  try {
    await mkdir(bundleDir, { mode: 0o700 });
    await writeInstallBundle({ bundleDir, mergedDir, args: await containerArgs(packages) });
    // The chain of death signals: with this process goes runc, with runc the container's first process, with it all.
    await run(
      'setpriv',
      ['--pdeathsig', 'KILL', ...runc(runtime, 'run', '--bundle', bundleDir, containerId)],
      {
        ...(signal === undefined ? {} : { signal }),
        onStdoutLine: (line) => {
          const [, name, version] = /^Setting up (\S+?)(?::\S+)? \((.+?)\)/.exec(line) ?? [];
          if (name !== undefined) installed.push(`${name} ${version}`);
          if (/^(Get:|Unpacking |Setting up )/.test(line)) onProgress({ step: stepOf(line) });
        },
        onStderrLine: (line) => {
          if (line.startsWith('E: ')) errors.push(line.slice(3));
        },
      },
    );
    return { installed };
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    if (signal?.aborted === true) {
      throw new DeskPodError('CANCELLED', `installing ${packages.join(' ')} was stopped`, { cause: error });
    }
    throw installFailure(packages, errors, error);
  } finally {
    await forget(runtime, containerId);
    await rm(bundleDir, { recursive: true, force: true });
  }
}

/** Takes away what killed processes left: their containers ended with them, or end now. */
async function cleanUp(runtime: Runtime): Promise<void> {
  for (const dir of [INSTALL_DIR, RUNC_ROOT, BUNDLES_DIR]) await mkdir(dir, { recursive: true, mode: 0o700 });
  await removeStale(BUNDLES_DIR);
  // In this order: a container is never there before its bundle.
  const containerIds = await readdir(RUNC_ROOT);
  const bundles = await readdir(BUNDLES_DIR);
  for (const containerId of containerIds) {
    if (!bundles.includes(containerId)) await forget(runtime, containerId);
  }
}

async function forget(runtime: Runtime, containerId: string): Promise<void> {
  const [program = '', ...args] = runc(runtime, 'delete', '--force', containerId);
  await run(program, args);
}

function runc(runtime: Runtime, ...args: readonly string[]): readonly string[] {
  return [runtime.runcPath, '--root', RUNC_ROOT, ...args];
}

async function containerArgs(packages: readonly string[]): Promise<string[]> {
  // Files that the host's other settings name are not in the container.
  const settings = (await readAptSettings()).flatMap((line) => {
    const [, name = '', value = ''] = /^(\S+) "(\S*)";$/.exec(line) ?? [];
    return /::Proxy\b|::Check-/.test(name) ? [`-o${name}=${value}`] : [];
  });
  const script = `APT_OPTIONS='${[...APT_OPTIONS, ...settings].map(requirePlain).join(' ')}'\n${SCRIPT}`;
  return ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '/bin/sh', '-c', script, 'deskpod-install', ...packages];
}

/** The options stand unquoted in a shell's words. */
function requirePlain(option: string): string {
  if (/^[\w:=./@%+,[\]-]+$/.test(option)) return option;
  throw new DeskPodError('INSTALL_FAILED', `this host's apt setting "${option}" can not be taken over`, {
    hint: 'Set a proxy without special characters in its address.',
    details: { option },
  });
}

function stepOf(line: string): string {
  const [, address] = /^Get:\d+ \S+ (.*)$/.exec(line) ?? [];
  return address === undefined ? line.replace(/ \.\.\.$/, '') : `Fetching ${address}`;
}

function installFailure(
  packages: readonly string[],
  errors: readonly string[],
  cause: ProcessError,
): DeskPodError {
  const output = `${cause.stdoutTail}\n${cause.stderrTail}`.trim();
  const why = errors[0] ?? cause.stderrTail.trim().split('\n').at(-1) ?? cause.message;
  const hint = errors.some((line) => NETWORK_FAILURE.test(line))
    ? 'Connect this host to a network that reaches the archive, then install again.'
    : why.startsWith('Unable to locate package')
      ? 'Look for its name among the packages of the Debian release of the base.'
      : 'Read the output that --json gives in details, then install again.';
  return new DeskPodError('INSTALL_FAILED', `${packages.join(' ')}: ${why}`, {
    hint,
    details: { packages, output },
    cause,
  });
}
