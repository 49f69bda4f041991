// What is published of the trials of applications is what the command tries.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { CATALOGUE } from '../../ops/compatibility/catalogue.ts';
import { markdownOf, type Row } from '../../ops/compatibility/report.ts';

describe('the table of applications', () => {
  it('has a row for each that is tried, in their order, and none besides', async () => {
    const document = await readFile(new URL('../../docs/COMPATIBILITY.md', import.meta.url), 'utf8');
    const labels = document
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split(' | ')[0]?.slice(2));
    assert.deepEqual(
      labels.slice(1),
      CATALOGUE.map(({ label }) => label),
    );
  });

  it('says why one does not go on, and keeps its columns whatever the cause is', () => {
    const row: Row = {
      app: 'x',
      label: 'X',
      version: null,
      state: 'none',
      ok: false,
      pauseMs: null,
      resumeMs: null,
      imageBytes: null,
      cause: 'a | b\nc',
    };
    const lines = markdownOf({ date: '2026-01-02T03:04:05Z', machine: 'M', rows: [row] }).split('\n');
    assert.ok(lines.includes('2026-01-02, M: 0 of 1.'));
    assert.ok(lines.includes('| X |  | none | **no**: a \\| b c | – | – | – |'));
  });
});
