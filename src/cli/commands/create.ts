// deskpod create: a new pod on a device, or around a folder.
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { weaknessOf } from '../../core/passphrase-strength.ts';
import { PROCESSOR_LEVELS, type ProcessorLevel } from '../../core/processor.ts';
import { createDesktop } from '../../session/pod/create-desktop.ts';
import { createTree } from '../../sync/pod/tree.ts';
import { confirmErasing } from '../confirm.ts';
import { contextOf } from '../context.ts';
import { hasLimitOptions, type LimitOptions, limitsWith, withLimitOptions } from '../limits.ts';
import { readPassphrase } from '../passphrase.ts';
import { sheetText } from '../recovery-sheet.ts';
import { formatBytes, parseSize } from '../units.ts';

interface CreateOptions extends LimitOptions {
  readonly tree?: boolean;
  readonly size?: number;
  readonly base: string;
  readonly name?: string;
  readonly vault?: 'fscrypt' | 'luks';
  readonly cpuBaseline?: ProcessorLevel;
  readonly runtime: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly passphraseFile?: string;
}

/** Adds `deskpod create`. */
export function registerCreate(program: Command): void {
  const create = program
    .command('create')
    .argument('<device>', 'a block device, an image file to be made, or with --tree a folder')
    .option('--tree', 'a pod of a plain folder: no session, no root needed')
    .option('--size <size>', 'how large to make an image file, such as 8G', parseSize)
    .option('--base <name|file>', 'the system image to start from', 'desktop')
    .option('--name <name>', 'what to call the pod (default: the name of the device or folder)')
    .option('--vault <kind>', 'fscrypt or luks (default: what this host can open)')
    .addOption(
      new Option('--cpu-baseline <level>', 'let its sessions use no more of a processor').choices(
        PROCESSOR_LEVELS,
      ),
    );
  withLimitOptions(create)
    .option('--no-runtime', 'do not put the runtime on it: it needs hosts with deskpod then')
    .option('--force', 'erase what is on the device')
    .option('--yes', 'with --force: do not ask')
    .option('--passphrase-file <file>', 'read the passphrase from a file')
    .description('make a new pod; prints the recovery key, once')
    .action(async (device: string, options: CreateOptions, command: Command) => {
      const { output } = contextOf(command);
      const seen = options.tree === true ? undefined : await confirmErasing(device, options);
      const passphrase = await readPassphrase('New passphrase', { ...options, confirm: true });
      const weakness = weaknessOf(passphrase);
      if (weakness !== undefined) output.note(`This passphrase is weak: ${weakness}.`);
      const name = options.name ?? basename(device).replace(/\.[^.]*$/, '');
      const created =
        options.tree === true
          ? await createTree({ dir: device, name, passphrase })
          : await createDesktop({
              devicePath: device,
              name,
              passphrase,
              base: options.base,
              carriesRuntime: options.runtime,
              isForced: options.force === true,
              onProgress: output.progress,
              ...(options.size === undefined ? {} : { sizeBytes: options.size }),
              ...(seen === undefined ? {} : { seen }),
              ...(options.vault === undefined ? {} : { vaultKind: options.vault }),
              ...(hasLimitOptions(options) ? { limits: limitsWith({}, options) } : {}),
              ...(options.cpuBaseline === undefined ? {} : { processorLevel: options.cpuBaseline }),
            });
      const sheet = { ...created, podName: name, label: 'recovery key', createdAtMs: Date.now(), homes: [] };
      const { sizeBytes, runtimeBytes } = { sizeBytes: undefined, runtimeBytes: 0, ...created };
      const carried = runtimeBytes === 0 ? '' : `, ${formatBytes(runtimeBytes)} of it the runtime`;
      const size = sizeBytes === undefined ? '' : ` (${formatBytes(sizeBytes)}${carried})`;
      output.result(
        created,
        [
          `pod ${created.podId} on ${device}${size}`,
          '',
          'The recovery key is shown only now. Print this sheet or write it down:',
          '',
          sheetText(sheet, process.stdout.isTTY ? 'dark' : 'light'),
          '',
          `Next: deskpod home add URL -d ${device}, so that losing the device loses nothing.`,
        ].join('\n'),
      );
    });
}
