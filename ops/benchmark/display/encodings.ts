// ops/bench encodings: what a frame of the clip costs each part on its way to the canvas, by how it is encoded.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseDevice } from '../../../src/session/pod/release.ts';
import { haveBase } from '../../have-base.ts';
import { Program } from '../../user/program.ts';
import { Findings, type Limit } from '../report.ts';
import { CanvasPage, type Encoding } from './canvas-page.ts';
import { judge, makeClip, playClip } from './clip.ts';
import { DISPLAY_BASE, DISPLAY_PACKAGES, DISPLAY_SIZE, PASSPHRASE } from './display.ts';
import { showPod } from './shown.ts';

const ZRLE = 16;
const RAW = 0;
const OURS = 'deskpod';

/** By what they are called in the table. */
const WAYS: Readonly<Record<string, Encoding | undefined>> = {
  [OURS]: undefined,
  'JPEG 6': { quality: 6 },
  'JPEG 9': { quality: 9 },
  'JPEG 8 as noVNC': { quality: 8, isAsNoVnc: true },
  'JPEG 9 as noVNC': { quality: 9, isAsNoVnc: true },
  ZRLE: { only: ZRLE },
  raw: { only: RAW },
};

const PARTS = ['Xvnc', 'relay', 'supervisor', 'browser'];

/** How a measurement is made. */
export interface EncodingOptions {
  readonly runs: number;
  readonly seconds: number;
  readonly isJson: boolean;
}

/** Measures below `place` and prints a row for each way and part: nothing has a limit. */
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
  try {
    await program.json('create', device, '--size', DISPLAY_SIZE, '--base', DISPLAY_BASE, '--no-runtime');
    for (let i = 0; i < runs; i++) {
      for (const [name, way] of Object.entries(WAYS)) {
        await showPod(program, device, async (shown) => {
          if (i === 0 && name === OURS) await makeClip(shown.exec, seconds);
          const page = await CanvasPage.open(shown.url, join(place, `profile-${i}-${name}`), way);
          try {
            await page.watchFrames();
            const used = (): Readonly<Record<string, number>> => ({
              ...shown.serverSeconds(),
              browser: page.browserSeconds(),
            });
            const [before, drawnBefore] = [used(), await page.drawn()];
            await playClip(shown.exec);
            const [after, drawn] = [used(), await page.drawn()];
            const showing = judge(await page.frames());
            const count = showing.framesPerSecond * showing.seconds;
            for (const part of PARTS)
              findings.note(part, name, (((after[part] ?? 0) - (before[part] ?? 0)) * 1000) / count);
            findings.note('a frame', name, (drawn.bytes - drawnBefore.bytes) / count / 1000);
            findings.note('shown', name, showing.framesPerSecond);
          } finally {
            await page.close();
          }
        });
      }
      process.stderr.write(`${i + 1} of ${runs} runs\n`);
    }
  } finally {
    await releaseDevice(device);
    await rm(device, { force: true });
  }
  return findings.report(limits(), isJson);
}

function limits(): Limit[] {
  const others = Object.keys(WAYS).filter((name) => name !== OURS);
  return others.flatMap((peerName) => [
    ...PARTS.map((name) => ({ name, unit: 'ms/frame', peerName })),
    { name: 'a frame', unit: 'kB', peerName },
    { name: 'shown', unit: 'frames/s', peerName },
  ]);
}
