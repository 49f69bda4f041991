// deskpod restore without a target: asks at the terminal, or in a page, and restores.
import { DeskPodError } from '../../core/errors.ts';
import {
  runRestoreWizard,
  type WizardOptions,
  type WizardPort,
  type WizardReport,
} from '../../session/wizard/restore-wizard.ts';
import { openInBrowser } from '../browser.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { sheetText } from '../recovery-sheet.ts';
import { putAtTerminal } from '../terminal-questions.ts';

/** Whether there is somebody to ask. */
export function canAsk({ isMachine }: Output): boolean {
  return !isMachine && process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** The error where nobody can be asked: it names what would have been. */
export function nobodyToAsk(): DeskPodError {
  return new DeskPodError('USAGE', 'restore asks what it is not told, and there is no terminal to ask at', {
    hint:
      'Say --from HOME --to DEVICE (with --pod ID, --checkpoint NUMBER, --size SIZE, --force --yes, --passphrase-file or ' +
      '--recovery-key-file where they are needed); --from HOME --list shows what there is; --web asks in a browser; to ' +
      'restore files out of a pod that is here, say --device PATH --into FOLDER.',
  });
}

/** Runs the wizard at the terminal. */
export async function restoreByTerminal(options: WizardOptions, output: Output): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => {
    // asked twice, it ends at once: the same restore tidies up when it goes on
    if (stop.signal.aborted) process.exit(EXIT_STATUS.cancelled);
    output.note('Stopping: what has come stays.');
    stop.abort(new DeskPodError('CANCELLED', 'stopped by Ctrl-C; nothing was changed'));
  };
  process.on('SIGINT', interrupt);
  const port: WizardPort = {
    put: async (question) => {
      stop.signal.throwIfAborted();
      output.note('');
      return putAtTerminal(question);
    },
    onProgress: output.progress,
    // the question is drawn where that would be
    onRest: () => undefined,
    tell: output.remark,
    showSheet: async (sheet) => {
      output.note('The recovery key is shown only now. Print this sheet or write it down:\n');
      output.note(sheetText(sheet, 'dark'));
      return true;
    },
    leadOn: async (url) => {
      output.note(url);
      await openInBrowser(url);
    },
    signal: stop.signal,
  };
  try {
    tellEnd(output, await runRestoreWizard(options, port));
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** What is left to do, once all is done that was asked for. */
export function tellEnd(output: Output, report: WizardReport): void {
  const { target, kind, podId, isResumed } = report;
  const next = kind === 'desktop' && !isResumed ? `Go on with: deskpod start ${target}` : '';
  output.result({ ...report }, [`pod ${podId} is on ${target}`, next].join('\n').trim());
}
