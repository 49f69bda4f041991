// What every source of devices does, watched by the one who brings them home. Each implementation is run through all of it.
import assert from 'node:assert/strict';
import type { Subscription } from 'rxjs';
import {
  type Candidate,
  type DeviceSource,
  type Sighting,
  watchDevices,
} from '../../src/session/dock/device-source.ts';

/** A place where devices come and go. */
export interface DeviceStage {
  readonly source: DeviceSource;
  /** The folder that is looked into, if it is one. */
  readonly dir?: string;
  /** Whether something says when a device comes; without it the time does. */
  readonly hasHints: boolean;
  /** @returns the path by which it is seen */
  plug(name: string): Promise<string>;
  /** Something that is no pod's device. */
  plugStranger(name: string): Promise<void>;
  unplug(name: string): Promise<void>;
  /** Another device in its place, within no time. */
  exchange(name: string): Promise<void>;
  /** A device that gives no answer, until what is returned is called; undefined where there is no way to have one. */
  plugSilent(name: string): Promise<(() => Promise<string>) | undefined>;
  close(): Promise<void>;
}

/** With hints it is never looked by the time within a test. */
const [RARELY_MS, OFTEN_MS] = [3_600_000, 20];

/** Runs the contract on one implementation. */
export function itKeepsTheDeviceContract(open: () => Promise<DeviceStage>): void {
  let stage: DeviceStage;
  let watching: Subscription | undefined;
  const sightings: Sighting[] = [];
  const failures: unknown[] = [];
  const waiting = new Set<() => void>();
  beforeEach(async () => {
    stage = await open();
    sightings.length = 0;
    failures.length = 0;
  });
  afterEach(async () => {
    watching?.unsubscribe();
    watching = undefined;
    await stage.close();
    assert.deepEqual(failures, []);
  });

  function watch(source = stage.source): void {
    watching = watchDevices(source, stage.hasHints ? RARELY_MS : OFTEN_MS, (error) =>
      failures.push(error),
    ).subscribe((sighting) => {
      sightings.push(sighting);
      for (const look of waiting) look();
    });
  }

  /** Settles when a device has come, or gone, that often. */
  function seen(type: Sighting['type'], path: string, count = 1): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (sightings.filter((each) => each.type === type && each.path === path).length < count) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  }

  it('tells what is there when it begins, and no stranger', async () => {
    const path = await stage.plug('first');
    await stage.plugStranger('other');
    watch();
    await seen('came', path);
    assert.deepEqual(sightings, [{ type: 'came', path }]);
  });

  it('tells what comes and what goes', async () => {
    watch();
    const path = await stage.plug('first');
    await seen('came', path);
    await stage.unplug('first');
    await seen('went', path);
    await stage.plug('first');
    await seen('came', path, 2);
  });

  it('tells of another device at the same path that one went and one came', async () => {
    const path = await stage.plug('first');
    watch();
    await seen('came', path);
    await stage.exchange('first');
    await seen('came', path, 2);
    assert.deepEqual(
      sightings.map(({ type }) => type),
      ['came', 'went', 'came'],
    );
  });

  it('loses no device that comes while it is listed what is there', async () => {
    const { list, hints } = stage.source;
    let late: string | undefined;
    const during = async (): Promise<readonly Candidate[]> => {
      const found = await list();
      // listed already, and not told yet
      late ??= await stage.plug('late');
      return found;
    };
    watch({ list: during, hints });
    await stage.plug('first');
    while (late === undefined) await new Promise((resolve) => setImmediate(resolve));
    await seen('came', late);
  });

  it('sees the others while one gives no answer, and that one when it does', async () => {
    const answer = await stage.plugSilent('silent');
    if (answer === undefined) return;
    watch();
    // more than there are threads to wait for it, if each look did
    for (const name of ['first', 'second', 'third', 'fourth', 'fifth']) {
      const path = await stage.plug(name);
      await seen('came', path);
      await stage.unplug(name);
      await seen('went', path);
    }
    assert.equal(sightings.length, 10);
    await seen('came', await answer());
  });
}
