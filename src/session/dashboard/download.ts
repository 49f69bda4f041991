// One file of a checkpoint as a download: a browser saves it, and shows nothing of it as a page of ours.
import type { ServerResponse } from 'node:http';
import type { PathReport } from '../../sync/browse/browse-path.ts';
import type { EntryReport } from '../../sync/browse/entry-report.ts';
import { drained } from '../process/drained.ts';
import { HttpRefusal } from './http-answers.ts';

/** What no file system or browser takes in a name, and what would turn the reading of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f"\\/:*?<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const NAME_MAX = 200;

/** The headers of a download of the file at `path`, whatever it holds. */
export function downloadHeaders(path: string, sizeBytes: number): Record<string, string> {
  const name = safeName(path);
  const plain = name.replace(/[^ -~]/g, '_').replaceAll('%', '_');
  return {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(sizeBytes),
    'Content-Disposition': `attachment; filename="${plain}"; filename*=UTF-8''${encodeName(name)}`,
  };
}

/** The last part of a path, as a name that every system takes and that hides nothing. */
export function safeName(path: string): string {
  const last = path.split('/').findLast((part) => part !== '') ?? '';
  const name = last
    .toWellFormed()
    .replace(UNSAFE, '_')
    .replace(/^[. ]+|[. ]+$/g, '_');
  const whole = [...name].slice(0, NAME_MAX).join('');
  return whole === '' ? 'file' : whole;
}

/** RFC 8187. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Reads the entry of a file, and hands over its bytes. */
export interface FileSource {
  entry(): Promise<EntryReport | undefined>;
  bytes(emit: (bytes: Uint8Array) => Promise<void>): Promise<unknown>;
}

/** Sends a file. What fails on the way breaks the download off, so that a browser says that it failed. */
export async function sendFile(response: ServerResponse, at: PathReport, source: FileSource): Promise<void> {
  const entry = await source.entry();
  if (entry?.kind !== 'file')
    throw new HttpRefusal(404, `${at.path}: expected a file, got ${entry?.kind ?? 'nothing'}`);
  response.writeHead(200, downloadHeaders(entry.path, entry.sizeBytes ?? 0));
  await source.bytes(async (bytes) => {
    if (!response.write(bytes)) await drained(response);
  });
  response.end();
}
