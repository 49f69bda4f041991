// docs/API.md is complete and true: its tables are those of the program, and its examples run.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';
import { PAGE_OPERATIONS, PAGE_STREAMS } from '../../src/session/dashboard/page-operations.ts';
import { POD_GETS, POD_POSTS } from '../../src/session/dashboard/routes.ts';
import type { OperationName } from '../../src/session/operation/operations.ts';
import type { StreamName } from '../../src/session/operation/stream-operations.ts';
import { run } from '../../src/sync/process.ts';
import { DashboardLab } from '../viewer/dashboard-lab.ts';
import { MAYBE, OPERATIONS, STREAMS } from './api-fields.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

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
