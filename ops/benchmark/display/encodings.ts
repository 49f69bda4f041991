// ops/bench encodings: what a frame of the clip costs each part on its way to the canvas, by how it is encoded.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseDevice } from '../../../src/session/pod/release.ts';
import { connectToSession } from '../../../src/session/process/session-socket.ts';
import { openRfb } from '../../../src/session/rfb/client.ts';
import { haveBase } from '../../have-base.ts';
import { Program } from '../../user/program.ts';
import { type Column, Findings } from '../report.ts';
import { CanvasPage, type Encoding, type Picture } from './canvas-page.ts';
import { judge, makeClip, playClip } from './clip.ts';
import { DISPLAY_BASE, DISPLAY_PACKAGES, DISPLAY_SIZE, PASSPHRASE } from './display.ts';
import { showAtEdge } from './edge/show-at-edge.ts';
import { lookOn } from './onlooker.ts';
import { type Shown, type ShownPod, showPod } from './shown.ts';
import { EDGE_WAYS, VIEWER_WAYS } from './ways.ts';

/** The bridge is what passes pixels on: the viewer's server, or the edge. Its encoder, where it has one, is counted apart. */
const PARTS = ['Xvnc', 'relay', 'bridge', 'encoder', 'browser'];
const COLUMNS: readonly Column[] = [
  ...[...PARTS, 'all'].map((name) => ({ name, unit: 'ms' })),
  { name: 'a frame', unit: 'kB' },
  { name: 'shown', unit: '1/s' },
  ...['disordered', 'torn', 'lost'].map((name) => ({ name, unit: 'frames' })),
  { name: 'still', unit: 'ms' },
  { name: 'typed', unit: 'ms' },
  { name: 'a letter', unit: 'kB' },
  ...['film off', 'text off'].map((name) => ({ name, unit: 'of 255' })),
];
/** The ways that show every pixel as it is: the frames of the others are compared with theirs. */
const EXACT = ['raw', 'ZRLE'];
/** Of so many frames one is kept for that. */
const KEPT_EVERY = 12;
const LETTERS = 'thequickbrownfoxjumpsoverthelazydog';
/** As terminals colour words: what halves the resolution of colours shows in it. */
const TERMINAL = ['xterm', '-fullscreen', '-fg', '#e0e000', '-bg', '#000080', '-e', 'cat'];
/** The upper lines, where the letters are. */
const TEXT_ROWS = 40;
const ANSWER_TIMEOUT_MS = 10_000;

/** How a measurement is made. */
export interface EncodingOptions {
  readonly runs: number;
  readonly seconds: number;
  readonly isJson: boolean;
}

/** Measures below `place` and prints a line for each way: nothing has a limit. All ways of a run share a session. */
export async function measureEncodings(
  place: string,
  { runs, seconds, isJson }: EncodingOptions,
): Promise<boolean> {
  await haveBase(DISPLAY_BASE, DISPLAY_PACKAGES);
  const findings = new Findings();
  const passphraseFile = join(place, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const program = new Program(passphraseFile, new AbortController().signal);
  const device = join(place, 'stick.img');
  const tools = [...Object.keys(VIEWER_WAYS), ...Object.keys(EDGE_WAYS)];
  try {
    await program.json('create', device, '--size', DISPLAY_SIZE, '--base', DISPLAY_BASE, '--no-runtime');
    for (let i = 0; i < runs; i++) {
      await showPod(program, device, async (pod) => {
        if (i === 0) await makeClip(pod.exec, seconds);
        // who comes first, and after whom, is another one in each run
        const order = i % 2 === 0 ? tools : tools.toReversed();
        await measureSession(findings, order, pod, (tool) => join(place, `profile-${i}-${tool}`));
      });
      process.stderr.write(`${i + 1} of ${runs} runs\n`);
    }
  } finally {
    await releaseDevice(device);
    await rm(device, { force: true });
  }
  return findings.tabulate(COLUMNS, tools, isJson);
}

async function measureSession(
  findings: Findings,
  tools: readonly string[],
  pod: ShownPod,
  profileDirOf: (tool: string) => string,
): Promise<void> {
  const kept = new Map<string, ReadonlyMap<number, Picture>>();
  const leave = await lookOn(pod.url);
  try {
    for (const tool of tools) {
      const profileDir = profileDirOf(tool);
      await inWay(tool, pod, async (shown, encoding) => {
        const page = await CanvasPage.open(shown.url, profileDir, encoding);
        try {
          await measureClip(findings, tool, shown, page);
          kept.set(tool, await page.keptFrames());
          await measureText(findings, tool, shown, page, pod.rootPid);
        } finally {
          await page.close();
        }
      });
      await rm(profileDir, { recursive: true, force: true, maxRetries: 20 });
    }
  } finally {
    leave();
  }
  for (const tool of tools) noteDistances(findings, tool, kept);
}

async function inWay(
  tool: string,
  pod: ShownPod,
  act: (shown: Shown, encoding?: Encoding) => Promise<void>,
): Promise<void> {
  const coding = EDGE_WAYS[tool];
  if (coding === undefined) await act({ ...pod, url: await pod.issueUrl() }, VIEWER_WAYS[tool]);
  else await showAtEdge(pod, coding, act);
}

async function measureClip(findings: Findings, tool: string, shown: Shown, page: CanvasPage): Promise<void> {
  await page.watchFrames(KEPT_EVERY);
  const used = (): Readonly<Record<string, number>> => ({
    ...shown.serverSeconds(),
    browser: page.browserSeconds(),
  });
  const [before, drawnBefore] = [used(), await page.drawn()];
  await playClip(shown.exec);
  const [after, drawn] = [used(), await page.drawn()];
  const showing = judge(await page.frames());
  const { framesPerSecond, disorderCount, tornCount, lostCount, longestStill } = showing;
  const count = framesPerSecond * showing.seconds;
  const took = PARTS.map((part) => (((after[part] ?? 0) - (before[part] ?? 0)) * 1000) / count);
  for (const [i, part] of PARTS.entries()) findings.note(part, tool, took[i] ?? Number.NaN);
  findings.note(
    'all',
    tool,
    took.reduce((sum, ms) => sum + ms),
  );
  findings.note('a frame', tool, (drawn.bytes - drawnBefore.bytes) / count / 1000);
  findings.note('shown', tool, framesPerSecond);
  findings.note('disordered', tool, disorderCount);
  findings.note('torn', tool, tornCount);
  findings.note('lost', tool, lostCount);
  findings.note('still', tool, longestStill.toMs - longestStill.fromMs);
}

/** How long letters take from the browser's event to the canvas, and how far what is there then is from the display's own pixels. */
async function measureText(
  findings: Findings,
  tool: string,
  shown: Shown,
  page: CanvasPage,
  rootPid: number,
): Promise<void> {
  const { draws } = await page.drawn();
  const typing = shown.exec(...TERMINAL);
  // If it fails, what waits for its picture says so first.
  typing.catch(() => undefined);
  await page.untilDrawn(draws);
  await page.focus();
  const before = await page.drawn();
  for (const ms of await page.typeAndWatch(LETTERS)) findings.note('typed', tool, ms);
  const after = await page.drawn();
  findings.note('a letter', tool, (after.bytes - before.bytes) / LETTERS.length / 1000);
  findings.note('text off', tool, await textDistance(page, rootPid));
  await page.press('Enter');
  await page.press('Control+d');
  await typing;
}

/** How far the frames that were kept are from those that were shown as they are. */
function noteDistances(
  findings: Findings,
  tool: string,
  kept: ReadonlyMap<string, ReadonlyMap<number, Picture>>,
): void {
  const exact = new Map(EXACT.flatMap((name) => [...(kept.get(name) ?? [])]));
  for (const [number, { data }] of kept.get(tool) ?? []) {
    const original = exact.get(number);
    if (original !== undefined) findings.note('film off', tool, distance(data, original.data));
  }
}

/** How far the lines of text on the canvas are from the display's own pixels. */
async function textDistance(page: CanvasPage, rootPid: number): Promise<number> {
  await page.untilStill();
  const { width, data } = await page.pixels();
  const display = await openRfb(await connectToSession(rootPid, 'rfb'), { timeoutMs: ANSWER_TIMEOUT_MS });
  try {
    await display.requestUpdate();
    if (display.width !== width) throw new Error(`expected ${display.width} pixels in a row, got ${width}`);
    const sizeBytes = width * TEXT_ROWS * 4;
    return distance(data.subarray(0, sizeBytes), display.framebuffer.rgba.subarray(0, sizeBytes));
  } finally {
    display.close();
  }
}

/** The root of the mean square of the differences between colours; the fourth bytes are the same in both. */
function distance(some: Uint8Array, others: Uint8Array): number {
  let sum = 0;
  for (const [i, value] of some.entries()) sum += (value - (others[i] ?? 0)) ** 2;
  return Math.sqrt(sum / ((some.length * 3) / 4));
}
