// What the profile says of CRIU is so: sessions without its filter have what others are denied, and are checkpointed.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { DENIED_CALLS } from '../../src/session/barrier/denied-calls.ts';
import { PRESENT_DEVICES } from '../../src/session/barrier/devices.ts';
import type { ObstacleKind } from '../../src/session/preflight/obstacle-kinds.ts';
import { suspendSession } from '../../src/session/process/checkpointing.ts';
import { criuDump, DumpFailure, emptyImages } from '../../src/session/process/criu.ts';
import { explainLog } from '../../src/session/process/criu-problems.ts';
import { foreseeObstacles, type ProcessSession } from '../../src/session/process/processes.ts';
import { openLab, type SessionLab } from './session-fixture.ts';
import { DENIED_OBJECTS, HELD_DEVICES, LOST_OBJECTS, look, type Made, make, unmake } from './undumpable.ts';

/** What a kernel may refuse by itself: BPF by a setting, others by how it was built. */
const REFUSALS =
  /: (?:Operation not permitted|Address family not supported by protocol|Function not implemented)$/;

describe('a session without the profile', () => {
  let lab: SessionLab;
  let session: ProcessSession;

  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
    session = await lab.startUnfiltered('pod');
    await session.settled;
  });

  afterEach(async () => {
    await lab.close();
  });

  it('cannot be checkpointed with what the profile denies, for the reason that its table has', async () => {
    const imagesDir = await lab.imagesDir('one');
    const said: Record<string, string> = {};
    const expected: Record<string, string> = {};
    const foreseen: Record<string, readonly ObstacleKind[]> = {};
    for (const { what, checkpoint } of DENIED_CALLS) {
      if (checkpoint === undefined || !('fails' in checkpoint)) continue;
      const made = await make(session, what, DENIED_OBJECTS[what] ?? 'die "no program for it\\n"');
      if (made.failure !== undefined && REFUSALS.test(made.failure)) continue;
      assert.equal(made.failure, undefined, what);
      foreseen[what] = (await foreseeObstacles(session))?.map(({ kind }) => kind) ?? [];
      expected[what] = checkpoint.fails;
      const log = await dumpLog(session, imagesDir);
      said[what] = log.includes(checkpoint.fails) ? checkpoint.fails : log;
      const { kind } = explainLog(log, '');
      assert.ok(kind !== undefined && [kind, ...(foreseen[what] ?? [])].at(-1) === kind, what);
      await unmake(session, made);
    }
    assert.deepEqual(said, expected);
    // Whose memory a process shares only CRIU finds out.
    const unforeseen = Object.keys(foreseen).filter((what) => foreseen[what]?.length === 0);
    assert.deepEqual(
      unforeseen,
      Object.keys(foreseen).filter((what) => /that shares its/.test(what)),
    );
    assert.ok(Object.keys(said).length >= 10, Object.keys(said).join());
  });

  it('cannot be checkpointed with a device that the profile has another way, for the reason that its table has', async () => {
    const imagesDir = await lab.imagesDir('one');
    for (const { path, checkpoint } of PRESENT_DEVICES) {
      if (checkpoint === undefined || !('fails' in checkpoint)) continue;
      const made = await make(
        session,
        path,
        HELD_DEVICES[path] ?? 'die "no program for it\\n"',
        'a terminal',
      );
      assert.equal(made.failure, undefined, path);
      const log = await dumpLog(session, imagesDir);
      assert.ok(log.includes(checkpoint.fails), path);
      assert.equal(explainLog(log, '').kind, 'terminal');
      await unmake(session, made);
    }
  });

  it('loses in a checkpoint what the table says that it loses', async () => {
    const kept: Record<string, Made> = {};
    const before: Record<string, string> = {};
    for (const [what, program] of Object.entries(LOST_OBJECTS)) {
      const control = await make(session, 'control', program);
      if (control.failure !== undefined && REFUSALS.test(control.failure)) continue;
      assert.equal(control.failure, undefined, what);
      before[what] = await look(session, control);
      await unmake(session, control);
      kept[what] = await make(session, what, program);
    }
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    const resumed = await lab.resume('pod', imagesDir);
    const after: Record<string, string> = {};
    for (const [what, made] of Object.entries(kept)) after[what] = await look(resumed, made);
    const lost = DENIED_CALLS.filter(({ checkpoint }) => checkpoint !== undefined && 'loses' in checkpoint);
    assert.deepEqual(Object.keys(LOST_OBJECTS).sort(), lost.map(({ what }) => what).sort());
    const all = (word: string) => Object.fromEntries(Object.keys(kept).map((what) => [what, word]));
    assert.deepEqual({ before, after }, { before: all('kept'), after: all('lost') });
    assert.ok(Object.keys(kept).length >= 4, Object.keys(kept).join());
  });
});

/** What CRIU says of one attempt to dump a session, which goes on. */
async function dumpLog(session: ProcessSession, imagesDir: string): Promise<string> {
  const { rootPid, mergedDir, bundleDir: workDir, programs } = session;
  const options = { rootPid, mergedDir, imagesDir, workDir, leaveRunning: true };
  try {
    await criuDump(programs, { ...options, whileFrozen: async () => undefined });
    return 'it was dumped';
  } catch (error) {
    assert.ok(error instanceof DumpFailure);
    return await readFile(error.logFile, 'utf8');
  } finally {
    await emptyImages(imagesDir);
  }
}
