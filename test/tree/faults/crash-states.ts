// The states that a crash of a recorded command may leave: each prefix of what it changed, whole, torn or with losses.
import fc from 'fast-check';
import { IS_EXHAUSTIVE } from '../../exhaustive.ts';
import { type DriveModel, type Fate, type Folder, KEPT, LOST } from './drive-model.ts';
import { fingerprint } from './drive-state.ts';

/** A state after a crash. */
export interface CrashState {
  /** For people: what happened. */
  readonly name: string;
  /** Makes it anew each time: there are thousands, and all of them together are gigabytes. */
  readonly make: () => Folder;
  /** True if the command had ended: what it said is to be relied on. */
  readonly isDone: boolean;
}

/** Other random losses with each number; the same with the same. */
const SEED = Number(process.env.DESKPOD_TEST_SEED ?? 1);
const RANDOM_COUNT = IS_EXHAUSTIVE ? 1000 : 40;

/** Projections may be anything, and what is in `tmp` or has a dot before its name is nothing yet. */
function matters(path: string): boolean {
  return !/(^|\/)(level|tmp|lock|\.partial|\.prune-lock|deskpod-\d+)($|\/)|\/\.[^/]*\.[A-Za-z0-9]{6}$/.test(
    path,
  );
}

/** Every state after a kill, a power cut that took all or nothing of what was not synced, and random ones between. */
export function crashStates(model: DriveModel): CrashState[] {
  const states: CrashState[] = [];
  const seen = new Set<string>();
  const add = (name: string, count: number, fate?: (operation: number) => Fate): void => {
    const make = (): Folder => model.stateAfter(count, fate);
    const isDone = count === model.length;
    const looks = `${isDone} ${fingerprint(make(), (path) => !IS_EXHAUSTIVE && !matters(path))}`;
    if (seen.has(looks)) return;
    seen.add(looks);
    states.push({ name, make, isDone });
  };
  for (let count = 0; count <= model.length; count++) {
    add(`killed after ${count} of ${model.length} changes`, count);
    add(`power cut after ${count} of ${model.length} changes, nothing unsynced came`, count, () => LOST);
    for (const last of model.operationsOf(count - 1).filter((operation) => model.isWrite(operation))) {
      const tear: Fate = { kind: 'torn', share: 0.5 };
      add(`change ${count} torn`, count, (operation) => (operation === last ? tear : KEPT));
    }
    // as much as ever is unsynced right before something is
    if (count < model.length && !model.isSync(count)) continue;
    for (const lost of model.unsynced(count).filter((operation) => matters(model.pathOf(operation)))) {
      const name = `power cut after ${count} of ${model.length} changes, all came but one of ${model.pathOf(lost)}`;
      add(name, count, (operation) => (operation === lost ? LOST : KEPT));
    }
  }
  for (const { count, fates } of fc.sample(losses(model), { seed: SEED, numRuns: RANDOM_COUNT })) {
    const unsynced = model.unsynced(count);
    const fateOf = new Map(unsynced.map((operation, index) => [operation, fates[index] ?? KEPT]));
    const lost = unsynced.filter((operation) => fateOf.get(operation)?.kind === 'lost').length;
    const name = `power cut after ${count} of ${model.length} changes, ${lost} of ${unsynced.length} unsynced lost (seed ${SEED})`;
    add(name, count, (operation) => fateOf.get(operation) ?? KEPT);
  }
  return states;
}

function losses(model: DriveModel): fc.Arbitrary<{ count: number; fates: Fate[] }> {
  const fate = fc.oneof(
    fc.constant(KEPT),
    fc.constant(LOST),
    fc.constant<Fate>({ kind: 'zeros' }),
    fc.record({ kind: fc.constant('torn' as const), share: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
  );
  return fc.integer({ min: 1, max: model.length }).chain((count) => {
    const length = model.unsynced(count).length;
    return fc.record({
      count: fc.constant(count),
      fates: fc.array(fate, { minLength: length, maxLength: length }),
    });
  });
}
