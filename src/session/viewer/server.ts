// The viewer's server: the page over HTTP on loopback, the display and the status over WebSockets.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { Access, checkToken } from './access.ts';
import { CLOSE_CODE } from './bridge.ts';
import { Displays } from './displays.ts';
import { listenOnLoopback, refuseUpgrade } from './loopback.ts';
import { answerWith } from './page-answers.ts';
import { pageHeaders, readPageFiles } from './page-files.ts';
import { type Departure, Presence, type PresenceReport } from './presence.ts';
import { type AwayStatus, StatusChannel } from './status-channel.ts';

const DISPLAY_MESSAGE_LIMIT_BYTES = 2 * 1024 * 1024; // a clipboard text at its limit, and what is around it
const STATUS_MESSAGE_LIMIT_BYTES = 1024;
/** A page has nothing to say to it. */
const SOUND_MESSAGE_LIMIT_BYTES = 1;
const NO_SOUND = 'this desktop has no sound: "deskpod install pulseaudio" gives it one';
const CLOSE_TIMEOUT_MS = 1000;
const DEFAULT_GRACE_MS = 3000;
/** Time to find out what happened, to start the browser again, and to ask for another link. */
const DEFAULT_CRASH_GRACE_MS = 10 * 60_000;

/** How to serve a viewer. */
export interface ViewerOptions {
  /** Connects to the session's display; called once for each page that shows it. */
  readonly rfbConnect: () => Promise<Duplex>;
  /** Connects to what the session's programs play; called once for each page that wants to hear it. */
  readonly soundConnect?: () => Promise<Duplex>;
  /** The first one-time token (22 or more characters of base64url); a random one if absent. */
  readonly token?: string;
  /** The port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** How long after the last page was closed `onClose` comes; 3000 by default. */
  readonly graceMs?: number;
  /** The same if that page did not say that it goes, as a browser that crashed; ten minutes by default. */
  readonly crashGraceMs?: number;
  /** What the page calls the desktop. */
  readonly title?: string;
  /** The first viewer has come. */
  readonly onOpen?: () => void;
  /** The last viewer has been away for the grace time. Not called after `disconnectAll` until `reconnect`. */
  readonly onClose?: () => void;
  /** The page's suspend button was pressed; without it the page has no such button. */
  readonly onSuspend?: () => void;
}

/** A viewer that is being served. */
export interface Viewer {
  /** The first one-time address to open in a browser. */
  readonly url: string;
  readonly port: number;
  /** Who looks now, and for how long nobody has. */
  readonly presence: PresenceReport;
  /** Another one-time address, for another browser or after the first was used. */
  issueUrl(): string;
  /** Tells every open page what happens now; connections stay as they are. */
  tell(status: AwayStatus): void;
  /** What has to be known while the desktop runs: pages show it beside the picture. Undefined if nothing has to be any more. */
  notify(notice: string | undefined): void;
  /** Tells every page, ends every connection to the display, and admits none. Resolves when all are closed. */
  disconnectAll(status: AwayStatus): Promise<void>;
  /** The session is back: pages connect again on their own. */
  reconnect(): void;
  /** Ends everything; no event is fired any more. */
  close(): Promise<void>;
}

/** Serves the viewer of a session on 127.0.0.1 only; the caller closes it. Throws VIEWER_FAILED if it cannot listen. */
export async function serveViewer(options: ViewerOptions): Promise<Viewer> {
  if (options.token !== undefined) checkToken(options.token);
  const files = await readPageFiles('viewer');
  const { server, host, port } = await listenOnLoopback(options.port ?? 0);
  const access = new Access(host);
  const urlOf = (token: string) => `http://${host}/open/${token}`;
  const url = urlOf(access.issueToken(options.token));

  const { graceMs = DEFAULT_GRACE_MS, crashGraceMs = DEFAULT_CRASH_GRACE_MS } = options;
  const presence = new Presence({ leftMs: graceMs, brokeMs: crashGraceMs }, options);
  const about = { title: options.title ?? 'Desktop', canSuspend: options.onSuspend !== undefined };
  const channel = new StatusChannel(about, () => options.onSuspend?.());
  const displays = new Displays(options.rfbConnect);
  const { soundConnect = () => Promise.reject(new TypeError('no sound')) } = options;
  const sounds = new Displays(soundConnect, { code: CLOSE_CODE.noSound, reason: NO_SOUND });
  server.on(
    'request',
    answerWith(access, { page: 'viewer', command: 'deskpod view' }, files, pageHeaders(host)),
  );
  server.on('upgrade', upgradeWith(access, presence, channel, { displays, sounds }));

  return {
    url,
    port,
    get presence() {
      return presence.report;
    },
    issueUrl: () => urlOf(access.issueToken()),
    tell: (status) => channel.tell(status),
    notify: (notice) => channel.notify(notice),
    disconnectAll: async (status) => {
      presence.hold(true);
      channel.tell(status);
      await Promise.all([displays, sounds].map((ones) => ones.endAll(CLOSE_CODE.suspended, status.text)));
    },
    reconnect: () => {
      displays.admit();
      sounds.admit();
      presence.hold(false);
      channel.tell({ state: 'running' });
    },
    close: async () => {
      presence.stop();
      const ending = [displays, sounds].map((ones) =>
        ones.endAll(CLOSE_CODE.viewerClosed, 'the viewer was closed'),
      );
      await Promise.all([...ending, channel.close()]);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

function upgradeWith(
  access: Access,
  presence: Presence,
  channel: StatusChannel,
  { displays, sounds }: { readonly displays: Displays; readonly sounds: Displays },
): Upgrade {
  const common = { noServer: true, clientTracking: false, perMessageDeflate: false } as const;
  const times = { closeTimeout: CLOSE_TIMEOUT_MS };
  const displaySockets = new WebSocketServer({
    ...common,
    ...times,
    maxPayload: DISPLAY_MESSAGE_LIMIT_BYTES,
  });
  const soundSockets = new WebSocketServer({ ...common, ...times, maxPayload: SOUND_MESSAGE_LIMIT_BYTES });
  const statusSockets = new WebSocketServer({ ...common, ...times, maxPayload: STATUS_MESSAGE_LIMIT_BYTES });
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!access.isOwnOrigin(request) || !access.holdsCookie(request))
      return refuseUpgrade(socket, '403 Forbidden');
    const enter = (webSocket: WebSocket, departureOf: (code: number) => Departure | undefined) => {
      const leave = presence.enter();
      webSocket.once('close', (code) => leave(departureOf(code)));
    };
    if (request.url === `${access.room}display`) {
      displaySockets.handleUpgrade(request, socket, head, (webSocket) => {
        enter(webSocket, () => undefined);
        displays.add(webSocket);
      });
    } else if (request.url === `${access.room}sound`) {
      soundSockets.handleUpgrade(request, socket, head, (webSocket) => sounds.add(webSocket));
    } else if (request.url === `${access.room}status`) {
      statusSockets.handleUpgrade(request, socket, head, (webSocket) => {
        enter(webSocket, departureOfPage);
        channel.add(webSocket);
      });
    } else {
      refuseUpgrade(socket, '404 Not Found');
    }
  };
}

/** Only what a page says itself: for one that was killed, or crashed, the rest of its browser ends the connection as politely. */
function departureOfPage(code: number): Departure {
  return code === CLOSE_CODE.pageLeft ? 'left' : 'broke';
}
