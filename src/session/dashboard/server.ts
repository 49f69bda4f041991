// The dashboard's server: pages, API and live channel on loopback, for browsers that were let in by a one-time link.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { isDeskPodError } from '../../core/errors.ts';
import { Works } from '../supervisor/works.ts';
import { Access } from '../viewer/access.ts';
import { listenOnLoopback, refuseUpgrade } from '../viewer/loopback.ts';
import { answerWith, type Site } from '../viewer/page-answers.ts';
import { type PageFile, pageHeaders, readPageFiles } from '../viewer/page-files.ts';
import { LiveChannel } from './live.ts';
import { type OverviewPlan, Overviews } from './overviews.ts';
import { Routes } from './routes.ts';

/** While a page is open, it is looked so often: a drive that was plugged in is seen within that. */
const LOOK_EVERY_MS = 3000;
const MESSAGE_LIMIT_BYTES = 1024;
const CLOSE_TIMEOUT_MS = 1000;
const DEFAULT_IDLE_MS = 10 * 60_000;

/** How to serve a dashboard. */
export interface DashboardOptions extends Omit<OverviewPlan, 'idleMs'> {
  /** The port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** How long an unlocked pod stays so without being used; ten minutes by default. */
  readonly idleMs?: number;
  /** Told what is wrong with a place that was looked at. */
  readonly onFault: (path: string, error: unknown) => void;
  /** Serves a restore wizard, whose address works once. Without it there is none. */
  readonly openWizard?: () => Promise<string>;
}

/** A dashboard that is being served. */
export interface Dashboard {
  /** The first one-time address. */
  readonly url: string;
  readonly port: number;
  /** Another one-time address. */
  issueUrl(): string;
  /** Ends everything, and forgets all passphrases. Operations that a supervisor was asked for go on there. */
  close(): Promise<void>;
}

/** Serves a dashboard on 127.0.0.1 only; the caller closes it. @throws DeskPodError VIEWER_FAILED if it cannot listen */
export async function serveDashboard(options: DashboardOptions): Promise<Dashboard> {
  const files = await pagesOrNone(options.onFault);
  const { server, host, port } = await listenOnLoopback(options.port);
  const access = new Access(host);
  const urlOf = (token: string): string => `http://${host}/open/${token}`;

  const worksOf = new Map<string, Works>();
  const overviews = new Overviews(
    { paths: options.paths, homes: options.homes, idleMs: options.idleMs ?? DEFAULT_IDLE_MS },
    {
      onOverview: (overview) => live.tellOverview(overview),
      onEvents: (pod, events) => live.tellEvents(pod, events),
      onWork: (pod, run, work) => live.tellWork({ ...work, id: `${pod}/${run}/${work.id}`, pod }),
      onSupervisorEnd: (pod, run) => live.endWorks(`${pod}/${run}/`),
      onFault: options.onFault,
    },
  );
  const live = new LiveChannel(overviews.current, (isWatched) => watch(isWatched));
  const worksHere = (pod: string): Works => {
    const known = worksOf.get(pod);
    if (known !== undefined) return known;
    const works = new Works();
    works.watch((work) => live.tellWork({ ...work, id: `${pod}/here/${work.id}`, pod }));
    worksOf.set(pod, works);
    return works;
  };
  const routes = new Routes(overviews, worksHere, options.openWizard);

  let timer: NodeJS.Timeout | undefined;
  const watch = (isWatched: boolean): void => {
    clearInterval(timer);
    if (!isWatched) return;
    const look = (): void => {
      overviews.look().catch((error: unknown) => options.onFault('this computer', error));
    };
    timer = setInterval(look, LOOK_EVERY_MS);
    look();
  };

  const site: Site = {
    page: 'dashboard',
    command: 'deskpod dashboard',
    api: (request, response, path) => routes.answer(request, response, path),
  };
  server.on('request', answerWith(access, site, files, pageHeaders(host)));
  server.on('upgrade', upgradeWith(access, live));
  return {
    url: urlOf(access.issueToken()),
    port,
    issueUrl: () => urlOf(access.issueToken()),
    close: async () => {
      clearInterval(timer);
      await live.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await overviews.close();
    },
  };
}

/** Without its page the API is there all the same. */
async function pagesOrNone(onFault: DashboardOptions['onFault']): Promise<ReadonlyMap<string, PageFile>> {
  try {
    return await readPageFiles('dashboard');
  } catch (error) {
    if (!isDeskPodError(error, 'VIEWER_FAILED')) throw error;
    onFault('the page of the dashboard', error);
    return new Map();
  }
}

function upgradeWith(access: Access, live: LiveChannel) {
  const common = { noServer: true, clientTracking: false, perMessageDeflate: false } as const;
  const times = { closeTimeout: CLOSE_TIMEOUT_MS };
  const sockets = new WebSocketServer({ ...common, ...times, maxPayload: MESSAGE_LIMIT_BYTES });
  return (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (!access.isOwnOrigin(request) || !access.holdsCookie(request))
      return refuseUpgrade(socket, '403 Forbidden');
    if (request.url !== `${access.room}live`) return refuseUpgrade(socket, '404 Not Found');
    sockets.handleUpgrade(request, socket, head, (webSocket) => live.add(webSocket));
  };
}
