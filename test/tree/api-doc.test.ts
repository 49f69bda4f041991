// docs/API.md is complete and true: its tables are those of the program, and its examples run.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';
import { PAGE_OPERATIONS, PAGE_STREAMS } from '../../src/session/dashboard/page-operations.ts';
import { POD_GETS, POD_POSTS } from '../../src/session/dashboard/routes.ts';
import type { OperationName, Operations } from '../../src/session/operation/operations.ts';
import type { StreamName, StreamOperations } from '../../src/session/operation/stream-operations.ts';
import { run } from '../../src/sync/process.ts';
import { DashboardLab } from '../viewer/dashboard-lab.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

const ALWAYS = 'always';
const MAYBE = 'maybe';

/** Each field of a type, and whether it may be absent; of a union, each field that one of its types has. */
type FieldsOf<T> = {
  readonly [K in KeysOf<T>]-?: T extends { readonly [Key in K]: unknown } ? typeof ALWAYS : typeof MAYBE;
};
type KeysOf<T> = T extends unknown ? keyof T : never;
type Documented<Table extends Record<keyof Table, { parameters: unknown; answer: unknown }>> = {
  readonly [Name in keyof Table]: readonly [
    FieldsOf<Table[Name]['parameters']>,
    FieldsOf<Table[Name]['answer']>,
  ];
};

/** What a checkpoint and a suspend answer. */
const CHECKPOINT_REPORT = {
  number: ALWAYS,
  fileCount: ALWAYS,
  fileBytes: ALWAYS,
  imageBytes: ALWAYS,
  storedBytes: ALWAYS,
  deviceBytes: MAYBE,
  pauseMs: ALWAYS,
  suspendMs: ALWAYS,
  durableMs: ALWAYS,
  changedWhileRead: ALWAYS,
  notCrossed: ALWAYS,
  noPicture: MAYBE,
  warnings: ALWAYS,
  doubt: MAYBE,
} as const;

/** What a change of keys answers. */
const KEY_CHANGE = {
  generation: ALWAYS,
  added: ALWAYS,
  removed: ALWAYS,
  slots: ALWAYS,
  homesBehind: ALWAYS,
  warnings: ALWAYS,
} as const;

/** Compiles only while these are all operations, with all their parameters and all fields of their answers. */
const OPERATIONS: Documented<Operations> = {
  status: [
    {},
    {
      podId: ALWAYS,
      name: ALWAYS,
      kind: ALWAYS,
      isTwin: ALWAYS,
      deviceId: ALWAYS,
      epoch: ALWAYS,
      vault: ALWAYS,
      seq: ALWAYS,
      session: ALWAYS,
      rootPid: ALWAYS,
      limits: ALWAYS,
      suspend: ALWAYS,
      viewers: ALWAYS,
      base: ALWAYS,
      packages: ALWAYS,
      lastCheckpoint: ALWAYS,
      checkpointCount: ALWAYS,
      doubt: ALWAYS,
      notCrossed: ALWAYS,
      work: MAYBE,
      homes: ALWAYS,
      scheduling: ALWAYS,
      moved: ALWAYS,
      verifications: ALWAYS,
      provenRestore: ALWAYS,
      awaited: ALWAYS,
    },
  ],
  log: [
    { since: ALWAYS, until: MAYBE },
    { events: ALWAYS, seq: ALWAYS },
  ],
  timeline: [{ kept: MAYBE }, { podId: ALWAYS, homes: ALWAYS, checkpoints: ALWAYS }],
  checkpoints: [{ policy: MAYBE }, { place: ALWAYS, checkpoints: ALWAYS, doubted: ALWAYS, kept: MAYBE }],
  checkpoint: [{ acceptsChanges: MAYBE, isForDock: MAYBE }, CHECKPOINT_REPORT],
  suspend: [{}, CHECKPOINT_REPORT],
  stop: [{}, {}],
  limit: [{ limits: ALWAYS }, {}],
  install: [{ packages: ALWAYS }, { packages: ALWAYS, warnings: ALWAYS }],
  view: [{}, { url: ALWAYS }],
  screenshot: [{}, { pngBase64: ALWAYS }],
  'home-add': [
    { url: ALWAYS, homePassword: MAYBE, twin: MAYBE },
    { url: ALWAYS, warnings: ALWAYS },
  ],
  'home-list': [{}, { homes: ALWAYS }],
  'home-allow': [{ credential: ALWAYS, url: ALWAYS, recipient: ALWAYS, mayRead: ALWAYS }, KEY_CHANGE],
  'home-remove': [{ url: ALWAYS }, { url: ALWAYS }],
  sync: [
    { url: MAYBE, homePassword: MAYBE, bytesPerSecond: MAYBE, streams: MAYBE },
    { homes: ALWAYS, warnings: MAYBE },
  ],
  branches: [{}, { homes: ALWAYS }],
  fork: [{}, { deviceId: ALWAYS }],
  promote: [
    { url: MAYBE, homePassword: MAYBE },
    { deviceId: ALWAYS, epoch: ALWAYS, promotedAt: ALWAYS, homes: ALWAYS },
  ],
  verify: [
    { depth: ALWAYS, share: MAYBE, forMs: MAYBE, home: MAYBE, isHealing: ALWAYS, isGivingUp: ALWAYS },
    {
      place: ALWAYS,
      depth: ALWAYS,
      isWhole: ALWAYS,
      objectCount: ALWAYS,
      readCount: ALWAYS,
      readBytes: ALWAYS,
      damage: ALWAYS,
      faults: ALWAYS,
      healedFaults: ALWAYS,
      correctedPacks: ALWAYS,
      lost: ALWAYS,
      failures: ALWAYS,
      durationMs: ALWAYS,
      unrecorded: MAYBE,
      runtime: MAYBE,
      warnings: MAYBE,
    },
  ],
  'runtime-check': [{}, { standing: ALWAYS, sizeBytes: ALWAYS, altered: ALWAYS, isThisHosts: ALWAYS }],
  'runtime-put': [{}, { standing: ALWAYS, sizeBytes: ALWAYS, altered: ALWAYS, isThisHosts: ALWAYS }],
  'runtime-remove': [{}, { standing: ALWAYS, sizeBytes: ALWAYS, altered: ALWAYS, isThisHosts: ALWAYS }],
  prune: [
    { policy: ALWAYS, maxUnused: ALWAYS, isDryRun: ALWAYS },
    {
      isDryRun: ALWAYS,
      policy: ALWAYS,
      checkpoints: ALWAYS,
      forgotten: ALWAYS,
      droppedPacks: ALWAYS,
      repackedPacks: ALWAYS,
      addedPacks: ALWAYS,
      freedBytes: ALWAYS,
      leftUnusedBytes: ALWAYS,
      damagedPacks: ALWAYS,
      stoppedFor: MAYBE,
    },
  ],
  'schedule-list': [{}, { isKept: ALWAYS, schedules: ALWAYS, failure: ALWAYS, reserve: ALWAYS }],
  'schedule-add': [
    { words: ALWAYS, jitterMs: MAYBE },
    { number: ALWAYS, words: ALWAYS },
  ],
  'schedule-remove': [{ number: ALWAYS }, { number: ALWAYS }],
  reserve: [{ reserveBytes: MAYBE }, { reserve: ALWAYS }],
  'key-list': [{}, { generation: ALWAYS, slots: ALWAYS }],
  'key-add': [{ credential: ALWAYS, passphrase: ALWAYS, label: MAYBE }, KEY_CHANGE],
  'key-change': [{ credential: ALWAYS, passphrase: ALWAYS, label: MAYBE, slot: MAYBE }, KEY_CHANGE],
  'key-recovery': [
    { credential: ALWAYS, label: MAYBE, isReplacing: ALWAYS },
    {
      generation: ALWAYS,
      added: ALWAYS,
      removed: ALWAYS,
      slots: ALWAYS,
      homesBehind: ALWAYS,
      warnings: ALWAYS,
      recoveryKey: ALWAYS,
      podId: ALWAYS,
      podName: ALWAYS,
      homes: ALWAYS,
    },
  ],
  'key-prove': [{ credential: ALWAYS }, { podName: ALWAYS, passkeys: ALWAYS }],
  'key-passkey': [{ credential: ALWAYS, passkey: ALWAYS }, KEY_CHANGE],
  'key-remove': [{ credential: ALWAYS, slot: ALWAYS, isConfirmed: ALWAYS }, KEY_CHANGE],
};

const STREAMS: Documented<StreamOperations> = {
  ls: [
    { checkpoint: ALWAYS, at: ALWAYS, isRecursive: ALWAYS },
    { checkpoint: ALWAYS, entryCount: ALWAYS },
  ],
  cat: [
    { checkpoint: ALWAYS, at: ALWAYS },
    {
      path: ALWAYS,
      pathBase64: MAYBE,
      kind: ALWAYS,
      mode: ALWAYS,
      uid: ALWAYS,
      gid: ALWAYS,
      mtimeNs: ALWAYS,
      sizeBytes: MAYBE,
      target: MAYBE,
      targetBase64: MAYBE,
      rdev: MAYBE,
      hardlinkGroup: MAYBE,
      isSparse: MAYBE,
      xattrs: MAYBE,
    },
  ],
  find: [
    { pattern: ALWAYS, checkpoint: ALWAYS },
    { pathCount: ALWAYS, checkpoints: ALWAYS },
  ],
  diff: [
    { before: ALWAYS, after: ALWAYS, at: ALWAYS },
    {
      before: ALWAYS,
      after: ALWAYS,
      added: ALWAYS,
      removed: ALWAYS,
      retyped: ALWAYS,
      contentChanged: ALWAYS,
      metadataChanged: ALWAYS,
      newBytes: ALWAYS,
      formerBytes: ALWAYS,
      isImagesChanged: MAYBE,
      isBaseChanged: ALWAYS,
    },
  ],
  why: [
    { at: ALWAYS },
    {
      path: ALWAYS,
      pathBase64: MAYBE,
      deviceId: ALWAYS,
      epoch: ALWAYS,
      place: ALWAYS,
      lastForget: MAYBE,
      verifications: ALWAYS,
      versions: ALWAYS,
    },
  ],
  picture: [{ number: ALWAYS }, { number: ALWAYS, pngBase64: ALWAYS, width: ALWAYS, height: ALWAYS }],
  'restore-paths': [
    {
      checkpoint: ALWAYS,
      into: ALWAYS,
      includes: ALWAYS,
      excludes: ALWAYS,
      mayOverwrite: ALWAYS,
      isDryRun: ALWAYS,
      isVerified: ALWAYS,
    },
    {
      checkpoint: ALWAYS,
      isDryRun: ALWAYS,
      files: ALWAYS,
      entries: ALWAYS,
      bytes: ALWAYS,
      writtenBytes: ALWAYS,
      verdicts: ALWAYS,
      blocked: ALWAYS,
      verifiedFiles: MAYBE,
      fetched: MAYBE,
      notRestored: ALWAYS,
    },
  ],
};

const text = readFileSync(new URL('../../docs/API.md', import.meta.url), 'utf8');

/** The cells of the table under the comment `<!-- title -->`, without its head. */
function rows(title: string): string[][] {
  const lines = text.split('\n');
  const start = lines.indexOf(`<!-- ${title} -->`);
  assert.notEqual(start, -1, `expected a table "${title}"`);
  const rest = lines.slice(start + 3);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function cellOf(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, when]) => `\`${name}${when === MAYBE ? '?' : ''}\``)
    .join(', ');
}

/** The examples under a heading, up to the next one. */
function examples(heading: string): string {
  const section = text.split(`\n${heading}\n`)[1]?.split(/\n## /)[0] ?? '';
  const blocks = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
  assert.ok(blocks.length > 0, heading);
  return blocks.join('\n');
}

describe('docs/API.md', () => {
  it('lists every operation with its parameters and its answer', () => {
    const expected = (Object.keys(OPERATIONS) as OperationName[]).map((name) => {
      const [parameters, answer] = OPERATIONS[name];
      return [`\`${name}\``, cellOf(parameters), cellOf(answer)];
    });
    assert.deepEqual(
      rows('operations').map((cells) => cells.slice(0, 3)),
      expected,
    );
    const streams = (Object.keys(STREAMS) as StreamName[]).map((name) => {
      const [parameters, answer] = STREAMS[name];
      return [`\`${name}\``, cellOf(parameters), cellOf(answer)];
    });
    assert.deepEqual(
      rows('streams').map(([name, parameters, , answer]) => [name, parameters, answer]),
      streams,
    );
  });

  it('says which of them are for pages', () => {
    const forPages = (title: string): string[] =>
      rows(title).flatMap((cells) => (cells.at(-2) === 'no' ? [] : [(cells[0] ?? '').replaceAll('`', '')]));
    assert.deepEqual(forPages('operations').sort(), Object.keys(PAGE_OPERATIONS).sort());
    assert.deepEqual(forPages('streams').sort(), Object.keys(PAGE_STREAMS).sort());
  });

  it('lists every route of the dashboard', () => {
    const routes = rows('routes').map(([request = '']) => request.replaceAll('`', ''));
    assert.deepEqual(
      routes.sort(),
      [
        ...[
          'GET api/overview',
          'POST api/look',
          'POST api/restore',
          'POST api/pods/ID/v1/NAME',
          'WebSocket live',
        ],
        ...POD_GETS.map((name) => `GET api/pods/ID/${name}`),
        ...POD_POSTS.map((name) => `POST api/pods/ID/${name}`),
      ].sort(),
    );
  });

  it('names no error code that there is not', () => {
    const codes = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+|USAGE)`/g)].map(([, code = '']) => code);
    assert.ok(codes.length > 20);
    for (const code of codes) assert.ok(Object.hasOwn(ERROR_CODES, code), code);
  });

  describe('with its examples', () => {
    let tree: TreeLab;
    beforeEach(async () => {
      tree = await openTreeLab();
    });
    afterEach(() => tree.close());

    const shell = async (script: string, env: Readonly<Record<string, string>>): Promise<string> =>
      (await run('sh', ['-euc', script], { env, cwd: tree.temp })).stdout;

    it('asks a supervisor', async () => {
      const watching = tree.program.start(['watch', tree.dir]);
      const isWatching = ({ step }: Progress): boolean => step.startsWith('watching');
      assert.ok((await watching.progress(isWatching)) !== undefined, 'it ended instead');
      const SOCKET = join(tree.dir, '.deskpod', 'supervisor.sock');
      const printed = await shell(examples("## A supervisor's socket"), { SOCKET });
      const lines = printed.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.deepEqual(
        lines.filter((line) => 'error' in line),
        [],
      );
      assert.equal(lines.filter((line) => 'result' in line).length, 4);
      const followed = lines.flatMap(({ item }) => (hasEvents(item) ? item.events : []));
      assert.ok(followed.some(({ event }) => event.type === 'checkpoint.sealed'));
    });

    it('asks a dashboard', async () => {
      const lab = await DashboardLab.open({ paths: [tree.dir] });
      try {
        const env = {
          LINK: lab.dashboard.issueUrl(),
          JAR: join(tree.temp, 'jar'),
          POD: (await lab.pod(tree.dir)).id,
        };
        const printed = await shell(examples('## The dashboard'), env);
        assert.doesNotMatch(printed, /"error":\{|not let in|Only a page/);
        assert.match(printed, /"number":1,/);
        assert.match(printed, /a letter/);
        assert.match(printed, /Checkpoint 1 was made/);
      } finally {
        await lab.close();
      }
    });
  });
});

function hasEvents(item: unknown): item is { events: { event: { type: string } }[] } {
  return typeof item === 'object' && item !== null && 'events' in item;
}
