// The file with a home's note, beside the marker of a pod: written by a home that holds its key for that, taken at the next opening.
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import type { HomeNote } from '../../core/decide.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { Sealing } from '../../core/hashing.ts';
import { decodeHomeNote, encodeHomeNote } from '../../core/home-note.ts';
import type { Pod } from '../pod/pod.ts';
import type { PodFolder } from '../pod/pod-folder.ts';
import {
  isSystemError,
  publish,
  syncFolder,
  writeFully,
  writeTemporary,
} from '../repository/durable-file.ts';
import { readPlainFile } from '../repository/plain-file.ts';

/** Its name, beside the marker. */
export const NOTE_NAME = 'deskpod.note';
const NOTE_MOST_BYTES = 2 ** 20;

/** What proves a note, and whose it is. */
export interface NoteKey {
  readonly podId: Uint8Array;
  readonly sealing: Sealing;
}

function noteFileOf({ markerFile }: Pick<PodFolder, 'markerFile'>): string {
  return join(dirname(markerFile), NOTE_NAME);
}

/**
 * Adds to the note on a device; of each home the latest of each sort stays. What lies there and is no note goes.
 * @throws DeskPodError SPACE_EXHAUSTED, TARGET_WRITE_FAILED
 */
export async function leaveNote(
  folder: Pick<PodFolder, 'markerFile'>,
  { podId, sealing }: NoteKey,
  events: readonly HomeNote[],
): Promise<void> {
  const path = noteFileOf(folder);
  const former = (await readNote(path, podId, sealing)) ?? [];
  const isReplaced = ({ type, url }: HomeNote): boolean =>
    events.some((event) => event.type === type && event.url === url);
  const bytes = encodeHomeNote(podId, [...former.filter((event) => !isReplaced(event)), ...events], sealing);
  const temporary = `${path}.new`;
  // others may have made a folder there
  await rm(temporary, { recursive: true, force: true });
  await writeTemporary(temporary, (file) => writeFully(file, bytes, 0));
  await publish(temporary, path);
}

/**
 * Takes the note into the log and away from the device.
 *
 * @returns what to tell the user, if what lay there was no note of a home
 * @throws DeskPodError as an append does, but for a full drive: the next opening tries again
 */
export async function takeNote(pod: Pod): Promise<string | undefined> {
  const path = noteFileOf(pod.folder);
  try {
    const notes = await readNote(path, pod.secrets.podId, pod.sealing);
    if (notes === undefined) return undefined;
    const taken: HomeNote[] = [];
    for (const note of notes) if (await isOfThisLog(pod, note)) taken.push(note);
    if (taken.length > 0) await pod.append({ type: 'takeHomeNotes', notes: taken });
    await rm(path, { recursive: true, force: true });
    await syncFolder(dirname(path));
    return notes.length > 0
      ? undefined
      : 'A file on the device that was to be a home’s note was none, and is gone.';
  } catch (error) {
    if (!isDeskPodError(error, 'SPACE_EXHAUSTED')) throw error;
    return undefined;
  }
}

/** What a user is told when a device is opened, of two things. */
export function bothNotices(...notices: readonly (string | undefined)[]): string | undefined {
  const told = notices.filter((notice) => notice !== undefined);
  return told.length === 0 ? undefined : told.join('\n');
}

/** That home took over a history which this log does not have is of another copy of the device. */
async function isOfThisLog(pod: Pod, note: HomeNote): Promise<boolean> {
  return note.type !== 'home.docked' || (await pod.recordHash(note.seq)) === note.recordHash;
}

/** Undefined if there is none; empty for what is no note. */
async function readNote(path: string, podId: Uint8Array, sealing: Sealing): Promise<HomeNote[] | undefined> {
  try {
    const plain = { path, code: 'RECORD_DAMAGED', subject: `the note for pod ${toHex(podId)}` } as const;
    return decodeHomeNote(await readPlainFile(plain, NOTE_MOST_BYTES), podId, sealing);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (isDeskPodError(error)) return [];
    throw error;
  }
}
