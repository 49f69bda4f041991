// Every event of a log in the words of people: one sentence, what it is about, and whether one should look at it.
import type { BarrierViolation } from './barrier-events.ts';
import { type Doubt, describeDoubt } from './checkpoint-doubt.ts';
import type { CheckpointReason, PodEvent, RestoreCompleted, VerifyCompleted } from './events.ts';
import { countOf, formatAge, formatBytes, formatDuration } from './quantities.ts';
import { describeSchedule } from './schedule-words.ts';
import type { SessionLimits } from './session-limits.ts';

/** What an event is about. */
export type EventTopic = 'checkpoint' | 'session' | 'home' | 'device' | 'keys' | 'verify' | 'settings';

/** What an event means. */
export interface EventWords {
  readonly topic: EventTopic;
  /** `usual` happens all the time, `notable` is worth a line, `warning` asks for a look. */
  readonly weight: 'usual' | 'notable' | 'warning';
  /** One sentence. What pods, homes and people have written stands in it as it is: it is anybody's text. */
  readonly text: string;
}

/** Why a checkpoint was made, as part of a sentence. */
export const REASONS: Readonly<Record<CheckpointReason, string>> = {
  suspend: 'at a suspend',
  live: 'while the session went on',
  files: 'of the files',
  install: 'for an installation',
  schedule: 'on schedule',
  dock: 'when it met its home',
};

const NAME_DIGITS = 8;

/** Explains an event. Total: every event of the union has its case, or this does not compile. */
export function explainEvent(event: PodEvent): EventWords {
  switch (event.type) {
    case 'pod.created': {
      const kind = event.kind === 'tree' ? 'a folder' : `a desktop, its vault encrypted by ${event.vault}`;
      return notable('device', `The pod “${event.name}” was created: ${kind}.`);
    }
    case 'keyring.changed':
      return notable('keys', `What opens the pod was changed; this is keyring ${event.generation}.`);
    case 'base.added':
      return notable(
        'settings',
        `The system “${event.name}” (${formatBytes(event.sizeBytes)}) is the base from now on.`,
      );
    case 'session.started':
      return notable('session', `A fresh session was started on ${hostOf(event.host)}.`);
    case 'session.resumed':
      return notable(
        'session',
        `The session of checkpoint ${event.checkpoint} went on after ${formatDuration(event.resumeMs)}, on ${hostOf(event.host)}.`,
      );
    case 'session.suspended':
      return notable('session', `The session was suspended; checkpoint ${event.checkpoint} holds it.`);
    case 'session.stopped':
      return notable('session', 'The session was ended, and its processes with it; the files stayed.');
    case 'session.lost':
      return warning('session', `The session ended without a checkpoint: ${event.cause}.`);
    case 'processor.used':
      return usual(
        'session',
        `Programs of the session may use ${countOf(event.features.length, 'feature')} of this ${event.machine} processor from now on.`,
      );
    case 'processor.limited':
      return notable(
        'settings',
        `Sessions use nothing beyond ${event.level}, so that they go on nearly anywhere.`,
      );
    case 'session.limited':
      return notable('settings', `From its next start on, ${limitsText(event)}.`);
    case 'packages.installed':
      return notable('settings', `Installed: ${event.packages.join(', ')}.`);
    case 'checkpoint.sealed': {
      const { number, reason, stats, images } = event;
      const session = images === undefined ? '' : ` and a session of ${formatBytes(stats.imageBytes)}`;
      return usual(
        'checkpoint',
        `Checkpoint ${number} was made ${REASONS[reason]}: ${countOf(stats.fileCount, 'file')}${session}, ${formatBytes(stats.storedBytes)} new.`,
      );
    }
    case 'checkpoint.doubted':
      return warning('checkpoint', doubtText(event, event.number));
    case 'checkpoint.accepted':
      return notable(
        'checkpoint',
        `What looked like a loss in checkpoint ${event.number}, compared with ${event.against}, was said to be right.`,
      );
    case 'checkpoints.forgotten':
      return notable(
        'checkpoint',
        `${countOf(event.numbers.length, 'checkpoint was', 'checkpoints were')} forgotten by the policy “${event.policy}”.`,
      );
    case 'packs.pruned':
      return usual(
        'checkpoint',
        `Space was freed: ${countOf(event.removed.length, 'pack')} went, ${countOf(event.added.length, 'pack')} with what was still needed came.`,
      );
    case 'mounts.changed':
      return event.paths.length === 0
        ? notable('checkpoint', 'Nothing is mounted in the folder any more.')
        : notable(
            'checkpoint',
            `Other file systems are mounted in the folder, and in no checkpoint: ${event.paths.join(', ')}.`,
          );
    case 'watch.gap':
      return usual(
        'checkpoint',
        `The watch may have missed something (${event.cause}): the next checkpoint looks at everything.`,
      );
    case 'home.added':
      return notable('home', `${event.url} is a home from now on.`);
    case 'home.removed':
      return notable('home', `${event.url} is no home any more; what lies there stays.`);
    case 'home.acknowledged':
      return usual(
        'home',
        `${event.url} has everything up to position ${event.seq}; ${formatBytes(event.sentBytes)} were sent.`,
      );
    case 'home.reverted':
      return warning(
        'home',
        event.seq === 0
          ? `${event.url} had nothing of this device any more, though it had acknowledged position ${event.acknowledgedSeq}.`
          : `${event.url} had gone back in time: it stood at position ${event.seq} and had acknowledged ${event.acknowledgedSeq}.`,
      );
    case 'home.branched':
      return warning(
        'home',
        `${event.url} goes on with another device of this pod; what this one has since position ${event.forkSeq} is kept there as the branch ${short(event.deviceId)}.`,
      );
    case 'home.equipped':
      return usual('home', `The twin ${event.url} was given a runtime of ${formatBytes(event.sizeBytes)}.`);
    case 'home.stripped':
      return usual('home', `The twin ${event.url} carries no runtime any more.`);
    case 'home.leased':
      return event.leaseMs === undefined
        ? notable('home', `The twin ${event.url} asks from now on before it is started.`)
        : usual(
            'home',
            `The twin ${event.url} is started without a question if it is not synced to for ${formatAge(event.leaseMs)}.`,
          );
    case 'home.docked':
      return usual(
        'home',
        `${event.url} took over by itself what lay on the device, up to position ${event.seq}: ${formatBytes(event.sentBytes)}.`,
      );
    case 'device.moved':
      return warning(
        'device',
        `The device was found on another medium (${event.place}): it was moved there, or copied.`,
      );
    case 'device.forked':
      return event.cause === 'asked'
        ? notable('device', `This copy goes its own way from now on, as device ${short(event.deviceId)}.`)
        : warning(
            'device',
            `This device is a copy, as another one had gone on under its name; it is device ${short(event.deviceId)} from now on.`,
          );
    case 'device.promoted':
      return notable(
        'device',
        `This device became the one that homes go on with, as ${short(event.deviceId)} in epoch ${event.epoch}: ${event.urls.join(', ')}.`,
      );
    case 'restore.completed':
      return notable(
        'device',
        `The pod was rebuilt from ${event.url} up to checkpoint ${event.checkpoint}; this is device ${short(event.deviceId)} in epoch ${event.epoch}.${awaitedText(event)}`,
      );
    case 'restore.proven': {
      const session = event.hasSession ? ', and its session went on there' : '';
      return notable(
        'verify',
        `Checkpoint ${event.checkpoint} was rebuilt from ${event.url} to see that it can be, in ${formatDuration(event.durationMs)}${session}.`,
      );
    }
    case 'verify.completed':
      return verifyWords(event);
    case 'object.healed':
      return notable(
        'verify',
        `A damaged or missing part (${event.kind}/${short(event.name)}) is whole again at ${placeOf(event.place)}; it came from ${placeOf(event.from)}.`,
      );
    case 'schedule.set':
      return notable(
        'settings',
        `From now on a checkpoint is made ${describeSchedule(event)} (schedule ${event.number}).`,
      );
    case 'schedule.removed':
      return notable('settings', `Schedule ${event.number} is kept no more.`);
    case 'reserve.set':
      return notable('settings', reserveText(event.reserveBytes));
    case 'reserve.short':
      return warning(
        'device',
        `Only ${formatBytes(event.freeBytes)} are free of the ${formatBytes(event.reserveBytes)} that were to stay free, and no more checkpoints could go for them.`,
      );
    case 'reserve.kept':
      return notable(
        'device',
        `The ${formatBytes(event.reserveBytes)} that are to stay free are free again (${formatBytes(event.freeBytes)}).`,
      );
    case 'barrier.violation':
      return notable('session', violationText(event));
    case 'barrier.gap':
      return warning(
        'session',
        `A part of the kernel module was switched off for about ${formatDuration(event.count * 1000)}, as only root of this computer can do it: what was tried across the barrier then may not have been refused, nor noted.`,
      );
    case 'runtime.put':
      return notable(
        'device',
        `The device was given a runtime of ${formatBytes(event.sizeBytes)}, for hosts that have nothing.`,
      );
    case 'runtime.removed':
      return notable('device', 'The device carries no runtime any more.');
    default:
      return unknownWords(event);
  }
}

function usual(topic: EventTopic, text: string): EventWords {
  return { topic, weight: 'usual', text };
}

function notable(topic: EventTopic, text: string): EventWords {
  return { topic, weight: 'notable', text };
}

function warning(topic: EventTopic, text: string): EventWords {
  return { topic, weight: 'warning', text };
}

function hostOf({ kernel, machine }: { readonly kernel: string; readonly machine: string }): string {
  return `Linux ${kernel} (${machine})`;
}

function placeOf(place: string): string {
  return place === 'device' ? 'the device' : place;
}

function short(name: string): string {
  return name.slice(0, NAME_DIGITS);
}

function limitsText({ memoryBytes, processCount, processorCount }: SessionLimits): string {
  const parts = [
    ...(memoryBytes === undefined ? [] : [`${formatBytes(memoryBytes)} of memory`]),
    ...(processCount === undefined ? [] : [countOf(processCount, 'process', 'processes')]),
    ...(processorCount === undefined ? [] : [`the time of ${countOf(processorCount, 'processor')}`]),
  ];
  return parts.length === 0 ? 'its session has no limits' : `its session uses at most ${parts.join(', ')}`;
}

function reserveText(reserveBytes: number | undefined): string {
  if (reserveBytes === undefined) return 'As much of the device stays free as is usual for its size.';
  return reserveBytes === 0
    ? 'None of the device is kept free.'
    : `${formatBytes(reserveBytes)} of the device stay free: the oldest checkpoints that a home has go for it.`;
}

function doubtText(doubt: Doubt, number: number | undefined): string {
  const what =
    number === undefined ? 'No checkpoint was made' : `Checkpoint ${number} was made and is in doubt`;
  return `${what}, as it looks like a loss: ${describeDoubt(doubt)}.`;
}

function verifyWords(event: VerifyCompleted): EventWords {
  const { place, depth, isWhole, objectCount, readBytes, damagedCount, healedCount, durationMs } = event;
  const part = isWhole ? '' : 'a part of ';
  const what =
    depth === 'data'
      ? `every byte of ${part}what is there (${formatBytes(readBytes)})`
      : `that ${part === '' ? 'all' : 'a part'} of it is in its place`;
  const objects = countOf(objectCount, 'object');
  const done = `${placeOf(place)} was verified in ${formatDuration(durationMs)}, ${what}, ${objects}`;
  const text = `${done.charAt(0).toUpperCase()}${done.slice(1)}`;
  if (damagedCount === 0) return usual('verify', `${text}: nothing is damaged.`);
  const left = damagedCount - healedCount;
  if (left === 0) return notable('verify', `${text}: ${damagedCount} were damaged, and are whole again.`);
  return warning('verify', `${text}: ${damagedCount} were damaged, and ${left} still are.`);
}

/** What was tried, as part of a sentence. */
const ATTEMPTS: Readonly<Record<BarrierViolation['operation'], string>> = {
  signal: 'to send a signal',
  trace: 'to look into memory, files or namespaces',
  limit: 'to change resource limits',
  schedule: 'to change scheduling',
  namespace: 'to enter or make namespaces',
  procfs: 'to open a folder of /proc',
  mount: 'to mount something',
  root: 'to change the root folder',
  node: 'to make a device node',
  handle: 'to open a file by its handle',
  module: 'to load a module or a kernel',
  bpf: 'to use bpf',
  perf: 'to use perf events',
  claim: 'to take the session over',
  unknown: 'something that this version has no name for',
};

function violationText(event: BarrierViolation): string {
  const { direction, operation, count, lostCount, actor, actorPid, actorUid, target } = event;
  const who = `“${actor}” (process ${actorPid}, user ${actorUid})`;
  const where = direction === 'in' ? 'outside the session' : 'in the session';
  const whom = target === '' ? '' : `, of “${target}”`;
  const times = count === 1 ? '' : `; ${count} such attempts were`;
  const more = lostCount === 0 ? '' : `, and ${lostCount} more that were only counted`;
  return `${who} ${where} tried ${ATTEMPTS[operation]}${whom}, and was refused${times}${more}.`;
}

/** A supervisor of a later version may tell of what this one does not know; one of the sources has words for all. */
function unknownWords(event: never): EventWords {
  const { type } = event as PodEvent;
  return usual('settings', `Something that this version has no words for: ${type}.`);
}

function awaitedText({ awaited }: RestoreCompleted): string {
  if (awaited === undefined) return '';
  return ` Older checkpoints need ${countOf(awaited.packCount, 'pack')} more, ${formatBytes(awaited.sizeBytes)}, which come later.`;
}
