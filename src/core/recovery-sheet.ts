// What a recovery sheet says: the text of its QR code, and how a sheet is read back from that or from what was typed off it.
import { DeskPodError } from './errors.ts';
import { normalizeRecoveryKey, RECOVERY_KEY_PREFIX } from './recovery-key.ts';

/** What a sheet says. */
export interface RecoverySheet {
  readonly podName: string;
  readonly podId: string;
  readonly label: string;
  readonly createdAtMs: number;
  readonly recoveryKey: string;
  /** URLs of the homes that the pod had then; none for the sheet of a new pod. */
  readonly homes: readonly string[];
}

/** What can be read off a sheet. Older ones name neither pod nor homes. */
export interface ReadSheet {
  readonly recoveryKey: string;
  readonly podId: string | undefined;
  readonly homes: readonly string[];
}

/** A code with more than this is hard to scan from paper. */
const CODE_MAX_CHARACTERS = 360;
const POD_ROW = /^\s*#?\s*(?:pod|id)\s+([0-9a-f]{32})\s*$/i;
const HOME_ROW = /^\s*#?\s*home\s+(\S.*?)\s*$/i;
/** What else stands in rows of a sheet: no part of its key. */
const OTHER_ROW = /^\s*(?:#|(?:pod|id|slot|made|home)\s|DeskPod recovery key\s*$)/i;
const KEY_START = /AGE[\s\p{Pd}]*SECRET[\s\p{Pd}]*KEY[\s\p{Pd}]*[1IL]/iu;

/**
 * The text of a sheet's QR code: the key, then lines that begin with `#`, which readers of keys have always passed over. Homes
 * that do not fit stand in the rows of the sheet only.
 */
export function sheetCode({ recoveryKey, podId, homes }: RecoverySheet): string {
  let code = `${recoveryKey}\n#pod ${podId}`;
  for (const url of homes) {
    const longer = `${code}\n#home ${url}`;
    if (longer.length > CODE_MAX_CHARACTERS || url.includes('\n')) continue;
    code = longer;
  }
  return code;
}

/**
 * Reads the text of a sheet's QR code, the lines of a printed sheet, or a key alone.
 *
 * @throws DeskPodError KEYRING_NO_IDENTITY as {@link normalizeRecoveryKey}
 */
export function readSheet(text: string): ReadSheet {
  const rows = text.split(/\r\n|\r|\n/);
  const podId = rows.map((row) => POD_ROW.exec(row)?.[1]).find((id) => id !== undefined);
  const homes = rows.flatMap((row) => HOME_ROW.exec(row)?.[1] ?? []).filter(isAddress);
  const recoveryKey = normalizeRecoveryKey(keyIn(rows));
  return { recoveryKey, podId: podId?.toLowerCase(), homes: [...new Set(homes)] };
}

/** The key stands in the lines from its beginning to the next empty one; one without its beginning in all that are no rows. */
function keyIn(rows: readonly string[]): string {
  const start = rows.findIndex((row) => KEY_START.test(row));
  if (start < 0) return rows.filter((row) => !OTHER_ROW.test(row)).join('\n');
  const lines = [(rows[start] ?? '').replace(new RegExp(`^.*?(?=${KEY_START.source})`, 'iu'), '')];
  for (const row of rows.slice(start + 1)) {
    if (row.trim() === '' || OTHER_ROW.test(row)) break;
    lines.push(row);
  }
  return lines.join('\n');
}

/** A line on the paper that nobody has filled in is none. */
function isAddress(text: string): boolean {
  return !/^[_.\s]*$/.test(text) && (text.startsWith('/') || text.includes(':'));
}

/** The error for a sheet of another pod than the one that was chosen. */
export function sheetOfAnother(sheetPodId: string, podId: string): DeskPodError {
  return new DeskPodError('KEYRING_NO_IDENTITY', `the sheet is of pod ${sheetPodId}, not of ${podId}`, {
    hint: `Take the sheet of this pod; every key on one begins with ${RECOVERY_KEY_PREFIX}.`,
    details: { sheetPodId, podId },
  });
}
