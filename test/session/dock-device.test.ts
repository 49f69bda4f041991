// Devices of desktop pods that meet their home: mounted, taken over sealed, let go of; pulled in the middle, and homes that fail.
// What takes many seconds runs with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdir, readFile, rename, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockSignal, DockState } from '../../src/core/dock-machine.ts';
import { isDeskPodError } from '../../src/core/errors.ts';
import { peekHead } from '../../src/core/head.ts';
import { mountDevice } from '../../src/session/device/device.ts';
import { Dock, type DockedDevice } from '../../src/session/dock/dock.ts';
import { dockDevice } from '../../src/session/dock/dock-device.ts';
import { folderSource } from '../../src/session/dock/folder-source.ts';
import { identifyDevice } from '../../src/session/dock/identify-device.ts';
import { desktopOperations } from '../../src/session/operation/desktop-operations.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { requireHomeIdentity } from '../../src/sync/dock/home-identity.ts';
import { Journal } from '../../src/sync/dock/journal.ts';
import { devicePodFolder } from '../../src/sync/pod/pod-folder.ts';
import { run } from '../../src/sync/process.ts';
import { PulledDrive } from '../desktop/pulled-drive.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { DeviceBench } from './device-bench.ts';
import { CREDENTIAL, NEW_POD, quiet } from './twin-lab.ts';

/** The pods of one test, and their home on a file system of its own. */
class DeviceDock {
  readonly bench: DeviceBench;
  readonly home: string;
  readonly identityFile: string;
  readonly journal: Journal;

  private constructor(bench: DeviceBench) {
    this.bench = bench;
    this.home = bench.path('home');
    this.identityFile = bench.path('identity');
    this.journal = new Journal(bench.path('journal.ndjson'));
  }

  static async open(): Promise<DeviceDock> {
    const dock = new DeviceDock(await DeviceBench.open());
    await mkdir(dock.home);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=60m', 'tmpfs', dock.home]);
    dock.bench.atEnd(() => run('umount', [dock.home]));
    return dock;
  }

  /** Makes a pod in an image file, which is at home and may be taken over; more lies on it than home has. Gives its id. */
  async pod(name: string): Promise<string> {
    const podId = await this.bench.pod(name, NEW_POD);
    const { recipient } = await requireHomeIdentity(this.identityFile);
    await this.opened(name, async (desktop) => {
      const operations = desktopOperations(desktop);
      await operations['home-add']({ url: this.home }, quiet);
      await desktop.checkpoint(quiet);
      await operations.sync({}, quiet);
      await operations['home-allow'](
        { credential: CREDENTIAL, url: this.home, recipient, mayRead: false },
        quiet,
      );
      await writeFile(join(desktop.root.layerDir, 'letter'), randomBytes(3_000_000));
      await desktop.checkpoint(quiet);
    });
    return podId;
  }

  async opened<T>(name: string, use: (desktop: Desktop) => Promise<T>): Promise<T> {
    const desktop = await Desktop.take(await openDevice(this.bench.path(name), CREDENTIAL), quiet);
    try {
      return await use(desktop);
    } finally {
      await desktop.close();
    }
  }

  get settings() {
    return { homeDir: this.home, identityFile: this.identityFile, onProgress: quiet };
  }

  dock(onStep: (device: DockedDevice) => void = quiet, dir = this.bench.dir, repeatMs = 60_000): Dock {
    return new Dock({
      ...{ settings: this.settings, journal: this.journal, onStep, obstacles: async () => [] },
      source: folderSource([dir]),
      pace: { lookMs: 200, pollMs: 100, retryMs: 300, repeatMs },
      onFailure: (error) => {
        throw error;
      },
    });
  }

  async once(): Promise<readonly DockState[]> {
    return (await this.dock().once()).map(({ state }) => state);
  }

  async homeHead(podId: string): Promise<Uint8Array> {
    return readFile(join(this.home, 'pods', podId, 'head'));
  }

  /** Fails unless the kernel has let go of an image. */
  async requireLetGo(name: string): Promise<void> {
    assert.equal((await run('losetup', ['-j', this.bench.path(name)])).stdout, '');
    assert.doesNotMatch(await readFile('/proc/mounts', 'utf8'), new RegExp(this.bench.path(name)));
  }
}

const itThoroughly = IS_EXHAUSTIVE ? it : () => undefined;

describe('the device of a desktop that meets its home', () => {
  let dock: DeviceDock;
  beforeEach(async () => {
    dock = await DeviceDock.open();
  });
  afterEach(() => dock.bench.close());

  it('is said to be safe to unplug when the kernel has let go of it, and knows of it when it is opened', async () => {
    const podId = await dock.pod('pod.img');
    const released = Promise.withResolvers<void>();
    const watching = dock.dock(({ state }) => {
      if (state.step === 'safe') dock.requireLetGo('pod.img').then(released.resolve, released.reject);
      if (state.step === 'failed' || state.step === 'refused')
        released.reject(new Error(JSON.stringify(state)));
    });
    const subscription = watching.start();
    await released.promise;
    await watching.end(subscription);
    await dock.opened('pod.img', async (desktop) => {
      const { homes } = await desktopOperations(desktop).status({}, quiet);
      assert.deepEqual(
        homes.map(({ missingCheckpoints }) => missingCheckpoints),
        [0],
      );
      const types = (await desktop.pod.events(1)).map(({ event }) => event.type);
      assert.equal(types.at(-1), 'home.docked');
    });
    assert.ok(peekHead(await dock.homeHead(podId)).seq > 1);
  });

  itThoroughly(
    'comes home again when it has changed while it stays plugged in, and is left alone until then',
    async () => {
      const podId = await dock.pod('pod.img');
      const steps: string[] = [];
      const told = new EventEmitter();
      const watching = dock.dock(
        ({ state: { step } }) => {
          steps.push(step);
          told.emit(step);
        },
        dock.bench.dir,
        50,
      );
      const safe = once(told, 'safe');
      const subscription = watching.start();
      await safe;
      // long enough to be looked at more than once
      const before = await run('sha256sum', [dock.bench.path('pod.img')]);
      assert.equal((await run('sha256sum', [dock.bench.path('pod.img')])).stdout, before.stdout);
      assert.equal(steps.at(-1), 'safe');
      const { seq } = peekHead(await dock.homeHead(podId));
      const again = once(told, 'safe');
      await dock.opened('pod.img', async (desktop) => {
        await writeFile(join(desktop.root.layerDir, 'letter'), 'changed in the dock');
        await desktop.checkpoint(quiet);
      });
      await again;
      await watching.end(subscription);
      assert.ok(peekHead(await dock.homeHead(podId)).seq > seq);
    },
  );

  itThoroughly('comes home beside another one, each with its own pod', async () => {
    const podIds = [await dock.pod('one.img'), await dock.pod('two.img')];
    const before = await Promise.all(podIds.map((podId) => dock.homeHead(podId)));
    const states = await dock.once();
    assert.deepEqual(
      states.map(({ step, problem }) => [step, problem]),
      [
        ['safe', undefined],
        ['safe', undefined],
      ],
    );
    for (const [index, podId] of podIds.entries())
      assert.notDeepEqual(await dock.homeHead(podId), before[index]);
  });

  itThoroughly(
    'is left for later by a home that is full or read-only, and comes home when that is cured',
    async () => {
      const podId = await dock.pod('pod.img');
      const before = await dock.homeHead(podId);
      for (const [options, code] of [
        ['remount,size=2m', 'HOME_FULL'],
        ['remount,ro,size=60m', 'TARGET_WRITE_FAILED'],
      ] as const) {
        execFileSync('mount', ['-o', options, dock.home]);
        const [state] = await dock.once();
        assert.deepEqual([state?.step, state?.problem?.code], ['failed', code]);
        await dock.requireLetGo('pod.img');
        assert.deepEqual(Buffer.from(await dock.homeHead(podId)), Buffer.from(before));
      }
      execFileSync('mount', ['-o', 'remount,rw,size=60m', dock.home]);
      assert.deepEqual(
        (await dock.once()).map(({ step }) => step),
        ['safe'],
      );
    },
  );

  itThoroughly(
    'that is pulled out in the middle of any step leaves home as it was, and comes home when it is plugged in again',
    async () => {
      const podId = await dock.pod('pod.img');
      const before = await dock.homeHead(podId);
      const drive = await PulledDrive.make(600);
      dock.bench.atEnd(() => drive.close());
      await rename(dock.bench.path('pod.img'), dock.bench.path('moved.img'));
      const image = join(drive.dir, 'pod.img');
      await run('cp', ['--sparse=always', dock.bench.path('moved.img'), image]);
      await run('rm', [dock.bench.path('moved.img')]);
      await run('sync', ['-f', drive.dir]);
      for (const at of ['open', 'sync', 'verify'] as const) {
        const place = await identifyDevice(image);
        let isPulled = false;
        const emit = ({ type }: DockSignal): void => {
          if (type !== at) return;
          isPulled = true;
          drive.cut();
        };
        const outcome = await dockDevice(place, dock.settings, emit, new AbortController().signal).then(
          () => 'done',
          (error: unknown) => (isDeskPodError(error) ? error.code : String(error)),
        );
        assert.ok(isPulled, `${at} was not reached: ${outcome}`);
        assert.equal(outcome, 'DEVICE_GONE', at);
        // what was proven at home before may have come home all the same
        if (at !== 'verify')
          assert.deepEqual(Buffer.from(await dock.homeHead(podId)), Buffer.from(before), at);
        await drive.pull();
        await drive.plugIn();
      }
      const states = (await dock.dock(quiet, drive.dir).once()).map(({ state }) => state);
      assert.deepEqual(
        states.map(({ step, problem }) => [step, problem]),
        [['safe', undefined]],
      );
      const steps = (await dock.journal.read()).map(({ step }) => step);
      assert.equal(steps.at(-1), 'safe');
    },
  );

  itThoroughly('fills no home with many objects that have no room on it', async () => {
    const podId = await dock.pod('pod.img');
    const before = await dock.homeHead(podId);
    const device = await mountDevice(dock.bench.path('pod.img'));
    const { repositoryDir } = devicePodFolder(device.mountDir, device.mountDir);
    const { blocks, bsize } = await statfs(repositoryDir);
    const claimedBytes = 1024 * 1024;
    for (let number = 0; number * claimedBytes <= blocks * bsize; number++) {
      const name = `ee${String(number).padStart(62, '0')}`;
      await mkdir(join(repositoryDir, 'packs', 'ee'), { recursive: true });
      await writeFile(join(repositoryDir, 'packs', 'ee', `${name}.age`), '');
      await truncate(join(repositoryDir, 'packs', 'ee', `${name}.age`), claimedBytes);
    }
    await device.unmount();
    const [state] = await dock.once();
    assert.deepEqual([state?.step, state?.problem?.code], ['failed', 'OBJECT_DAMAGED']);
    assert.match(String(state?.problem?.message), /bytes of their file system/);
    await dock.requireLetGo('pod.img');
    assert.deepEqual(Buffer.from(await dock.homeHead(podId)), Buffer.from(before));
  });

  it('of a stranger, or that is a twin, is left alone', async () => {
    await dock.bench.image('stranger.img');
    const [state] = await dock.once();
    assert.equal(state?.step, 'refused');
    await dock.requireLetGo('stranger.img');
  });
});
