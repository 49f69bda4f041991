// A home with an identity of its own, and tree pods that are brought home there while nobody has them open.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockState, DockStep } from '../../src/core/dock-machine.ts';
import type { LoggedEvent } from '../../src/core/events.ts';
import { peekHead } from '../../src/core/head.ts';
import { Dock, type DockedDevice, type DockParts } from '../../src/session/dock/dock.ts';
import { folderSource } from '../../src/session/dock/folder-source.ts';
import { lastProven } from '../../src/session/dock/upkeep-home.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { requireHomeIdentity } from '../../src/sync/dock/home-identity.ts';
import { Journal } from '../../src/sync/dock/journal.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

export const quiet = (): void => undefined;
export const SETTINGS = { passphrase: async () => PASSPHRASE, onProgress: quiet };
/** A test is told when something happens, and never waits for a time to pass. */
const PACE = { lookMs: 200, pollMs: 50, retryMs: 200, repeatMs: 60_000 };

/** The lab of one test. */
export class DockLab {
  readonly tree: TreeLab;
  readonly identityFile: string;
  readonly journal: Journal;
  /** How long a supervisor may say nothing. */
  silenceMs: number | undefined;
  /** What is in the way of a device. */
  obstacles: DockParts['obstacles'] = async () => [];
  readonly #docks: (() => Promise<void>)[] = [];

  private constructor(tree: TreeLab) {
    this.tree = tree;
    this.identityFile = join(tree.temp, 'etc', 'home-identity');
    this.journal = new Journal(join(tree.temp, 'var', 'journal.ndjson'));
  }

  /** A pod that is at home, and lets home take it over from now on. */
  static async open({ mayRead = false }: { readonly mayRead?: boolean } = {}): Promise<DockLab> {
    const lab = new DockLab(await openTreeLab());
    await lab.tree.bringHome();
    await lab.allow(mayRead);
    return lab;
  }

  async close(): Promise<void> {
    for (const end of this.#docks) await end();
    await this.tree.close();
  }

  /** Lets home take over the pod in a folder of `temp`. */
  async allow(mayRead: boolean, name = 'pod'): Promise<void> {
    const { recipient } = await requireHomeIdentity(this.identityFile);
    const credential = { passphrase: PASSPHRASE };
    await operate(
      join(this.tree.temp, name),
      'home-allow',
      { credential, url: this.tree.home, recipient, mayRead },
      SETTINGS,
    );
  }

  /** The state of the device in a folder of `temp` after it was brought home once. */
  async dock(name = 'pod'): Promise<DockState> {
    const path = join(this.tree.temp, name);
    const found = (await this.newDock(path).once()).find((device) => device.path === path);
    assert.ok(found !== undefined, `${path} was not seen`);
    return found.state;
  }

  /** A dock that looks at a folder. */
  newDock(watched: string, onStep: (device: DockedDevice) => void = quiet): Dock {
    const { home } = this.tree;
    return new Dock({
      settings: {
        ...{ homeDir: home, identityFile: this.identityFile, onProgress: quiet },
        ...(this.silenceMs === undefined ? {} : { silenceMs: this.silenceMs }),
        provenOf: async (podId) => lastProven(await this.journal.read(), podId),
      },
      ...{ source: folderSource([watched]), journal: this.journal, pace: PACE, onStep },
      obstacles: (place) => this.obstacles(place),
      onFailure: (error) => {
        throw error;
      },
    });
  }

  /** A dock that waits for devices in a folder; `until` settles once one of them has reached a step. */
  watch(watched: string): {
    readonly seen: DockedDevice[];
    until(path: string, step: DockStep): Promise<DockState>;
    end(): Promise<void>;
  } {
    const seen: DockedDevice[] = [];
    const waiting = new Set<() => void>();
    const dock = this.newDock(watched, (device) => {
      seen.push(device);
      for (const look of waiting) look();
    });
    const watching = dock.start();
    let ended: Promise<void> | undefined;
    const end = (): Promise<void> => {
      ended ??= dock.end(watching);
      return ended;
    };
    this.#docks.push(end);
    let from = 0;
    return {
      seen,
      end,
      until: (path, step) =>
        new Promise((resolve) => {
          const look = (): void => {
            const index = seen.findIndex(
              (device, at) => at >= from && device.path === path && device.state.step === step,
            );
            if (index < 0) return;
            waiting.delete(look);
            from = index + 1;
            resolve((seen[index] as DockedDevice).state);
          };
          waiting.add(look);
          look();
        }),
    };
  }

  /** Home's head of the pod. */
  async homeHead(): Promise<Uint8Array> {
    return readFile(join(this.tree.home, 'pods', this.tree.podId, 'head'));
  }

  async homeSeq(): Promise<number> {
    return peekHead(await this.homeHead()).seq;
  }

  /** The events of the pod in a folder of `temp`, which is opened for that. */
  async events(name = 'pod'): Promise<readonly LoggedEvent[]> {
    return (await operate(join(this.tree.temp, name), 'log', { since: 1 }, SETTINGS)).events;
  }
}
