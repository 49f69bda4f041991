// What a watch cannot know it says: too many events, too many watches, files behind hard links.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Subject, VirtualTimeScheduler } from 'rxjs';
import { DirtyPaths } from '../../../src/core/dirty-paths.ts';
import { examine } from '../../../src/sync/files/scanner.ts';
import { BlindSpots } from '../../../src/sync/watch/blind-spots.ts';
import { FolderWatches } from '../../../src/sync/watch/folder-watches.ts';
import { QuietPaths } from '../../../src/sync/watch/quiet-paths.ts';
import { makeTempFolder } from '../support/temp-folder.ts';

const QUEUE = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
const NOBODY = 65_534;

function moduleAt(name: string): string {
  return fileURLToPath(new URL(`../../../src/sync/watch/${name}`, import.meta.url));
}

describe('what a watch cannot know', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let watches: FolderWatches;
  beforeEach(() => {
    temp = makeTempFolder();
    watches = new FolderWatches(Buffer.from(temp.path), []);
  });
  afterEach(() => {
    watches.close();
    temp.remove();
  });

  /** Runs a program in the folder, which finds `watches` on it; `through` says where. */
  function runWatching(through: readonly string[], program: string): string {
    const head = `
      const { FolderWatches } = await import(${JSON.stringify(moduleAt('folder-watches.ts'))});
      const watches = new FolderWatches(Buffer.from(process.cwd()), []);`;
    const node = [process.execPath, '--input-type=module', '--eval', head + program];
    const [file = '', ...args] = [...through, ...node];
    return execFileSync(file, args, { cwd: temp.path, encoding: 'utf8' });
  }

  it('is told when more has happened than the kernel’s queue holds, and over once everything is watched anew', () => {
    mkdirSync(join(temp.path, 'folder'));
    watches.open();
    const [even, odd] = ['even', 'odd'].map((name) => openSync(join(temp.path, name), 'a'));
    assert.ok(even !== undefined && odd !== undefined);
    // equal events in a row become one
    for (let i = 0; i <= QUEUE; i++) appendFileSync(i % 2 === 0 ? even : odd, 'x');
    closeSync(even);
    closeSync(odd);
    mkdirSync(join(temp.path, 'folder', 'unseen'));
    watches.catchUp();
    assert.deepEqual([...watches.take().gaps], ['overflow']);
    assert.deepEqual([...watches.take().gaps], ['overflow']);
    watches.open();
    assert.deepEqual([...watches.take().gaps], ['overflow']);
    assert.deepEqual([...watches.take().gaps], []);
    writeFileSync(join(temp.path, 'folder', 'unseen', 'file'), '');
    watches.catchUp();
    assert.deepEqual(
      watches
        .take()
        .dirty.inOrder()
        .map(({ path }) => String(path)),
      ['folder/unseen', 'folder/unseen/file'],
    );
  });

  it('is told when the user may have no more watches, of which all are given back', () => {
    for (let i = 0; i < 30; i++) mkdirSync(join(temp.path, String(i)));
    const program = `
      watches.open();
      console.log([...watches.take().gaps].join(), watches.isBroken);`;
    // the limit of a user namespace of its own
    const limited = 'echo 20 > /proc/sys/user/max_inotify_watches && exec "$@"';
    const said = runWatching(['unshare', '-Ur', 'sh', '-c', limited, 'sh'], program);
    assert.equal(said, 'limit true\n');
  });

  it('is told of a folder that may not be read, until it may', () => {
    const closed = join(temp.path, 'closed');
    mkdirSync(closed);
    if (process.getuid?.() === 0) for (const path of [temp.path, closed]) chownSync(path, NOBODY, NOBODY);
    const program = `
      const { chmodSync, writeFileSync } = await import('node:fs');
      if (process.getuid() === 0) { process.setgid(${NOBODY}); process.setuid(${NOBODY}); }
      chmodSync('closed', 0);
      watches.open();
      console.log([...watches.take().gaps].join());
      chmodSync('closed', 0o700);
      watches.catchUp();
      const { gaps, dirty } = watches.take();
      writeFileSync('closed/file', '');
      watches.catchUp();
      const paths = [...dirty.inOrder(), ...watches.take().dirty.inOrder()].map(({ path }) => String(path));
      console.log([...gaps].join(), paths.join());`;
    assert.equal(runWatching([], program), 'unwatched\n closed,closed,closed/file\n');
  });

  it('is told when something was mounted in the tree or unmounted from it', () => {
    mkdirSync(join(temp.path, 'folder'));
    const program = `
      const { execFileSync } = await import('node:child_process');
      const { Surroundings } = await import(${JSON.stringify(moduleAt('surroundings.ts'))});
      const surroundings = new Surroundings(process.cwd());
      const said = [surroundings.doubts()];
      execFileSync('mount', ['-t', 'tmpfs', 'none', 'folder']);
      said.push(surroundings.doubts(), surroundings.doubts());
      execFileSync('umount', ['folder']);
      said.push(surroundings.doubts());
      console.log(JSON.stringify(said));`;
    assert.equal(runWatching(['unshare', '-Urm'], program), '[[],["mounts"],[],["mounts"]]\n');
  });

  it('is the first name of a file that got a second one, but not if both are new', () => {
    const spots = new BlindSpots(Buffer.from(temp.path));
    for (const name of ['a', 'b']) writeFileSync(join(temp.path, name), '');
    execFileSync('ln', [join(temp.path, 'a'), join(temp.path, 'c')]);
    const part = (name: string) => {
      const scanned = examine(Buffer.from(temp.path), Buffer.from(name));
      return { path: Buffer.from(name), isWhole: false, found: scanned === undefined ? [] : [scanned] };
    };
    assert.equal(spots.hasAllNames([part('b')]), true);
    assert.equal(spots.hasAllNames([part('c')]), false);
    assert.equal(spots.hasAllNames([part('a'), part('c')]), true);
    spots.update([part('a'), part('c')], Date.now() + 60_000);
    assert.equal(spots.hasAllNames([part('c')]), true);
    assert.deepEqual([...spots.changed()], []);
    appendFileSync(join(temp.path, 'a'), 'more');
    assert.deepEqual([...spots.changed()].map(String), ['a', 'c']);
  });
});

describe('paths that are left alone', () => {
  it('are given on when they are, together, and later each time', () => {
    const time = new VirtualTimeScheduler();
    const changed = new Subject<DirtyPaths>();
    const given: string[] = [];
    const subscription = new QuietPaths(time)
      .of(changed)
      .subscribe((paths) =>
        given.push(`${Math.round(time.now() / 1000)} ${paths.map(({ path }) => path).join()}`),
      );
    const change = (atMs: number, ...paths: string[]): void => {
      time.schedule(() => {
        const dirty = new DirtyPaths();
        for (const path of paths) dirty.mark(Buffer.from(path));
        changed.next(dirty);
      }, atMs);
    };
    change(0, 'a', 'b');
    for (const atMs of [1000, 2000, 3000, 4000]) change(atMs, 'busy');
    change(10_000, 'a');
    time.schedule(() => subscription.unsubscribe(), 30_000);
    time.flush();
    assert.deepEqual(given, ['3 a,b', '7 busy', '16 a']);
  });
});
