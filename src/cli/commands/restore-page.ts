// deskpod restore --web, and from the dashboard: the wizard in a page of the browser, on this computer alone.
import { isDeskPodError } from '../../core/errors.ts';
import { RECOVERY_KEY_PREFIX, recoveryKeyGroups } from '../../core/recovery-key.ts';
import type { RecoverySheet } from '../../core/recovery-sheet.ts';
import { servePage } from '../../session/door/page-server.ts';
import { readCheckpointPicture } from '../../session/wizard/checkpoint-pictures.ts';
import {
  type PictureSource,
  runRestoreWizard,
  type WizardOptions,
  type WizardReport,
} from '../../session/wizard/restore-wizard.ts';
import { WizardPage } from '../../session/wizard/wizard-page.ts';
import { openInBrowser } from '../browser.ts';
import type { Output } from '../output.ts';
import { sheetFacts, sheetSvg } from '../recovery-sheet.ts';
import { tellEnd } from './restore-wizard.ts';

/** A wizard that waits for somebody to open its page. */
export interface ServedWizard {
  /** It works once. */
  readonly url: string;
  /** Settles when it is done, or nobody is there any more. @throws what the wizard throws */
  readonly ended: Promise<WizardReport>;
  /** Stops it: `ended` rejects with CANCELLED soon. */
  stop(): void;
}

/** Serves a wizard, with nobody told of it yet. @throws DeskPodError VIEWER_FAILED */
export async function serveWizard(options: WizardOptions): Promise<ServedWizard> {
  let source: PictureSource = {};
  const page = new WizardPage({
    drawSheet,
    readPicture: (checkpoint) => readCheckpointPicture(source, checkpoint),
  });
  const served = await servePage({ page: 'restore', command: 'deskpod restore --web' }, page);
  const run = () =>
    runRestoreWizard(options, page, (opened) => {
      source = opened;
      page.forgetPictures();
    });
  const ended = untilDone(page, run).finally(() => served.close());
  // whoever waits for it later is told all the same
  ended.catch(() => undefined);
  return { url: served.url, ended, stop: () => void page.wishes.cancel() };
}

/** Serves the wizard until it is done, or nobody is there any more. */
export async function restoreByPage(options: WizardOptions, output: Output): Promise<void> {
  const { url, ended, stop } = await serveWizard(options);
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    output.progress({ step: `open ${url}` });
    if (!output.isMachine) await openInBrowser(url);
    tellEnd(output, await ended);
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    stop();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What fails is told in the page, which may have it begin again. */
async function untilDone(page: WizardPage, run: () => Promise<WizardReport>): Promise<WizardReport> {
  for (;;) {
    try {
      const report = await run();
      await page.end(report);
      return report;
    } catch (error) {
      if (!isDeskPodError(error) || !(await page.fail(error))) throw error;
    }
  }
}

function drawSheet(sheet: RecoverySheet): { readonly svg: string; readonly rows: readonly string[] } {
  const key = [RECOVERY_KEY_PREFIX, ...recoveryKeyGroups(sheet.recoveryKey).map((line) => line.join(' '))];
  return { svg: sheetSvg(sheet), rows: [...sheetFacts(sheet).map((row) => row.join('  ')), '', ...key] };
}
