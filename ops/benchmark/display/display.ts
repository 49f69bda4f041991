// ops/bench display: a clip, typed text and pages of text in the viewer, beside plain TigerVNC in noVNC by websockify.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseDevice } from '../../../src/session/pod/release.ts';
import type { CheckpointReport } from '../../../src/sync/pod/seal-checkpoint.ts';
import { haveBase } from '../../have-base.ts';
import { Program } from '../../user/program.ts';
import { Findings, type Limit } from '../report.ts';
import { CanvasPage } from './canvas-page.ts';
import { framesBetween, judge, makeClip, playClip } from './clip.ts';
import { type Shown, showPlain, showPod } from './shown.ts';

/** Of every pod that is made to be looked at. */
export const PASSPHRASE = 'correct horse battery staple';
/** What plays the clip, what makes it, and what we are measured beside. */
export const DISPLAY_BASE = 'display';
export const DISPLAY_PACKAGES = ['mpv', 'ffmpeg', 'novnc', 'websockify', 'pulseaudio', 'pulseaudio-utils'];
export const DISPLAY_SIZE = '3G';
const PLAIN = 'TigerVNC, noVNC';

const LETTERS = 'the quick brown fox jumps over the lazy dog and goes home again'.replaceAll(' ', '');
const PAGE_COUNT = 12;
/** What starts is neither here nor there. */
const SETTLING_FRAMES = 24;

const LIMITS: readonly Limit[] = [
  { name: 'clip', unit: 'frames/s', peerName: 'budget', budget: 23, limit: 1, isFloor: true },
  { name: 'clip', unit: 'frames/s', peerName: PLAIN },
  { name: 'clip: out of order', unit: 'frames', peerName: 'budget', budget: 0, limit: 1 },
  { name: 'clip: made of two', unit: 'frames', peerName: PLAIN },
  { name: 'clip: server, processor time', unit: 'ms/frame', peerName: PLAIN },
  { name: 'clip: browser, processor time', unit: 'ms/frame', peerName: PLAIN },
  { name: 'clip: a frame', unit: 'kB', peerName: PLAIN },
  { name: 'typed to shown', unit: 'ms', peerName: 'budget', budget: 50, limit: 1 },
  { name: 'typed to shown', unit: 'ms', peerName: PLAIN },
  { name: 'typed to shown, 95 of 100', unit: 'ms', peerName: 'budget', budget: 50, limit: 1 },
  { name: 'typed to shown, 95 of 100', unit: 'ms', peerName: PLAIN },
  { name: 'typed: a letter', unit: 'kB', peerName: PLAIN },
  { name: 'page of text, all shown', unit: 'ms', peerName: PLAIN },
  { name: 'page of text', unit: 'kB', peerName: PLAIN },
  { name: 'checkpoint in the clip: still', unit: 'ms', peerName: 'pause' },
  { name: 'checkpoint in the clip', unit: 'frames/s', peerName: 'budget', budget: 24 },
];

/** How a measurement is made. */
export interface DisplayOptions {
  readonly runs: number;
  /** How long the clip is. */
  readonly seconds: number;
  readonly isJson: boolean;
}

/** Measures below `place` and prints the rows; returns true if all hold. Each side is first in half of the runs. */
export async function measureDisplay(
  place: string,
  { runs, seconds, isJson }: DisplayOptions,
): Promise<boolean> {
  await haveBase(DISPLAY_BASE, DISPLAY_PACKAGES);
  const findings = new Findings();
  const passphraseFile = join(place, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const program = new Program(passphraseFile, new AbortController().signal);
  const [inner, outer] = [join(place, 'inside.img'), join(place, 'outside.img')];
  let profileCount = 0;
  const measured = (tool: string, checkpoint?: () => Promise<CheckpointReport>) => async (shown: Shown) => {
    profileCount += 1;
    if (profileCount <= 2) await makeClip(shown.exec, seconds);
    const page = await CanvasPage.open(shown.url, join(place, `profile-${profileCount}`));
    try {
      await measureText(findings, tool, shown, page);
      await measureClip(findings, tool, shown, page);
      if (checkpoint !== undefined) await measureCheckpoint(findings, tool, shown, page, checkpoint);
    } finally {
      await page.close();
    }
  };
  const sides = [
    () =>
      showPod(
        program,
        inner,
        measured('deskpod', () => program.json('checkpoint', '-d', inner)),
      ),
    () => showPlain(outer, PASSPHRASE, measured(PLAIN)),
  ];
  try {
    for (const device of [inner, outer])
      await program.json('create', device, '--size', DISPLAY_SIZE, '--base', DISPLAY_BASE, '--no-runtime');
    for (let i = 0; i < runs; i++) {
      for (const show of i % 2 === 0 ? sides : sides.toReversed()) await show();
      process.stderr.write(`${i + 1} of ${runs} runs\n`);
    }
  } finally {
    for (const device of [inner, outer]) {
      await releaseDevice(device);
      await rm(device, { force: true });
    }
  }
  return findings.report(LIMITS, isJson);
}

async function measureText(
  findings: Findings,
  tool: string,
  { exec }: Shown,
  page: CanvasPage,
): Promise<void> {
  const terminal = ['xterm', '-fullscreen', '-e', 'sh', '-c'];
  const typing = exec(...terminal, "cat; seq 100000 130000 | tr '\\n' ' ' | fold -w 196 | less");
  // If it fails, what waits for its picture says so first.
  typing.catch(() => undefined);
  await page.focus();
  const before = await page.drawn();
  const took = [...(await page.typeAndWatch(LETTERS))].sort((a, b) => a - b);
  const after = await page.drawn();
  for (const ms of took) findings.note('typed to shown', tool, ms);
  findings.note('typed to shown, 95 of 100', tool, took[Math.ceil(took.length * 0.95) - 1] ?? Number.NaN);
  findings.note('typed: a letter', tool, (after.bytes - before.bytes) / took.length / 1000);

  await page.press('Enter');
  await page.press('Control+d');
  for (let i = 0; i < PAGE_COUNT; i++) {
    const { bytes } = await page.drawn();
    findings.note('page of text, all shown', tool, await page.turnPage('Space'));
    findings.note('page of text', tool, ((await page.drawn()).bytes - bytes) / 1000);
  }
  await page.press('q');
  await typing;
}

async function measureClip(findings: Findings, tool: string, shown: Shown, page: CanvasPage): Promise<void> {
  await page.watchFrames();
  const playing = playClip(shown.exec);
  playing.catch(() => undefined);
  await page.untilFrames(SETTLING_FRAMES);
  await page.watchFrames();
  const [before, server, browser] = [await page.drawn(), shown.serverSeconds(), page.browserSeconds()];
  await playing;
  const [after, serverAfter, browserAfter] = [
    await page.drawn(),
    shown.serverSeconds(),
    page.browserSeconds(),
  ];
  const showing = judge(await page.frames());
  findings.note('clip', tool, showing.framesPerSecond);
  findings.note('clip: out of order', tool, showing.disorderCount);
  findings.note('clip: made of two', tool, showing.tornCount);
  const shownCount = showing.framesPerSecond * showing.seconds;
  const parts = Object.entries(serverAfter).map(([part, until]) => ({
    part,
    seconds: until - (server[part] ?? 0),
  }));
  for (const { part, seconds } of parts)
    process.stderr.write(`${tool}: ${part} ${((seconds * 1000) / shownCount).toFixed(1)} ms/frame\n`);
  const serverMs = parts.reduce((sum, { seconds }) => sum + seconds * 1000, 0);
  findings.note('clip: server, processor time', tool, serverMs / shownCount);
  findings.note('clip: browser, processor time', tool, ((browserAfter - browser) * 1000) / shownCount);
  findings.note('clip: a frame', tool, (after.bytes - before.bytes) / shownCount / 1000);
}

/** A checkpoint is made of the session in the middle of the clip: how long nothing new came, and the second around that. */
async function measureCheckpoint(
  findings: Findings,
  tool: string,
  shown: Shown,
  page: CanvasPage,
  checkpoint: () => Promise<CheckpointReport>,
): Promise<void> {
  await page.watchFrames();
  const playing = playClip(shown.exec);
  playing.catch(() => undefined);
  await page.untilFrames(SETTLING_FRAMES);
  await page.watchFrames();
  await page.untilFrames(SETTLING_FRAMES);
  const { pauseMs } = await checkpoint();
  await playing;
  const frames = await page.frames();
  const { disorderCount, longestStill } = judge(frames);
  const { fromMs, toMs } = longestStill;
  findings.note('clip: out of order', tool, disorderCount);
  findings.note('checkpoint in the clip: still', tool, toMs - fromMs);
  findings.note('checkpoint in the clip: still', 'pause', pauseMs);
  const middleMs = (fromMs + toMs) / 2;
  findings.note('checkpoint in the clip', tool, framesBetween(frames, middleMs - 500, middleMs + 500));
}
