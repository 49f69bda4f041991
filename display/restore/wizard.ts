// What the page knows: the line that it heard last, what was told so far, and what it can answer with.
import { signal } from '@preact/signals';
import { Pace } from '../../src/core/pace.ts';
import type { Progress } from '../../src/core/progress.ts';
import type {
  AnswerWish,
  BackWish,
  DoneLine,
  FailedLine,
  PictureWish,
  QuestionLine,
  SheetLine,
  WizardLine,
  WizardOpenLine,
  WorkingLine,
} from '../../src/session/wizard/wizard-line.ts';
import { hearLines, postWish } from '../shared/lines.ts';

/** What the page shows as a whole. */
export type Scene =
  | QuestionLine
  | WorkingLine
  | WizardOpenLine
  | DoneLine
  | FailedLine
  | { readonly state: 'lost' };

/** What is shown now. */
export const scene = signal<Scene>({ state: 'working' });
/** What was told, the oldest first. */
export const told = signal<readonly string[]>([]);
/** A new recovery key, once there is one. */
export const sheet = signal<SheetLine | undefined>(undefined);
/** What goes on while a question waits, if something does. */
export const rest = signal<Progress | undefined>(undefined);
/** Pictures of checkpoints as addresses of data; an empty one says that there is none. */
export const pictures = signal<ReadonlyMap<number, string>>(new Map());
/** Why the page's own wish was not granted. */
export const refusal = signal<string | undefined>(undefined);
/** How fast the present step goes. */
export const pace = signal(new Pace());

let step = '';

/** Hears all lines; resolves when there will be no more. */
export async function hear(): Promise<void> {
  await hearLines<WizardLine>(take);
  const { state } = scene.value;
  if (state === 'question' || state === 'working' || state === 'failed') scene.value = { state: 'lost' };
}

/** Answers a question. */
export async function answer(number: number, text: string): Promise<void> {
  refusal.value = await postWish('answer', { number, answer: text } satisfies AnswerWish);
}

/** Goes back to the question before. */
export async function goBack(number: number): Promise<void> {
  refusal.value = await postWish('back', { number } satisfies BackWish);
}

/** Asks for the picture of a checkpoint, once. */
export function wantPicture(checkpoint: number): void {
  if (pictures.value.has(checkpoint) || asked.has(checkpoint)) return;
  asked.add(checkpoint);
  void postWish('picture', { checkpoint } satisfies PictureWish);
}

const asked = new Set<number>();

/** Says that the sheet is shown. */
export function tellSheetSeen(): void {
  void postWish('seen', {});
}

/** Begins again after a failure, or stops. */
export async function wish(name: 'again' | 'cancel'): Promise<void> {
  refusal.value = await postWish(name, {});
}

function take(line: WizardLine): void {
  switch (line.state) {
    case 'told':
      told.value = line.texts;
      return;
    case 'sheet':
      sheet.value = line;
      return;
    case 'picture':
      pictures.value = new Map([...pictures.value, [line.checkpoint, addressOf(line.pngBase64)]]);
      return;
    case 'rest':
      rest.value = line.progress;
      return;
    case 'working':
      rest.value = undefined;
      notePace(line);
      break;
    case 'question':
      refusal.value = undefined;
      break;
    case 'opened':
      pictures.value = new Map();
      asked.clear();
      return;
    default:
  }
  scene.value = line;
}

function addressOf(pngBase64: string | undefined): string {
  return pngBase64 === undefined ? '' : `data:image/png;base64,${pngBase64}`;
}

function notePace({ progress }: WorkingLine): void {
  if (progress === undefined) return;
  if (progress.step !== step) {
    step = progress.step;
    pace.value = new Pace();
  }
  if (progress.doneBytes !== undefined) pace.value.note(performance.now(), progress.doneBytes);
}
