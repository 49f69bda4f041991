// deskpod home receive, authorize: a home that devices reach by ssh, and that lets them add but never take away.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { authorizedKeyLine } from '../../sync/home/receive/authorized-key.ts';
import { receive } from '../../sync/home/receive/receive.ts';
import { openRsyncHome } from '../../sync/home/rsync-home.ts';
import { storageError } from '../../sync/storage-failure.ts';
import { contextOf } from '../context.ts';
import { exitStatusOf } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { printableLine } from '../printable.ts';

/** Adds `receive` and `authorize` to `deskpod home`. */
export function registerReceive(home: Command): void {
  home
    .command('receive')
    .argument('<folder>', 'the home')
    .description('serve one device over ssh; sshd runs this, by the line that home authorize prints')
    .action(async (folder: string) => {
      const status = await receiveOrRefuse(folder, process.env.SSH_ORIGINAL_COMMAND ?? '');
      if (status !== 0) throw new ExitStatus(status);
    });

  home
    .command('authorize')
    .argument('<folder>', 'a folder of this host; it becomes a home if it is empty or not there yet')
    .argument('<public-key>', 'the file with the public ssh key of the device, such as id_ed25519.pub')
    .description('print the line for authorized_keys that lets a device sync to a home and do nothing else')
    .action(async (folder: string, keyFile: string, _options: unknown, command: Command) => {
      const place = resolve(folder);
      const line = authorizedKeyLine(programPath(), place, await readKey(keyFile));
      const there = openRsyncHome(place);
      if ((await there.probe()).state === 'missing') await there.initialise();
      contextOf(command).output.result({ folder: place, line }, line);
    });
}

/** The other end shows what stands on stderr here, and knows refusals by their form. */
async function receiveOrRefuse(folder: string, command: string): Promise<number> {
  try {
    return await receive(folder, command);
  } catch (failure) {
    const error = storageError(failure);
    if (!(error instanceof DeskPodError)) throw error;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    // what is full is home, for whoever reads this
    const code = error.code === 'SPACE_EXHAUSTED' ? 'HOME_FULL' : error.code;
    process.stderr.write(`deskpod home: ${code}: ${printableLine(error.message + hint)}\n`);
    return exitStatusOf(code);
  }
}

async function readKey(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new DeskPodError('USAGE', `the public key ${file} could not be read`, {
      hint: 'Give the file of the key that the device connects with.',
      cause,
    });
  }
}

/** What sshd is to run. */
function programPath(): string {
  return fileURLToPath(new URL('../../../bin/deskpod', import.meta.url));
}
