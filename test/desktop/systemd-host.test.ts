// A host with systemd and its own tree of control groups: a session is in none of its units, and outlives what becomes of them.
// Each test has a machine emulated for minutes: they run with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { TRAVEL_LIMITS } from '../session/guest/session-suite.ts';
import { runWithStick, type Told } from './guest/stick-host.ts';
import { suspendedPod } from './suspended-pod.ts';

const TIMEOUT_MS = 1_200_000;
/** Its kernel's package comes with systemd. */
const RELEASE = 'trixie';
/** What the kernel calls {@link TRAVEL_LIMITS}. */
const LIMITED = {
  'memory.max': `${TRAVEL_LIMITS.memoryBytes}`,
  'pids.max': `${TRAVEL_LIMITS.processCount}`,
  'cpu.max': `${TRAVEL_LIMITS.processorCount * 100_000} 100000`,
};
const KILLED = 128 + 9;
const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;

/** Where a session and its supervisor are, and what keeps the session. */
interface Look {
  readonly group: string;
  readonly supervisor: string;
  readonly 'cgroup.controllers': string;
  readonly 'memory.max': string;
  readonly 'pids.max': string;
  readonly 'cpu.max': string;
}

/** What came of a session that used up what there is. */
interface UsedUp {
  /** Exit code of the program that took too much memory. */
  readonly killed: number;
  /** How many processes there could be. */
  readonly forked: number;
  readonly throttled: number;
}

describeThere(`a session on a host with systemd, under the kernel of Debian ${RELEASE},`, function () {
  this.timeout(TIMEOUT_MS);
  const pod = suspendedPod({ limits: TRAVEL_LIMITS });

  it('that was started in a scope keeps its limits, and is suspended when that is stopped', async () => {
    const { answers, left } = await run('scope');
    const [, started, counted, first, later, usedUp, , status] = answers;
    assert.equal((started as StartReport).resumedCheckpoint, 1);
    pod.assertGoesOn(counted);
    assertLimited(first, /\/login\.scope$/);
    assertLimited(later, /\/login\.scope$/);
    const { killed, forked, throttled } = usedUp as UsedUp;
    assert.equal(killed, KILLED);
    assert.ok(forked < TRAVEL_LIMITS.processCount && forked > TRAVEL_LIMITS.processCount - 40, `${forked}`);
    assert.ok(throttled > 0);
    assert.deepEqual(left, []);
    await assertSuspended(status, 2);
  });

  it('that was started by a service keeps its limits, and is suspended when that is stopped', async () => {
    const { answers, left } = await run('service');
    const [, started, counted, first, later, , status] = answers;
    assert.equal((started as StartReport).resumedCheckpoint, 1);
    pod.assertGoesOn(counted);
    assertLimited(first, /\/desk\.service$/);
    assertLimited(later, /\/desk\.service$/);
    assert.deepEqual(left, []);
    await assertSuspended(status, 2);
  });

  it('that was started by hand keeps its limits over a suspend', async () => {
    const { answers, left } = await run('by_hand');
    const [, , counted, first, suspended, , resumed, later, last, , , status] = answers;
    pod.assertGoesOn(counted);
    assertLimited(first, /\/trial\.service$/);
    assert.equal((suspended as CheckpointReport).number, 2);
    assert.equal((resumed as StartReport).resumedCheckpoint, 2);
    pod.assertGoesOn(later);
    assertLimited(last, /\/trial\.service$/);
    assert.deepEqual(left, []);
    await assertSuspended(status, 3);
  });

  it('that has no limits is suspended, too, when what it was started in is stopped', async () => {
    const { answers, left } = await run('unlimited');
    const [, , started, look, , status] = answers;
    assert.equal((started as StartReport).resumedCheckpoint, 1);
    assertOwnGroup(look, /\/login\.scope$/);
    assert.deepEqual(left, []);
    await assertSuspended(status, 2);
  });

  it('goes on when all is killed that it was started in, and the next command takes it over', async () => {
    const { answers, left } = await run('killed');
    const [, , , look, checkpoint, counted, later, suspended, , status] = answers;
    assertOwnGroup(look, /\/login\.scope$/);
    assert.equal((checkpoint as CheckpointReport).number, 2);
    pod.assertGoesOn(counted);
    assertOwnGroup(later, /\/trial\.service$/);
    assert.equal((suspended as CheckpointReport).number, 3);
    assert.deepEqual(left, []);
    await assertSuspended(status, 3);
  });

  it('ends when its stick is pulled out, which systemd has units of', async () => {
    const { answers, left, units } = await run('pulled');
    const [, , counted, , status] = answers;
    pod.assertGoesOn(counted);
    assert.equal(units.length, 2, units.join());
    assert.deepEqual(left, []);
    assert.equal((status as StatusReport).session.status, 'lost');
    assert.equal((await pod.lab.start(['--resume'])).resumedCheckpoint, 1);
    pod.assertGoesOn(await pod.lab.counter(pod.here.count));
  });

  function run(scene: string): Promise<Told> {
    return runWithStick(pod.lab, RELEASE, 'systemd.sh', [`scene=${scene}`]);
  }

  function assertOwnGroup(look: unknown, supervisor: RegExp): void {
    const { group, supervisor: unit } = look as Look;
    assert.match(group, /^\/deskpod-[0-9a-f]{16}\/session$/);
    assert.match(unit, supervisor);
  }

  function assertLimited(look: unknown, supervisor: RegExp): void {
    assertOwnGroup(look, supervisor);
    const { group, supervisor: unit, 'cgroup.controllers': controllers, ...limits } = look as Look;
    for (const name of ['cpu', 'memory', 'pids'])
      assert.ok(controllers.split(' ').includes(name), controllers);
    assert.deepEqual(limits, LIMITED, `${group} ${unit}`);
  }

  async function assertSuspended(status: unknown, checkpoint: number): Promise<void> {
    const { session } = status as StatusReport;
    assert.deepEqual(
      session.status === 'suspended' && session.checkpoint,
      checkpoint,
      JSON.stringify(session),
    );
    assert.equal((await pod.lab.start()).resumedCheckpoint, checkpoint);
    pod.assertGoesOn(await pod.lab.counter(pod.here.count));
  }
});
