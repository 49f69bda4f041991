// docs/ERRORS.md is complete and true: its tables say what the code says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { EXIT_MEANING, EXIT_STATUS, exitStatusOf } from '../../src/cli/exit-codes.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/core/errors.ts';

const text = readFileSync(new URL('../../docs/ERRORS.md', import.meta.url), 'utf8');

/** The lines of the table whose head begins with this cell, without head and rule. */
function tableOf(firstCell: string): string[] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstCell} |`));
  assert.notEqual(start, -1, `expected a table of ${firstCell}`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end === -1 ? rest.length : end);
}

describe('docs/ERRORS.md', () => {
  it('lists every exit status with its meaning', () => {
    const names = Object.keys(EXIT_STATUS) as (keyof typeof EXIT_STATUS)[];
    assert.deepEqual(
      tableOf('status'),
      names.map((name) => `| ${EXIT_STATUS[name]} | ${EXIT_MEANING[name]} |`),
    );
  });

  it('lists every error code with its exit status and meaning', () => {
    const codes = Object.keys(ERROR_CODES) as ErrorCode[];
    assert.deepEqual(
      tableOf('code'),
      codes.map((code) => `| ${code} | ${exitStatusOf(code)} | ${ERROR_CODES[code]} |`),
    );
  });

  it('has exit statuses that differ', () => {
    const numbers = Object.values(EXIT_STATUS);
    assert.equal(new Set(numbers).size, numbers.length);
  });
});
