// What the overview says of pods, and what it lets one do with them.
import assert from 'node:assert/strict';
import { groupRows, rowOf } from '../../display/dashboard/compare/change-rows.ts';
import { sentenceOf } from '../../display/dashboard/link/failure.ts';
import { choicesOf, lackText, stateWords, verifiedText } from '../../display/dashboard/overview/pod-words.ts';
import { progressText, shareDone } from '../../display/dashboard/work/work-words.ts';
import type { HomeOfPod, KnownPod, PodOverview } from '../../src/session/dashboard/contract.ts';

const NOW = 1_800_000_000_000;

const KNOWN: KnownPod = {
  ...{
    atMs: NOW,
    deviceId: 'd',
    epoch: 1,
    seq: 9,
    session: { status: 'none' },
    isRunning: false,
    ...{ tier: undefined, suspend: undefined },
  },
  ...{ checkpointCount: 0, lastCheckpoint: undefined, doubt: undefined, moved: undefined, homes: [] },
  ...{ nextCheckpoint: undefined, verifications: [], provenRestore: undefined, shortage: undefined },
};

function pod(changes: Partial<PodOverview>): PodOverview {
  return {
    ...{ id: '0123456789abcdef', podId: 'p', kind: 'desktop', isTwin: false, name: 'desk', access: 'open' },
    place: { kind: 'device', path: '/dev/sdb', space: undefined, sizeBytes: undefined },
    ...{ lockAtMs: undefined, known: KNOWN, health: { word: 'good', findings: [] } },
    ...changes,
  };
}

function home(changes: Partial<HomeOfPod>): HomeOfPod {
  return {
    ...{ url: '/home', syncedAtMs: NOW, lastCheckpoint: undefined, missingCheckpoints: 0, missingBytes: 0 },
    ...{
      missingWork: undefined,
      missingUse: undefined,
      isTwin: false,
      isAway: false,
      isBranch: false,
      isReverted: false,
    },
    ...changes,
  };
}

describe('the words of the overview', () => {
  it('name the state of a pod', () => {
    const running: KnownPod = { ...KNOWN, isRunning: true, session: { status: 'running', sinceMs: NOW } };
    const cases: [Partial<PodOverview>, string][] = [
      [{ known: running }, 'Running'],
      [{ known: running, kind: 'tree' }, 'Watched'],
      [{ known: { ...running, isRunning: false } }, 'Interrupted'],
      [{ known: { ...KNOWN, session: { status: 'suspended', checkpoint: 3 } } }, 'Suspended'],
      [{ known: { ...KNOWN, session: { status: 'lost', cause: 'x' } } }, 'Session lost'],
      [{ known: KNOWN }, 'Not started'],
      [{ known: KNOWN, kind: 'tree' }, 'At rest'],
      [{ access: 'locked', known: running }, 'Locked'],
      [{ access: 'away', known: running }, 'Not plugged in'],
      [{ isTwin: true }, 'Follows its pod'],
    ];
    for (const [changes, text] of cases) assert.equal(stateWords(pod(changes)).text, text);
  });

  it('offer what can be done, and nothing else', () => {
    const able = (changes: Partial<PodOverview>) =>
      Object.entries(choicesOf(pod(changes)))
        .filter(([, can]) => can)
        .map(([name]) => name.replace('can', ''));
    const homes = [home({})];
    const running: KnownPod = {
      ...KNOWN,
      homes,
      isRunning: true,
      session: { status: 'running', sinceMs: NOW },
    };
    assert.deepEqual(able({ known: running }), ['View', 'Checkpoint', 'Sync', 'Suspend']);
    const suspended: KnownPod = { ...KNOWN, homes, session: { status: 'suspended', checkpoint: 1 } };
    assert.deepEqual(able({ known: suspended, access: 'unlocked' }), ['Start', 'Sync', 'Lock']);
    assert.deepEqual(able({ known: suspended, access: 'locked' }), ['Unlock']);
    assert.deepEqual(able({ known: suspended, access: 'away' }), []);
    assert.deepEqual(able({ kind: 'tree', known: KNOWN }), ['Checkpoint']);
    assert.deepEqual(able({ isTwin: true, known: suspended }), []);
  });

  it('say what is not home yet in work and bytes', () => {
    const missingWork = { sinceMs: NOW - 23_000, untilMs: undefined };
    assert.equal(
      lackText(home({ missingWork, missingBytes: 4_000_000, missingCheckpoints: 2 }), NOW),
      '23 s of work, 4 MB',
    );
    assert.equal(lackText(home({ missingWork }), NOW + 60_000), '1 min of work');
    assert.equal(
      lackText(home({ missingWork: { sinceMs: NOW, untilMs: NOW + 5000 } }), NOW + 1e9),
      '5 s of work',
    );
    assert.equal(lackText(home({}), NOW), 'nothing');
    assert.equal(lackText(home({ syncedAtMs: undefined, missingBytes: 1e9 }), NOW), 'everything, 1 GB');
  });

  it('say when a pod was last verified, the deepest look first', () => {
    const look = (depth: 'data' | 'structure', agoMs: number, place = 'device', leftCount = 0) => ({
      ...{ depth, atMs: NOW - agoMs, place, leftCount, seq: 1 },
    });
    assert.equal(verifiedText({ ...KNOWN, verifications: [] }, NOW), undefined);
    const verifications = [look('structure', 60_000), look('data', 3_600_000, '/home', 2)];
    assert.equal(
      verifiedText({ ...KNOWN, verifications }, NOW),
      '1 hour ago, every byte at /home; 2 damaged',
    );
  });

  it('make sentences of messages', () => {
    assert.equal(sentenceOf('the vault is locked'), 'The vault is locked.');
    assert.equal(sentenceOf('/home/x is no home'), '/home/x is no home.');
    assert.equal(sentenceOf('expected 3, got 4'), 'Expected 3, got 4.');
    assert.equal(sentenceOf('Try it again!'), 'Try it again!');
  });

  it('say how far work is', () => {
    assert.equal(
      progressText({ step: 'sending to home', doneBytes: 12e6, totalBytes: 40e6 }),
      'sending to home, 12 MB of 40 MB',
    );
    assert.equal(progressText({ step: 'reading', doneFiles: 1200 }), 'reading, 1,200 files');
    assert.equal(shareDone({ step: 'x', doneBytes: 1, totalBytes: 4 }), 0.25);
    assert.equal(shareDone({ step: 'x', doneBytes: 1 }), undefined);
  });

  it('put what differs under its folder, and nothing under one that has nothing shown', () => {
    const entry = { mode: 0o644, uid: 0, gid: 0, mtimeNs: '0', kind: 'file' } as const;
    const change = (path: string, kind: 'added' | 'removed') => {
      const it = { ...entry, path, sizeBytes: 10 };
      return rowOf({
        path,
        kind,
        isContentChanged: true,
        fields: [],
        ...(kind === 'added' ? { after: it } : { before: it }),
      });
    };
    const changes = [change('a.txt', 'added'), change('b/c.txt', 'removed'), change('b/d.txt', 'added')];
    const shown = groupRows(changes, () => true).map((row) => (row.kind === 'folder' ? row.text : row.name));
    assert.deepEqual(shown, ['/', 'a.txt', '/b/', 'c.txt', 'd.txt']);
    const added = groupRows(changes, (group) => group === 'removed').map((row) => row.text);
    assert.deepEqual(added, ['/b/', '10 bytes']);
  });
});
