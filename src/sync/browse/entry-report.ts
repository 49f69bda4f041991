// An entry of a manifest as JSON: complete, and without loss for names that are not UTF-8.
import type { EntryKind, ManifestEntry } from '../../core/manifest.ts';
import { displayPath, pathBytes } from '../files/byte-path.ts';
import { type PathReport, reportPath } from './browse-path.ts';

/** One entry. Fields that mean nothing for its kind are absent. */
export interface EntryReport extends PathReport {
  readonly kind: EntryKind;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970 as a decimal number: more than a JSON number holds exactly. */
  readonly mtimeNs: string;
  /** Of files. */
  readonly sizeBytes?: number;
  /** Of symlinks. */
  readonly target?: string;
  /** If the target is not UTF-8. */
  readonly targetBase64?: string;
  /** Of devices. */
  readonly rdev?: { readonly major: number; readonly minor: number };
  /** Names with the same number share an inode. */
  readonly hardlinkGroup?: number;
  readonly isSparse?: true;
  readonly xattrs?: readonly { readonly name: string; readonly valueBase64: string }[];
}

/** The report of an entry. */
export function reportEntry(entry: ManifestEntry): EntryReport {
  const { kind, mode, uid, gid, mtimeNs, sizeBytes, rdevMajor, rdevMinor, hardlinkGroup, xattrs } = entry;
  const isDevice = kind === 'character-device' || kind === 'block-device';
  return {
    ...reportPath(entry.path),
    ...{ kind, mode, uid, gid, mtimeNs: String(mtimeNs) },
    ...(kind === 'file' ? { sizeBytes } : {}),
    ...(kind === 'symlink' ? reportTarget(entry.target) : {}),
    ...(isDevice ? { rdev: { major: rdevMajor, minor: rdevMinor } } : {}),
    ...(hardlinkGroup === 0 ? {} : { hardlinkGroup }),
    ...(entry.isSparse ? { isSparse: true } : {}),
    ...(xattrs.length === 0
      ? {}
      : {
          xattrs: xattrs.map(({ name, value }) => ({
            name: displayPath(name),
            valueBase64: pathBytes(value).toString('base64'),
          })),
        }),
  };
}

function reportTarget(bytes: Uint8Array): Pick<EntryReport, 'target' | 'targetBase64'> {
  const { path, pathBase64 } = reportPath(bytes);
  return pathBase64 === undefined ? { target: path } : { target: path, targetBase64: pathBase64 };
}
