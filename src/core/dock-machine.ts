// A device that meets its home: which step follows which. Pure: what happens to it comes as signals, from whoever works with it.

/** Where a device stands. */
export type DockStep =
  /** It was seen; nothing is known of it yet. */
  | 'noticed'
  /** It says which pod it carries. */
  | 'identified'
  /** Something is in the way for now: the network, the battery, another backup. */
  | 'waiting'
  /** Home holds it, or the pod that runs from it has answered. */
  | 'opened'
  | 'checkpointing'
  | 'syncing'
  | 'verifying'
  /** Home has everything; the device is in use, or mounted by others, and must not be unplugged just so. */
  | 'backed-up'
  /** Home has everything, and the kernel has let go of the device: it can be unplugged. */
  | 'safe'
  /** Home leaves it alone: it is a stranger's, or its owner has to do something first. */
  | 'refused'
  | 'failed'
  | 'gone';

/** What a device says of itself; nothing of it is proven before it is opened. */
export interface DockIdentity {
  readonly podId: string;
  readonly epoch: number;
}

/** Why it went no further. */
export interface DockProblem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** What was brought home. */
export interface DockResult {
  readonly seq: number;
  readonly sentObjects: number;
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly warnings: readonly string[];
}

/** Something that happens to a device. */
export type DockSignal =
  | { readonly type: 'notice' }
  | { readonly type: 'identify'; readonly identity: DockIdentity }
  | { readonly type: 'wait'; readonly reasons: readonly string[] }
  | { readonly type: 'open' }
  | { readonly type: 'checkpoint' }
  | { readonly type: 'sync' }
  | { readonly type: 'verify' }
  | { readonly type: 'keep'; readonly result: DockResult }
  | { readonly type: 'release'; readonly result: DockResult }
  | { readonly type: 'refuse'; readonly problem: DockProblem }
  | { readonly type: 'fail'; readonly problem: DockProblem }
  | { readonly type: 'remove' };

/** A device, and what is known of it by now. */
export interface DockState {
  readonly step: DockStep;
  readonly identity?: DockIdentity;
  /** In sentences: while it waits. */
  readonly reasons?: readonly string[];
  readonly problem?: DockProblem;
  readonly result?: DockResult;
  /** The step in which it was taken away. */
  readonly interrupted?: DockStep;
}

/** Before it was seen. */
export const UNSEEN: DockState = { step: 'gone' };

/** From all of these it can be refused or fail: a link, for one, may be met last of all, when the note is left. */
const UNDER_WAY = [
  'noticed',
  'identified',
  'waiting',
  'opened',
  'checkpointing',
  'syncing',
  'verifying',
] as const satisfies readonly DockStep[];

/** The steps that each signal leads on from. Those that are not here leave a device as it is: they come too late. */
const FROM: { readonly [S in DockSignal['type']]: readonly DockStep[] } = {
  notice: ['gone', 'safe', 'backed-up', 'refused', 'failed'],
  identify: ['noticed', 'waiting'],
  wait: ['identified', 'waiting'],
  open: ['identified', 'waiting'],
  checkpoint: ['opened'],
  sync: ['opened', 'checkpointing'],
  verify: ['syncing'],
  // what home has already needs no sync
  keep: ['opened', 'syncing', 'verifying'],
  release: ['opened', 'syncing', 'verifying'],
  refuse: UNDER_WAY,
  fail: UNDER_WAY,
  remove: [...UNDER_WAY, 'backed-up', 'safe', 'refused', 'failed'],
};

/** Steps in which home writes on the device, or reads what must stay there until it is done. */
const AT_WORK: ReadonlySet<DockStep> = new Set(['opened', 'checkpointing', 'syncing', 'verifying']);

/** The device after a signal; the very same state if the signal leads nowhere from there. */
export function nextDockState(state: DockState, signal: DockSignal): DockState {
  if (!FROM[signal.type].includes(state.step)) return state;
  const known = state.identity === undefined ? {} : { identity: state.identity };
  switch (signal.type) {
    case 'notice':
      return { step: 'noticed' };
    case 'identify':
      return { step: 'identified', identity: signal.identity };
    case 'wait':
      // told once for as long as the same is in the way
      return state.reasons?.join('\n') === signal.reasons.join('\n')
        ? state
        : { step: 'waiting', ...known, reasons: signal.reasons };
    case 'open':
      return { step: 'opened', ...known };
    case 'checkpoint':
      return { step: 'checkpointing', ...known };
    case 'sync':
      return { step: 'syncing', ...known };
    case 'verify':
      return { step: 'verifying', ...known };
    case 'keep':
      return { step: 'backed-up', ...known, result: signal.result };
    case 'release':
      return { step: 'safe', ...known, result: signal.result };
    case 'refuse':
      return { step: 'refused', ...known, problem: signal.problem };
    case 'fail':
      return { step: 'failed', ...known, problem: signal.problem };
    case 'remove':
      return { step: 'gone', ...known, ...(AT_WORK.has(state.step) ? { interrupted: state.step } : {}) };
  }
}
