// A host with a kernel, a shell and util-linux, and nothing else: a root of its own in namespaces of its own.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { ProcessError, run } from '../../src/sync/process.ts';
import type { Ended } from '../tree/program.ts';

/** What a host has that has nothing: Debian's packages of these names, and the libraries of their programs. */
const PACKAGES = ['util-linux', 'mount', 'dash'];
/** Where a host's programs are looked for. */
const SEARCH_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const FOLDERS = ['proc', 'sys', 'dev', 'run', 'tmp', 'mnt', 'media', 'etc', 'old'];

/**
 * Makes the root of a bare host in `dir`: programs of this machine's own packages.
 * @param more packages besides
 * @returns the names of its programs
 */
export async function makeBareRoot(dir: string, more: readonly string[] = []): Promise<string[]> {
  for (const name of FOLDERS) await mkdir(join(dir, name), { recursive: true });
  const { stdout } = await run('dpkg', ['-L', ...PACKAGES, ...more]);
  const programs: string[] = [];
  const paths = stdout.split('\n').filter((line) => /^\/(usr\/)?s?bin\/[^/]+$/.test(line));
  for (const path of paths) {
    await copyFile(path, dir);
    programs.push(path);
  }
  for (const library of await librariesOf(programs)) await copyFile(library, dir);
  // Debian 13's packages have everything below /usr.
  for (const name of ['bin', 'sbin']) await symlinkIfNone(`usr/${name}`, join(dir, name));
  await symlinkIfNone('dash', join(dir, 'bin/sh'));
  await writeFile(join(dir, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  return programs.map((path) => basename(path));
}

async function symlinkIfNone(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Follows links of the folders above: `/bin` is one on a merged system, and none in the copy. */
async function copyFile(path: string, dir: string): Promise<void> {
  await mkdir(join(dir, dirname(path)), { recursive: true });
  await cp(await realpath(path), join(dir, path));
}

async function librariesOf(programs: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const path of programs) {
    // scripts have none
    const { stdout } = await run('ldd', [path]).catch((error: unknown) => {
      if (error instanceof ProcessError) return { stdout: '' };
      throw error;
    });
    for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) found.add(library);
  }
  return found;
}

/**
 * Run as the first process of its namespaces: makes `$1` the root, with `$2` at /media, and stays. A plain chroot would not
 * do: there the kernel makes no user namespaces.
 */
const BECOME_HOST = `
set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
for folder in sys dev; do mount --rbind "/$folder" "$1/$folder"; done
for folder in run tmp; do mount -t tmpfs tmpfs "$1/$folder"; done
mount --bind "$2" "$1/media"
cd "$1"
pivot_root . old
exec /bin/sh -c 'umount -l /old; cd /; echo ready; read -r forever'
`;

/** A bare host that runs. */
export class BareHost {
  readonly #child: ChildProcess;
  readonly #pid: string;

  private constructor(child: ChildProcess, pid: string) {
    this.#child = child;
    this.#pid = pid;
  }

  /** Boots it. @param mediaDir what is plugged in, at its /media */
  static async boot(rootDir: string, mediaDir: string): Promise<BareHost> {
    const namespaces = ['--mount', '--pid', '--fork', '--kill-child'];
    const child = spawn('unshare', [...namespaces, 'sh', '-c', BECOME_HOST, 'host', rootDir, mediaDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    assert.ok(child.pid !== undefined && child.stdout !== null);
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    assert.equal(line, 'ready');
    const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', `${child.pid}`]);
    return new BareHost(child, stdout.trim());
  }

  /** Runs a command of its shell there; what the host's variables are is `variables`. */
  async shell(command: string, variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const set = Object.entries({ PATH: SEARCH_PATH, ...variables }).map(
      ([name, value]) => `${name}=${value}`,
    );
    // this machine's env is gone once the namespace is entered
    const entered = ['--target', this.#pid, '--mount', '--pid', '--', '/bin/sh', '-c', command];
    try {
      const { stdout, stderr } = await run('env', ['-i', ...set, '/usr/bin/nsenter', ...entered]);
      return { status: 0, signal: null, stdout, stderr };
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      return {
        status: error.exitCode ?? null,
        signal: error.signal ?? null,
        stdout: error.stdoutTail,
        stderr: error.stderrTail,
      };
    }
  }

  /** The answer of a deskpod command as `--json` gives it. */
  async answer<Answer>(command: string, variables: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { status, stdout, stderr } = await this.shell(command, variables);
    assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as Answer;
  }

  /** Ends everything that runs there; its mounts go with it. */
  async shutDown(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
