// What hooks are run before and after, and what they are told of it.

/** The steps that hooks have, by the names of their commands; `resume` is a start that goes on with a session, `dock` one device. */
export const STEPS = [
  'start',
  'resume',
  'checkpoint',
  'suspend',
  'stop',
  'sync',
  'verify',
  'prune',
  'restore',
  'dock',
] as const;

/** One of {@link STEPS}. */
export type Step = (typeof STEPS)[number];

/** When a hook is run: what comes before can stop the step, what comes after is told how it went. */
export type Phase = 'before' | 'after';

/** The pod that a step is taken with. */
export interface SteppedPod {
  readonly podId: string;
  readonly kind: 'desktop' | 'tree';
  /** Its device, image file or folder, as a command takes it. */
  readonly place: string;
}

/** What hooks are told of a tree pod. */
export function steppedTree(tree: OpenPod & { readonly dir: string }): SteppedPod {
  return { podId: tree.pod.state.podId, kind: 'tree', place: tree.dir };
}

/** What hooks are told of a desktop. */
export function steppedDesktop(desktop: OpenPod & { readonly devicePath: string }): SteppedPod {
  return { podId: desktop.pod.state.podId, kind: 'desktop', place: desktop.devicePath };
}

interface OpenPod {
  readonly pod: { readonly state: { readonly podId: string } };
}

/** How a step went. */
export type StepOutcome =
  | { readonly isDone: true; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly isDone: false; readonly error: { readonly code: string; readonly message: string } };

/** What a hook reads on its standard input, as JSON on one line. No key, passphrase or password is in it. */
export interface HookEvent extends SteppedPod {
  readonly version: 1;
  readonly phase: Phase;
  readonly step: Step;
  readonly atMs: number;
  /** Of a hook that comes after. */
  readonly outcome?: StepOutcome;
}

/** True for the name of an operation that is a step. */
export function isStep(name: string): name is Step {
  return (STEPS as readonly string[]).includes(name);
}

/** What may be told of an answer, field by field: what is new in an answer is told when somebody says so here. */
const TOLD: Readonly<Record<Step, readonly string[]>> = {
  start: ['resumedCheckpoint', 'resumeMs', 'presentCheckpoint'],
  resume: ['resumedCheckpoint', 'resumeMs', 'presentCheckpoint'],
  checkpoint: ['number', 'fileCount', 'fileBytes', 'imageBytes', 'storedBytes', 'pauseMs', 'durableMs'],
  suspend: ['number', 'fileCount', 'fileBytes', 'imageBytes', 'storedBytes', 'pauseMs', 'durableMs'],
  stop: [],
  sync: [],
  verify: [],
  prune: [],
  restore: ['podId', 'checkpoint', 'epoch', 'fileCount', 'fileBytes', 'durationMs'],
  dock: ['isSafeToUnplug', 'seq', 'sentObjects', 'sentBytes', 'durationMs'],
};

/** What a hook is told of the answer to a step. */
export function factsOf(step: Step, answer: unknown): Readonly<Record<string, unknown>> {
  const fields = Object.entries(answer ?? {});
  const told = Object.fromEntries(fields.filter(([name]) => TOLD[step].includes(name)));
  if (step !== 'sync') return told;
  const { homes = [] } = (answer ?? {}) as { homes?: readonly { url: string; error?: { code: string } }[] };
  return {
    homes: homes.map(({ url, error }) => (error === undefined ? { url } : { url, code: error.code })),
  };
}
