// The thread that watches a tree: it takes events out of the kernel's queue at once, whatever else the process does.
import { readSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { DirtyPaths } from '../../core/dirty-paths.ts';
import { pathKey } from '../files/byte-path.ts';
import { waitReadable } from '../posix/inotify.ts';
import { FolderWatches } from './folder-watches.ts';
import type { DirtyKeys, WatchOrder, WatchReport, WatchRequest } from './watch-messages.ts';

/** A thread that waits in a system call ends only after it: the process never waits longer for it. */
const WAIT_MS = 500;
/** What changed is told this often at most. */
const TELL_MS = 250;
/** Hints beyond so many are not worth their way. */
const TELL_MAX = 5000;
/** After a failure it is tried again no sooner than this, so that a storm can pass; each time it waits twice as long. */
const RETRY_MIN_MS = 2000;
const RETRY_MAX_MS = 120_000;

if (parentPort === null) throw new TypeError('expected to run as a thread');
const port = parentPort;
const { root, excluded, bell } = workerData as WatchOrder;
const watches = new FolderWatches(root, excluded);
const bellCount = Buffer.alloc(8);
let toldAtMs = 0;
let retryMs = RETRY_MIN_MS;
let retryAtMs = 0;
let toldGaps = 0;

open();
while (turn());
watches.close();

function open(): void {
  watches.open();
  if (watches.isBroken) retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  else retryMs = RETRY_MIN_MS;
  retryAtMs = performance.now() + retryMs;
  tellGaps();
  say({ type: 'ready', isWatching: !watches.isBroken, folderCount: watches.folderCount });
}

/** Waits for events and requests once; false if that was the last time. */
function turn(): boolean {
  const { fd } = watches;
  waitReadable(fd === undefined ? [bell] : [bell, fd], watches.hasChanged ? TELL_MS : WAIT_MS);
  hearBell();
  // what happened before a request was made is in the queue by now: it is answered after that
  const requests = [...asked()];
  if (watches.isBroken && performance.now() >= retryAtMs) open();
  watches.catchUp();
  if (fd !== undefined && watches.isBroken) retryAtMs = performance.now() + retryMs;
  tellGaps();
  for (const { type } of requests) {
    if (type === 'stop') return false;
    answerTake();
  }
  if (watches.hasChanged && performance.now() - toldAtMs >= TELL_MS) {
    toldAtMs = performance.now();
    say({ type: 'changed', paths: keysOf(watches.changed(), TELL_MAX) });
  }
  return true;
}

function hearBell(): void {
  try {
    readSync(bell, bellCount, 0, bellCount.length, null);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
  }
}

function* asked(): Generator<WatchRequest> {
  for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
    yield got.message as WatchRequest;
}

function answerTake(): void {
  const { dirty, gaps } = watches.take();
  toldGaps = watches.gaps.size;
  say({ type: 'taken', dirty: keysOf(dirty), gaps: [...gaps], folderCount: watches.folderCount });
}

function tellGaps(): void {
  if (watches.gaps.size <= toldGaps) return;
  toldGaps = watches.gaps.size;
  say({ type: 'gap', causes: [...watches.gaps] });
}

function keysOf(dirty: DirtyPaths, limit = Number.POSITIVE_INFINITY): DirtyKeys {
  const [alone, whole]: [string[], string[]] = [[], []];
  for (const { path, isWhole } of dirty.inOrder()) {
    if (alone.length + whole.length >= limit) break;
    (isWhole ? whole : alone).push(pathKey(path));
  }
  return { alone, whole };
}

function say(report: WatchReport): void {
  port.postMessage(report);
}
