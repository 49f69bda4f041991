// deskpod status: what the pod is doing, and how much of it is not at home yet.
import type { Command } from 'commander';
import { TIER_NAMES } from '../../core/barrier-tier.ts';
import { describeDoubt } from '../../core/checkpoint-doubt.ts';
import { firstLeaseEnd } from '../../core/lease.ts';
import type { WorkSpan } from '../../core/missing-work.ts';
import { countOf, formatAge } from '../../core/quantities.ts';
import type { HomeReport, StatusReport } from '../../session/operation/operations.ts';
import { notCrossedText } from '../../sync/files/inner-mounts.ts';
import { movedText } from '../../sync/pod/marker-file.ts';
import { contextOf, operateOn, withPodOptions } from '../context.ts';
import { describeLimits } from '../limits.ts';
import { formatBytes, formatDuration, formatMoment } from '../units.ts';
import { describeReserve } from './schedule.ts';

/** Adds `deskpod status`. */
export function registerStatus(program: Command): void {
  withPodOptions(program.command('status'))
    .description('what the pod is doing, what would be in the way of a suspend, and what is not at home yet')
    .action(async (_options: unknown, command: Command) => {
      const report = await operateOn(command, 'status', {});
      contextOf(command).output.result(report, describeStatus(report));
    });
}

function describeStatus(report: StatusReport): string {
  const lines = [
    report.isTwin
      ? `${report.name} (a twin of ${report.kind} pod ${report.podId}, as of position ${report.seq} of its log)`
      : `${report.name} (${report.kind} pod ${report.podId}, device ${report.deviceId}, epoch ${report.epoch})`,
  ];
  if (report.kind === 'desktop' && !report.isTwin)
    lines.push(`session     ${describeSession(report.session)}`);
  if (report.tier !== undefined) lines.push(`barrier     ${TIER_NAMES[report.tier]}`);
  if (report.suspend !== undefined) lines.push(...describeForecast(report.suspend));
  if (report.viewers !== undefined) lines.push(`viewer      ${describeViewers(report.viewers)}`);
  const limits = describeLimits(report.limits);
  if (limits !== undefined) lines.push(`limits      ${limits}`);
  const last = report.lastCheckpoint;
  lines.push(
    `checkpoint  ${last === undefined ? 'none yet' : `${last.number}, ${formatMoment(last.atMs)} (${last.reason})`}`,
  );
  // a supervisor of an earlier version does not say it
  if (report.scheduling !== undefined) lines.push(...describeSchedules(report.scheduling));
  if (report.doubt !== undefined) lines.push(`doubt       ${describeStanding(report.doubt)}`);
  if (report.notCrossed.length > 0) lines.push(`mounted     ${notCrossedText(report.notCrossed)}`);
  if (report.packages.length > 0) lines.push(`installed   ${report.packages.join(' ')}`);
  if (report.homes.length === 0)
    lines.push('home        none: a lost device takes everything with it; see deskpod home add');
  for (const home of report.homes) lines.push(`home        ${describeHome(home)}`);
  if (report.moved !== undefined)
    lines.push(`moved       ${formatMoment(report.moved.atMs)}: ${movedText(report.moved.place)}`);
  for (const verification of report.verifications)
    lines.push(`verified    ${describeVerification(verification)}`);
  const { provenRestore } = report;
  if (provenRestore !== undefined) {
    lines.push(`restored    ${describeRestore(provenRestore)}`);
  }
  const { awaited } = report;
  if (awaited !== undefined) {
    const what = `${countOf(awaited.packCount, 'pack')} of older checkpoints, ${formatBytes(awaited.sizeBytes)}`;
    const { failure } = awaited;
    lines.push(
      failure === undefined
        ? `awaited     ${what}: they come while the session runs, or with deskpod verify`
        : `awaited     ${what}; ${formatMoment(failure.atMs)}: ${failure.error.message}. ${failure.error.hint ?? ''}`,
    );
  }
  return lines.join('\n');
}

function describeSchedules({ isKept, schedules, failure, reserve }: StatusReport['scheduling']): string[] {
  const [next] = [...schedules].sort((a, b) => a.nextAtMs - b.nextAtMs);
  const lines: string[] = [];
  if (next !== undefined && isKept) lines.push(`next        ${formatMoment(next.nextAtMs)}, ${next.words}`);
  if (next !== undefined && !isKept)
    lines.push(`next        ${next.words}; only while its session runs, or its folder is watched`);
  if (failure !== undefined)
    lines.push(
      `failed      ${formatMoment(failure.atMs)}, a checkpoint on schedule: ${failure.error.message}`,
    );
  const isShort = reserve !== undefined && reserve.freeBytes < reserve.reserveBytes;
  if (isShort || reserve?.shortage !== undefined) lines.push(`room        ${describeReserve(reserve)}`);
  return lines;
}

/** A drill says how long it would take when it is needed. */
function describeRestore({
  url,
  checkpoint,
  atMs,
  durationMs,
  hasSession,
}: NonNullable<StatusReport['provenRestore']>): string {
  const from = `from ${url} up to checkpoint ${checkpoint}, ${formatMoment(atMs)}`;
  if (durationMs === undefined) return from;
  const what = hasSession === true ? ', its session went on' : '';
  const ago = formatAge(Math.max(0, Date.now() - atMs));
  return `last proven ${ago} ago (${from}${what}); would take ${formatDuration(durationMs)}`;
}

function describeStanding(doubt: NonNullable<StatusReport['doubt']>): string {
  const what = doubt.number === undefined ? 'nothing was sealed' : `checkpoint ${doubt.number} was sealed so`;
  const answer = 'answer with deskpod checkpoint, and --accept-changes if that is right';
  return `${describeDoubt(doubt)} (${formatMoment(doubt.atMs)}); ${what}; ${answer}`;
}

function describeVerification({
  place,
  depth,
  atMs,
  leftCount,
}: StatusReport['verifications'][number]): string {
  const what = depth === 'structure' ? 'structure' : 'every byte';
  const left = leftCount === 0 ? '' : `, ${leftCount} damaged and not healed`;
  return `${place}, ${what}, ${formatMoment(atMs)}${left}`;
}

function describeSession(session: StatusReport['session']): string {
  switch (session.status) {
    case 'none':
      return 'not started';
    case 'running':
      return `running since ${formatMoment(session.sinceMs)}`;
    case 'suspended':
      return `suspended in checkpoint ${session.checkpoint}; safe to unplug`;
    case 'lost':
      return `ended without a checkpoint: ${session.cause}`;
  }
}

function describeForecast({ wouldSucceed, obstacles }: NonNullable<StatusReport['suspend']>): string[] {
  const verdict = wouldSucceed
    ? 'would succeed'
    : 'would fail; close what is in the way, or end the session with deskpod stop, which keeps its files only';
  return [
    `suspend     ${verdict}`,
    ...obstacles.map(
      ({ sentence, isTransient }) => `  ${isTransient ? 'waits for' : 'in the way'} ${sentence}`,
    ),
  ];
}

function describeViewers({ viewerCount, away }: NonNullable<StatusReport['viewers']>): string {
  if (away === undefined) return viewerCount > 0 ? 'open' : 'closed';
  const what = away.departure === 'left' ? 'closed' : 'its browser ended without closing it';
  const then = `the session is suspended at ${formatMoment(away.closesAtMs)} unless deskpod view shows it before`;
  return `${what} at ${formatMoment(away.sinceMs)}; ${then}`;
}

function lengthOf({ sinceMs, untilMs = Date.now() }: WorkSpan): number {
  return untilMs - sinceMs;
}

/** A day's use says nothing that the time of work does not; a supervisor of an earlier version tells of none. */
function usedText({ missingUse }: Partial<Pick<HomeReport, 'missingUse'>>): string {
  return missingUse !== undefined && missingUse.days > 1 ? ` on ${missingUse.days} days of use` : '';
}

/** Until when this device may be used before the twin may be started in its place. */
function leaseText({ leases, url }: HomeReport): string {
  const end = firstLeaseEnd([{ url, ...(leases === undefined ? {} : { leases }) }]);
  if (end === undefined) return '';
  const isOut = end.endMs <= Date.now();
  return isOut
    ? `, may have been started since ${formatMoment(end.endMs)}: plug it in and sync`
    : `, goes on without this device unless it is synced to before ${formatMoment(end.endMs)}`;
}

/** One line about a home. */
export function describeHome(home: HomeReport): string {
  const branch = home.branch === undefined ? '' : `, as the branch ${home.branch.deviceId.slice(0, 8)}`;
  const claim = home.isClaimed === true ? ', goes on with this device from the next sync on' : '';
  const away = `${leaseText(home)}${home.isAway ? ', away' : ''}`;
  if (home.seq === 0) return `${home.url}: nothing there yet${away}`;
  const work =
    home.missingWork === undefined
      ? ''
      : `, ${formatAge(lengthOf(home.missingWork))} of work${usedText(home)}`;
  const missing =
    home.missingCheckpoints === 0
      ? `everything is there${work === '' ? '' : `${work} since then is in no checkpoint`}`
      : `${home.missingCheckpoints} checkpoints (${formatBytes(home.missingBytes)}${work}) are not there yet`;
  return `${home.url}: ${missing}${branch}${claim}, last sync ${formatMoment(home.atMs)}${away}`;
}
