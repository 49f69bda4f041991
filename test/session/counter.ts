// A program of tests that counts in a variable, and how a host sees in its file that it goes on.
import assert from 'node:assert/strict';
import { readFile, watch } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

const PATIENCE_MS = 60_000;

/** For a shell in a session: starts it, and leaves it running. Its file is `count` in the home of the session's user. */
export const START_COUNTER =
  'setsid sh -c \'i=0; while :; do i=$((i+1)); echo "$$ $i" > ~/count.new; mv ~/count.new ~/count; sleep 0.05; done\' ' +
  '</dev/null >/dev/null 2>&1 &';

/** The process that counts, and how far it is. */
export interface Counted {
  readonly pid: number;
  readonly count: number;
}

/** What the file says when it is written next; waits until the program has gone on beyond `past`. */
export async function counted(file: string, past = 0): Promise<Counted> {
  let found: Counted = { pid: 0, count: 0 };
  await untilWritten(file, async () => {
    const [pid = 0, count = 0] = (await readFile(file, 'utf8')).split(' ').map(Number);
    found = { pid, count };
    return count > past;
  });
  return found;
}

/** Waits for a file that is replaced again and again to be as it is meant. */
export async function untilWritten(file: string, isMeant: () => Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    for await (const { filename } of watch(dirname(file), { signal }))
      if (filename === basename(file) && (await isMeant())) return;
  } catch (error) {
    if (!signal.aborted) throw error;
    assert.fail(`${file} is not written any more: ${await readFile(file, 'utf8')}`);
  }
}
