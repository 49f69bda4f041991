// What a restore wizard knows so far, and what it asks the world with.
import type { PodKind } from '../../core/events.ts';
import type { ReadSheet } from '../../core/recovery-sheet.ts';
import type { Checkpoint } from '../../core/state.ts';
import type { Question } from '../../core/wizard-question.ts';
import type { Step } from '../../core/wizard-walk.ts';
import type { Home } from '../../sync/home/home.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { NewDevice } from '../../sync/pod/new-device.ts';
import type { Drive } from '../device/drives.ts';
import type { SeenTarget } from '../device/seen-target.ts';
import type { FoundHome } from './found-homes.ts';

/** The pod that was chosen, opened with a key. */
export interface ChosenPod {
  readonly podId: string;
  readonly name: string;
  readonly kind: PodKind;
  /** Position of home's head, and the epoch: who restores compares them with what he remembers. */
  readonly seq: number;
  readonly epoch: number;
  /** The oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  /** Those that looked like a loss when they were made. */
  readonly doubted: readonly number[];
  /** About what the newest takes on a device. */
  readonly neededBytes: number;
}

/** Answers so far. Each step adds to it; none takes anything away. */
export interface Draft {
  /** How the home is to be told, if it is none of those that were found. */
  readonly homeBy?: 'address' | 'sheet';
  readonly sheet?: ReadSheet;
  /** URL of a home, or path of a twin. */
  readonly url?: string;
  readonly isReached?: true;
  readonly podId?: string;
  readonly keyKind?: 'passphrase' | 'recovery';
  readonly credential?: Credential;
  readonly pod?: ChosenPod;
  readonly checkpoint?: number;
  /** A device, image file or folder. */
  readonly target?: string;
  readonly isTargetTyped?: true;
  /** Of an image file that is to be made. */
  readonly sizeBytes?: number;
  /** What is there may go: its name was typed. */
  readonly isErasing?: true;
  /** What was there when that was asked. */
  readonly seen?: SeenTarget;
  /** The target is this pod already: it is gone on with, and nothing is restored. */
  readonly present?: NewDevice;
  readonly isKeepingPassphrase?: boolean;
  readonly newPassphrase?: string;
}

/** All that was answered. */
export type Plan = Draft & Required<Pick<Draft, 'url' | 'credential' | 'pod' | 'checkpoint' | 'target'>>;

/** What steps look at. */
export interface Surroundings {
  readonly findHomes: (named: readonly string[]) => Promise<readonly FoundHome[]>;
  readonly listDrives: () => Promise<readonly Drive[]>;
  /** Lends a home, or a twin that the credential opens. */
  readonly withHome: <T>(
    url: string,
    credential: Credential | undefined,
    work: (home: Home) => Promise<T>,
  ) => Promise<T>;
  /** Drives that cannot be pulled out are offered, too. */
  readonly showsAllDevices: boolean;
}

/** A step of the restore wizard. */
export type RestoreStep = Step<Draft>;
/** Asks one question. */
export type Ask = (question: Question) => Promise<string>;

/** What an earlier step has answered. @throws TypeError if it did not */
export function known<Key extends keyof Draft>(draft: Draft, key: Key): NonNullable<Draft[Key]> {
  const value = draft[key];
  if (value === undefined) throw new TypeError(`the wizard does not know its ${key} yet`);
  return value as NonNullable<Draft[Key]>;
}
