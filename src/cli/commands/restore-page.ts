// deskpod restore --web: the wizard in a page of the browser, on this computer alone.
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

/** Serves the wizard until it is done, or nobody is there any more. */
export async function restoreByPage(options: WizardOptions, output: Output): Promise<void> {
  let source: PictureSource = {};
  const page = new WizardPage({
    drawSheet,
    readPicture: (checkpoint) => readCheckpointPicture(source, checkpoint),
  });
  const served = await servePage({ page: 'restore', command: 'deskpod restore --web' }, page);
  const stop = (): void => void page.wishes.cancel();
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    output.progress({ step: `open ${served.url}` });
    if (!output.isMachine) await openInBrowser(served.url);
    const run = () =>
      runRestoreWizard(options, page, (opened) => {
        source = opened;
        page.forgetPictures();
      });
    tellEnd(output, await untilDone(page, run));
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    await served.close();
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
