// Builds the EROFS image of a base: a Debian tree by mmdebstrap, its ids shifted to where sessions have theirs.
import { createWriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { SHIFTED_ID_START } from '../barrier/bundle.ts';
import type { Runtime } from '../host/runtime.ts';
import { STAGING_ROOT } from '../host/staging.ts';
import { type Archive, readAptSettings, readArchive } from './archive.ts';
import { BASE_RELEASE, finishTree, sourceLines } from './base-tree.ts';

/** What every base has: the display, a window manager, and what makes a first desktop of them. */
export const BASE_PACKAGES: readonly string[] = [
  ...['tigervnc-standalone-server', 'openbox', 'xterm', 'mousepad'],
  ...['dbus', 'xclip', 'x11-utils', 'perl-base', 'procps', 'iproute2', 'less'],
  // What programs of GTK need to look as they should.
  ...['fonts-dejavu-core', 'adwaita-icon-theme', 'librsvg2-common', 'shared-mime-info'],
  // What the build itself and `deskpod install` need.
  ...['ca-certificates', 'debian-archive-keyring', 'passwd'],
];

/** Files that no program reads: manuals, documentation, translations. Licences stay. */
const LEFT_OUT = [
  'path-exclude=/usr/share/man/*',
  // The folders stay: scripts of packages link manuals by name, as update-alternatives does for Java's, and fail without.
  'path-include=/usr/share/man/man[1-9]',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/help/*',
  'path-exclude=/usr/share/gtk-doc/*',
  'path-exclude=/usr/share/lintian/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
];

/** Slower to build than plain lz4 and a fifth smaller; it is read by the same decompressor, as fast. */
const COMPRESSION = ['-zlz4hc,level=9', '-C65536', '-Eztailpacking'];

/** How unshare and setpriv end if there is no such program. */
const NOT_FOUND = 127;

/** What a build needs to know. */
export interface ImageOptions {
  /** The base's name, for messages. */
  readonly name: string;
  /** All packages, checked. */
  readonly packages: readonly string[];
  /** A folder for this build alone; the tree is made in it, and not removed again if the build fails. */
  readonly workDir: string;
  /** Where everything that the programs print is kept. */
  readonly logFile: string;
  readonly runtime: Runtime;
  readonly onProgress: ProgressListener;
  readonly signal: AbortSignal;
}

/**
 * Builds an image. When this rejects, no program of the build runs any more and nothing is mounted.
 * @returns the path of the image in `workDir`, synced.
 * @throws DeskPodError BASE_BUILD_FAILED with `logFile` and `lastLine` in its details; CANCELLED by `signal`.
 */
export async function buildImage(options: ImageOptions): Promise<string> {
  const { workDir, logFile, runtime, onProgress, signal } = options;
  const treeDir = join(workDir, 'tree');
  const imageFile = join(workDir, 'image.erofs');
  const log = createWriteStream(logFile, { mode: 0o644 });
  let firstError = '';
  let lastLine = '';
  let program = 'mmdebstrap';
  const note = (line: string): void => {
    log.write(`${line}\n`);
    lastLine = line;
    // The first error is the cause; those after it say who was hit by it.
    if (firstError === '' && line.startsWith('E: ')) firstError = line.slice(3);
    if (line.startsWith('I: '))
      onProgress({ step: `base ${options.name}: ${line.slice(3).replace(/\.+$/, '')}` });
  };
  try {
    const archive = await readArchive();
    await mkdir(treeDir);
    await runAlone(program, await mmdebstrapArgs(treeDir, archive, options.packages), note, signal);
    await finishTree(treeDir, archive);
    onProgress({ step: `base ${options.name}: packing the tree` });
    program = runtime.mkfsErofsPath;
    await runAlone(program, mkfsArgs(imageFile, treeDir), note, signal);
    await rm(treeDir, { recursive: true, force: true });
    const image = await open(imageFile, 'r');
    await image.sync();
    await image.close();
    return imageFile;
  } catch (error) {
    if (signal.aborted) {
      throw new DeskPodError('CANCELLED', `the build of base ${options.name} was stopped`, { cause: error });
    }
    if (!(error instanceof ProcessError)) throw error;
    const why = firstError || lastLine || error.message;
    throw new DeskPodError('BASE_BUILD_FAILED', `base ${options.name}: ${program}: ${why}`, {
      hint:
        error.exitCode === NOT_FOUND
          ? 'Run ops/setup as root to install it.'
          : `Read ${logFile} for the whole story.`,
      details: { logFile, lastLine, program },
      cause: error,
    });
  } finally {
    log.end();
    await finished(log);
  }
}

async function mmdebstrapArgs(
  treeDir: string,
  archive: Archive,
  packages: readonly string[],
): Promise<string[]> {
  const settings = await readAptSettings();
  return [
    '--mode=root',
    '--variant=apt',
    '--format=directory',
    `--include=${packages.join(',')}`,
    ...settings.map((line) => `--aptopt=${line}`),
    ...LEFT_OUT.map((line) => `--dpkgopt=${line}`),
    BASE_RELEASE,
    treeDir,
    ...sourceLines(archive),
  ];
}

function mkfsArgs(imageFile: string, treeDir: string): string[] {
  return [
    '--quiet',
    ...COMPRESSION,
    `--uid-offset=${SHIFTED_ID_START}`,
    `--gid-offset=${SHIFTED_ID_START}`,
    // The same tree gives the same image, so its hash says something.
    ...['-T0', '--mkfs-time', '-U00000000-0000-0000-0000-000000000000', '-Ldeskpod-base'],
    imageFile,
    treeDir,
  ];
}

/**
 * Takes the mounted pods out of a mount namespace, then becomes the program that its arguments name. A namespace begins
 * with a copy of every mount of the host, and a drive stays in use as long as a copy of its mount is there.
 */
const WITHOUT_PODS = `
sed -n 's|^[^ ]* [^ ]* [^ ]* [^ ]* \\(${STAGING_ROOT}/[^ ]*\\) .*|\\1|p' /proc/self/mountinfo | sort -r |
  while read -r place; do umount --lazy "$place"; done
exec "$@"`;

/**
 * Runs a program with mounts and processes of its own: however it ends, by a kill of this process too, nothing of it
 * goes on and nothing stays mounted; and no pod waits for it.
 */
async function runAlone(
  program: string,
  args: readonly string[],
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const isolated = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  try {
    const command = ['sh', '-c', WITHOUT_PODS, 'sh', program, ...args];
    await run('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...isolated, '--', ...command], {
      onStdoutLine: onLine,
      onStderrLine: onLine,
      onStart: (pid) => {
        // unshare takes no other signal while it waits; with it goes every process of its pid namespace
        stop = () => process.kill(pid, 'SIGKILL');
        signal.addEventListener('abort', stop, { once: true });
      },
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
