// A drive on which parts of an earlier state lie over a later one, or those of another pod, and one that was cloned: no
// processes go on with files of another instant, and nothing of that is silent. Those of packs and of
// another pod are tried with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { createDesktop } from '../../src/session/pod/create-desktop.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { type OpenedDevice, openDevice } from '../../src/session/pod/open-device.ts';
import { captureInSession } from '../../src/session/process/processes.ts';
import { run } from '../../src/sync/process.ts';
import { DesktopLab } from '../desktop/desktop-lab.ts';
import { runtimeWith } from '../desktop/odd-runtime.ts';
import { type Counted, counted, START_COUNTER } from './counter.ts';
import { MEBIBYTE, onDrive } from './device-bench.ts';
import { makeErofs } from './erofs-image.ts';

/** Of the desktops of tests, and of the other pod: whoever has two may open both with one passphrase. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;
const HOME = 'home/user';
const IS_EXHAUSTIVE = process.env.DESKPOD_TEST_EXHAUSTIVE !== undefined;
const onProgress = (): void => undefined;

const PACKS_REFUSED = [
  'OBJECT_MISSING',
  'OBJECT_DAMAGED',
  'CHUNK_MISSING',
  'CHUNK_DAMAGED',
  'PACK_DAMAGED',
] as const satisfies readonly ErrorCode[];

/** The base of one is that of the other. */
const REPLACE_REPOSITORY =
  'mv repository/bases .; rm -r repository; mkdir repository; mv bases repository; ' +
  '(cd /media/repository; find . -mindepth 1 -maxdepth 1 ! -name bases) | while read -r part; do cp -a "/media/repository/$part" repository; done';

/** What an attacker does in the plain part of the newer drive, with the older one or another pod's at /media. */
const MIXTURES: readonly [what: string, from: string, script: string, ...codes: ErrorCode[]][] = [
  ['its repository is an older one', 'older', REPLACE_REPOSITORY, ...PACKS_REFUSED],
  [
    'its packs are those of an older checkpoint under the names of the newer one’s',
    'older',
    'old=$(cd /media/repository/packs; ls -S */* | head -n 1); for pack in repository/packs/*/*; do ' +
      '[ -e "/media/$pack" ] || cp "/media/repository/packs/$old" "$pack"; done',
    ...PACKS_REFUSED,
  ],
  [
    'its packs are those of another pod',
    'other',
    'new=$(ls /media/repository/packs/*/* | head -n 1); for pack in repository/packs/*/*; do cp "$new" "$pack"; done',
    ...PACKS_REFUSED,
  ],
  ['its repository is that of another pod', 'other', REPLACE_REPOSITORY, 'MARKER_DAMAGED'],
  [
    'all of its plain part is that of another pod',
    'other',
    `${REPLACE_REPOSITORY}; cp /media/deskpod.pod .`,
    'VAULT_FAILED',
  ],
];

describe('a suspended pod on a drive', () => {
  let lab: DesktopLab;
  let calls: string;
  let formerRuntime: string | undefined;
  /** Where the log lies on the drive, and how long it was when the older state was taken. */
  let log: { readonly inode: number; readonly sizeBytes: number };
  let counter: Counted;

  before(async () => {
    lab = await DesktopLab.open();
    calls = join(lab.dir, 'criu-calls');
    formerRuntime = process.env.DESKPOD_RUNTIME;
    process.env.DESKPOD_RUNTIME = await runtimeWith(
      lab.dir,
      (criu) => `echo "$@" >>${calls}; exec ${criu} "$@"`,
    );
    await lab.create(450);
    await withDesktop(lab.image, async (desktop, { vault }) => {
      await desktop.start(START, onProgress);
      await shell(desktop, START_COUNTER);
      await shell(desktop, 'echo first >~/letter');
      counter = await counted(countOf(desktop));
      await desktop.suspend(onProgress);
      const { ino: inode, size: sizeBytes } = await stat(`${vault.dir}/log/000000000001.log`);
      log = { inode, sizeBytes };
    });
    await copy(lab.image, at('older'));
    await withDesktop(lab.image, async (desktop) => {
      await desktop.start(START, onProgress);
      await shell(desktop, 'echo second >~/letter; echo later >~/later');
      await desktop.suspend(onProgress);
    });
    await copy(lab.image, at('newer'));
    if (IS_EXHAUSTIVE) await createOther(at('other'));
  });
  after(async () => {
    if (formerRuntime === undefined) delete process.env.DESKPOD_RUNTIME;
    else process.env.DESKPOD_RUNTIME = formerRuntime;
    await lab.close();
  });
  // in place: it stays the same medium
  beforeEach(async () => {
    await copy(at('newer'), lab.image);
    await writeFile(calls, '');
  });

  for (const [what, from, script, ...codes] of IS_EXHAUSTIVE ? MIXTURES : MIXTURES.slice(0, 1)) {
    it(`is refused if ${what}`, async () => {
      await onDrive(lab.image, `mount -o loop,ro "${at(from)}" /media; ${script}`);
      await assertRefused(codes);
    });
  }

  it('is refused if its vault is an older one than its repository', async () => {
    await copy(at('older'), lab.image);
    await onDrive(lab.image, `mount -o loop,ro "${at('newer')}" /media; ${REPLACE_REPOSITORY}`);
    await assertRefused(['LOG_DAMAGED']);
  });

  it('goes on with the files of its older checkpoint, and says so, if its log and head were cut back to that', async () => {
    // no key is needed for it: the length of an encrypted file is plain
    await run('debugfs', ['-w', '-R', `sif <${log.inode}> size ${log.sizeBytes}`, lab.image]);
    await onDrive(
      lab.image,
      `mount -o loop,ro "${at('older')}" /media; cp /media/repository/head repository/head`,
    );
    await withDesktop(lab.image, async (desktop) => {
      const { resumedCheckpoint, warnings } = await desktop.start(START, onProgress);
      assert.equal(resumedCheckpoint, 1);
      assert.match(
        warnings.join('\n'),
        /changed while the session was suspended \(\/.*\).*\n.*checkpoint 2\.$/,
      );
      assert.equal((await counted(countOf(desktop))).pid, counter.pid);
      const home = join(desktop.root.mergedDir, HOME);
      assert.equal(await readFile(join(home, 'letter'), 'utf8'), 'first\n');
      await assert.rejects(stat(join(home, 'later')), { code: 'ENOENT' });
    });
  });

  it('that was cloned goes on twice at once, each with files and processes of its own, and the clone is told', async () => {
    const clone = at('clone');
    await copy(lab.image, clone);
    await lab.stage(clone);
    await withDesktop(lab.image, (original) =>
      withDesktop(clone, async (copied, { notice }) => {
        assert.match(notice ?? '', /lies on another medium.*If you copied it/s);
        for (const [desktop, text] of [
          [original, 'the original'],
          [copied, 'the clone'],
        ] as const) {
          const { resumedCheckpoint, warnings } = await desktop.start(START, onProgress);
          assert.deepEqual([resumedCheckpoint, warnings], [2, []]);
          await shell(desktop, `echo ${text} >~/letter`);
        }
        for (const desktop of [copied, original]) {
          assert.equal((await counted(countOf(desktop))).pid, counter.pid);
          await desktop.suspend(onProgress);
        }
      }),
    );
    await withDesktop(clone, async (desktop, { notice }) => {
      const { resumedCheckpoint, warnings } = await desktop.start(START, onProgress);
      assert.deepEqual([resumedCheckpoint, warnings, notice], [3, [], undefined]);
      assert.equal(await shell(desktop, 'cat ~/letter'), 'the clone\n');
      assert.equal((await counted(countOf(desktop))).pid, counter.pid);
    });
    await withDesktop(lab.image, async ({ root }, { notice }) => {
      assert.equal(await readFile(join(root.layerDir, HOME, 'letter'), 'utf8'), 'the original\n');
      assert.equal(notice, undefined);
    });
  });

  function at(name: string): string {
    return join(lab.dir, `${name}.img`);
  }

  /** The pod is not started, for one of these reasons, and CRIU was not called. */
  async function assertRefused(codes: readonly ErrorCode[]): Promise<void> {
    const error = await withDesktop(lab.image, (desktop) => desktop.start(START, onProgress)).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    assert.ok(isDeskPodError(error), String(error));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    assert.equal(await readFile(calls, 'utf8'), '');
  }

  async function createOther(devicePath: string): Promise<void> {
    const base = join(lab.dir, 'other.erofs');
    await makeErofs(join(lab.dir, 'runtime'), base);
    const plan = { devicePath, name: 'other', base, workFactor: 2, sizeBytes: 128 * MEBIBYTE };
    await createDesktop({ ...plan, ...CREDENTIAL, isForced: false, onProgress });
    await withDesktop(devicePath, (desktop) => desktop.checkpoint(onProgress));
  }
});

async function copy(from: string, to: string): Promise<void> {
  await run('cp', ['--sparse=always', from, to]);
}

async function shell(desktop: Desktop, script: string): Promise<string> {
  assert.ok(desktop.session !== undefined, 'no session');
  const { exitCode, stdout, stderr } = await captureInSession(desktop.session, ['sh', '-c', script]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

function countOf(desktop: Desktop): string {
  return join(desktop.root.mergedDir, HOME, 'count');
}

async function withDesktop<T>(
  image: string,
  use: (desktop: Desktop, opened: OpenedDevice) => Promise<T>,
): Promise<T> {
  const opened = await openDevice(image, CREDENTIAL, { willMount: true });
  const desktop = await Desktop.take(opened, onProgress);
  try {
    return await use(desktop, opened);
  } finally {
    if (desktop.session !== undefined) await desktop.stop();
    await desktop.close();
  }
}
