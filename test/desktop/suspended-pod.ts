// A pod with a suspended session that counts, made on this host anew for each test of a suite: it is to go on on another.
import assert from 'node:assert/strict';
import type { DesktopPlan } from '../../src/session/pod/create-desktop.ts';
import type { Counted } from '../session/counter.ts';
import { DesktopLab } from './desktop-lab.ts';
import { makeRuntimeImage } from './runtime-image.ts';

/** The pod of the test that runs. */
export interface SuspendedPod {
  readonly lab: DesktopLab;
  /** The program that counts, and how far it was when its session was suspended. */
  readonly here: Counted;
  /** Fails unless what was counted elsewhere is by that very program, which has gone on. */
  assertGoesOn(counted: unknown): void;
}

/** Registers what makes it and takes it away. It carries a runtime, and its session asks little of a processor. */
export function suspendedPod(others: Partial<DesktopPlan> = {}): SuspendedPod {
  let lab: DesktopLab;
  let here: Counted;
  before(makeRuntimeImage);
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create(800, { processorLevel: 'x86-64-v2', carriesRuntime: true, ...others });
    await lab.start();
    await lab.startCounter();
    here = await lab.counter();
    await lab.program.answer(['suspend', ...lab.at()]);
  });
  afterEach(async () => {
    await lab.close();
  });
  return {
    get lab() {
      return lab;
    },
    get here() {
      return here;
    },
    assertGoesOn(counted) {
      const { pid, count } = counted as Counted;
      assert.equal(pid, here.pid);
      assert.ok(count > here.count);
    },
  };
}
