// A tree pod with a twin, for tests: the twin is made, followed and started without the program.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { ProgressListener } from '../../src/core/progress.ts';
import { type OperateOptions, operate } from '../../src/session/operation/operate.ts';
import type { OperationName, Operations } from '../../src/session/operation/operations.ts';
import { startPod } from '../../src/session/operation/start-pod.ts';
import type { NewDevice } from '../../src/sync/pod/new-device.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

export const QUIET: OperateOptions = { passphrase: async () => PASSPHRASE, onProgress: () => undefined };

/** Asks something of the pod, or twin, around a folder. */
export function ask<Name extends OperationName>(
  dir: string,
  name: Name,
  parameters: Operations[Name]['parameters'],
): Promise<Operations[Name]['answer']> {
  return operate(dir, name, parameters, QUIET);
}

/** How a twin is started. */
export interface TwinStart {
  readonly checkpoint?: number;
  /** May throw, as a kill would end the start there. */
  readonly onProgress?: ProgressListener;
}

/** Starts the twin around `dir`: whoever is asked says that the other device is lost. */
export async function startTwin(
  dir: string,
  { checkpoint, onProgress = () => undefined }: TwinStart = {},
): Promise<NewDevice> {
  const report = await startPod({
    ...QUIET,
    onProgress,
    devicePath: dir,
    confirmPromotion: async () => undefined,
    choice: 'default',
    geometry: { width: 1, height: 1 },
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });
  assert.ok(report.promotion);
  return report.promotion;
}

/** A {@link TreeLab} with a place for a twin. */
export interface TwinLab extends TreeLab {
  /** The folder of the twin; nothing is there yet. */
  readonly twin: string;
  /** The pod folder in it. */
  readonly podDir: string;
  /** Makes a twin of the lab's pod, of `twin` if left out. */
  add(path?: string): Promise<{ readonly url: string }>;
  /** Makes the twin, and a home besides, to which everything is synced. */
  follow(): Promise<void>;
  /** What a sync of a pod, of the lab's if left out, said of each home: a code where it failed. */
  codesOfSync(dir?: string): Promise<(string | undefined)[]>;
}

/** Makes a lab; close it in an `afterEach`. */
export async function openTwinLab(): Promise<TwinLab> {
  const lab = await openTreeLab();
  const twin = join(lab.temp, 'twin');
  const add = (path = twin) => ask(lab.dir, 'home-add', { url: path, twin: { isForced: false } });
  return {
    ...lab,
    ...{ twin, podDir: join(twin, '.deskpod'), add },
    follow: async () => {
      await add();
      await lab.bringHome();
    },
    codesOfSync: async (dir = lab.dir) => {
      const { homes } = await ask(dir, 'sync', {});
      return homes.map((home) => ('error' in home ? home.error.code : undefined));
    },
  };
}
