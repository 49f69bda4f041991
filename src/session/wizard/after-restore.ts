// After a restore: the keys that the lost device held are changed, all is verified, and the session may go on.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { countOf, formatBytes, formatDuration } from '../../core/quantities.ts';
import type { Question } from '../../core/wizard-question.ts';
import { type Step, walkSteps } from '../../core/wizard-walk.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { sheetOf } from '../../sync/pod/change-keys.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { countLeft } from '../../sync/verify/verify-report.ts';
import { type OperateOptions, operate } from '../operation/operate.ts';
import type { OperationName, Operations } from '../operation/operations.ts';
import { resumePod } from '../operation/resume-pod.ts';
import type { Plan } from './draft.ts';
import { besideRest } from './rest-behind.ts';
import type { WizardPort, WizardReport } from './restore-wizard.ts';

const NEW = 'new';
const KEEP = 'keep';
const NOW = 'now';
const LATER = 'later';

/** What there is to finish. */
type Finished = Pick<WizardReport, 'hasNewPassphrase' | 'hasNewRecoveryKey' | 'isResumed'>;

/**
 * Finishes a restore whose pod is whole. What fails from here on is told, and hinders nothing else.
 *
 * @throws DeskPodError CANCELLED at a question: the pod is whole then
 */
export async function finishRestore(plan: Plan, made: NewDevice, port: WizardPort): Promise<Finished> {
  const { target, pod, newPassphrase } = plan;
  for (const text of describe(plan, made)) port.tell(text);
  let credential = plan.credential;
  const act = async <Name extends OperationName>(
    name: Name,
    parameters: Operations[Name]['parameters'],
  ): Promise<Operations[Name]['answer']> => operate(target, name, parameters, keysOf(credential, port));
  const attempt = (what: string, command: string, work: () => Promise<void>): Promise<boolean> =>
    orTell(port, `${what} (deskpod ${command} -d ${target} does it later)`, work);

  const hasNewPassphrase =
    newPassphrase !== undefined &&
    (await attempt('The passphrase could not be changed', 'keys change', async () => {
      port.onProgress({ step: 'changing the passphrase' });
      await act('key-change', { credential, passphrase: newPassphrase });
      credential = { passphrase: newPassphrase };
      port.tell('The pod has its new passphrase.');
    }));

  const verify = (): Promise<boolean> =>
    attempt('It could not be verified', 'verify', async () => {
      port.onProgress({ step: 'verifying' });
      const report = await act('verify', { depth: 'structure', isHealing: true, isGivingUp: false });
      const left = countLeft(report);
      port.tell(
        left === 0
          ? 'Verified: every object is in its place, with the bytes that its name promised when it came.'
          : `${left} objects are damaged or missing: deskpod verify -d ${target} names them.`,
      );
    });
  const isAllHere = made.awaited === undefined;
  if (isAllHere) await verify();
  let isRestHere = isAllHere;
  const onAllHere = (): void => {
    isRestHere = true;
  };
  const choose = (question: Question, left: readonly string[] = []): Promise<string> => {
    const put = (): Promise<string> =>
      putLast(plan, port, question, [...left, ...(isRestHere ? [] : restIsLeft(made, target))]);
    const rest = { target, onProgress: port.onRest, onAllHere, tell: port.tell };
    return isRestHere ? put() : besideRest(rest, credential, put);
  };

  let hasNewRecoveryKey = false;
  const untilSync = hasNewPassphrase
    ? [`Homes open with the former passphrase until \`deskpod sync -d ${target}\`.`]
    : [];
  if ('passphrase' in credential && (await choose(recoveryQuestion(), untilSync)) === NEW) {
    await attempt('No recovery key could be made', 'keys recovery --replace', async () => {
      port.onProgress({ step: 'making a recovery key' });
      // the former ones open the pod until somebody has seen the new one
      const made = await act('key-recovery', { credential, isReplacing: false });
      hasNewRecoveryKey = await port.showSheet(sheetOf(made));
      const outdated = made.slots.filter(
        ({ id, kind }) =>
          kind === 'recovery' && made.added.some((slot) => slot.id === id) !== hasNewRecoveryKey,
      );
      for (const { id } of outdated) await act('key-remove', { credential, slot: id, isConfirmed: false });
      if (!hasNewRecoveryKey)
        port.tell(
          `Nobody saw the new recovery sheet, so the former one stays in force: deskpod keys recovery --replace -d ${target} makes another.`,
        );
    });
  }
  if (hasNewPassphrase || hasNewRecoveryKey) {
    await attempt('Home could not be told of the new keys', 'sync', async () => {
      port.onProgress({ step: 'bringing the new keys home' });
      const { homes } = await act('sync', {});
      for (const home of homes) if ('error' in home) port.tell(`${home.url}: ${home.error.message}.`);
    });
  }
  const isResumed =
    pod.kind === 'desktop' &&
    (await choose(resumeQuestion(plan, isRestHere))) === NOW &&
    (await resume(plan, credential, port));
  // a supervisor fetches the rest beside its session, and verifies then
  if (!isAllHere && !isResumed) await verify();
  return { hasNewPassphrase, hasNewRecoveryKey, isResumed };
}

async function resume({ target }: Plan, credential: Credential, port: WizardPort): Promise<boolean> {
  return orTell(port, `The session could not be resumed (deskpod start ${target} tries again)`, async () => {
    const { onProgress } = port;
    const { start, url } = await resumePod({ path: target, credential, checkpoint: undefined, onProgress });
    for (const warning of start.warnings) port.tell(warning);
    await port.leadOn(url);
  });
}

function describe({ target, pod, present }: Plan, made: NewDevice): string[] {
  const { checkpoint, fileCount, fileBytes, durationMs, epoch, awaited, warnings } = made;
  const comes =
    awaited === undefined
      ? []
      : [
          `All that this checkpoint needs is there, and was proven. Older ones need ${countOf(awaited.packCount, 'pack')} more, ` +
            `${formatBytes(awaited.sizeBytes)}: they come from now on, also while the session runs.`,
        ];
  if (present !== undefined)
    return [`${pod.name} is on ${target} already, as of checkpoint ${checkpoint}.`, ...comes];
  return [
    `${pod.name} is on ${target}, as of checkpoint ${checkpoint}: ${fileCount} files, ${formatBytes(fileBytes)} in ${formatDuration(durationMs)}.`,
    `It is device ${epoch} of its pod, and homes go on with it from its first sync. If the lost device turns up and syncs, ` +
      'what it has is kept as a branch: nothing of either is overwritten.',
    'The secrets inside the pod stay those of the lost device: whoever has it and learns the passphrase that it had reads what ' +
      'is on it, and what this pod writes to a home that he can read. If that is to be feared, move your files to a new pod.',
    ...comes,
    ...warnings,
  ];
}

function restIsLeft({ awaited }: NewDevice, target: string): string[] {
  if (awaited === undefined) return [];
  return [
    `What older checkpoints need comes while the session runs, or with \`deskpod verify -d ${target}\`: from where it was.`,
  ];
}

function recoveryQuestion(): Question {
  return {
    kind: 'choice',
    id: 'recovery',
    title: 'A new recovery sheet?',
    initial: KEEP,
    text: 'If the sheet may have been lost with the device, make a new one: the former recovery keys open nothing any more then.',
    options: [
      { value: KEEP, label: 'No, the sheet is in a safe place' },
      { value: NEW, label: 'Yes, a new one', detail: 'it is shown once' },
    ],
  };
}

function resumeQuestion({ target }: Plan, isAllHere: boolean): Question {
  return {
    kind: 'choice',
    id: 'resume',
    title: 'Go on with the session now?',
    initial: NOW,
    ...(isAllHere
      ? {}
      : { text: 'What older checkpoints need is coming meanwhile, and goes on coming beside the session.' }),
    options: [
      { value: NOW, label: 'Yes, show the desktop' },
      { value: LATER, label: 'Later', detail: `deskpod start ${target}` },
    ],
  };
}

/**
 * @param left what is not done if it is stopped here, in sentences
 * @throws DeskPodError CANCELLED
 */
async function putLast(
  { target }: Plan,
  port: WizardPort,
  question: Question,
  left: readonly string[],
): Promise<string> {
  const step: Step<string> = (_draft, ask) => ask(question);
  try {
    return await walkSteps([step], '', port.put);
  } catch (error) {
    if (!isDeskPodError(error, 'CANCELLED')) throw error;
    throw new DeskPodError('CANCELLED', `stopped at a question; the pod on ${target} is whole`, {
      hint: [
        ...left,
        `Go on with it: deskpod start ${target}, or deskpod keys recovery -d ${target} for a new sheet.`,
      ].join(' '),
      details: { target },
      cause: error,
    });
  }
}

function keysOf(credential: Credential, { onProgress, tell }: WizardPort): OperateOptions {
  return {
    passphrase: () => Promise.reject(new TypeError('expected the credential to be used')),
    credential: async () => credential,
    onProgress,
    onNotice: tell,
  };
}

/** The pod is whole: what does not succeed after that is told in words. */
async function orTell(port: WizardPort, what: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    port.tell(`${what}: ${sentenceOf(error)}`);
    return false;
  }
}

function sentenceOf({ message, hint }: DeskPodError): string {
  return hint === undefined ? `${message}.` : `${message}. ${hint}`;
}
