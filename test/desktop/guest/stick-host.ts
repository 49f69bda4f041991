// A guest that a lab's pod is plugged into on a USB stick, and what its program tells.
import assert from 'node:assert/strict';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeErofs } from '../../session/erofs-image.ts';
import { type Boot, bootGuest, lastLines, OLD_MACHINE } from '../../session/guest/machine.ts';
import type { DesktopLab } from '../desktop-lab.ts';

/** The guest's whole life. */
const TIMEOUT_MS = 900_000;

/** What the program there told. */
export interface Told {
  /** Each answer of a command, or other object, in their order. */
  readonly answers: readonly unknown[];
  /** What was still there of the pod when all of it was to be gone. */
  readonly left: readonly string[];
  /** Units of systemd that there were of drive and pod. */
  readonly units: readonly string[];
}

/**
 * Boots a guest that runs a program of this folder, until it turns itself off.
 * @param words more of the kernel's command line
 * @param files what it finds beside its program, by name: contents, or where they are
 * @param drives other than the lab's pod on its stick
 */
export async function runWithStick(
  lab: DesktopLab,
  release: string,
  program: string,
  words: readonly string[] = [],
  files: Readonly<Record<string, { readonly text: string } | { readonly path: string }>> = {},
  drives: Pick<Boot, 'stick' | 'otherStick' | 'disk'> = {},
): Promise<Told> {
  const dir = join(lab.dir, 'guest');
  const checkoutDir = join(dir, 'checkout');
  // of the guest before
  await rm(dir, { recursive: true, force: true });
  await mkdir(checkoutDir, { recursive: true });
  await cp(import.meta.dirname, checkoutDir, { recursive: true });
  await cp(join(lab.dir, 'passphrase'), join(checkoutDir, 'passphrase'));
  for (const [name, file] of Object.entries(files)) {
    const place = join(checkoutDir, name);
    await ('text' in file
      ? writeFile(place, file.text, { mode: 0o755 })
      : cp(file.path, place, { recursive: true, verbatimSymlinks: true }));
  }
  const checkout = join(dir, 'checkout.erofs');
  await makeErofs(checkoutDir, checkout);
  const told = await bootGuest(release, {
    ...{ dir, checkout, program: `/checkout/${program}`, words, stick: lab.image, timeoutMs: TIMEOUT_MS },
    ...{ ...OLD_MACHINE, ...drives },
  });
  const lines = told.split('\n').map((line) => line.trim());
  assert.ok(lines.includes('end 0'), `the program there failed: ${told}${await lastLines(dir)}`);
  return {
    answers: lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown),
    left: lines.filter((line) => line.startsWith('left ')),
    units: lines.filter((line) => line.startsWith('unit ')),
  };
}
