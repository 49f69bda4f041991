// What can change around a tree without any event in it: mounts, the machine's sleep, and a file system that is elsewhere.
import { readFileSync, statfsSync } from 'node:fs';
import { uptime } from 'node:os';
import type { GapCause } from './gap-cause.ts';

/** File systems whose every change goes through this kernel, by the magic of statfs(2). */
const LOCAL = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x01021994, // tmpfs
  0x4d44, // vfat
  0x2011bab0, // exfat
  0x7366746e, // ntfs3
  0x794c7630, // overlay
  0x2fc12fc1, // zfs
  0xca451a4e, // bcachefs
  0x5346544e, // ntfs
]);
/** Clocks that differ by more than this have not run side by side. */
const CLOCK_GAP_MS = 2000;

/** Compares the surroundings of a tree with what they were when last asked. */
export class Surroundings {
  readonly #root: string;
  #mounts: string;
  #clocks = readClocks();

  constructor(root: string) {
    this.#root = root;
    this.#mounts = mountsIn(root);
  }

  /** Why a watch may have missed something since the last call, as far as the surroundings tell. */
  doubts(): GapCause[] {
    const doubts: GapCause[] = [];
    const mounts = mountsIn(this.#root);
    if (mounts !== this.#mounts) doubts.push('mounts');
    this.#mounts = mounts;
    const clocks = readClocks();
    const wasMs = this.#clocks;
    const ranMs = clocks.runningMs - wasMs.runningMs;
    // the first stands still while the machine sleeps, the others do not
    const sleptMs = clocks.bootMs - wasMs.bootMs - ranMs;
    const setMs = clocks.wallMs - wasMs.wallMs - ranMs;
    if (Math.abs(sleptMs) > CLOCK_GAP_MS || Math.abs(setMs) > CLOCK_GAP_MS) doubts.push('clock');
    this.#clocks = clocks;
    if (!LOCAL.has(statfsSync(this.#root).type)) doubts.push('file-system');
    return doubts;
  }
}

function readClocks(): { readonly runningMs: number; readonly bootMs: number; readonly wallMs: number } {
  return { runningMs: performance.now(), bootMs: uptime() * 1000, wallMs: Date.now() };
}

/** The lines about what is mounted at `root` or in it, and on what it lies. */
function mountsIn(root: string): string {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const place = Buffer.from(root)
    .toString('latin1')
    .replace(/[ \t\n\\]/g, escapeOctal);
  return lines
    .filter((line) => {
      const at = line.split(' ', 5)[4] ?? '';
      return at === place || at.startsWith(place === '/' ? place : `${place}/`) || isAbove(at, place);
    })
    .join('\n');
}

function isAbove(at: string, place: string): boolean {
  return at === '/' ? place !== '/' : place.startsWith(`${at}/`);
}

function escapeOctal(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
}
