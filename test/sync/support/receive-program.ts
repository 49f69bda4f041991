// What `deskpod home receive` does, without the rest of the program: it starts several times as fast.
import { DeskPodError } from '../../../src/core/errors.ts';
import { receive } from '../../../src/sync/home/receive/receive.ts';

try {
  process.exitCode = await receive(process.argv[2] ?? '', process.env.SSH_ORIGINAL_COMMAND ?? '');
} catch (error) {
  if (!(error instanceof DeskPodError)) throw error;
  process.stderr.write(`deskpod home: ${error.code}: ${error.message} (${error.hint})\n`);
  process.exitCode = 1;
}
