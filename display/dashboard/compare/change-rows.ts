// What differs between two checkpoints as rows of a list: a row for each folder, and one for each thing in it that changed.

import type { ChangedField } from '../../../src/core/manifest-diff.ts';
import { comparePaths } from '../../../src/core/path-order.ts';
import type { PageStreams } from '../../../src/session/dashboard/contract.ts';
import { bytesOf, encodePath, nameOf, parentOf, partsOf, shownPath } from '../byte-path.ts';
import { sizeText } from '../figures.ts';

type Report = PageStreams['diff']['item'];

/** What people tell changes apart by. */
export type ChangeGroup = 'added' | 'removed' | 'content' | 'rest';

/** What each is called. */
export const GROUP_NAMES: Readonly<Record<ChangeGroup, string>> = {
  added: 'New',
  removed: 'Gone',
  content: 'Changed',
  rest: 'Owner, mode or time',
};

/** A change, with no more than is shown of it: there may be a hundred thousand. */
export interface ChangeRow {
  readonly kind: 'change';
  readonly group: ChangeGroup;
  readonly name: string;
  readonly path: Uint8Array;
  readonly text: string;
  /** It can be looked at in the later checkpoint. */
  readonly isThere: boolean;
  readonly isFolder: boolean;
}

/** The folder that the changes below lie in. */
export interface FolderRow {
  readonly kind: 'folder';
  readonly path: Uint8Array;
  readonly text: string;
}

/** Which group a change belongs to. */
export function groupOf({ kind, isContentChanged }: Report): ChangeGroup {
  if (kind === 'added' || kind === 'removed') return kind;
  return kind === 'retyped' || isContentChanged ? 'content' : 'rest';
}

/** The row of a change. */
export function rowOf(report: Report): ChangeRow {
  const path = bytesOf(report);
  const entry = report.after ?? report.before;
  return {
    kind: 'change',
    group: groupOf(report),
    name: path.length === 0 ? 'the top folder itself' : shownPath(nameOf(path)),
    path,
    text: textOf(report),
    isThere: report.after !== undefined,
    isFolder: entry?.kind === 'directory',
  };
}

/** Rows with a row for each folder before those in it; folders come in the order of paths. */
export function groupRows(
  changes: readonly ChangeRow[],
  isShown: (group: ChangeGroup) => boolean,
): (ChangeRow | FolderRow)[] {
  const folders = new Map<string, { readonly path: Uint8Array; readonly changes: ChangeRow[] }>();
  for (const change of changes) {
    if (!isShown(change.group)) continue;
    const path = parentOf(change.path, partsOf(change.path).length - 1);
    const key = encodePath(path);
    const known = folders.get(key);
    if (known === undefined) folders.set(key, { path, changes: [change] });
    else known.changes.push(change);
  }
  const sorted = [...folders.values()].sort((one, other) => comparePaths(one.path, other.path));
  return sorted.flatMap(({ path, changes: inside }) => {
    const text = path.length === 0 ? '/' : `/${shownPath(path)}/`;
    return [{ kind: 'folder' as const, path, text }, ...inside];
  });
}

const FIELD_NAMES: Readonly<Record<ChangedField, string>> = {
  mode: 'mode',
  uid: 'owner',
  gid: 'group',
  mtime: 'time',
  xattrs: 'attributes',
  device: 'device number',
  holes: 'holes',
  links: 'hard links',
};

function textOf({ kind, before, after, isContentChanged, fields }: Report): string {
  const [old, young] = [sizeOf(before), sizeOf(after)];
  if (kind === 'added') return young === '' ? kindName(after) : young;
  if (kind === 'removed') return old === '' ? kindName(before) : old;
  if (kind === 'retyped') return `${kindName(before)} → ${kindName(after)}`;
  const names = fields.map((field) => FIELD_NAMES[field]);
  if (!isContentChanged) return names.join(', ');
  if (after?.kind === 'symlink') return `leads to ${after.target ?? ''}`;
  return old === young ? `${young}, other content` : `${old} → ${young}`;
}

function kindName(entry: Report['after']): string {
  const { kind = '' } = entry ?? {};
  return kind === 'directory' ? 'folder' : kind === 'symlink' ? 'link' : kind.replace('-', ' ');
}

function sizeOf(entry: Report['after']): string {
  return entry?.sizeBytes === undefined ? '' : sizeText(entry.sizeBytes);
}
