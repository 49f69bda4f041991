// A desktop pod on an image file of one test, run by the real program, and everything of it ended afterwards.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findStaging } from '../../src/session/device/device.ts';
import { cleanLeftovers } from '../../src/session/host/leftovers.ts';
import {
  endProcess,
  identifyProcess,
  type ProcessIdentity,
} from '../../src/session/host/process-identity.ts';
import type { Staging } from '../../src/session/host/staging.ts';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import { createDesktop, type DesktopPlan } from '../../src/session/pod/create-desktop.ts';
import { layerDirs } from '../../src/session/pod/layer-dirs.ts';
import { closeDevice, openDevice } from '../../src/session/pod/open-device.ts';
import { readSessionNote } from '../../src/session/pod/session-note.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { openRfb } from '../../src/session/rfb/client.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { lockHolder } from '../../src/sync/posix/flock.ts';
import { run } from '../../src/sync/process.ts';
import { type Counted, START_COUNTER } from '../session/counter.ts';
import { until } from '../session/until.ts';
import { Program } from '../tree/program.ts';
import { leftoversOf } from './leftovers.ts';

/** Of every pod of a lab. */
export const PASSPHRASE = 'correct horse battery';
const MEBIBYTE = 2 ** 20;
const WINDOW_COLOUR = 0x336699;
/** Shows a window in which nothing blinks, and which has a colour of its own. */
export const SHOW_WINDOW =
  "setsid xterm -bg '#336699' -cr '#336699' -geometry 60x20+100+50 -e sleep 100000 </dev/null >/dev/null 2>&1 &";
const DISPLAY_TIMEOUT_MS = 30_000;

/** A folder of one test with a desktop pod in it. */
export class DesktopLab {
  readonly dir: string;
  readonly program: Program;
  readonly image: string;
  readonly home: string;
  recoveryKey = '';
  readonly #images = new Set<string>();
  readonly #stagings = new Map<string, Staging>();
  readonly #supervisors = new Map<number, ProcessIdentity>();

  private constructor(dir: string, image: string) {
    this.dir = dir;
    this.image = image;
    this.home = join(dir, 'home');
    // Killed commands leave their temporary folders: here they go with the test.
    this.program = new Program({ env: { DESKPOD_PASSPHRASE_FILE: join(dir, 'passphrase'), TMPDIR: dir } });
  }

  /** Makes a folder; close it in an `afterEach`. The pod's image file lies in it, or where it is said. */
  static async open(image?: string): Promise<DesktopLab> {
    const dir = await mkdtemp('/var/tmp/deskpod-desktop-');
    await chmod(dir, 0o711);
    const lab = new DesktopLab(dir, image ?? join(dir, 'pod.img'));
    await writeFile(join(dir, 'passphrase'), `${PASSPHRASE}\n`);
    return lab;
  }

  /** Makes the pod, with a passphrase that is cheap to check. */
  async create(sizeMebibytes = 800, others: Partial<DesktopPlan> = {}): Promise<void> {
    const created = await createDesktop({
      devicePath: this.image,
      name: 'desk',
      passphrase: PASSPHRASE,
      workFactor: 2,
      base: 'desktop',
      sizeBytes: sizeMebibytes * MEBIBYTE,
      isForced: false,
      onProgress: () => undefined,
      ...others,
    });
    this.recoveryKey = created.recoveryKey;
    await this.stage(this.image);
  }

  /** The staging folder of a device of this test, which is looked after from now on. */
  async stage(image = this.image): Promise<Staging> {
    this.#images.add(image);
    const staging = await findStaging(image);
    this.#stagings.set(staging.id, staging);
    return staging;
  }

  /** The arguments by which a command finds a pod. */
  at(image = this.image): readonly string[] {
    return ['-d', image];
  }

  async start(args: readonly string[] = [], image = this.image): Promise<StartReport> {
    const report = await this.program.answer<StartReport>(['start', image, '--no-view', ...args]);
    await this.supervisor(image);
    return report;
  }

  status(image = this.image): Promise<StatusReport> {
    return this.program.answer<StatusReport>(['status', ...this.at(image)]);
  }

  /** The process that has the pod open. */
  async supervisor(image = this.image): Promise<ProcessIdentity> {
    const pid = lockHolder((await this.stage(image)).lockFile);
    const found = pid === undefined ? undefined : identifyProcess(pid);
    assert.ok(found !== undefined, 'no supervisor');
    this.#supervisors.set(found.pid, found);
    return found;
  }

  /** Kills the process that has the pod open, and returns when it is gone. */
  async killSupervisor(image = this.image): Promise<void> {
    const found = await this.supervisor(image);
    assert.equal(await endProcess(found), true);
  }

  /** A checkpoint or suspend with its picture. On a very busy machine the display may be late for one: then it is made again. */
  async withPicture(verb: 'checkpoint' | 'suspend'): Promise<CheckpointReport> {
    for (;;) {
      const report = await this.program.answer<CheckpointReport>([verb, ...this.at()]);
      if (report.noPicture === undefined) return report;
      assert.match(report.noPicture, /the display (did not answer within|was busy for)/);
      if (verb === 'suspend') await this.start();
    }
  }

  /** What a shell in the session prints, without its last newline. */
  async shell(script: string, image = this.image): Promise<string> {
    const { status, stdout, stderr } = await this.program.run([
      'exec',
      ...this.at(image),
      '--',
      'sh',
      '-c',
      script,
    ]);
    assert.equal(status, 0, `${script}: ${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** Opens a window in the session that stays as it is, and returns when it is on the screen. */
  async showWindow(): Promise<void> {
    await this.shell(SHOW_WINDOW);
    const { rootPid = 0 } = await this.status();
    const socket = await connectToSession(rootPid, 'rfb');
    const display = await openRfb(socket, { timeoutMs: DISPLAY_TIMEOUT_MS });
    try {
      await display.waitForPixels((screen) => screen.colorAt(200, 150) === WINDOW_COLOUR, DISPLAY_TIMEOUT_MS);
    } finally {
      display.close();
    }
  }

  /** Changes files of the suspended pod's layer by a shell's script, as another system does that has its key. */
  async changeFiles(script: string): Promise<void> {
    const opened = await openDevice(this.image, { passphrase: PASSPHRASE });
    try {
      await run('sh', ['-ec', `cd "$1"; ${script}`, 'sh', layerDirs(opened.vault.dir).upperDir]);
    } finally {
      await closeDevice(opened);
    }
  }

  /** Starts a shell in the session that counts in a variable, and shows the count in a file. */
  async startCounter(): Promise<void> {
    await this.shell(START_COUNTER);
    await until(async () => (await this.shell('cat ~/count 2>/dev/null || true')) !== '');
  }

  /** The process that counts, and how far it is; waits until it has gone on beyond `past`. */
  async counter(past = 0, image = this.image): Promise<Counted> {
    let found: Counted = { pid: 0, count: 0 };
    await until(async () => {
      const [pid = 0, count = 0] = (await this.shell('cat ~/count', image)).split(' ').map(Number);
      found = { pid, count };
      return count > past;
    });
    return found;
  }

  /** Ends whatever runs, takes everything away, and fails if the program itself had left something. */
  async close(): Promise<void> {
    const said: string[] = [];
    for (const image of this.#images) {
      if (existsSync(image))
        said.push((await this.program.run(['--json', 'stop', ...this.at(image)])).stdout);
    }
    await this.program.close();
    const stagings = [...this.#stagings.values()];
    const left = await leftoversOf(this.dir, stagings, [...this.#supervisors.values()]);
    for (const supervisor of this.#supervisors.values()) await endProcess(supervisor);
    for (const staging of stagings) {
      const note = await readSessionNote(staging);
      if (note !== undefined) await endProcess(note.root);
      await cleanLeftovers(staging);
    }
    await rm(this.dir, { recursive: true, force: true });
    // most pods have no session to be stopped: that it was refused counts if something is left
    assert.deepEqual(left.length === 0 ? [] : [...left, ...said], []);
  }
}
