// What the page of the restore wizard hears and wants, in lines of JSON.
import type { PodKind } from '../../core/events.ts';
import type { Progress } from '../../core/progress.ts';
import type { Fault, PutQuestion } from '../../core/wizard-question.ts';

/** A question waits for its answer. `number` tells it from the one before. */
export interface QuestionLine {
  readonly state: 'question';
  readonly number: number;
  readonly question: PutQuestion;
}

/** Something is done. */
export interface WorkingLine {
  readonly state: 'working';
  readonly progress?: Progress;
}

/** What goes on while a question waits. */
export interface RestLine {
  readonly state: 'rest';
  readonly progress: Progress;
}

/** All that was told so far, the oldest first. */
export interface ToldLine {
  readonly state: 'told';
  readonly texts: readonly string[];
}

/** What the screen showed at a checkpoint; no picture if it has none. */
export interface CheckpointPictureLine {
  readonly state: 'picture';
  readonly checkpoint: number;
  readonly pngBase64?: string;
}

/** A pod was opened: pictures that were heard before are of another. */
export interface OpenedPodLine {
  readonly state: 'opened';
}

/** The only sight of a new recovery key: its code as SVG, its letters in groups, and the rows around them. */
export interface SheetLine {
  readonly state: 'sheet';
  readonly svg: string;
  readonly rows: readonly string[];
}

/** The session goes on. */
export interface WizardOpenLine {
  readonly state: 'open';
  readonly url: string;
}

/** All is done. */
export interface DoneLine {
  readonly state: 'done';
  readonly target: string;
  readonly kind: PodKind;
}

/** It ended without a pod. */
export interface FailedLine {
  readonly state: 'failed';
  readonly fault: Fault;
}

/** One line. */
export type WizardLine =
  | QuestionLine
  | WorkingLine
  | RestLine
  | ToldLine
  | CheckpointPictureLine
  | OpenedPodLine
  | SheetLine
  | WizardOpenLine
  | DoneLine
  | FailedLine;

/** What the page posts to `answer`. */
export interface AnswerWish {
  readonly number: number;
  readonly answer: string;
}

/** What it posts to `back`. */
export interface BackWish {
  readonly number: number;
}

/** What it posts to `picture`. */
export interface PictureWish {
  readonly checkpoint: number;
}
