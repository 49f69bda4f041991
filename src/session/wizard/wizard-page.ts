// The page of the restore wizard: puts each question to whoever has it open, and tells what is done.
import { DeskPodError } from '../../core/errors.ts';
import type { Progress } from '../../core/progress.ts';
import type { RecoverySheet } from '../../core/recovery-sheet.ts';
import type { PutQuestion } from '../../core/wizard-question.ts';
import { describeFault, GoBack } from '../../core/wizard-walk.ts';
import { DEFAULT_PATIENCE, type Patience } from '../door/door.ts';
import type { Listener, PageService } from '../door/page-server.ts';
import { isText, objectOf } from '../door/unlock-wish.ts';
import type { WizardPort, WizardReport } from './restore-wizard.ts';
import type {
  AnswerWish,
  CheckpointPictureLine,
  DoneLine,
  FailedLine,
  QuestionLine,
  SheetLine,
  WizardLine,
  WizardOpenLine,
  WorkingLine,
} from './wizard-line.ts';

/** What the page cannot know by itself. */
export interface WizardPagePlan {
  /** A recovery sheet as it is shown. */
  readonly drawSheet: (sheet: RecoverySheet) => Pick<SheetLine, 'svg' | 'rows'>;
  /** A PNG in base64 of a checkpoint's screen; undefined if there is none. */
  readonly readPicture: (checkpoint: number) => Promise<string | undefined>;
  /** How long a question waits where no page is open. */
  readonly patience?: Patience;
}

interface Waiting {
  readonly line: QuestionLine;
  readonly answer: PromiseWithResolvers<string>;
}

/** Answers the pages, and is the port of the wizard. */
export class WizardPage implements PageService, WizardPort {
  readonly wishes = {
    answer: (json: unknown) => this.#answer(parseAnswer(json)),
    back: (json: unknown) => this.#goBack(numberIn(json, 'number')),
    picture: (json: unknown) => this.#showPicture(numberIn(json, 'checkpoint')),
    /** The sheet is shown. */
    seen: () => this.#seeSheet(true),
    again: () => this.#beginAgain(),
    cancel: () => this.#stop('the page was told to'),
  };
  readonly #plan: WizardPagePlan;
  readonly #listeners = new Set<Listener>();
  readonly #stopping = new AbortController();
  readonly #told: string[] = [];
  #pictures = new Map<number, CheckpointPictureLine>();
  #sheet: SheetLine | undefined;
  #seen: PromiseWithResolvers<boolean> | undefined;
  #waiting: Waiting | undefined;
  #last: WorkingLine | DoneLine | FailedLine | WizardOpenLine = { state: 'working' };
  #again: PromiseWithResolvers<boolean> | undefined;
  #count = 0;
  #wasOpened = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: WizardPagePlan) {
    this.#plan = plan;
    this.#settle();
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  readonly put = async (question: PutQuestion): Promise<string> => {
    this.signal.throwIfAborted();
    const line: QuestionLine = { state: 'question', number: ++this.#count, question };
    this.#waiting = { line, answer: Promise.withResolvers() };
    this.#tellAll(line);
    this.#settle();
    try {
      return await this.#waiting.answer.promise;
    } finally {
      this.#waiting = undefined;
      this.#work({ state: 'working' });
    }
  };

  readonly onProgress = (progress: WorkingLine['progress']): void =>
    this.#work(progress === undefined ? { state: 'working' } : { state: 'working', progress });

  readonly onRest = (progress: Progress): void => this.#tellAll({ state: 'rest', progress });

  readonly tell = (text: string): void => {
    this.#told.push(text);
    this.#tellAll({ state: 'told', texts: this.#told });
  };

  /** Waits for a page that shows it, as long as a question would. */
  readonly showSheet = async (sheet: RecoverySheet): Promise<boolean> => {
    this.#sheet = { state: 'sheet', ...this.#plan.drawSheet(sheet) };
    this.#seen = Promise.withResolvers();
    const { promise } = this.#seen;
    if (this.signal.aborted) this.#seeSheet(false);
    this.#tellAll(this.#sheet);
    this.#settle();
    const isSeen = await promise;
    if (!isSeen) this.#sheet = undefined;
    return isSeen;
  };

  readonly leadOn = async (url: string): Promise<void> => {
    this.#last = { state: 'open', url };
    this.#tellAll(this.#last);
  };

  /** All is done; resolves when every page that is open has heard it. */
  async end({ target, kind, isResumed }: WizardReport): Promise<void> {
    clearTimeout(this.#timer);
    if (!isResumed) this.#last = { state: 'done', target, kind };
    await this.#endAll();
  }

  /** It ended without a pod; resolves with true if it is to begin again. */
  async fail(error: DeskPodError): Promise<boolean> {
    this.#last = { state: 'failed', fault: describeFault(error) };
    if (this.signal.aborted || this.#listeners.size === 0) {
      await this.#endAll();
      return false;
    }
    this.#again = Promise.withResolvers();
    this.#tellAll(this.#last);
    return this.#again.promise;
  }

  /** Another pod is looked at from here on. */
  forgetPictures(): void {
    this.#pictures = new Map();
    this.#tellAll({ state: 'opened' });
  }

  listen(listener: Listener): () => void {
    clearTimeout(this.#timer);
    this.#wasOpened = true;
    this.#listeners.add(listener);
    if (this.#told.length > 0) listener.tell({ state: 'told', texts: this.#told });
    if (this.#sheet !== undefined) listener.tell(this.#sheet);
    listener.tell(this.#waiting?.line ?? this.#last);
    return () => {
      this.#listeners.delete(listener);
      this.#settle();
    };
  }

  #answer({ number, answer }: AnswerWish): string | undefined {
    if (this.#waiting?.line.number !== number) return 'This question was answered already.';
    this.#waiting.answer.resolve(answer);
    return undefined;
  }

  #goBack(number: number): string | undefined {
    if (this.#waiting?.line.number !== number || !this.#waiting.line.question.canGoBack)
      return 'There is no question before.';
    this.#waiting.answer.reject(new GoBack());
    return undefined;
  }

  #showPicture(checkpoint: number): undefined {
    const known = this.#pictures.get(checkpoint);
    if (known !== undefined) {
      this.#tellAll(known);
      return;
    }
    const isOffered =
      this.#waiting?.line.question.kind === 'choice' &&
      this.#waiting.line.question.options.some(({ picture }) => picture === checkpoint);
    if (!isOffered) throw new TypeError('expected a checkpoint that is offered');
    const pictures = this.#pictures;
    const read = async (): Promise<void> => {
      // whatever fails: a checkpoint is chosen without its picture as well
      const pngBase64 = await this.#plan.readPicture(checkpoint).catch(() => undefined);
      const line = {
        state: 'picture',
        checkpoint,
        ...(pngBase64 === undefined ? {} : { pngBase64 }),
      } as const;
      if (pictures !== this.#pictures) return;
      pictures.set(checkpoint, line);
      this.#tellAll(line);
    };
    void read();
  }

  #seeSheet(isSeen: boolean): undefined {
    this.#seen?.resolve(isSeen);
    this.#seen = undefined;
  }

  #beginAgain(): string | undefined {
    if (this.#again === undefined) return 'It has not ended yet.';
    const again = this.#again;
    this.#again = undefined;
    this.#told.length = 0;
    this.#tellAll({ state: 'told', texts: [] });
    this.forgetPictures();
    this.#last = { state: 'working' };
    again.resolve(true);
    return undefined;
  }

  #stop(why: string): undefined {
    const cancelled = new DeskPodError('CANCELLED', `stopped: ${why}`, {
      hint: 'Run deskpod restore again: what had come is not fetched again.',
    });
    this.#stopping.abort(cancelled);
    this.#waiting?.answer.reject(
      new DeskPodError('CANCELLED', `stopped at a question: ${why}; nothing was changed`),
    );
    this.#again?.resolve(false);
    this.#seeSheet(false);
  }

  #giveUp(why: string): void {
    this.#seeSheet(false);
    if (this.#waiting !== undefined || this.#again !== undefined) this.#stop(why);
  }

  /** Without a page a question waits a while for another; what is being done goes on. */
  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#listeners.size > 0) return;
    const { firstMs, awayMs } = this.#plan.patience ?? DEFAULT_PATIENCE;
    const [why, waitMs] = this.#wasOpened
      ? (['the page was closed', awayMs] as const)
      : (['nobody opened the page', firstMs] as const);
    this.#timer = setTimeout(() => this.#giveUp(why), waitMs).unref();
  }

  #work(line: WorkingLine): void {
    this.#last = line;
    this.#tellAll(line);
  }

  #tellAll(line: WizardLine): void {
    for (const listener of this.#listeners) listener.tell(line);
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.end(this.#last)));
  }
}

function parseAnswer(json: unknown): AnswerWish {
  const { answer } = objectOf(json);
  if (answer !== '' && !isText(answer)) throw new TypeError('expected an answer');
  return { number: numberIn(json, 'number'), answer };
}

function numberIn(json: unknown, name: string): number {
  const value = objectOf(json)[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new TypeError(`expected a ${name}`);
  return value;
}
