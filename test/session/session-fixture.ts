// A place for sessions in a test: a temporary folder with a base, a layer and what is cleaned up whatever happens.
import assert from 'node:assert/strict';
import { chmod, link, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { writeBundle } from '../../src/session/barrier/bundle.ts';
import { runcStart } from '../../src/session/barrier/runc.ts';
import { sessionProcessorHere } from '../../src/session/barrier/session-processor.ts';
import { identifyProcess } from '../../src/session/host/process-identity.ts';
import { programsIn } from '../../src/session/host/programs.ts';
import { type MountedLayer, mountLayer, unmountLayer } from '../../src/session/pod/layer.ts';
import { listSessionTasks } from '../../src/session/preflight/session-tasks.ts';
import { prepareGuest, readAccount } from '../../src/session/process/guest-files.ts';
import {
  adoptSession,
  captureInSession,
  killSession,
  type ProcessSession,
  resumeSession,
  type SessionPlaces,
  startSession,
} from '../../src/session/process/processes.ts';
import { isReady, readSessionOutput } from '../../src/session/process/session-output.ts';
import { run } from '../../src/sync/process.ts';
import { assertNothingLeft } from './leftovers.ts';
import { until } from './until.ts';

const BASE_FILE = '/var/lib/deskpod/bases/desktop.erofs';
const MACHINE_ID = '00112233445566778899aabbccddeeff';

/** Which network a session has; the host's by default. */
type NetworkOptions = Pick<SessionPlaces, 'hasNetwork' | 'programs'>;

/** A folder for sessions of one test, and everything that was started in it. */
export interface SessionLab {
  readonly dir: string;
  /** Mounts a root file system on the layer of that name, made if absent. */
  mount(name: string): Promise<MountedLayer>;
  /** Copies a layer as a restore to a new device writes it. */
  copy(from: string, to: string): Promise<void>;
  unmount(name: string): Promise<void>;
  start(name: string, options?: NetworkOptions): Promise<ProcessSession>;
  /** Starts a session that may make every call and has the real /dev/tty, as the profile keeps it from others. */
  startUnfiltered(name: string): Promise<ProcessSession>;
  resume(
    name: string,
    imagesDir: string,
    options?: NetworkOptions,
  ): Promise<ProcessSession & { readonly restoreMs: number }>;
  /** An empty folder for images, in memory. */
  imagesDir(name: string): Promise<string>;
  /** Ends and unmounts everything, then fails if anything is left on the host. */
  close(): Promise<void>;
}

/** Makes a lab; close it in an `afterEach` or `after`. */
export async function openLab(baseFile = BASE_FILE): Promise<SessionLab> {
  // In /var/tmp: an overlay's upper cannot lie on every file system that /tmp may be.
  const dir = await mkdtemp('/var/tmp/deskpod-session-');
  // The session's own root, which is nobody on the host, finds its files through this folder.
  await chmod(dir, 0o711);
  const memoryDir = await mkdtemp('/dev/shm/deskpod-session-');
  const sessions: ProcessSession[] = [];
  const mounted = new Set<string>();
  const places = (name: string) => ({
    sessionId: `${dir.slice(dir.lastIndexOf('/') + 1)}-${name}`,
    mergedDir: `${dir}/${name}/stage/merged`,
    bundleDir: `${dir}/${name}/bundle`,
  });
  await link(baseFile, `${dir}/base.erofs`);
  return {
    dir,
    copy: (from, to) => copyLayer(`${dir}/${from}/upper`, `${dir}/${to}/upper`),
    mount: async (name) => {
      const [upperDir, workDir] = [`${dir}/${name}/upper`, `${dir}/${name}/work`];
      await mkdir(`${dir}/${name}`, { recursive: true });
      mounted.add(name);
      return mountLayer({
        baseFile: `${dir}/base.erofs`,
        upperDir,
        workDir,
        stagingDir: `${dir}/${name}/stage`,
      });
    },
    unmount: async (name) => {
      await unmountLayer(`${dir}/${name}/stage`);
      mounted.delete(name);
    },
    start: async (name, options = {}) => {
      const session = await startSession({
        ...places(name),
        ...options,
        geometry: { width: 800, height: 600 },
        machineId: MACHINE_ID,
      });
      sessions.push(session);
      return session;
    },
    startUnfiltered: async (name) => {
      const { sessionId, mergedDir, bundleDir } = places(name);
      const geometry = { width: 800, height: 600 };
      await prepareGuest(mergedDir, MACHINE_ID, sessionProcessorHere({}));
      const account = await readAccount(mergedDir);
      await writeBundle({ sessionId, mergedDir, bundleDir, geometry, account, processorLevel: undefined });
      const configFile = `${bundleDir}/config.json`;
      const config = JSON.parse(await readFile(configFile, 'utf8'));
      delete config.linux.seccomp;
      delete config.hooks;
      await writeFile(configFile, JSON.stringify(config));
      const rootPid = await runcStart(programsIn(), sessionId, bundleDir);
      while (!(await isReady(rootPid))) {
        assert.ok(identifyProcess(rootPid) !== undefined, await readSessionOutput(mergedDir));
        await delay(10);
      }
      const session = adoptSession({ sessionId, mergedDir, bundleDir, rootPid, hasNetwork: false });
      sessions.push(session);
      return session;
    },
    resume: async (name, imagesDir, options = {}) => {
      const stagingDir = `${dir}/${name}/bind`;
      const session = await resumeSession({ ...places(name), imagesDir, stagingDir, ...options });
      sessions.push(session);
      return session;
    },
    imagesDir: async (name) => {
      await mkdir(`${memoryDir}/${name}`);
      return `${memoryDir}/${name}`;
    },
    close: async () => {
      // the latest first: it is in the control group that is taken away with any of them
      for (const session of sessions.toReversed()) await killSession(session);
      for (const name of mounted) await unmountLayer(`${dir}/${name}/stage`);
      await rm(memoryDir, { recursive: true, force: true });
      await assertNothingLeft(dir);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What a shell in the session prints, without its last newline; fails unless it ends with exit code 0. */
export async function shell(session: ProcessSession, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await captureInSession(session, ['sh', '-c', script]);
  assert.equal(exitCode, 0, `${script}: ${stderr}`);
  return stdout.replace(/\n$/, '');
}

/** Waits until a program of the session is stopped. The host looks itself: it may be the agent, which answers no more. */
export function untilStopped({ rootPid }: ProcessSession): Promise<void> {
  return until(() => listSessionTasks(rootPid).some(({ state }) => state === 'T'));
}

/** Without what overlayfs remembers of the old file system. */
async function copyLayer(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const forgotten = ['origin', 'impure', 'uuid', 'nfs'].map((name) => `--filter=-x trusted.overlay.${name}`);
  await run('rsync', ['-aHAX', '--numeric-ids', ...forgotten, `${from}/`, `${to}/`]);
}
