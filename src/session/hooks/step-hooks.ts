// Hooks around a step: those before can stop it, those after are told how it went and change nothing of that.
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { storageError } from '../../sync/storage-failure.ts';
import { type FoundHook, findHooks, hookFolders } from './find-hooks.ts';
import {
  factsOf,
  type HookEvent,
  isStep,
  type Phase,
  type Step,
  type StepOutcome,
  type SteppedPod,
} from './steps.ts';

/** What a host that shuts down gives a hook: it ends all that runs soon after. */
export const HURRIED_HOOK_MS = 5000;

/** How long one hook may take, in milliseconds: a minute, or DESKPOD_HOOK_SECONDS. */
export function hookLimitMs(): number {
  const given = Number(process.env.DESKPOD_HOOK_SECONDS);
  return given > 0 && given <= 86_400 ? given * 1000 : 60_000;
}

/** How hooks are run around a step. */
export interface HookOptions {
  readonly onProgress: ProgressListener;
  /** What a hook before the step says stops nothing: a host that shuts down waits for nobody. Each has so many milliseconds. */
  readonly hurriesMs?: number;
}

/** Work with the hooks that come before it, and then those that come after it. */
export interface HookedStep {
  /**
   * @returns true if any was run
   * @throws DeskPodError HOOK_FAILED, HOOK_REFUSED: the step must not be taken
   */
  before(): Promise<boolean>;
  /** To be called whatever became of the step, and of `before`. @returns what is to be told of hooks, in sentences */
  after(outcome: StepOutcome): Promise<string[]>;
}

/** The hooks of one step with a pod. */
export function hooksOf(pod: SteppedPod, step: Step, options: HookOptions): HookedStep {
  const { onProgress, hurriesMs } = options;
  const limitMs = Math.min(hurriesMs ?? Number.POSITIVE_INFINITY, hookLimitMs());
  const [host, user] = hookFolders();
  const folders = pod.kind === 'tree' ? [host, user] : [host];
  const warnings: string[] = [];
  let hasRun = false;

  /** Runs all of a phase, up to the first that fails if that is to stop the step. */
  async function runAll(phase: Phase, outcome?: StepOutcome): Promise<DeskPodError | undefined> {
    let first: DeskPodError | undefined;
    for (const hook of await findHooks(folders)) {
      if (hook.when?.phase !== phase || hook.when.step !== step || hook.standing === 'idle') continue;
      onProgress({ step: `running the hook ${hook.path}` });
      const event = { version: 1, phase, step, atMs: Date.now(), ...pod } as const;
      const failure = await tryHook(hook, outcome === undefined ? event : { ...event, outcome });
      first ??= failure;
      if (failure === undefined) continue;
      if (phase === 'before' && hurriesMs === undefined) return failure;
      warnings.push(`${failure.message}. ${failure.hint}`);
    }
    return first;
  }

  async function tryHook(hook: FoundHook, event: HookEvent): Promise<DeskPodError | undefined> {
    if (hook.standing === 'refused') return refusedHook(hook);
    const { runHook } = await import('./run-hook.ts');
    const { hookRecordPath, recordRun } = await import('./hook-record.ts');
    hasRun = true;
    const run = await runHook(hook.program, event, limitMs);
    await recordRun(event, { ...run, path: hook.path }).catch((error: Error) => {
      warnings.push(`What the hook ${hook.path} printed could not be kept: ${error.message}.`);
    });
    const { failure, outputTail } = run;
    if (failure === undefined) return undefined;
    return new DeskPodError('HOOK_FAILED', `the hook ${hook.path} ${failure}${lastLine(outputTail)}`, {
      hint: `What it printed is at the end of ${hookRecordPath()}.`,
      details: { path: hook.path, ...event, durationMs: run.durationMs },
    });
  }

  return {
    before: async () => {
      const failure = await runAll('before');
      if (failure !== undefined && hurriesMs === undefined) throw failure;
      return hasRun;
    },
    after: async (outcome) => {
      try {
        await runAll('after', outcome);
      } catch (error) {
        // the step is done, or has failed by itself: hooks change nothing of that
        const reason = error instanceof Error ? error.message : String(error);
        warnings.push(`Not all hooks that come after ${step} could be run: ${reason}.`);
      }
      return warnings;
    },
  };
}

/** Takes the step with a pod that is open: what stands before it has been run then, and `act` is told if there was any. */
export type TakeInside<Answer> = (
  pod: SteppedPod,
  act: (haveHooksRun: boolean) => Promise<Answer>,
) => Promise<Answer>;

/**
 * Takes a step between its hooks.
 * @throws DeskPodError HOOK_FAILED, HOOK_REFUSED if it was not taken; what `act` throws
 */
export function withHooks<Answer>(
  pod: SteppedPod,
  name: string,
  options: HookOptions,
  act: () => Promise<Answer>,
): Promise<Answer> {
  return withHooksOutside(name, options, (inside) => inside(pod, act));
}

/**
 * The same for a pod that is opened for the step: hooks that come after it find the pod closed, so that they can use it. What is
 * no step by its name has no hooks.
 */
export async function withHooksOutside<Answer>(
  name: string,
  options: HookOptions,
  act: (inside: TakeInside<Answer>) => Promise<Answer>,
): Promise<Answer> {
  const begun: { hooks?: HookedStep } = {};
  const inside: TakeInside<Answer> = async (pod, take) => {
    if (!isStep(name)) return take(false);
    begun.hooks = hooksOf(pod, name, options);
    return take(await begun.hooks.before());
  };
  let answer: Answer;
  try {
    answer = await act(inside);
  } catch (error) {
    const told = await begun.hooks?.after(failedOutcome(error));
    for (const text of told ?? []) options.onProgress({ step: text });
    throw error;
  }
  if (begun.hooks === undefined || !isStep(name)) return answer;
  const told = await begun.hooks.after({ isDone: true, facts: factsOf(name, answer) });
  return withWarnings(answer, told, options.onProgress);
}

/** The outcome of a step that failed. */
export function failedOutcome(failure: unknown): StepOutcome {
  const error = storageError(failure);
  const code = error instanceof DeskPodError ? error.code : 'INTERNAL';
  return { isDone: false, error: { code, message: error instanceof Error ? error.message : String(error) } };
}

/** An answer that tells what hooks had to say besides; people are shown only those warnings that an answer always has. */
function withWarnings<Answer>(answer: Answer, told: readonly string[], onProgress: ProgressListener): Answer {
  if (told.length === 0) return answer;
  const { warnings } = (answer ?? {}) as { readonly warnings?: readonly string[] };
  if (warnings === undefined) for (const step of told) onProgress({ step });
  return { ...answer, warnings: [...(warnings ?? []), ...told] };
}

function refusedHook({ path, reason }: FoundHook): DeskPodError {
  return new DeskPodError('HOOK_REFUSED', `the hook ${path} is not run: ${reason}`, {
    hint: 'Hooks, and the folders above them, must belong to root or to you, and be writable by nobody else.',
    details: { path, reason },
  });
}

/** The last words of a hook are the likeliest to say why. */
function lastLine(output: string): string {
  const line = output.trimEnd().split('\n').at(-1)?.trim().slice(-200) ?? '';
  return line === '' ? '' : `: ${line}`;
}
