// Names for files that are being written, which tell whether their writer still lives.
import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isSystemError } from './durable-file.ts';

const PATTERN = /^([0-9a-zA-Z]+)-(\d+)-[0-9a-f]+$/;
let boot: Promise<string> | undefined;

/** A fresh name: this boot of this host, this process, and chance. */
export async function temporaryName(): Promise<string> {
  return `${await bootName()}-${process.pid}-${randomBytes(8).toString('hex')}`;
}

/**
 * Removes what processes left that are gone. A drive that was pulled from another host, or before this one was started
 * anew, has files of another boot: nobody can be writing them. What lies behind a link is nothing of ours, and stays.
 */
export async function removeStale(dir: string): Promise<void> {
  if (!(await lstat(dir)).isDirectory()) return;
  for (const name of await readdir(dir)) {
    if (!(await isWritten(name))) await rm(join(dir, name), { force: true, recursive: true });
  }
}

async function isWritten(name: string): Promise<boolean> {
  const [, bootOfFile, pid] = PATTERN.exec(name) ?? [];
  if (bootOfFile !== (await bootName())) return false;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return !isSystemError(error, 'ESRCH');
  }
}

function bootName(): Promise<string> {
  boot ??= readBootName();
  return boot;
}

async function readBootName(): Promise<string> {
  try {
    const id = await readFile('/proc/sys/kernel/random/boot_id', 'latin1');
    return id.replaceAll('-', '').slice(0, 12);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    // not Linux: the host's name has to do
    return Buffer.from(hostname()).toString('hex').slice(0, 12);
  }
}
