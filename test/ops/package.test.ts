// The Debian package: what is in it, and (with DESKPOD_TEST_EXHAUSTIVE) that fresh systems take it, run it and are rid of it again.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { run } from '../../src/sync/process.ts';
import { itAsRoot } from '../as-root.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const PACKAGER = join(ROOT, 'ops/package');
/** The runtime that devices carry is made anew if a source was changed since. */
const TIMEOUT_MS = 240_000;
const EXHAUSTIVE_TIMEOUT_MS = 1_800_000;
const RELEASES = ['bookworm', 'trixie'] as const;
/** What is mounted and started there ends with it. */
const APART = ['--mount', '--propagation=slave', '--pid', '--fork', '--kill-child', '--mount-proc'];
const PASSPHRASE = 'correct horse battery';

describe('the Debian package', function () {
  this.timeout(TIMEOUT_MS);
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-package-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  itAsRoot('has the program, all that it needs, and what a host has of it', async () => {
    await run(PACKAGER, ['--tree', dir]);
    const tree = join(dir, 'tree');
    const control = await readFile(join(tree, 'DEBIAN/control'), 'utf8');
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    assert.match(control, new RegExp(`^Version: ${version}$`, 'm'));
    // what ops/setup installs for sessions is asked for, too
    for (const name of [
      'rsync',
      'iproute2',
      'passt',
      'e2fsprogs',
      'mount',
      'cryptsetup-bin',
      'dmsetup',
      'kmod',
    ])
      assert.match(control, new RegExp(`^Depends: .*\\b${name}\\b`, 'm'));
    // a dock tells of itself by gdbus, and a plugged drive by notify-send
    for (const name of ['libglib2.0-bin', 'libnotify-bin'])
      assert.match(control, new RegExp(`^Recommends: .*\\b${name}\\b`, 'm'));
    const page = gunzipSync(await readFile(join(tree, 'usr/share/man/man1/deskpod-home.1.gz'))).toString();
    assert.match(page, /deskpod home add/);
    for (const [place, words] of [
      ['usr/share/bash-completion/completions/deskpod', /^complete -F _deskpod deskpod$/m],
      ['usr/share/zsh/vendor-completions/_deskpod', /^#compdef deskpod$/m],
      ['usr/share/fish/vendor_completions.d/deskpod.fish', /^complete -c deskpod/m],
      ['usr/lib/systemd/system/deskpod-dock.service', /^ExecStart=\/usr\/bin\/deskpod dock$/m],
      ['usr/lib/systemd/system/deskpod-plug@.service', /^ExecStart=\/usr\/lib\/deskpod\/ops\/plug /m],
      ['usr/lib/deskpod/ops/open-page', /^exec xdg-open /m],
      ['usr/lib/udev/rules.d/70-deskpod.rules', /deskpod-plug@%k\.service/],
      ['usr/src/deskpod-1/dkms.conf', /^PACKAGE_VERSION="1"$/m],
      ['usr/src/deskpod-1/Kbuild', /^obj-m := deskpod\.o$/m],
      ['usr/src/deskpod-1/trampoline.S', /^SYM_FUNC_END\(deskpod_at_signal\)$/m],
      ['usr/src/deskpod-1/deskpod_ioctl.h', /^#define DESKPOD_ABI 1$/m],
      ['DEBIAN/conffiles', /^\/etc\/deskpod\/plug\.conf$/m],
    ] as const)
      assert.match(await readFile(join(tree, place), 'utf8'), words, place);
    const entries = await readdir(tree, { recursive: true, withFileTypes: true });
    const sums = (await readFile(join(tree, 'DEBIAN/md5sums'), 'utf8')).trim().split('\n');
    const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/DEBIAN'));
    assert.equal(sums.length, files.length);
    for (const entry of entries) {
      if (entry.isSymbolicLink()) continue;
      const { mode } = await stat(join(entry.parentPath, entry.name));
      assert.equal(mode & 0o022, 0, join(entry.parentPath, entry.name));
    }
    await tryProgram(tree, version);
  });

  /** The program, from where it lies, with nothing of this checkout. */
  async function tryProgram(tree: string, version: string): Promise<void> {
    const program = join(tree, 'usr/bin/deskpod');
    const pod = join(dir, 'pod');
    const passphraseFile = join(dir, 'passphrase');
    await writeFile(passphraseFile, `${PASSPHRASE}\n`);
    const env = ['-i', 'PATH=/usr/bin:/bin', `HOME=${dir}`, `DESKPOD_PASSPHRASE_FILE=${passphraseFile}`];
    const deskpod = async (...args: string[]): Promise<string> =>
      (await run('env', [...env, program, ...args])).stdout;
    assert.equal(await deskpod('--version'), version);
    await run('mkdir', [pod]);
    await deskpod('create', '--tree', pod);
    const report = JSON.parse(await deskpod('--json', 'checkpoint', '-d', pod)) as { number: number };
    assert.equal(report.number, 1);
    const runtime = join(tree, 'usr/lib/deskpod/runtime/bin');
    assert.match((await run(join(runtime, 'criu'), ['--version'])).stdout, /^Version: 4\./m);
    await run(join(runtime, 'mkfs.erofs'), ['--help']);
  }
});

for (const release of IS_EXHAUSTIVE ? RELEASES : []) {
  describe(`the Debian package on a fresh Debian ${release}`, function () {
    this.timeout(EXHAUSTIVE_TIMEOUT_MS);
    let dir: string;
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'deskpod-package-'));
    });
    after(() => rm(dir, { recursive: true, force: true }));

    it('is clean, is installed, works, stays while a session runs, and leaves nothing behind, also not of its module', async () => {
      const { stdout } = await run(PACKAGER, [dir]);
      const file = stdout.trim().split('\n').at(-1) ?? '';
      const script = join(import.meta.dirname, 'package-host.sh');
      const told = await run('unshare', [...APART, script, release, file, join(dir, 'host')]);
      const lines = told.stdout.split('\n');
      const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
        version: string;
      };
      assert.ok(lines.includes(`version ${version}`), told.stdout);
      assert.ok(lines.includes('checkpoint 1'), told.stdout);
      assert.ok(!lines.includes('removed while a session runs'), told.stdout);
      assert.ok(lines.includes('module installed'), told.stdout);
      assert.deepEqual(
        lines.filter((line) => line.startsWith('left ')),
        [],
      );
    });
  });
}
