// Requests to the dashboard's web API: one answer, or an answer line by line.

import type { Progress } from '../../../src/core/progress.ts';
import type {
  PageAnswerLine,
  PageOperations,
  PageStreams,
  Refusal,
  ResumeAnswer,
  ResumeRequest,
  UnlockAnswer,
} from '../../../src/session/dashboard/contract.ts';
import type { PathReport } from '../../../src/sync/browse/browse-path.ts';
import { NOT_LET_IN, RequestError } from './failure.ts';
import { requireConnection } from './store.ts';

/** The room, in which the page has a folder of its own. */
const ROOM = new URL('../', location.href);

/** How a request is stopped. */
export interface RequestOptions {
  readonly signal: AbortSignal;
}

/** The address of the WebSocket that tells what happens. */
export function liveUrl(): string {
  const url = new URL('live', ROOM);
  url.protocol = 'ws:';
  return url.href;
}

/** The address of a checkpoint's picture. */
export function pictureUrl(pod: string, checkpoint: number): string {
  return new URL(`api/pods/${pod}/picture?checkpoint=${checkpoint}`, ROOM).href;
}

/** The address at which a file can be downloaded. */
export function fileUrl(pod: string, checkpoint: number, { path, pathBase64 }: PathReport): string {
  const query = new URLSearchParams({ checkpoint: String(checkpoint) });
  if (pathBase64 === undefined) query.set('path', path);
  else query.set('pathBase64', pathBase64);
  return new URL(`api/pods/${pod}/file?${query}`, ROOM).href;
}

/** Asks for something. @throws RequestError; TypeError if nobody answers; AbortError */
export async function get<Answer>(path: string, { signal }: RequestOptions): Promise<Answer> {
  requireConnection();
  const response = await fetch(new URL(`api/${path}`, ROOM), { signal });
  if (!response.ok) throw await refusalOf(response);
  return (await response.json()) as Answer;
}

/** Asks for something to be done. @throws as {@link get} */
export async function post<Answer>(path: string, body: object, options?: RequestOptions): Promise<Answer> {
  return (await (await send(path, body, options)).json()) as Answer;
}

/** Opens a locked pod for a while. @throws as {@link get} */
export function unlock(pod: string, passphrase: string): Promise<UnlockAnswer> {
  return post(`pods/${pod}/unlock`, { passphrase });
}

/** Starts a session, or goes back to a checkpoint. @throws as {@link get} */
export function resume(
  pod: string,
  request: ResumeRequest,
  onProgress: (progress: Progress) => void,
): Promise<ResumeAnswer> {
  return readLines(`pods/${pod}/resume`, request, { onProgress });
}

/** Asks an operation of a pod. @throws as {@link get} */
export function ask<Name extends keyof PageOperations>(
  pod: string,
  name: Name,
  parameters: PageOperations[Name]['parameters'],
  options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: Progress) => void } = {},
): Promise<PageOperations[Name]['answer']> {
  return readLines(`pods/${pod}/v1/${name}`, parameters, options);
}

/** Reads what a pod gives piece by piece; what came together is handed over together, and no more is read meanwhile. */
export function read<Name extends Exclude<keyof PageStreams, 'cat'>>(
  pod: string,
  name: Name,
  parameters: PageStreams[Name]['parameters'],
  onItems: (items: readonly PageStreams[Name]['item'][]) => Promise<void> | void,
  signal: AbortSignal,
): Promise<PageStreams[Name]['answer']> {
  return readLines(`pods/${pod}/v1/${name}`, parameters, { onItems, signal });
}

interface LineListeners<Item> {
  readonly onItems?: (items: readonly Item[]) => Promise<void> | void;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

async function readLines<Answer, Item>(
  path: string,
  body: object,
  { onItems, onProgress, signal }: LineListeners<Item>,
): Promise<Answer> {
  const response = await send(path, body, signal === undefined ? undefined : { signal });
  let result: { readonly value: Answer } | undefined;
  for await (const lines of linesOf(response)) {
    const items: Item[] = [];
    for (const text of lines) {
      const line = JSON.parse(text) as PageAnswerLine<Answer, Item>;
      if ('item' in line) items.push(line.item);
      else if ('progress' in line) onProgress?.(line.progress);
      else if ('error' in line) throw new RequestError(line.error);
      else if ('result' in line) result = { value: line.result };
    }
    if (items.length > 0) await onItems?.(items);
  }
  if (result !== undefined) return result.value;
  throw new RequestError({
    code: 'ANSWER_CUT',
    message: 'the answer ended before it was whole',
    hint: 'Ask once more; if the drive was pulled out, plug it in again first.',
  });
}

/** The whole lines of an answer, as many at a time as came together. */
async function* linesOf({ body }: Response): AsyncGenerator<readonly string[]> {
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines.filter((line) => line !== '');
    }
    if (rest !== '') yield [rest];
  } finally {
    // whoever stops listening has no use for what still comes
    await reader.cancel();
  }
}

async function send(path: string, body: object, options?: RequestOptions): Promise<Response> {
  requireConnection();
  const response = await fetch(new URL(`api/${path}`, ROOM), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    ...options,
  });
  if (response.ok) return response;
  throw await refusalOf(response);
}

async function refusalOf(response: Response): Promise<RequestError> {
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json') ?? false;
  if (isJson) return new RequestError(((await response.json()) as Refusal).error);
  if (response.status === 403) return new RequestError(NOT_LET_IN);
  return new RequestError({
    code: 'REFUSED',
    message: `the dashboard answered with status ${response.status}`,
  });
}
