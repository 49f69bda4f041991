// A device that was in other hands: what was changed on it is refused before anything privileged parses it.
import assert from 'node:assert/strict';
import { chmod, mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { readMounts } from '../../src/session/host/mount-table.ts';
import { runtimeDir } from '../../src/session/host/runtime.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { restoreTree } from '../../src/sync/files/restore.ts';
import { run } from '../../src/sync/process.ts';
import { DesktopLab } from '../desktop/desktop-lab.ts';
import { onDrive } from './device-bench.ts';

/** Of the desktops of tests. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;
/** Words of Perl: changes the lowest bit at a share of a file's length. */
const FLIP_BIT =
  'open my $file, "+<", $ARGV[0] or die; my $at = int((-s $file) * $ARGV[1]); sysseek $file, $at, 0; sysread $file, my $byte, 1; ' +
  'sysseek $file, $at, 0; syswrite $file, $byte ^ "\\x01"';
/** How often one bit is changed, all over the packs. */
const FLIP_COUNT = 60;
const onProgress = (): void => undefined;

/** What stands in the place of a file: words of a shell that put it at `$1`. */
const PIPE = 'mkfifo "$1"';
const LINK = 'ln -s /etc/shadow "$1"';
const DEVICE = 'mknod "$1" c 1 5';
const FOLDER = 'mkdir "$1"';
const ENDLESS = 'truncate -s 1T "$1"';

const MARKER = './deskpod.pod';
const HEAD = './repository/head';
const KEYRING = './repository/keyrings/*';
const BASE = './repository/bases/*';
const PACK = './repository/packs/*/*';

const PACKS_REFUSED: readonly ErrorCode[] = ['OBJECT_DAMAGED', 'CHUNK_MISSING'];

const DISGUISES: readonly [what: string, files: string, disguise: string, ...codes: ErrorCode[]][] = [
  ['its marker claims to be without end', MARKER, ENDLESS, 'MARKER_DAMAGED'],
  ['its head is a pipe', HEAD, PIPE, 'HEAD_DAMAGED'],
  ['its head is a link to a file of the host', HEAD, LINK, 'HEAD_DAMAGED'],
  ['its head claims to be without end', HEAD, ENDLESS, 'HEAD_DAMAGED'],
  ['its keyring is a pipe', KEYRING, PIPE, 'OBJECT_DAMAGED'],
  ['its keyring is a device', KEYRING, DEVICE, 'OBJECT_DAMAGED'],
  ['its keyring claims to be without end', KEYRING, ENDLESS, 'OBJECT_DAMAGED'],
  ['its base is a pipe', BASE, PIPE, 'BASE_DAMAGED'],
  ['its base is a link to a file of the host', BASE, LINK, 'BASE_DAMAGED'],
  ['its packs are pipes', PACK, PIPE, ...PACKS_REFUSED],
  ['its packs are links to a file of the host', PACK, LINK, ...PACKS_REFUSED],
  ['its packs are folders', PACK, FOLDER, ...PACKS_REFUSED],
];

const FLIPS: readonly [what: string, files: string, codes: readonly ErrorCode[]][] = [
  ['its marker', MARKER, ['MARKER_DAMAGED']],
  ['its head', HEAD, ['HEAD_DAMAGED']],
  ['its keyring', KEYRING, ['KEYRING_DAMAGED', 'OBJECT_DAMAGED']],
  ['its base', BASE, ['BASE_DAMAGED']],
];

/** What the superblock of an ext4 can ask of the kernel: where it stands, and what. */
const SUPERBLOCKS: readonly [what: string, at: number, bytes: Buffer][] = [
  ['brings mount options', 0x200, Buffer.from('journal_path=/dev/vda')],
  ['has its journal on another device', 0xe4, Buffer.from([0, 8, 0, 0])],
  ['has a feature that no pod uses', 0x61, Buffer.from([0x80])],
];

describe('a suspended pod on a drive that was in other hands', () => {
  let lab: DesktopLab;
  let calls: string;
  let formerRuntime: string | undefined;

  before(async () => {
    lab = await DesktopLab.open();
    calls = join(lab.dir, 'criu-calls');
    formerRuntime = process.env.DESKPOD_RUNTIME;
    process.env.DESKPOD_RUNTIME = await noisyRuntime(join(lab.dir, 'runtime'), calls);
    await lab.create();
    await withDesktop(async (desktop) => {
      await desktop.start(START, onProgress);
      await desktop.suspend(onProgress);
    });
  });

  after(async () => {
    if (formerRuntime === undefined) delete process.env.DESKPOD_RUNTIME;
    else process.env.DESKPOD_RUNTIME = formerRuntime;
    await lab.close();
  });

  beforeEach(() => writeFile(calls, ''));

  for (const [what, files, disguise, ...codes] of DISGUISES) {
    it(`is refused if ${what}`, async () => {
      const put = `put() { ${disguise}; }`;
      await onDrive(lab.image, `${put}; for file in ${files}; do mv "$file" "$file.was"; put "$file"; done`);
      try {
        await assertRefused(codes);
      } finally {
        await onDrive(
          lab.image,
          'find . -name "*.was" | while read -r was; do path=$(dirname "$was")/$(basename "$was" .was); rm -r "$path"; mv "$was" "$path"; done',
        );
      }
    });
  }

  for (const [what, files, codes] of FLIPS) {
    it(`is refused if one bit of ${what} was changed`, async () => {
      const flip = () =>
        onDrive(lab.image, `for file in ${files}; do perl -e '${FLIP_BIT}' "$file" 0.5; done`);
      await flip();
      try {
        await assertRefused(codes);
      } finally {
        await flip();
      }
    });
  }

  for (const [what, at, bytes] of SUPERBLOCKS) {
    it(`is refused if its file system ${what}`, async () => {
      const former = await exchange(lab.image, 1024 + at, bytes);
      try {
        await assertRefused(['DEVICE_NOT_A_POD']);
      } finally {
        await exchange(lab.image, 1024 + at, former);
      }
    });
  }

  it('gives CRIU no image of which one bit was changed', async () => {
    const imagesDir = join(lab.dir, 'images');
    await mkdir(imagesDir);
    const refused = await withDesktop(async ({ pod }) => {
      const { images, packs } = pod.state.checkpoints.at(-1) ?? {};
      assert.ok(images !== undefined && packs !== undefined);
      await restoreTree(images, pod.content, imagesDir);
      const places = packs.flatMap((name) =>
        Array.from({ length: Math.ceil(FLIP_COUNT / packs.length) }, (_, index, all = packs) => ({
          path: pod.repository.objectPath('packs', name),
          share: index / Math.ceil(FLIP_COUNT / all.length),
        })),
      );
      const found: { path: string; share: number }[] = [];
      for (const { path, share } of places) {
        await flipBit(path, share);
        try {
          const changedDir = join(lab.dir, 'changed');
          await mkdir(changedDir);
          const outcome = await restoreTree(images, pod.content, changedDir).then(
            () => 'restored',
            (error: unknown) => {
              if (isDeskPodError(error)) return error.code;
              throw error;
            },
          );
          // What is no part of an image may change: the images are the same then.
          if (outcome === 'restored') await run('diff', ['-r', imagesDir, changedDir]);
          else found.push({ path: path.slice(path.indexOf('/repository/') + 1), share });
          await rm(changedDir, { recursive: true });
        } finally {
          await flipBit(path, share);
        }
      }
      return found;
    });
    assert.ok(refused.length > FLIP_COUNT / 4, `only ${refused.length} of ${FLIP_COUNT} were noticed`);
    for (const { path, share } of [refused[0], refused.at(-1)].filter((each) => each !== undefined)) {
      const flip = () => onDrive(lab.image, `perl -e '${FLIP_BIT}' ${path} ${share}`);
      await flip();
      await assertRefused([...PACKS_REFUSED, 'CHUNK_DAMAGED', 'PACK_DAMAGED', 'MANIFEST_DAMAGED']);
      await flip();
    }
  });

  describe('that is as it was again', () => {
    it('goes on', async () => {
      await withDesktop(async (desktop) => {
        const { resumedCheckpoint } = await desktop.start(START, onProgress);
        assert.equal(resumedCheckpoint, 1);
        await desktop.stop();
      });
      assert.match(await readFile(calls, 'utf8'), /^restore /m);
    });
  });

  /** The pod is not started, for one of these reasons; CRIU was not called, and nothing is mounted. */
  async function assertRefused(codes: readonly ErrorCode[]): Promise<void> {
    const error = await withDesktop((desktop) => desktop.start(START, onProgress)).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    assert.ok(isDeskPodError(error), String(error));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    assert.equal(await readFile(calls, 'utf8'), '');
    const { dir } = await lab.stage().catch(() => ({ dir: lab.dir }));
    assert.deepEqual(
      (await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(`${dir}/`)),
      [],
    );
  }

  async function withDesktop<T>(use: (desktop: Desktop) => Promise<T>): Promise<T> {
    const opened = await openDevice(lab.image, CREDENTIAL, { willMount: true });
    const desktop = await Desktop.take(opened, onProgress);
    try {
      return await use(desktop);
    } finally {
      await desktop.close();
    }
  }
});

/** A runtime folder whose CRIU notes each call. */
async function noisyRuntime(dir: string, calls: string): Promise<string> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  const real = runtimeDir();
  for (const name of ['runc', 'mkfs.erofs']) await symlink(join(real, 'bin', name), join(dir, 'bin', name));
  await symlink(join(real, 'versions.json'), join(dir, 'versions.json'));
  const criu = join(dir, 'bin/criu');
  await writeFile(criu, `#!/bin/sh\necho "$@" >>${calls}\nexec ${real}/bin/criu "$@"\n`);
  await chmod(criu, 0o755);
  return dir;
}

/** Changes the lowest bit at a share of a file's length. */
async function flipBit(path: string, share: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const at = Math.min(size - 1, Math.floor(size * share));
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}

/** Writes bytes into a file; returns what was there. */
async function exchange(path: string, at: number, bytes: Buffer): Promise<Buffer> {
  const file = await open(path, 'r+');
  try {
    const former = Buffer.alloc(bytes.length);
    await file.read(former, 0, former.length, at);
    await file.write(bytes, 0, bytes.length, at);
    await file.sync();
    return former;
  } finally {
    await file.close();
  }
}
