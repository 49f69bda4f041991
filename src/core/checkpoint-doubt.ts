// Whether a checkpoint may go on as the new normal: deletion is a fact, never an absence, so what looks lost is asked about.

/**
 * Why a checkpoint is doubtful. `empty`: no file is left. `gone`: more than half of the files are, or were emptied. `noise`: readable files
 * became noise, as encryption leaves it. `hidden`: something is mounted over files. `unmounted`: something that held files
 * is not mounted any more. `unreadable`: a file or folder cannot be read.
 */
export type DoubtCause = 'empty' | 'gone' | 'noise' | 'hidden' | 'unmounted' | 'unreadable';

/** What a comparison of two checkpoints found. What is called a count leaves out what programs make again by themselves. */
export interface LossFacts {
  /** Files that the checkpoint before holds, all of them. */
  readonly formerFiles: number;
  readonly formerCount: number;
  /** Files that this one would hold, all of them. */
  readonly presentFiles: number;
  /** Names that are gone or were emptied, and whose content did not come under another name. */
  readonly goneCount: number;
  /** Files whose readable content is gone or was replaced: those that can tell of noise. */
  readonly replacedCount: number;
  /** Those of them that are noise now, in their place or under their name with a suffix. */
  readonly noiseCount: number;
  /** Names that are gone from where something is mounted now. */
  readonly hiddenCount: number;
  /** Names that are gone from where something was mounted at the checkpoint before, and is not now. */
  readonly unmountedCount: number;
}

/** What is doubtful about a checkpoint. */
export interface Doubt {
  /** Number of the checkpoint that it was compared with. */
  readonly against: number;
  readonly causes: readonly DoubtCause[];
  readonly formerCount: number;
  /** Names that are gone, for whatever cause. */
  readonly goneCount: number;
  readonly noiseCount: number;
  /** Some of the paths that it is about, for people. */
  readonly examples: readonly string[];
}

/** Above this share of the files a deletion is asked about. Noise needs it only where files are few. */
const MOST = 0.5;
/**
 * Fewer files than these are no mass deletion, whatever their share: who deletes nine of ten files by hand knows it. In a
 * large pod it is one of five hundred. That nothing at all is left is asked about in a pod of any size.
 */
const LOSS_MIN = 10;
const LOSS_SHARE_MIN = 0.002;
/**
 * So many readable files do not turn to noise in a day of work: programs that compress or encrypt a file give it another
 * name, and those that keep it in place have a handful. Of a large pod it is one of a hundred, as programs use names of
 * their caches again.
 */
const NOISE_MIN = 20;
const NOISE_SHARE_MIN = 0.01;
/** In a pod of a few files most of them must be noise, and more than someone encrypts by hand while trying. */
const NOISE_FEW = 5;

/** The causes for which a checkpoint is doubtful; none if it is not. */
export function judgeLoss(facts: LossFacts): DoubtCause[] {
  const { formerFiles, formerCount, presentFiles, goneCount, replacedCount, noiseCount } = facts;
  const causes: DoubtCause[] = [];
  if (presentFiles === 0 && formerFiles > 0) causes.push('empty');
  if (goneCount >= lossMin(formerFiles) && goneCount > formerCount * MOST) causes.push('gone');
  const isMany = noiseCount >= noiseMin(formerFiles);
  const isMost = noiseCount >= NOISE_FEW && noiseCount > formerFiles * MOST;
  if ((isMany && noiseCount > replacedCount * MOST) || isMost) causes.push('noise');
  if (facts.hiddenCount > 0) causes.push('hidden');
  if (facts.unmountedCount > 0) causes.push('unmounted');
  return causes;
}

/** What a capture knows of its files without comparing them with those of the checkpoint before. */
export interface CapturedFiles {
  /** All of them. */
  readonly files: number;
  /** Those that are counted. */
  readonly countedFiles: number;
  /** Those that are certainly as they were in the checkpoint before. */
  readonly unchangedFiles: number;
}

/**
 * True unless it can be told from numbers alone that {@link judgeLoss} would find no loss but one by mounts: then nobody
 * needs to compare.
 *
 * @param formerFiles files of the checkpoint before, all of them
 */
export function mayBeLoss(formerFiles: number, present: CapturedFiles): boolean {
  const { files, countedFiles, unchangedFiles } = present;
  const differing = formerFiles - unchangedFiles;
  if (differing > formerFiles * MOST) return true;
  // those may all be counted; of what is unchanged, at least what is counted and neither new nor changed
  const unchangedCount = countedFiles - (files - unchangedFiles);
  const mayBeGone = differing >= lossMin(formerFiles) && differing * (1 - MOST) > unchangedCount * MOST;
  return mayBeGone || differing >= noiseMin(formerFiles);
}

function lossMin(formerFiles: number): number {
  return Math.max(LOSS_MIN, formerFiles * LOSS_SHARE_MIN);
}

function noiseMin(formerFiles: number): number {
  return Math.max(NOISE_MIN, formerFiles * NOISE_SHARE_MIN);
}

/** A doubt in a clause, for people: `compared with checkpoint 7, 412 of 500 files are gone or were emptied`. */
export function describeDoubt({ against, causes, formerCount, goneCount, noiseCount }: Doubt): string {
  const texts: Readonly<Record<DoubtCause, string>> = {
    empty: `no file is left of the ${formerCount}`,
    gone: `${goneCount} of ${formerCount} files are gone or were emptied`,
    noise: `${noiseCount} of ${formerCount} files became noise, as encryption leaves it`,
    hidden: 'something is mounted over files',
    unmounted: 'something that held files is not mounted any more',
    unreadable: 'something cannot be read',
  };
  const told = causes.filter((cause) => cause !== 'gone' || !causes.includes('empty'));
  return `compared with checkpoint ${against}, ${told.map((cause) => texts[cause]).join(', and ')}`;
}
