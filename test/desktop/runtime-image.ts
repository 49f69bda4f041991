// The runtime that devices carry, of this checkout as it is now.
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { run } from '../../src/sync/process.ts';
import { Program } from '../tree/program.ts';

/** To build the program and to compress all that it needs. */
const TIMEOUT_MS = 180_000;
const MAKER = fileURLToPath(new URL('../../ops/runtime-image.ts', import.meta.url));

/** For a `before`: makes the image anew if the program was changed since. */
export async function makeRuntimeImage(this: Context): Promise<void> {
  this.timeout(TIMEOUT_MS);
  // whoever starts the program builds it first, if its sources are newer
  await new Program({}).run(['--help']);
  await run(process.execPath, ['--disable-warning=ExperimentalWarning', MAKER]);
}
