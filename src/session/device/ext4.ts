// The ext4 of a device: making it, reading its superblock, checking it before it is mounted.
import { open } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import { ProcessError, run } from '../../sync/process.ts';

const SUPERBLOCK_OFFSET = 1024;
const SUPERBLOCK_BYTES = 1024;
const EXT4_MAGIC = 0xef53;
const STATE_CLEAN = 1;
const STATE_ERRORS = 2;
const INCOMPAT_NEEDS_RECOVERY = 0x4;
const JOURNAL_INODE = 8;
const INCOMPAT_ENCRYPT = 0x10000;

/**
 * Named one by one, because what mkfs.ext4 turns on by itself differs: newer ones add features (orphan_file,
 * metadata_csum_seed) that the e2fsck of an older host refuses. These all are known to Linux 4.1 and newer.
 */
const FEATURES =
  'none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,encrypt,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum';

/** {@link FEATURES} as bits, and what the kernel sets while it is mounted. */
const KNOWN_COMPATIBLE = 0x4 | 0x8 | 0x10 | 0x20;
const KNOWN_INCOMPATIBLE = 0x2 | INCOMPAT_NEEDS_RECOVERY | 0x40 | 0x80 | 0x200 | INCOMPAT_ENCRYPT;
const KNOWN_READ_ONLY_COMPATIBLE = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400;

/** What an ext4 tells about itself. */
export interface Superblock {
  /** The file system's id, in the usual 8-4-4-4-12 form. */
  readonly uuid: string;
  readonly label: string;
  readonly hasEncryption: boolean;
  /** What no device of ours has, and would have the kernel do: other features, mount options, a journal elsewhere. */
  readonly oddity: string | undefined;
  /** It was unmounted properly and no error was seen in it. While it is mounted it is not clean. */
  readonly isClean: boolean;
}

/** Reads the superblock on a block device or image file; `undefined` if there is no ext2, ext3 or ext4. */
export async function readSuperblock(path: string): Promise<Superblock | undefined> {
  const bytes = await superblockOf(path);
  if (bytes === undefined) return undefined;
  const incompatible = bytes.readUInt32LE(0x60);
  const state = bytes.readUInt16LE(0x3a);
  return {
    uuid: uuidText(bytes.subarray(0x68, 0x78)),
    label: bytes.toString('latin1', 0x78, 0x88).replace(/\0.*$/s, ''),
    oddity: oddityOf(bytes),
    hasEncryption: (incompatible & INCOMPAT_ENCRYPT) !== 0,
    isClean:
      (incompatible & INCOMPAT_NEEDS_RECOVERY) === 0 &&
      (state & (STATE_CLEAN | STATE_ERRORS)) === STATE_CLEAN,
  };
}

/**
 * What is another text once the file system was mounted for writing, or written to, since: when that was last, how often it was
 * mounted, and how much was ever written. `undefined` where there is no ext4.
 */
export async function readWriteStamp(path: string): Promise<string | undefined> {
  const bytes = await superblockOf(path);
  if (bytes === undefined) return undefined;
  return [[0x2c, 0x36] as const, [0x178, 0x180] as const]
    .map((span) => bytes.toString('hex', ...span))
    .join();
}

async function superblockOf(path: string): Promise<Buffer | undefined> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(SUPERBLOCK_BYTES);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, SUPERBLOCK_OFFSET);
    return bytesRead < bytes.length || bytes.readUInt16LE(0x38) !== EXT4_MAGIC ? undefined : bytes;
  } finally {
    await file.close();
  }
}

/**
 * Makes an empty ext4 over whatever is there. 4 KiB blocks whatever the size, as encryption wants the page size;
 * nothing is reserved for root; an error found while mounted stops all writing.
 * @throws ProcessError if mkfs.ext4 fails
 */
export async function makeExt4(path: string, label: string): Promise<void> {
  const layout = ['-b', '4096', '-I', '256', '-i', '16384', '-m', '0', '-e', 'remount-ro'];
  await run('mkfs.ext4', ['-q', '-F', '-t', 'ext4', '-O', FEATURES, ...layout, '-L', label, path]);
}

/**
 * Replays the journal and repairs what can be repaired without a question (`e2fsck -p`).
 * @returns what was done, in words, for the user and the log
 * @throws DeskPodError MOUNT_FAILED if it needs a person
 */
export async function preenExt4(path: string): Promise<string> {
  try {
    const { stdout } = await run('e2fsck', ['-p', path]);
    return lastLine(stdout) || 'clean';
  } catch (error) {
    // Exit code 1: errors were found, and all are corrected.
    if (error instanceof ProcessError && error.exitCode === 1)
      return lastLine(error.stdoutTail) || 'repaired';
    throw new DeskPodError(
      'MOUNT_FAILED',
      `${path}: the file system is damaged: e2fsck -p could not repair it`,
      {
        hint: `copy the device if it matters, then run: e2fsck -f ${path}`,
        details: { path },
        cause: error,
      },
    );
  }
}

/**
 * The names in a folder of an ext4 that is not mounted, read by a program and not by the kernel; none if there is no
 * such folder.
 * @throws ProcessError if it cannot be read
 */
export async function namesOn(path: string, folder: '/' | '/repository'): Promise<string[]> {
  const { stdout } = await run('debugfs', ['-c', '-R', `ls -p ${folder}`, path]);
  return stdout
    .split('\n')
    .map((line) => line.split('/')[5] ?? '')
    .filter((name) => name !== '' && name !== '.' && name !== '..');
}

function oddityOf(superblock: Buffer): string | undefined {
  const features = [
    superblock.readUInt32LE(0x5c) & ~KNOWN_COMPATIBLE,
    superblock.readUInt32LE(0x60) & ~KNOWN_INCOMPATIBLE,
    superblock.readUInt32LE(0x64) & ~KNOWN_READ_ONLY_COMPATIBLE,
  ];
  if (features.some((bits) => bits !== 0))
    return `other features (${features.map((bits) => (bits >>> 0).toString(16)).join(' ')})`;
  if (superblock.subarray(0x200, 0x240).some((byte) => byte !== 0)) return 'mount options of its own';
  const isJournalInside =
    superblock.readUInt32LE(0xe0) === JOURNAL_INODE && superblock.readUInt32LE(0xe4) === 0;
  return isJournalInside ? undefined : 'its journal elsewhere';
}

function uuidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
