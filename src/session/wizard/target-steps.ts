// Onto what the pod is restored: a drive that can be pulled out, an image file, or a folder; and whether what is there may go.
import { basename, dirname, resolve } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { formatBytes, parseSize } from '../../core/quantities.ts';
import type { Option } from '../../core/wizard-question.ts';
import { isTwinUrl, parseHomeUrl } from '../../sync/home/home-url.ts';
import { requireFreeFolder } from '../../sync/pod/restore-folder.ts';
import { statusAt } from '../../sync/posix/path-status.ts';
import { ProcessError } from '../../sync/process.ts';
import { deviceBytesFor, requireDeviceSize } from '../device/device-format.ts';
import { deviceNumberText } from '../device/device-number.ts';
import { findTarget, mountsOf } from '../device/device-target.ts';
import { type Drive, type DriveContent, isDriveAway, lookAtDrive } from '../device/drives.ts';
import { seeTarget } from '../device/seen-target.ts';
import { requireRoot } from '../host/root-rights.ts';
import { releaseUnfinished } from '../pod/release.ts';
import { requireAnother } from '../pod/restore-pod.ts';
import { isSamePlace } from '../twin/twin-place.ts';
import { type Draft, known, type RestoreStep, type Surroundings } from './draft.ts';
import { lookAtPresent, saysItIs } from './present-device.ts';

const BY_PATH = 'path';
const GO_ON = 'go-on';
const ANEW = 'anew';
const GIBIBYTE = 2 ** 30;
/** Beside what comes back there is to be room to go on. */
const ROOM_TO_GROW = 2;
/** Never "empty": nobody has read all of it. */
const UNRECOGNIZED = 'nothing that is recognized';
const LEAST_IMAGE_BYTES = 8 * GIBIBYTE;

/** What is known without a target: it is to be chosen anew. */
export function withoutTarget({
  target,
  isTargetTyped,
  sizeBytes,
  isErasing,
  seen,
  present,
  ...draft
}: Draft): Draft {
  return draft;
}

/** The steps that find a target. */
export function targetSteps({ listDrives, showsAllDevices }: Surroundings): readonly RestoreStep[] {
  const chooseDevice: RestoreStep = async (draft, ask) => {
    const { kind, neededBytes } = known(draft, 'pod');
    if (kind === 'tree') return { ...draft, isTargetTyped: true };
    requireRoot('restoring a desktop pod');
    const drives = (await listDrives()).filter(({ isRemovable }) => isRemovable || showsAllDevices);
    const options = await describeAll(drives, known(draft, 'url'), deviceBytesFor(neededBytes));
    const first = options.find(({ refusal }) => refusal === undefined);
    const hidden = showsAllDevices ? '' : ' Other drives are shown with --all-devices.';
    const answer = await ask({
      kind: 'choice',
      id: 'device',
      title: 'Onto which drive?',
      initial: first?.value ?? BY_PATH,
      text: `It needs at least ${formatBytes(deviceBytesFor(neededBytes))}. Drives that can be pulled out are listed.${hidden}`,
      options: [...options, { value: BY_PATH, label: 'An image file', detail: 'its path is typed' }],
    });
    return answer === BY_PATH ? { ...draft, isTargetTyped: true } : { ...draft, target: answer };
  };

  const typePath: RestoreStep = async (draft, ask) => {
    if (draft.isTargetTyped !== true) return requireFit(draft);
    const isTree = known(draft, 'pod').kind === 'tree';
    const answer = await ask({
      kind: 'text',
      id: 'path',
      title: isTree ? 'Into which folder?' : 'Which image file?',
      text: isTree
        ? 'A folder that is empty or not there yet.'
        : 'The path of an image file; it is made if it is not there.',
    });
    const target = resolve(answer);
    return isTree ? intoFolder(draft, target) : requireFit({ ...draft, target });
  };

  const typeSize: RestoreStep = async (draft, ask) => {
    const target = known(draft, 'target');
    const { kind, neededBytes } = known(draft, 'pod');
    if (kind === 'tree' || (await statusAt(target)) !== undefined) return draft;
    const wantedBytes = Math.max(deviceBytesFor(neededBytes) * ROOM_TO_GROW, LEAST_IMAGE_BYTES);
    const answer = await ask({
      kind: 'text',
      id: 'size',
      title: 'How large is the image file to be?',
      text: `At least ${formatBytes(deviceBytesFor(neededBytes))}; it takes no more than what is in it. Write it as 8G or 512M.`,
      initial: `${Math.ceil(wantedBytes / GIBIBYTE)}G`,
    });
    const sizeBytes = parseSize(answer);
    requireDeviceSize(target, sizeBytes, { contentBytes: neededBytes });
    return { ...draft, sizeBytes };
  };

  const recognize: RestoreStep = async (draft, ask) => {
    const [target, pod] = [known(draft, 'target'), known(draft, 'pod')];
    if (pod.kind === 'tree' || (await statusAt(target)) === undefined) return draft;
    if (!(await readable(target, () => saysItIs(target, pod.podId)))) return draft;
    const answer = await ask({
      kind: 'choice',
      id: 'present',
      title: `${target} is this pod already. Go on with it?`,
      initial: GO_ON,
      text: 'It may have more than home, or be what an earlier restore has made: what older checkpoints lack comes from home then.',
      options: [
        { value: GO_ON, label: 'Yes, with what is on it' },
        { value: ANEW, label: 'No, erase it and restore it anew' },
      ],
    });
    if (answer === ANEW) return draft;
    return { ...draft, present: await lookAtPresent(target, known(draft, 'credential')) };
  };

  const confirmErasing: RestoreStep = async (draft, ask) => {
    const target = known(draft, 'target');
    if (draft.present !== undefined) return draft;
    if (known(draft, 'pod').kind === 'tree' || (await statusAt(target)) === undefined) return draft;
    const { contents, isUnfinishedRestore, seen } = await readable(target, async () => ({
      ...(await lookAt(target)),
      seen: await seeTarget(target),
    }));
    if (isUnfinishedRestore) return { ...draft, seen };
    const { kind, sizeBytes, isBlank } = await findTarget(target);
    // what is encrypted, or has lost its partition table, looks like a drive fresh from the shop
    if (kind === 'image' && (isBlank || sizeBytes === 0)) return { ...draft, seen };
    const name = basename(target);
    const answer = await ask({
      kind: 'text',
      id: 'erase',
      title: `Type ${name} to erase it`,
      text: `Everything on ${target} will be erased: ${formatBytes(sizeBytes)}, ${contents ?? UNRECOGNIZED}.`,
    });
    if (answer === name) return { ...draft, seen, isErasing: true };
    throw new DeskPodError('USAGE', `expected ${name}, got ${JSON.stringify(answer.slice(0, 80))}`, {
      hint: 'Nothing is erased without its name. To choose another device, go back, or stop and begin again.',
    });
  };

  return [chooseDevice, typePath, typeSize, recognize, confirmErasing];
}

async function intoFolder(draft: Draft, target: string): Promise<Draft> {
  await requireAnother(known(draft, 'url'), target);
  const status = await statusAt(target);
  if (status !== undefined && !status.isDirectory())
    throw new DeskPodError('USAGE', `${target}: expected a folder, got a file`, {
      hint: 'This pod is just a folder: name one that is empty or not there yet.',
    });
  await requireFreeFolder(target, false);
  return { ...draft, target };
}

/** Refuses what cannot become the device, before anything else is asked. */
async function requireFit(draft: Draft): Promise<Draft> {
  const target = known(draft, 'target');
  const url = known(draft, 'url');
  await requireAnother(url, target);
  const status = await statusAt(target);
  if (status === undefined) return requireFolderOf(draft, target);
  const { sizeBytes, uses } = await readable(target, async () => ({
    ...(await findTarget(target)),
    ...(await lookAt(target)),
  }));
  if (uses !== undefined) {
    throw new DeskPodError('DEVICE_IN_USE', `${target}: ${uses}`, {
      hint: 'Unmount it or stop what uses it, then choose it again; or choose another one.',
      details: { path: target },
    });
  }
  requireDeviceSize(target, sizeBytes, { contentBytes: known(draft, 'pod').neededBytes });
  return draft;
}

async function requireFolderOf(draft: Draft, target: string): Promise<Draft> {
  const folder = dirname(target);
  if (!target.startsWith('/dev/') && (await statusAt(folder))?.isDirectory() === true) return draft;
  throw new DeskPodError('DEVICE_NOT_FOUND', `${target}: there is nothing, and no folder to make it in`, {
    hint: 'Plug the drive in, or name an image file in a folder that is there.',
    details: { path: target },
  });
}

async function describeAll(drives: readonly Drive[], url: string, neededBytes: number): Promise<Option[]> {
  const options: Option[] = [];
  for (const drive of drives) {
    try {
      options.push(await describeDrive(drive, url, neededBytes));
    } catch (error) {
      if (isDriveAway(error)) continue;
      const { path, model, sizeBytes } = drive;
      const label = labelOf(path, model, sizeBytes);
      options.push({ value: path, label, refusal: `it cannot be read: ${reasonOf(error)}` });
    }
  }
  return options;
}

async function describeDrive(drive: Drive, url: string, neededBytes: number): Promise<Option> {
  const { path, model, sizeBytes, isReadOnly } = drive;
  const { contents, uses } = await lookAt(path);
  const refusal = (await holdsHome(path, url))
    ? 'it holds the home that is restored from'
    : (uses ??
      (isReadOnly
        ? 'it is write-protected'
        : sizeBytes < neededBytes
          ? `it is too small, ${formatBytes(neededBytes)} are needed`
          : undefined));
  return {
    ...{ value: path, label: labelOf(path, model, sizeBytes) },
    detail: contents ?? UNRECOGNIZED,
    ...(refusal === undefined ? {} : { refusal }),
  };
}

function labelOf(path: string, model: string | undefined, sizeBytes: number): string {
  return `${path}  ${model ?? 'a drive'}, ${formatBytes(sizeBytes)}`;
}

/** A drive that fails to be read is no reason to end: another one can be chosen. @throws DeskPodError FILE_UNREADABLE */
async function readable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDeskPodError(error)) throw error;
    throw new DeskPodError('FILE_UNREADABLE', `${path}: it cannot be read: ${reasonOf(error)}`, {
      hint: 'Plug it in again if it was pulled out. If the drive fails, choose another one.',
      details: { path },
      cause: error,
    });
  }
}

/** @throws what is no failure of a drive */
function reasonOf(error: unknown): string {
  if (isDeskPodError(error)) return error.message;
  if (error instanceof ProcessError) return error.stderrTail.trim().split('\n').at(-1) || error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return code;
}

/** What a killed command left mounted is let go of, as the restore would do. */
async function lookAt(path: string): Promise<DriveContent> {
  const found = await lookAtDrive(path);
  if (found.uses === undefined) return found;
  try {
    await releaseUnfinished(path);
  } catch (error) {
    if (!isDeskPodError(error)) throw error;
    return found;
  }
  return lookAtDrive(path);
}

/** A twin is its own device; a home in a folder lies on what is mounted there. */
async function holdsHome(path: string, url: string): Promise<boolean> {
  const place = isTwinUrl(url) ? parseHomeUrl(url).path : url;
  if (!place.startsWith('/')) return false;
  const target = await findTarget(path);
  if (await isSamePlace(path, place)) return true;
  const numbers = new Set((await mountsOf(target)).map(({ deviceNumber }) => deviceNumber));
  const status = await statusAt(place);
  return status !== undefined && numbers.has(deviceNumberText(status.dev));
}
