// What is written to a watched tree without an event in it: by other names, open files, memory and loop devices.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openTree } from '../../../src/sync/pod/tree.ts';
import { WatchedTree } from '../../../src/sync/watch/watched-tree.ts';
import { itAsRoot } from '../../as-root.ts';
import { PASSPHRASE, WatchedLab } from './watched-lab.ts';

describe('what is written to a watched tree past its events', () => {
  let lab: WatchedLab;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    lab = await WatchedLab.open();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await lab.close();
  });

  it('notices what is written through a name outside of it', async () => {
    linkSync(join(lab.dir, 'file'), join(lab.temp, 'outside'));
    await lab.sealed();
    await lab.sealed();
    appendFileSync(join(lab.temp, 'outside'), 'more');
    await lab.assertPatched();
  });

  it('goes on when a file takes the place of a folder with a second name and a file that is open in it', async () => {
    linkSync(join(lab.dir, 'file'), join(lab.dir, 'a', 'b', 'second'));
    const held = openSync(join(lab.dir, 'a', 'b', 'deep'), 'r+');
    await lab.sealed();
    rmSync(join(lab.dir, 'a', 'b'), { recursive: true });
    writeFileSync(join(lab.dir, 'a', 'b'), 'a file');
    try {
      await lab.assertPatched();
      await lab.assertPatched();
    } finally {
      closeSync(held);
    }
  });

  it('has what is written to an open file that got another name instead of the one it was opened by', async () => {
    const held = openSync(join(lab.dir, 'file'), 'r+');
    try {
      linkSync(join(lab.dir, 'file'), join(lab.dir, 'moved'));
      rmSync(join(lab.dir, 'file'));
      await lab.sealed();
      writeSync(held, 'something else');
      assert.deepEqual(await lab.sealed(), await lab.scanned());
      writeSync(held, 'and more');
    } finally {
      closeSync(held);
    }
    assert.deepEqual(await lab.sealed(), await lab.scanned());
    assert.deepEqual(await lab.gaps(), ['start', 'links']);
    await lab.sealed();
    assert.equal(lab.watched.needsScan, false);
  });

  it('has what a program writes through memory, while it has the file mapped and afterwards', async () => {
    await lab.sealed();
    const writer = startWriter(join(lab.dir, 'file'));
    children.push(writer.child);
    await writer.step();
    await lab.assertPatched();
    await writer.step(); // the page is dirty already: no time of the file changes
    await lab.assertPatched();
    await writer.step();
    writer.child.kill('SIGKILL');
    await once(writer.child, 'exit');
    await lab.assertPatched();
  });

  itAsRoot('has what is written to the file system in an image file of it that is mounted', async () => {
    const [image, drive] = [join(lab.dir, 'image'), join(lab.temp, 'drive')];
    mkdirSync(drive);
    writeFileSync(image, '');
    truncateSync(image, 4 * 2 ** 20);
    execFileSync('mkfs.ext2', ['-q', '-F', image]);
    execFileSync('mount', ['-o', 'loop', image, drive]);
    try {
      await lab.sealed();
      await lab.sealed();
      writeFileSync(join(drive, 'file'), randomBytes(100_000));
      execFileSync('sync', ['-f', drive]);
      await lab.assertPatched();
    } finally {
      execFileSync('umount', [drive]);
    }
  });

  it('has what a program writes through memory also when everything has to be looked at', async () => {
    const now = Date.now;
    // so that no file changed too shortly ago to be known
    Date.now = () => now() + 60_000;
    try {
      await lab.watched.close();
      lab.watched = await WatchedTree.start(await openTree(lab.dir, { passphrase: PASSPHRASE }));
      await lab.sealed();
      const writer = startWriter(join(lab.dir, 'file'));
      children.push(writer.child);
      await writer.step();
      await lab.sealed();
      await writer.step(); // the page is dirty already: no time of the file changes
      linkSync(join(lab.dir, 'other'), join(lab.dir, 'a', 'name'));
      assert.deepEqual(await lab.sealed(), await lab.scanned());
      assert.deepEqual(await lab.gaps(), ['start', 'start', 'links']);
    } finally {
      Date.now = now;
    }
  });
});

/** A program that maps a file and writes a byte of it at each step. */
function startWriter(file: string): { readonly child: ChildProcess; step(): Promise<void> } {
  const program = [
    'import mmap, sys',
    `f = open(${JSON.stringify(file)}, "r+b"); m = mmap.mmap(f.fileno(), 4); f.close()`,
    'for i, line in enumerate(sys.stdin): m[0] = 65 + i; print("done", flush=True)',
  ];
  const child = spawn('python3', ['-c', program.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    child,
    step: async () => {
      child.stdin.write('go\n');
      await once(child.stdout, 'data');
    },
  };
}
