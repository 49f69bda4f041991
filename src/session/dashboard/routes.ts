// The routes of the dashboard's API: from a request that was let in to the pod that it is about, and back.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { type PathReport, parsePath, reportPath } from '../../sync/browse/browse-path.ts';
import type { Difference } from '../../sync/browse/diff-checkpoints.ts';
import type { EntryReport } from '../../sync/browse/entry-report.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import type { AskOptions } from '../operation/opened-pod.ts';
import type { OperationName } from '../operation/operations.ts';
import { resumePod } from '../operation/resume-pod.ts';
import type { Works } from '../supervisor/works.ts';
import type {
  EventPage,
  ResumeAnswer,
  ResumeRequest,
  UnlockAnswer,
  UnlockRequest,
  WizardAnswer,
} from './contract.ts';
import { sendFile } from './download.ts';
import { readEventPage } from './event-page.ts';
import { keptHeads } from './homes-here.ts';
import { answerJson, answerLines, HttpRefusal, readBody, refuse } from './http-answers.ts';
import type { Overviews } from './overviews.ts';
import { pageRequest } from './page-operations.ts';
import type { WatchedPod } from './watched-pod.ts';

const SILENT = (): void => undefined;
const PASSPHRASE_MAX = 1024;
/** Counts of a comparison are small, and never change. */
const CHANGES_KEPT = 2000;

/** What is asked about a pod with GET and with POST, besides its operations. */
export const POD_GETS = ['timeline', 'events', 'changes', 'picture', 'file'] as const;
export const POD_POSTS = ['unlock', 'lock', 'resume'] as const;

/** What was sent as one of these, which may be anything. */
type Unchecked<T> = { readonly [K in keyof T]?: unknown };

type Get = (pod: WatchedPod, query: URLSearchParams, response: ServerResponse) => Promise<void>;
type Post = (pod: WatchedPod, body: unknown, response: ServerResponse) => Promise<void>;

/** Answers the API. `works` tells of what is done without a supervisor. */
export class Routes {
  readonly #overviews: Overviews;
  readonly #works: (pod: string) => Works;
  readonly #openWizard: (() => Promise<string>) | undefined;
  readonly #changes = new Map<string, Difference>();
  readonly #gets: Readonly<Record<(typeof POD_GETS)[number], Get>> = {
    timeline: async (pod, _query, response) =>
      answerJson(response, await this.#timeline(pod, askingFor(response))),
    events: async (pod, query, response) =>
      answerJson(response, await this.#events(pod, query, askingFor(response))),
    changes: async (pod, query, response) =>
      answerJson(response, await this.#differences(pod, query, askingFor(response))),
    picture: (pod, query, response) => this.#picture(pod, query, response),
    file: (pod, query, response) => this.#file(pod, query, response),
  };
  readonly #posts: Readonly<Record<(typeof POD_POSTS)[number], Post>> = {
    unlock: async (pod, body, response) => answerJson(response, await this.#unlock(pod, body)),
    lock: async (pod, _body, response) => {
      await pod.lock();
      answerJson(response, {});
    },
    resume: (pod, body, response) => this.#resume(pod, body, response),
  };

  constructor(overviews: Overviews, works: (pod: string) => Works, openWizard?: () => Promise<string>) {
    this.#overviews = overviews;
    this.#works = works;
    this.#openWizard = openWizard;
  }

  /** Answers one request; `path` is what follows `api/`, with its query. Never throws. */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    try {
      await this.#answer(request, response, path);
    } catch (error) {
      refuse(response, error);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const [plain = '', query = ''] = splitOnce(path, '?');
    if (request.method === 'GET') {
      if (plain === 'overview') {
        await this.#overviews.look();
        return answerJson(response, this.#overviews.current);
      }
      const [, id = '', name = ''] = /^pods\/([0-9a-f]{16})\/([a-z]{1,20})$/.exec(plain) ?? [];
      const get = POD_GETS.find((each) => each === name);
      if (get === undefined) throw notThere();
      return this.#gets[get](this.#pod(id), new URLSearchParams(query), response);
    }
    const body = await readBody(request);
    if (plain === 'look') {
      await this.#overviews.look({ isThorough: true });
      return answerJson(response, this.#overviews.current);
    }
    if (plain === 'restore' && this.#openWizard !== undefined)
      return answerJson(response, { url: await this.#openWizard() } satisfies WizardAnswer);
    const [, id = '', name = ''] = /^pods\/([0-9a-f]{16})\/((?:v1\/)?[a-z-]{1,30})$/.exec(plain) ?? [];
    if (name.startsWith('v1/')) return this.#operate(this.#pod(id), name.slice('v1/'.length), body, response);
    const post = POD_POSTS.find((each) => each === name);
    if (post === undefined) throw notThere();
    return this.#posts[post](this.#pod(id), body, response);
  }

  #pod(id: string): WatchedPod {
    const pod = this.#overviews.pod(id);
    if (pod !== undefined) return pod;
    throw new DeskPodError('POD_NOT_FOUND', 'expected a pod of the overview, got another', {
      hint: 'Look again: it may have another name since it was plugged in.',
    });
  }

  #operate(pod: WatchedPod, name: string, body: unknown, response: ServerResponse): Promise<void> {
    const asked = pageRequest(name, body);
    if (asked === undefined) throw new HttpRefusal(404, 'there is no such operation for pages');
    return answerLines(response, ({ emit, onProgress, signal }) => {
      if (asked.kind === 'stream') {
        return pod.door.enter(true, (opened, left) =>
          breakingOff(response, left, () =>
            opened.read(asked.name, asked.parameters, emit, { onProgress, signal }),
          ),
        );
      }
      if (asked.isReading) {
        return pod.door.enter(true, (opened) =>
          opened.operate(asked.name, asked.parameters, { onProgress, signal }),
        );
      }
      return this.#work(pod, asked.name, asked.parameters, onProgress);
    });
  }

  /** What a supervisor does it tells everybody by itself; what is done without one is told from here. */
  async #work(
    pod: WatchedPod,
    name: OperationName,
    parameters: never,
    onProgress: ProgressListener,
  ): Promise<unknown> {
    if (await pod.door.isSupervised()) {
      return pod.door.enter(false, (opened, signal) =>
        opened.operate(name, parameters, { onProgress, signal }),
      );
    }
    try {
      return await this.#works(pod.place.id).do(name, onProgress, (listener) =>
        pod.door.enter(false, async (opened, signal) => {
          const answer = await opened.operate(name, parameters, { onProgress: listener, signal });
          pod.learn(await opened.operate('status', {}, { onProgress: SILENT, signal }));
          return answer;
        }),
      );
    } finally {
      this.#overviews.expectHomesToDiffer();
      this.#lookSoon();
    }
  }

  #lookSoon(): void {
    // what is wrong with a look is told to whoever looks next
    this.#overviews.look().catch(SILENT);
  }

  async #timeline(pod: WatchedPod, options: AskOptions) {
    const kept = await keptHeads(pod.homeUrls, pod.place.marker.podId);
    return pod.door.enter(true, (opened) => opened.operate('timeline', { kept }, options));
  }

  #events(pod: WatchedPod, query: URLSearchParams, options: AskOptions): Promise<EventPage> {
    return pod.door.enter(true, (opened) =>
      readEventPage(query, (range) => {
        options.signal.throwIfAborted();
        return opened.operate('log', range, options);
      }),
    );
  }

  async #differences(pod: WatchedPod, query: URLSearchParams, options: AskOptions): Promise<Difference> {
    const [before, after] = [numberIn(query, 'before'), numberIn(query, 'after')];
    const key = `${pod.place.marker.podId} ${pod.place.id} ${before} ${after}`;
    const known = this.#changes.get(key);
    if (known !== undefined) return known;
    const difference = await pod.door.enter(true, (opened) =>
      opened.read('diff', { before, after, at: { path: '' } }, SILENT, options),
    );
    const [oldest] = this.#changes.keys();
    if (this.#changes.size >= CHANGES_KEPT && oldest !== undefined) this.#changes.delete(oldest);
    this.#changes.set(key, difference);
    return difference;
  }

  async #picture(pod: WatchedPod, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const number = numberIn(query, 'checkpoint');
    try {
      const { pngBase64 } = await pod.door.enter(true, (opened) =>
        opened.read('picture', { number }, SILENT, askingFor(response)),
      );
      response.writeHead(200, { 'Content-Type': 'image/png' }).end(Buffer.from(pngBase64, 'base64'));
    } catch (error) {
      if (!isDeskPodError(error, 'PICTURE_NOT_FOUND')) throw error;
      response.writeHead(204).end();
    }
  }

  async #file(pod: WatchedPod, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const checkpoint = numberIn(query, 'checkpoint');
    const pathBase64 = query.get('pathBase64');
    const at: PathReport = {
      path: query.get('path') ?? '',
      ...(pathBase64 === null ? {} : { pathBase64 }),
    };
    const wanted = reportPath(parsePath(at));
    const options = askingFor(response);
    await pod.door.enter(true, (opened, left) =>
      breakingOff(response, left, () =>
        sendFile(response, at, {
          entry: async () => {
            let found: EntryReport | undefined;
            const note = (entry: EntryReport): void => {
              // a folder lists what is in it
              if (entry.path === wanted.path && entry.pathBase64 === wanted.pathBase64) found = entry;
            };
            await opened.read('ls', { checkpoint, at, isRecursive: false }, note, options);
            return found;
          },
          bytes: (emit) => opened.read('cat', { checkpoint, at }, emit, options),
        }),
      ),
    );
  }

  async #unlock(pod: WatchedPod, body: unknown): Promise<UnlockAnswer> {
    await pod.unlock(credentialIn(body));
    const { id } = pod.place;
    await this.#overviews.look();
    const described = this.#overviews.current.pods.find((each) => each.id === id);
    if (described === undefined) throw new DeskPodError('DEVICE_GONE', 'the pod is not here any more');
    return { pod: described };
  }

  #resume(pod: WatchedPod, body: unknown, response: ServerResponse): Promise<void> {
    const { checkpoint } = resumeRequest(body);
    const { id, path } = pod.place;
    return answerLines(response, async ({ onProgress }): Promise<ResumeAnswer> => {
      const credential = this.#overviews.keys.use(id);
      if (credential === undefined) {
        throw new DeskPodError('VAULT_LOCKED', `${path}: going on with a session needs its passphrase`, {
          hint: 'Unlock it first.',
        });
      }
      return this.#works(id)
        .do('resume', onProgress, (listener) =>
          pod.door.alone(() => resumePod({ path, credential, checkpoint, onProgress: listener })),
        )
        .finally(() => this.#lookSoon());
    });
  }
}

/** What is asked for an answer that nobody may wait for any more: a page gives up what it does not show. */
function askingFor(response: ServerResponse): AskOptions {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new DeskPodError('CANCELLED', 'nobody reads the answer any more')));
  return { onProgress: SILENT, signal: gone.signal };
}

/** Breaks an answer off when its pod is locked: whoever takes it slowly, or not at all, would keep the pod open. */
async function breakingOff<Result>(
  response: ServerResponse,
  left: AbortSignal,
  act: () => Promise<Result>,
): Promise<Result> {
  const breakOff = (): void => void response.destroy();
  left.addEventListener('abort', breakOff, { once: true });
  try {
    return await act();
  } finally {
    left.removeEventListener('abort', breakOff);
  }
}

function credentialIn(body: unknown): Credential {
  const { passphrase } = (body ?? {}) as Unchecked<UnlockRequest>;
  if (typeof passphrase === 'string' && passphrase !== '' && passphrase.length <= PASSPHRASE_MAX)
    return { passphrase };
  throw new DeskPodError('USAGE', 'expected a passphrase in the body, got none that can be one');
}

function resumeRequest(body: unknown): ResumeRequest {
  const { checkpoint } = (body ?? {}) as Unchecked<ResumeRequest>;
  if (checkpoint === undefined) return {};
  if (Number.isSafeInteger(checkpoint) && Number(checkpoint) > 0) return { checkpoint: Number(checkpoint) };
  throw new DeskPodError('USAGE', 'expected the number of a checkpoint, got something else');
}

function numberIn(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new DeskPodError('USAGE', `expected ${name} to be the number of a checkpoint`);
}

function notThere(): HttpRefusal {
  return new HttpRefusal(404, 'there is nothing at this path');
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
