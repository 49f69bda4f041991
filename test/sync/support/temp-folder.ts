// A folder of its own for each test, gone afterwards whatever its modes are.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a folder; `remove` takes it away with all that is in it. */
export function makeTempFolder(parent = tmpdir()): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(parent, 'deskpod-test-'));
  return {
    path,
    remove() {
      execFileSync('chmod', ['-R', 'u+rwX', path]);
      execFileSync('rm', ['-rf', '--one-file-system', path]);
    },
  };
}
