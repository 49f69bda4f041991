// A dashboard of one test, and a browser's side of its API: the cookie, the origin, JSON lines and the live channel.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import type {
  LiveMessage,
  Overview,
  PageAnswerLine,
  PodOverview,
} from '../../src/session/dashboard/contract.ts';
import { type Dashboard, type DashboardOptions, serveDashboard } from '../../src/session/dashboard/server.ts';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How a request differs from what a page of the dashboard sends. */
export interface Asking {
  readonly method?: string;
  /** Over the usual ones; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer;
}

/** A dashboard that a browser was let in to. */
export class DashboardLab {
  readonly dashboard: Dashboard;
  /** What was wrong with places, by path. */
  readonly faults: Map<string, unknown>;
  room = '';
  cookie = '';
  readonly #webSockets = new Set<WebSocket>();

  private constructor(dashboard: Dashboard, faults: Map<string, unknown>) {
    this.dashboard = dashboard;
    this.faults = faults;
  }

  /** Close it in an `afterEach`. */
  static async open(options: Partial<DashboardOptions> = {}): Promise<DashboardLab> {
    const faults = new Map<string, unknown>();
    const dashboard = await serveDashboard({
      paths: [],
      homes: [],
      port: 0,
      onFault: (path, error) => void faults.set(path, error),
      ...options,
    });
    const lab = new DashboardLab(dashboard, faults);
    const { headers } = await lab.ask(new URL(dashboard.url).pathname);
    lab.cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    lab.room = String(headers.refresh).replace(/^0; url=(.*)dashboard\/$/, '$1');
    return lab;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.dashboard.port}`;
  }

  /** Sends a request with its path exactly as given: URL parsers would tidy it. */
  async ask(path: string, asking: Asking = {}): Promise<Answer> {
    const response = await this.begin(path, asking);
    return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
  }

  /** As {@link ask}, with the answer still to be read. */
  async begin(path: string, { method = 'GET', headers = {}, body }: Asking = {}): Promise<IncomingMessage> {
    const all = {
      cookie: this.cookie === '' ? undefined : this.cookie,
      ...(method === 'POST' ? { origin: this.origin, 'content-type': 'application/json' } : {}),
      ...headers,
    };
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const outgoing = request({
      ...{ host: '127.0.0.1', port: this.dashboard.port, path, method, agent: false },
      headers: given as Record<string, string>,
    });
    outgoing.on('error', () => undefined); // a body that is refused is not read to its end
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return response;
  }

  /** The answer to a GET of the API, which must be JSON with this status. */
  async get<Result>(path: string, status = 200): Promise<Result> {
    return this.#json(await this.ask(`${this.room}api/${path}`), status);
  }

  /** The answer to a POST of the API, which must be JSON with this status. */
  async post<Result>(path: string, value: unknown, status = 200): Promise<Result> {
    const asking = { method: 'POST', body: JSON.stringify(value) };
    return this.#json(await this.ask(`${this.room}api/${path}`, asking), status);
  }

  /** The lines that a POST of the API is answered with. */
  async lines<Result, Item = unknown>(path: string, value: object): Promise<PageAnswerLine<Result, Item>[]> {
    const answer = await this.ask(`${this.room}api/${path}`, { method: 'POST', body: JSON.stringify(value) });
    assert.equal(answer.status, 200, String(answer.body));
    assert.equal(answer.headers['content-type'], 'application/x-ndjson');
    return String(answer.body)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PageAnswerLine<Result, Item>);
  }

  /** The result of an operation of a pod. */
  async result<Result>(path: string, value: object): Promise<Result> {
    const last = (await this.lines<Result>(path, value)).at(-1);
    assert.ok(last !== undefined && 'result' in last, JSON.stringify(last));
    return last.result;
  }

  /** The error that an operation of a pod ends with. */
  async failure(path: string, value: object): Promise<{ code: string; message: string }> {
    const last = (await this.lines(path, value)).at(-1);
    assert.ok(last !== undefined && 'error' in last, JSON.stringify(last));
    return last.error;
  }

  overview(): Promise<Overview> {
    return this.get('overview');
  }

  /** The only pod that lies below a folder. */
  async pod(below: string): Promise<PodOverview> {
    const pods = (await this.overview()).pods.filter(({ place }) => place.path.startsWith(below));
    assert.equal(pods.length, 1, JSON.stringify(pods));
    return pods[0] as PodOverview;
  }

  /** A WebSocket with these headers besides the usual ones. */
  webSocket(
    path: string,
    headers: Record<string, string> = { cookie: this.cookie, origin: this.origin },
  ): WebSocket {
    const webSocket = new WebSocket(`ws://127.0.0.1:${this.dashboard.port}${path}`, { headers });
    this.#webSockets.add(webSocket);
    return webSocket;
  }

  /** Listens on the live channel; `heard` settles at the first message, past or to come, that `matches`. */
  async live(): Promise<{ heard: (matches: (message: LiveMessage) => boolean) => Promise<LiveMessage> }> {
    const webSocket = this.webSocket(`${this.room}live`);
    const past: LiveMessage[] = [];
    let listeners: (() => void)[] = [];
    webSocket.on('message', (data) => {
      past.push(JSON.parse(String(data)) as LiveMessage);
      for (const listener of listeners.splice(0)) listener();
    });
    await once(webSocket, 'open');
    return {
      heard: async (matches) => {
        for (;;) {
          const found = past.find(matches);
          if (found !== undefined) return found;
          await new Promise<void>((resolve) => {
            listeners = [...listeners, resolve];
          });
        }
      },
    };
  }

  async close(): Promise<void> {
    for (const webSocket of this.#webSockets) webSocket.terminate();
    await this.dashboard.close();
  }

  #json<Result>({ status, headers, body }: Answer, expected: number): Result {
    assert.equal(status, expected, String(body));
    assert.equal(headers['content-type'], 'application/json');
    return JSON.parse(String(body)) as Result;
  }
}
