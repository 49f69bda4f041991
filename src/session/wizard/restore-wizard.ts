// The restore wizard, one for terminal and page: asks, rebuilds, changes the keys, verifies, and offers to go on.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { weaknessOf } from '../../core/passphrase-strength.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { RecoverySheet } from '../../core/recovery-sheet.ts';
import { type Put, walkSteps } from '../../core/wizard-walk.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import { listDrives } from '../device/drives.ts';
import { restorePod } from '../pod/restore-pod.ts';
import { withSource } from '../twin/restore-source.ts';
import { finishRestore } from './after-restore.ts';
import type { Draft, Plan, Surroundings } from './draft.ts';
import { findHomes } from './found-homes.ts';
import { homeSteps } from './home-steps.ts';
import { PASSPHRASE_STEPS } from './passphrase-steps.ts';
import { podSteps } from './pod-steps.ts';
import { targetSteps, withoutTarget } from './target-steps.ts';

/** Who is asked and told. */
export interface WizardPort {
  /** Puts a question. @throws GoBack; DeskPodError CANCELLED */
  readonly put: Put;
  readonly onProgress: ProgressListener;
  /** Told what goes on while a question waits, which it must leave alone. */
  readonly onRest: ProgressListener;
  /** What there is to know, a sentence or two. */
  readonly tell: (text: string) => void;
  /** The only sight of a new recovery key. @returns whether somebody was there to see it */
  readonly showSheet: (sheet: RecoverySheet) => Promise<boolean>;
  /** Leads to the desktop, by a link that works once. */
  readonly leadOn: (url: string) => Promise<void>;
  /** Stops what is done, with CANCELLED for its reason. */
  readonly signal: AbortSignal;
}

/** How a wizard begins. */
export interface WizardOptions {
  /** The home, if that is known. */
  readonly url?: string;
  readonly showsAllDevices: boolean;
  /** A device carries this host's runtime then. */
  readonly carriesRuntime: boolean;
  /** A desktop is done when its checkpoint can go on: packs that only older ones need come beside its session. */
  readonly isUsableFirst: boolean;
}

/** What a wizard has done. */
export interface WizardReport extends NewDevice {
  readonly target: string;
  readonly hasNewPassphrase: boolean;
  readonly hasNewRecoveryKey: boolean;
  /** The session goes on. */
  readonly isResumed: boolean;
}

/** What the pictures of checkpoints are asked with, once a pod is open. */
export type PictureSource = Pick<Draft, 'url' | 'podId' | 'credential'>;

/**
 * Asks for everything, and restores.
 *
 * @param onOpened told what the pod is opened with, for pictures of its checkpoints
 * @throws DeskPodError CANCELLED, saying what was changed; what restoring throws
 */
export async function runRestoreWizard(
  options: WizardOptions,
  port: WizardPort,
  onOpened: (source: PictureSource) => void = () => undefined,
): Promise<WizardReport> {
  const surroundings: Surroundings = {
    findHomes,
    listDrives: () => listDrives(),
    withHome: (url, credential, work) => withSource(url, async () => credential ?? unasked(), work),
    showsAllDevices: options.showsAllDevices,
  };
  const steps = [
    ...homeSteps(surroundings),
    ...podSteps(surroundings),
    ...targetSteps(surroundings),
    ...PASSPHRASE_STEPS,
  ];
  const first: Draft = options.url === undefined ? {} : { url: options.url };
  const watched = steps.map((step): typeof step => async (draft, ask) => {
    const next = await step(draft, ask);
    if (next.pod !== undefined && draft.pod !== next.pod) onOpened({ ...next, podId: next.pod.podId });
    return next;
  });
  let plan = (await walkSteps(watched, first, port.put)) as Plan;
  for (;;) {
    try {
      const made = plan.present ?? (await restore(plan, options, port));
      return { ...made, ...(await finishRestore(plan, made, port)), target: plan.target };
    } catch (error) {
      if (!isDeskPodError(error, 'DEVICE_CHANGED')) throw error;
      port.tell(`${error.message}. ${error.hint}`);
      plan = (await walkSteps(targetSteps(surroundings), withoutTarget(plan), port.put)) as Plan;
    }
  }
}

async function restore(plan: Plan, options: WizardOptions, port: WizardPort): Promise<NewDevice> {
  const { carriesRuntime, isUsableFirst } = options;
  const { url, pod, credential, checkpoint, target, sizeBytes, newPassphrase } = plan;
  const weakness = newPassphrase === undefined ? undefined : weaknessOf(newPassphrase);
  if (weakness !== undefined)
    port.tell(
      `The new passphrase is weak: ${weakness}. Whoever has the drive can guess as long as he likes.`,
    );
  port.tell(`Restoring ${pod.name} as of checkpoint ${checkpoint} to ${target}.`);
  try {
    return await restorePod({
      ...{ from: url, podId: pod.podId, credential, checkpoint, target, carriesRuntime },
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(plan.seen === undefined ? {} : { seen: plan.seen }),
      isForced: plan.isErasing === true,
      isUsableFirst: isUsableFirst && pod.kind === 'desktop',
      onProgress: port.onProgress,
      signal: port.signal,
    });
  } catch (error) {
    // what fails in another way after Stop may do so once the pod is whole
    if (!isDeskPodError(error, 'CANCELLED')) throw error;
    throw new DeskPodError('CANCELLED', `stopped; ${target} is no pod yet`, {
      hint: 'Run deskpod restore again with the same answers: what had come is not fetched again.',
      details: { target },
      cause: error,
    });
  }
}

function unasked(): never {
  throw new TypeError('a twin is asked for its key before it is opened');
}
