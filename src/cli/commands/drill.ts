// deskpod drill: rebuild a pod from home into a scratch place, to see that it can be, and take that away again.
import type { Command } from 'commander';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { drillText, recordDrill } from '../../session/dock/upkeep-home.ts';
import { type DrillReport, runDrill } from '../../session/drill/run-drill.ts';
import { HOME_IDENTITY_FILE, readHomeIdentity } from '../../sync/dock/home-identity.ts';
import { JOURNAL_FILE, Journal } from '../../sync/dock/journal.ts';
import { rememberHomePassword } from '../../sync/home/home-password.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { contextOf } from '../context.ts';
import { readCredential } from '../credential.ts';
import { DRILL_SCRATCH } from '../drill-place.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { askHomePassword, HOME_PASSWORD_OPTION } from '../home-password.ts';
import { parseNumber } from '../number.ts';
import { stoppable } from '../stop-signals.ts';
import { absoluteUrl } from './home.ts';

interface DrillOptions {
  readonly home?: string;
  readonly pod?: string;
  readonly checkpoint?: number;
  readonly session?: boolean;
  readonly scratch: string;
  readonly identity?: string | true;
  readonly journal: string;
  readonly homePasswordFile?: string;
  readonly recoveryKeyFile?: string;
  readonly passphraseFile?: string;
}

const HELP = `
Home is only read, and no device is fenced. The copy needs as much room as a restore, in --scratch. Its session, with --session,
goes on without a network and is ended. Ctrl-C stops it and removes all that it made. What was proven stands in home's journal, and
in the pod's log when it comes home.`;

/** Adds `deskpod drill`. */
export function registerDrill(program: Command): void {
  program
    .command('drill')
    .option('--home <url>', 'the home to rebuild from')
    .option('--pod <id>', 'which pod, if home has more than one')
    .option('--checkpoint <number>', 'which checkpoint (default: the newest)', parseNumber)
    .option('--session', 'let the session go on there, and compare its screen with the checkpoint’s picture')
    .option('--scratch <folder>', 'where room is taken meanwhile', DRILL_SCRATCH)
    .option('--identity [file]', `open the pod as the home that may read it (default: ${HOME_IDENTITY_FILE})`)
    .option('--journal <file>', 'home’s own journal', JOURNAL_FILE)
    .option(...HOME_PASSWORD_OPTION)
    .option('--recovery-key-file <file>', 'open the pod with its recovery key; - asks for it')
    .option('--passphrase-file <file>', 'read the passphrase from a file')
    .description('rebuild a pod from home to see that it can be, prove every byte, and take it away again')
    .addHelpText('after', HELP)
    .action(async (options: DrillOptions, command: Command) => {
      const { output } = contextOf(command);
      if (options.home === undefined) {
        throw new DeskPodError('USAGE', 'drill needs a home to rebuild from', { hint: 'Say --home URL.' });
      }
      const from = absoluteUrl(options.home);
      rememberHomePassword(from, await askHomePassword(from, options));
      const credential = await credentialOf(options);
      const report = await stoppable((signal) =>
        runDrill({
          ...{ from, scratchDir: options.scratch, resumes: options.session === true },
          ...{ credential, onProgress: output.progress, signal },
          ...(options.pod === undefined ? {} : { podId: options.pod }),
          ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
        }),
      );
      // of a home elsewhere that computer keeps the journal
      const warnings = from.startsWith('/') ? await writeDown(new Journal(options.journal), report) : [];
      output.result({ ...report, warnings }, [drillText(report), ...warnings].join('\n'));
      if (warnings.length > 0) throw new ExitStatus(EXIT_STATUS.partlyDone);
    });
}

/** Answers why home's journal does not have it, in a sentence: what was proven is proven all the same. */
async function writeDown(journal: Journal, report: DrillReport): Promise<string[]> {
  try {
    await recordDrill(journal, report);
    return [];
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    return [`It does not stand in home’s journal: ${error.message}. Another one is named with --journal.`];
  }
}

async function credentialOf(options: DrillOptions): Promise<Credential> {
  if (options.identity === undefined) return readCredential(options);
  const file = options.identity === true ? HOME_IDENTITY_FILE : options.identity;
  const known = await readHomeIdentity(file);
  if (known !== undefined) return { homeIdentity: known.identity };
  throw new DeskPodError('KEYRING_NO_IDENTITY', `${file}: expected the identity of this home, got no file`, {
    hint: 'Make it with `deskpod home identity`; the owner of the pod then allows it with `deskpod home allow URL --read`.',
  });
}
