// deskpod verify: is everything there and whole; what is damaged is healed, and what is lost is named.
import type { Command } from 'commander';
import { DeskPodError } from '../../core/errors.ts';
import { mendPod } from '../../session/operation/mend-pod.ts';
import type { VerifyAnswer } from '../../session/operation/verify-pod.ts';
import { isAsPut } from '../../session/runtime/device-runtime.ts';
import { fromWireError } from '../../session/supervisor/wire.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { countLeft, isLeft } from '../../sync/verify/verify-report.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { EXIT_STATUS } from '../exit-codes.ts';
import { ExitStatus } from '../exit-status.ts';
import { describeFailure, type Output } from '../output.ts';
import { printableLine } from '../printable.ts';
import { formatBytes, formatDuration, parseDuration, parseShare } from '../units.ts';
import { absoluteUrl } from './home.ts';
import { tellHomeCheck } from './home-check.ts';
import { describeRuntime } from './runtime.ts';

/** So many lost files of a tree are shown to people; machines get all. */
const SHOWN_MAX = 20;

interface VerifyOptions {
  readonly readData?: boolean;
  readonly sample?: number;
  readonly for?: number;
  readonly home?: string;
  readonly fetch?: boolean;
  readonly heal: boolean;
  readonly giveUp?: boolean;
}

/** What was asked for, and what had to be done before. */
interface Asked {
  /** What kept the pod from being opened, and came from home. */
  readonly mended: readonly string[];
  readonly isHealing: boolean;
  readonly isPart: boolean;
}

/** Adds `deskpod verify`. */
export function registerVerify(program: Command): void {
  withPodOptions(program.command('verify'))
    .option('--read-data', 'read and prove every byte, not only that everything is in its place')
    .option(
      '--sample <share>',
      'read this share of the bytes, such as 5%: what was verified longest ago',
      parseShare,
    )
    .option(
      '--for <time>',
      'read for so long, such as 10m, beginning with what was verified longest ago',
      parseDuration,
    )
    .option('--home <url>', 'verify what lies at a home; without -d every pod there, with no key at all')
    .option('--fetch', 'with --home: fetch the objects and hash them here, instead of taking its word')
    .option(
      '--give-up',
      'give up what no home has whole: the rest of such packs is copied, and the next checkpoint stores again what is lost',
    )
    .option('--no-heal', 'only look; without this, damage is replaced by bytes that bear out their names')
    .description(
      'find what is damaged or missing, and heal it: the device from a home, a home from the device',
    )
    .action(async (options: VerifyOptions, command: Command) => {
      refuseMixtures(options);
      const { output } = contextOf(command);
      const home = options.home === undefined ? undefined : absoluteUrl(options.home);
      const { device } = command.optsWithGlobals<{ device?: string }>();
      if (home !== undefined && device === undefined)
        return tellHomeCheck(output, home, options.fetch === true);
      const isReading =
        options.readData === true || options.sample !== undefined || options.for !== undefined;
      const ask = (): Promise<VerifyAnswer> =>
        operateOn(command, 'verify', {
          depth: isReading || options.fetch === true ? 'data' : 'structure',
          isHealing: options.heal,
          isGivingUp: options.giveUp === true,
          ...(options.sample === undefined ? {} : { share: options.sample }),
          ...(options.for === undefined ? {} : { forMs: options.for }),
          ...(home === undefined ? {} : { home }),
        });
      const source = options.heal ? home : undefined;
      const { answer, mended } = await mendingFirst(ask, device, source, contextOf(command).credential);
      for (const name of mended) output.note(`${name} was damaged on the device, and came back from ${home}`);
      tell(output, answer, {
        mended,
        isHealing: options.heal,
        isPart: options.sample !== undefined || options.for !== undefined,
      });
    });
}

/** A pod that cannot be opened, as its head or keyring is damaged, gets them from the home that was named. */
async function mendingFirst(
  ask: () => Promise<VerifyAnswer>,
  device: string | undefined,
  home: string | undefined,
  credential: () => Promise<Credential>,
): Promise<{ answer: VerifyAnswer; mended: string[] }> {
  try {
    return { answer: await ask(), mended: [] };
  } catch (error) {
    if (!(error instanceof DeskPodError) || !isMendable(error)) throw error;
    if (home === undefined) {
      if (error.details.isTwin === true) throw error; // it knows better where a twin gets it from
      throw new DeskPodError(error.code, error.message, {
        hint: 'Without it the pod cannot be opened: `deskpod verify -d POD --home URL` brings it back from a home.',
        details: error.details,
        cause: error,
      });
    }
    const mended = await mendPod(device, home, credential);
    if (mended.length === 0) throw error;
    return { answer: await ask(), mended };
  }
}

/** A twin's head names what the last sync brought to it, which no other home's does. */
function isMendable({ code, details }: DeskPodError): boolean {
  return (code === 'HEAD_DAMAGED' && details.isTwin !== true) || details.kind === 'keyrings';
}

function refuseMixtures({ home, fetch, sample, for: forMs, heal, giveUp }: VerifyOptions): void {
  const isPartial = sample !== undefined || forMs !== undefined;
  let wrong: string | undefined;
  if (home === undefined && fetch === true) wrong = '--fetch goes with --home';
  if (home !== undefined && isPartial) wrong = '--home is always verified whole';
  if (giveUp === true && (home !== undefined || !heal))
    wrong = '--give-up is for the device, after it could not be healed';
  if (wrong !== undefined)
    throw new DeskPodError('USAGE', wrong, { hint: '`deskpod verify --help` shows how.' });
}

function tell(output: Output, answer: VerifyAnswer, { mended, isHealing, isPart }: Asked): void {
  const failures = answer.failures.map(({ place, error }) => ({ place, error: fromWireError(error) }));
  const leftCount = countLeft(answer);
  const shown = failures.map(({ place, error }) => ({ place, error: describeFailure(error) }));
  output.result({ ...answer, mended, failures: shown, leftCount }, describe(answer, leftCount, isHealing));
  for (const { error } of failures) output.complain(error);
  if (answer.unrecorded !== undefined) output.complain(fromWireError(answer.unrecorded));
  const isRuntimeSound = answer.runtime === undefined || isAsPut(answer.runtime);
  if (leftCount > 0 || answer.lost.length > 0 || !isRuntimeSound) throw new ExitStatus(EXIT_STATUS.damaged);
  if (!answer.isWhole && !isPart) throw new ExitStatus(EXIT_STATUS.partlyDone);
  if (answer.damage.length + answer.healedFaults.length + mended.length > 0)
    throw new ExitStatus(EXIT_STATUS.healed);
}

function describe(answer: VerifyAnswer, leftCount: number, isHealing: boolean): string {
  const { damage, faults, healedFaults, correctedPacks, lost } = answer;
  const lines = [summary(answer)];
  for (const { kind, name, text, healedFrom, isGivenUp } of damage) {
    const left = isGivenUp === true ? 'given up; the rest of it was copied' : 'NOT HEALED';
    const outcome = healedFrom === undefined ? left : `healed from ${healedFrom}`;
    lines.push(`  ${kind}/${name}: ${printableLine(text)}: ${printableLine(outcome)}`);
  }
  for (const fault of faults) lines.push(`  ${printableLine(fault)}`);
  for (const fault of healedFaults) lines.push(`  ${printableLine(fault)}: right again`);
  if (correctedPacks.length > 0)
    lines.push(`  the index of chunks was wrong about ${correctedPacks.length} packs, and is right again`);
  for (const { checkpoint, tree, files, listFault } of lost) {
    lines.push(
      `lost in checkpoint ${checkpoint}: ${files.length} ${tree === 'files' ? 'files' : 'process images'}`,
    );
    for (const { path } of files.slice(0, SHOWN_MAX)) lines.push(`  ${printableLine(path)}`);
    if (files.length > SHOWN_MAX) lines.push(`  and ${files.length - SHOWN_MAX} more; --json names all`);
    if (listFault !== undefined)
      lines.push(`  and whatever its list named after that: ${printableLine(listFault)}`);
  }
  if (answer.runtime !== undefined && answer.runtime.standing !== 'none')
    lines.push(`  ${describeRuntime(answer.runtime)}`);
  for (const warning of answer.warnings ?? []) lines.push(`  ${printableLine(warning)}`);
  const next = nextStep(answer, leftCount, isHealing);
  return [...lines, ...(next === undefined ? [] : [next])].join('\n');
}

function summary({ place, depth, isWhole, damage, ...report }: VerifyAnswer): string {
  const where = place === 'device' ? 'the device' : place;
  const read = `${report.objectCount} objects, ${formatBytes(report.readBytes)} read in ${formatDuration(report.durationMs)}`;
  const part = isWhole ? '' : '; not all of it was read';
  const found = damage.length + report.faults.length + report.healedFaults.length;
  if (found > 0) return `${where}: ${found} found damaged or missing (${read}${part})`;
  const what = depth === 'structure' ? 'everything is in its place' : 'everything that was read is whole';
  return `${where}: ${what} (${read}${part})`;
}

function nextStep(
  { place, lost, damage }: VerifyAnswer,
  leftCount: number,
  isHealing: boolean,
): string | undefined {
  if (leftCount === 0 && lost.length === 0) return undefined;
  if (leftCount === 0)
    return 'Run `deskpod checkpoint`: it stores again what the files still have, and with it older checkpoints are whole, too.';
  if (!isHealing) return 'Nothing was healed, as --no-heal says; run it without to heal what can be healed.';
  if (place !== 'device' && !damage.some(isLeft)) return undefined; // a fault says itself what to do
  if (place !== 'device')
    return 'Verify the device with `deskpod verify --read-data` as well: it is what a home is healed from.';
  const intact = damage.length > 0 && lost.length === 0 ? 'No checkpoint needs what is damaged. ' : '';
  return `${intact}Bring back a home that has it whole and verify again. If there is none: --read-data --give-up, then \`deskpod checkpoint\`, which until then counts on what is damaged.`;
}
