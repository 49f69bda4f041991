// The door's process: takes its order from stdin, answers once on stdout with the page's address, and stays until that is done with.
import { DeskPodError } from '../../core/errors.ts';
import { operate } from '../operation/operate.ts';
import { startPod, twinMeaning } from '../operation/start-pod.ts';
import { tellHomes } from '../operation/tell-homes.ts';
import { type AnswerLine, toWireError } from '../supervisor/wire.ts';
import { Door, type OpenedDesktop, type OpeningListener } from './door.ts';
import type { UnlockWish } from './door-line.ts';
import type { DoorOrder } from './launch-door.ts';
import { servePage } from './page-server.ts';
import { readPasskeys } from './read-passkeys.ts';

// Whoever started it goes home when it has the address.
process.stdout.on('error', () => undefined);

function say(line: AnswerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function readOrder(): Promise<DoorOrder> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return JSON.parse(Buffer.concat(pieces).toString('utf8')) as DoorOrder;
}

async function open(
  { devicePath, geometry }: DoorOrder,
  { key, ways }: UnlockWish,
  { onProgress, onPicture }: OpeningListener,
): Promise<OpenedDesktop> {
  const keys = {
    credential: async () => key,
    passphrase: () => Promise.reject(new TypeError('the door asks for no other key')),
    onProgress,
  };
  const report = await startPod({
    ...keys,
    devicePath,
    geometry,
    choice: ways.includes('fresh') ? 'fresh' : ways.includes('resume') ? 'resume' : 'default',
    confirmPromotion: async (place) => {
      if (ways.includes('promote')) return;
      throw new DeskPodError('POD_IS_TWIN', twinMeaning(place), {
        hint: 'Start it only if that device is lost. If it is not, start that one.',
        details: { place },
      });
    },
    onPicture,
  });
  const { promotion } = report;
  const untold = promotion === undefined ? [] : await tellHomes(devicePath, keys);
  const warnings = 'warnings' in report ? report.warnings : [];
  return {
    warnings: [...warnings, ...untold],
    issueUrl: async () => (await operate(devicePath, 'view', {}, keys)).url,
  };
}

try {
  const order = await readOrder();
  const { devicePath } = order;
  const door = new Door({
    place: devicePath,
    passkeys: await readPasskeys(devicePath),
    open: (wish, listener) => open(order, wish, listener),
  });
  const page = await servePage({ page: 'door', command: 'deskpod view' }, door);
  // A supervisor that was started meanwhile is a process of its own, and goes on.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => process.exit(0));
  say({ result: { url: page.url, doorPid: process.pid } });
  await door.ended;
  await page.close();
  process.exit(0);
} catch (error) {
  say({ error: toWireError(error) });
  process.exitCode = 1;
}
