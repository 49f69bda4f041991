// The structures of the kernel module's interface are where its header has them: a C program that includes it tells.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  IOCTL_TYPE,
  MODULE_INTERFACE,
  OPERATIONS,
  REQUESTS,
  STRUCTURES,
  TOKEN_BYTES,
} from '../../src/core/kmod-interface.ts';
import { requestOf } from '../../src/session/tier/kernel-module.ts';
import { run } from '../../src/sync/process.ts';

const HEADER_DIR = resolve(import.meta.dirname, '../../kmod');

/** Prints `NAME VALUE` of each, a C expression. */
async function valuesOf(expressions: readonly string[]): Promise<Record<string, number>> {
  const dir = await mkdtemp(join(tmpdir(), 'deskpod-layout-'));
  try {
    const prints = expressions.map((each) => `  printf("%llu\\n", (unsigned long long)(${each}));`);
    const source = [
      '#include <stddef.h>',
      '#include <stdio.h>',
      '#include "deskpod_ioctl.h"',
      'int main(void) {',
    ];
    await writeFile(join(dir, 'layout.c'), [...source, ...prints, '}', ''].join('\n'));
    await run('gcc', ['-I', HEADER_DIR, '-o', join(dir, 'layout'), join(dir, 'layout.c')]);
    const { stdout } = await run(join(dir, 'layout'), []);
    const values = stdout.trim().split('\n').map(Number);
    return Object.fromEntries(expressions.map((each, index) => [each, values[index] ?? Number.NaN]));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

describe('what is said to the kernel module', () => {
  it('has the sizes and places of the C header, field by field', async () => {
    const expected: Record<string, number> = {};
    for (const [name, { sizeBytes, fields }] of Object.entries(STRUCTURES)) {
      const struct = `struct deskpod_${name}`;
      expected[`sizeof(${struct})`] = sizeBytes;
      for (const [field, { offset, sizeBytes: length }] of Object.entries(fields)) {
        expected[`offsetof(${struct}, ${field})`] = offset;
        expected[`sizeof(((${struct} *)0)->${field})`] = length;
      }
    }
    assert.deepEqual(await valuesOf(Object.keys(expected)), expected);
  });

  it('has the numbers of the C header', async () => {
    const expected = {
      DESKPOD_ABI: MODULE_INTERFACE,
      DESKPOD_TOKEN_BYTES: TOKEN_BYTES,
      DESKPOD_OPERATION_COUNT: OPERATIONS.length,
      DESKPOD_IOC_MAGIC: IOCTL_TYPE.charCodeAt(0),
      DESKPOD_REFUSED_OUT: 1,
      DESKPOD_CLAIMED: 7,
      DESKPOD_OVER: 2,
      ...Object.fromEntries(OPERATIONS.map((name, number) => [`DESKPOD_${name.toUpperCase()}`, number])),
      ...Object.fromEntries(
        (Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]).map((name) => [
          `DESKPOD_IOC_${name.toUpperCase()}`,
          requestOf(name),
        ]),
      ),
    };
    // each name stands for two: DESKPOD_CLAIM is an operation
    assert.deepEqual(await valuesOf(Object.keys(expected)), expected);
  });
});
