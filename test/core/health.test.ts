// The health of a pod: what makes it good, what asks for attention, what is bad, and what to do then.
import assert from 'node:assert/strict';
import { type HealthFacts, type HomeFacts, judgeHealth, type KnownFacts } from '../../src/core/health.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 1000 * DAY_MS;

const HOME: HomeFacts = {
  url: '/home',
  syncedAtMs: NOW_MS - 1000,
  missingCheckpoints: 0,
  missingBytes: 0,
  missingWork: undefined,
  missingUse: { days: 0, lastStartMs: NOW_MS },
  isTwin: false,
  isAway: false,
  isBranch: false,
  isReverted: false,
  isMissing: false,
  space: { totalBytes: 1e12, freeBytes: 5e11 },
};

const KNOWN: KnownFacts = {
  session: { status: 'suspended', checkpoint: 7 },
  obstacles: [],
  checkpointCount: 7,
  doubt: undefined,
  moved: undefined,
  homes: [HOME],
  verifications: [{ place: 'device', depth: 'data', seq: 9, atMs: NOW_MS - DAY_MS, leftCount: 0 }],
  shortage: undefined,
};

const WELL: HealthFacts = {
  nowMs: NOW_MS,
  isTwin: false,
  access: 'unlocked',
  space: { totalBytes: 64e9, freeBytes: 32e9 },
  failure: undefined,
  known: KNOWN,
};

const of = (known: Partial<KnownFacts>, facts: Partial<HealthFacts> = {}) =>
  judgeHealth({ ...WELL, known: { ...KNOWN, ...known }, ...facts });
const withHome = (home: Partial<HomeFacts>) => of({ homes: [{ ...HOME, ...home }] });

describe('the health of a pod', () => {
  it('is good when it is synced, verified and has space', () => {
    assert.deepEqual(judgeHealth(WELL), { word: 'good', findings: [] });
  });

  it('is unknown while it is locked and was never open, and says to unlock it', () => {
    const { word, findings } = judgeHealth({ ...WELL, access: 'locked', known: undefined });
    assert.equal(word, 'unknown');
    assert.deepEqual(
      findings.map(({ cause, remedy }) => [cause, remedy]),
      [['locked', 'unlock']],
    );
  });

  it('is unknown when it is not plugged in, and bad if its session ran', () => {
    assert.equal(of({}, { access: 'away' }).word, 'unknown');
    const pulled = of({ session: { status: 'running', sinceMs: 0 } }, { access: 'away' });
    assert.equal(pulled.word, 'bad');
    assert.match(pulled.findings[0]?.next ?? '', /^Plug it in again/);
  });

  for (const [title, word, cause, health] of [
    [
      'a checkpoint that looks like a loss',
      'bad',
      'doubt',
      of({
        doubt: {
          ...{ against: 3, causes: ['gone'], formerCount: 500, goneCount: 400, noiseCount: 0, examples: [] },
          ...{ number: undefined, seq: 1, atMs: 1 },
        },
      }),
    ],
    [
      'damage that nobody has whole',
      'bad',
      'damaged',
      of({ verifications: [{ place: 'device', depth: 'data', seq: 1, atMs: NOW_MS, leftCount: 2 }] }),
    ],
    ['a medium that it was not on', 'attention', 'moved', of({ moved: { atMs: 1, place: 'a stick' } })],
    ['a session that was lost', 'attention', 'session-lost', of({ session: { status: 'lost', cause: 'x' } })],
    ['something in the way of a suspend', 'attention', 'suspend-blocked', of({ obstacles: ['xterm waits'] })],
    ['no checkpoint', 'attention', 'no-checkpoint', of({ checkpointCount: 0 })],
    ['no home', 'attention', 'no-home', of({ homes: [] })],
    ['a home that nothing was sent to', 'attention', 'never-synced', withHome({ syncedAtMs: undefined })],
    [
      'a twin that soon goes on by itself',
      'attention',
      'lease-ending',
      withHome({ isTwin: true, leases: [{ leaseMs: 2 * DAY_MS, sinceMs: NOW_MS - 1.5 * DAY_MS }] }),
    ],
    [
      'a twin that may have gone on',
      'bad',
      'lease-ending',
      withHome({ isTwin: true, isAway: true, leases: [{ leaseMs: DAY_MS, sinceMs: NOW_MS - DAY_MS }] }),
    ],
    ['a home with a branch', 'attention', 'home-branch', withHome({ isBranch: true })],
    ['a home that went back in time', 'attention', 'home-reverted', withHome({ isReverted: true })],
    [
      'two days of use that are not home',
      'attention',
      'behind',
      withHome({ missingCheckpoints: 1, missingUse: { days: 2, lastStartMs: NOW_MS } }),
    ],
    ['little space', 'attention', 'little-space', of({}, { space: { totalBytes: 8e9, freeBytes: 5e8 } })],
    [
      'a reserve that cannot be kept',
      'attention',
      'reserve-short',
      of({ shortage: { freeBytes: 1e9, reserveBytes: 4e9 } }),
    ],
    ['hardly any space', 'bad', 'little-space', of({}, { space: { totalBytes: 8e9, freeBytes: 1e8 } })],
    [
      'a home that is nearly full',
      'attention',
      'home-little-space',
      withHome({ space: { totalBytes: 8e9, freeBytes: 5e8 } }),
    ],
    [
      'a failure to open it',
      'bad',
      'unreadable',
      of({}, { failure: { message: 'the log is damaged', hint: 'Restore it.' } }),
    ],
  ] as const) {
    it(`is ${word} with ${title}, and says what to do`, () => {
      assert.equal(health.word, word);
      const finding = health.findings.find((each) => each.cause === cause);
      assert.ok(finding !== undefined, JSON.stringify(health));
      assert.match(finding.text, /^\S.*\.$/);
      assert.match(finding.next, /^[A-Z].*\.$/);
    });
  }

  it('tells the worst first', () => {
    const { findings } = of(
      { homes: [], moved: { atMs: 1, place: 'x' }, verifications: [] },
      { space: { totalBytes: 8e9, freeBytes: 1e8 } },
    );
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      ['bad', 'attention', 'attention', 'note'],
    );
  });

  it('is asked for a verify of the device, whatever was verified at its homes', () => {
    const atHome = { place: HOME.url, depth: 'data', seq: 9, atMs: NOW_MS - 1, leftCount: 0 } as const;
    const causes = of({ verifications: [atHome] }).findings.map(({ cause }) => cause);
    assert.ok(causes.includes('not-verified'), causes.join());
  });

  it('stays good with what is only good to know', () => {
    const { word, findings } = of({ verifications: [] });
    assert.equal(word, 'good');
    assert.deepEqual(
      findings.map(({ cause }) => cause),
      ['not-verified'],
    );
  });

  it('gives a twin in a drawer a week of use, and a folder a day', () => {
    const behind = { missingCheckpoints: 2, missingUse: { days: 3, lastStartMs: NOW_MS } };
    assert.equal(withHome(behind).word, 'attention');
    assert.equal(withHome({ ...behind, isTwin: true, isAway: true }).word, 'good');
    const missingUse = { days: 8, lastStartMs: NOW_MS };
    const old = withHome({ ...behind, isTwin: true, isAway: true, missingUse });
    assert.match(old.findings[0]?.next ?? '', /^Plug it in/);
  });

  it('says nothing on the first day of use after a weekend, nor of a pod that lies in a drawer', () => {
    const missingWork = { sinceMs: NOW_MS - 3 * DAY_MS, untilMs: NOW_MS };
    const monday = { missingCheckpoints: 1, missingWork, missingUse: { days: 1, lastStartMs: NOW_MS } };
    assert.equal(withHome({ ...monday, syncedAtMs: NOW_MS - 3 * DAY_MS }).word, 'good');
    assert.equal(withHome({ ...monday, syncedAtMs: NOW_MS - 90 * DAY_MS }).word, 'good');
  });

  it('counts the days of a session that runs on without a checkpoint', () => {
    const session = { status: 'running', sinceMs: 0 } as const;
    const runningFor = (days: number) =>
      of({ session, homes: [{ ...HOME, missingUse: { days: 0, lastStartMs: NOW_MS - days * DAY_MS } }] })
        .word;
    assert.deepEqual([0.5, 1.5, 2.5].map(runningFor), ['good', 'good', 'attention']);
  });

  it('asks a twin for no home of its own', () => {
    assert.equal(of({ homes: [] }, { isTwin: true }).word, 'good');
  });

  it('does not speak of damage at a home that was removed', () => {
    const damaged = { place: HOME.url, depth: 'data', seq: 1, atMs: NOW_MS - 5, leftCount: 3 } as const;
    const verifications = [...KNOWN.verifications, damaged];
    assert.equal(of({ verifications }).word, 'bad');
    assert.equal(of({ verifications, homes: [{ ...HOME, url: '/other' }] }).word, 'good');
  });

  it('takes a deeper verify for the answer to an earlier one', () => {
    const first = { place: 'device', depth: 'structure', seq: 1, atMs: NOW_MS - 5, leftCount: 1 } as const;
    const second = { place: 'device', depth: 'data', seq: 2, atMs: NOW_MS - 1, leftCount: 0 } as const;
    assert.equal(of({ verifications: [first, second] }).word, 'good');
    assert.equal(of({ verifications: [{ ...second, atMs: NOW_MS - 9 }, first] }).word, 'bad');
  });
});
