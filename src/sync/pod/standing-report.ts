// What a sync tells of a home that this device does not simply go on with, in sentences that say what to do.
import { toHex } from '../../core/bytes.ts';
import type { Head } from '../../core/head.ts';
import type { HomeState } from '../../core/home-state.ts';
import type { Pod } from './pod.ts';
import type { Standing } from './standing.ts';

/** How this device stands at a home, after a sync. */
export interface StandingReport {
  readonly url: string;
  /** The branch that home keeps this device's history as; absent if it goes on with it. */
  readonly branch?: string;
  /** What the user is to know of it, in sentences. */
  readonly notices: readonly string[];
}

const NAME_DIGITS = 8;

/** `displaced` is the head that home had before, of another history. */
export function describeStanding(
  { state: { deviceId } }: Pod,
  { url, seq, branch, isClaimed }: HomeState,
  standing: Standing,
  displaced?: Head,
): StandingReport {
  switch (standing.kind) {
    case 'behind':
      return { url, notices: [behindText(url, standing.forgotten)] };
    case 'branch': {
      const notices = [
        ...(standing.isCopy ? [copyText(deviceId)] : []),
        branchText(url, deviceId, standing.forkSeq, branch === undefined),
        ...(branch?.deviceId === deviceId && seq > standing.seq
          ? [revertedText(url, standing.seq, seq)]
          : []),
      ];
      return { url, branch: deviceId, notices };
    }
    case 'main': {
      const notices =
        seq > standing.seq && isClaimed === undefined ? [revertedText(url, standing.seq, seq)] : [];
      if (displaced !== undefined) {
        const name = toHex(displaced.deviceId).slice(0, NAME_DIGITS);
        notices.push(standing.displaces === 'usurper' ? usurperText(name) : predecessorText(url, name));
      }
      return { url, notices };
    }
  }
}

function behindText(url: string, forgotten: readonly number[]): string {
  const has =
    forgotten.length === 0
      ? 'and has everything that this one has'
      : `which has forgotten checkpoints that this one still has (${forgotten.join(', ')}); it has everything else`;
  return (
    `${url} goes on with another device of this pod, ${has}. What you do here from now on ` +
    'is kept there as a branch. To go on from where home is, restore it to a new device; to go on from here, deskpod promote.'
  );
}

function branchText(url: string, deviceId: string, forkSeq: number, isNew: boolean): string {
  const name = deviceId.slice(0, NAME_DIGITS);
  const state = isNew ? 'is kept from now on' : 'is kept';
  return (
    `${url} goes on with another device of this pod. What this one has since position ${forkSeq} ${state} there as the ` +
    `branch ${name}, and nothing is overwritten. To bring files over: deskpod restore --from ${url} --branch ${name} ` +
    '--into FOLDER. If this is the device to go on with: deskpod promote, and what the other one has becomes a branch.'
  );
}

function copyText(deviceId: string): string {
  return (
    'This device is a copy: another one has gone on under its name. It has a name of its own from now on: ' +
    `${deviceId.slice(0, NAME_DIGITS)}.`
  );
}

function revertedText(url: string, seq: number, acknowledgedSeq: number): string {
  const found = seq === 0 ? 'had nothing of this device any more' : `stood at position ${seq} again`;
  return (
    `${url} had gone back in time: it had acknowledged position ${acknowledgedSeq} and ${found}. It has everything ` +
    'again. Look why: was an old copy put back there?'
  );
}

function usurperText(name: string): string {
  return `Meanwhile the former device ${name} had gone on there; what it sent is kept as the branch ${name}.`;
}

function predecessorText(url: string, name: string): string {
  return `${url} goes on with this device from now on. What it went on with before is kept there as the branch ${name}.`;
}
