// deskpod restore: a pod rebuilt from home, onto a new device or into a folder.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { countOf } from '../../core/quantities.ts';
import { restorePod } from '../../session/pod/restore-pod.ts';
import { withSource } from '../../session/twin/restore-source.ts';
import { rememberHomePassword } from '../../sync/home/home-password.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { listHomeHeads } from '../../sync/pod/rebuild.ts';
import { confirmErasing } from '../confirm.ts';
import { contextOf } from '../context.ts';
import { readCredential } from '../credential.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { askHomePassword, HOME_PASSWORD_OPTION } from '../home-password.ts';
import { parseNumber } from '../number.ts';
import type { Output } from '../output.ts';
import { BRANCH_OPTION } from '../read-pod.ts';
import { formatBytes, formatDuration, formatMoment, parseSize } from '../units.ts';
import { describeBranch } from './branches.ts';
import { absoluteUrl } from './home.ts';
import { type RestoreFilesOptions, restoreFiles, withRestoreFilesOptions } from './restore-files.ts';

interface RestoreOptions extends RestoreFilesOptions {
  readonly from?: string;
  readonly pod?: string;
  readonly homePasswordFile?: string;
  readonly head?: number;
  readonly branch?: string;
  readonly allowMissing?: boolean;
  readonly to?: string;
  readonly size?: number;
  readonly list?: boolean;
  readonly runtime: boolean;
  readonly usableFirst?: boolean;
  /** In bytes a second. */
  readonly bwlimit?: number;
  readonly allDevices?: boolean;
  readonly web?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly recoveryKeyFile?: string;
  readonly passphraseFile?: string;
}

const HELP = `
With neither --from nor --to it asks: which home (a recovery sheet is enough), which pod, which moment, onto what, and which
passphrase. Interrupted, it goes on where it was when it is run again onto the same target.`;

const AFTER_A_LOSS =
  'The secrets of the pod stay those of the lost device: whoever has it and learns the passphrase that it had reads ' +
  'it, and what this pod writes to a home that he can read. If that is to be feared, move your files to a new pod.';

/** Adds `deskpod restore`. */
export function registerRestore(program: Command): void {
  withRestoreFilesOptions(program.command('restore'))
    .option('--from <url>', 'the home to restore from, or a twin: its device, image file or folder')
    .option(...HOME_PASSWORD_OPTION)
    .option('--pod <id>', 'which pod, if home has more than one')
    .option('--checkpoint <number>', 'which checkpoint (default: the newest)', parseNumber)
    .option('--head <position>', 'go by a head that home received earlier; --list shows them', parseNumber)
    .option(...BRANCH_OPTION)
    .option('--allow-missing', 'try with what home has, if it lacks some of the pod’s packs')
    .option('--to <device>', 'the new device, image file or folder')
    .option('--size <size>', 'how large to make an image file, such as 8G', parseSize)
    .option('--no-runtime', 'do not put the runtime on the new device: it needs hosts with deskpod then')
    .option(
      '--usable-first',
      'of a desktop: what only older checkpoints need comes beside its session (default when it asks)',
    )
    .option('--no-usable-first', 'all comes first (default when it does not ask)')
    .option('--bwlimit <rate>', 'the most to fetch in a second, such as 500K or 2M', parseSize)
    .option('--list', 'only show what home has')
    .option('--all-devices', 'when it asks: show drives that cannot be pulled out, too')
    .option('--web', 'ask in a browser instead of at the terminal')
    .option('--force', 'erase what is on the new device')
    .option('--yes', 'with --force: do not ask')
    .option('--recovery-key-file <file>', 'open the pod with its recovery key; - asks for it')
    .option('--passphrase-file <file>', 'read the passphrase from a file')
    .description('rebuild a pod from home, after its device was lost; or, with --into, restore files')
    .addHelpText('after', HELP)
    .action(async (options: RestoreOptions, command: Command) => {
      const { output } = contextOf(command);
      if (options.into !== undefined) return restoreFiles(options.into, options, command);
      if (options.web === true || !saysAnything(options)) return askAndRestore(options, output);
      if (options.from === undefined) throw fromMissing();
      const url = absoluteUrl(options.from);
      rememberHomePassword(url, await askHomePassword(url, options));
      if (options.list === true || options.to === undefined) {
        const pods = await withSource(url, () => readCredential(options), listHomeHeads);
        const lines = pods.flatMap(({ podId, seq, epoch, headSeqs, branches }) => [
          `${podId}  position ${seq}, epoch ${epoch}${headSeqs.length > 1 ? `; heads at ${headSeqs.join(', ')}` : ''}`,
          ...branches.map((branch) => `  branch ${describeBranch(branch)}`),
        ]);
        output.result({ pods }, lines.length === 0 ? `no pod at ${url}` : lines.join('\n'));
        return;
      }
      if (options.head !== undefined && options.branch !== undefined) throw headOfBranch();
      const seen = await confirmErasing(options.to, options);
      const report = await restorePod({
        from: url,
        target: options.to,
        credential: await readCredential(options),
        carriesRuntime: options.runtime,
        isForced: options.force === true,
        isUsableFirst: options.usableFirst === true,
        onProgress: output.progress,
        ...(options.pod === undefined ? {} : { podId: options.pod }),
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
        ...(options.head === undefined ? {} : { headSeq: options.head }),
        ...(options.branch === undefined ? {} : { branch: options.branch }),
        ...(options.size === undefined ? {} : { sizeBytes: options.size }),
        ...(options.bwlimit === undefined ? {} : { bytesPerSecond: options.bwlimit }),
        ...(seen === undefined ? {} : { seen }),
        allowsMissing: options.allowMissing === true,
      });
      const notes = report.warnings.map((warning) => `\n${warning}`).join('');
      const awaited = awaitedText(options.to, report);
      const next = nextSteps(options.to, report.kind);
      output.result(
        { ...report, next },
        `pod ${report.podId} is on ${options.to}, as of checkpoint ${report.checkpoint} (${formatMoment(report.checkpointAtMs)}): ` +
          `${report.fileCount} files, ${formatBytes(report.fileBytes)} in ${formatDuration(report.durationMs)}${awaited}${notes}\n` +
          ['Next:', ...next.map(({ command, when }) => `  ${command}  (${when})`), AFTER_A_LOSS].join('\n'),
      );
      if (report.warnings.length > 0) throw new ExitStatus(EXIT_STATUS.partlyDone);
    });
}

/** What the command line says itself it does not ask. */
function saysAnything({ from, to, list, ...others }: RestoreOptions): boolean {
  return from !== undefined || to !== undefined || list === true || saysHow(others);
}

function saysHow(options: Omit<RestoreOptions, 'from' | 'to' | 'list'>): boolean {
  const { pod, checkpoint, head, branch, allowMissing, size, bwlimit } = options;
  const { force, recoveryKeyFile, passphraseFile } = options;
  const what = [pod, checkpoint, head, branch, allowMissing, size, bwlimit];
  return [...what, force, recoveryKeyFile, passphraseFile].some((value) => value !== undefined);
}

async function askAndRestore(options: RestoreOptions, output: Output): Promise<void> {
  const { from, to, list, ...others } = options;
  if (to !== undefined || list === true || saysHow(others)) throw askedInPage();
  const wizard = {
    ...(from === undefined ? {} : { url: absoluteUrl(from) }),
    showsAllDevices: options.allDevices === true,
    carriesRuntime: options.runtime,
    // whoever has lost a drive wants to go on
    isUsableFirst: options.usableFirst ?? true,
  };
  if (options.web === true) {
    const { restoreByPage } = await import('./restore-page.ts');
    return restoreByPage(wizard, output);
  }
  const { canAsk, nobodyToAsk, restoreByTerminal } = await import('./restore-wizard.ts');
  if (!canAsk(output)) throw nobodyToAsk();
  return restoreByTerminal(wizard, output);
}

function awaitedText(target: string, { awaited }: NewDevice): string {
  if (awaited === undefined) return '';
  const what = `${countOf(awaited.packCount, 'pack')}, ${formatBytes(awaited.sizeBytes)}`;
  return `\n${what}, of older checkpoints come while its session runs, or with deskpod verify -d ${target}`;
}

function nextSteps(target: string, kind: 'desktop' | 'tree'): { command: string; when: string }[] {
  return [
    ...(kind === 'desktop' ? [{ command: `deskpod start ${target}`, when: 'the session goes on' }] : []),
    { command: `deskpod keys change -d ${target}`, when: 'if anybody may know the passphrase' },
    { command: `deskpod sync -d ${target}`, when: 'after that: home takes the new keys' },
  ];
}

function headOfBranch(): DeskPodError {
  return new DeskPodError('USAGE', 'both --head and --branch are given', {
    hint: 'A head is one of home’s own history. Of a branch choose a checkpoint: --checkpoint NUMBER.',
  });
}

function askedInPage(): DeskPodError {
  return new DeskPodError('USAGE', '--web is given with something that its page asks for', {
    hint: 'Give it alone, or with --from, --all-devices, --no-runtime or --no-usable-first.',
  });
}

function fromMissing(): DeskPodError {
  return new DeskPodError('USAGE', 'restore needs a home to restore from', {
    hint: 'Say --from HOME; to restore files out of a pod that is here, --device PATH --into FOLDER.',
  });
}
