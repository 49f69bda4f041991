// Watching a tree pod: this process is its supervisor until it is told to end.
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { openTree } from '../../sync/pod/tree.ts';
import { WatchedTree } from '../../sync/watch/watched-tree.ts';
import { callSupervisor, supervisorListens } from '../supervisor/client.ts';
import { findTreeSocket, makeTreeSocket } from '../supervisor/tree-socket.ts';
import { type TreeNews, TreeSupervisor } from '../supervisor/tree-supervisor.ts';
import { credentialOf, type OperateOptions } from './operate.ts';
import { findPod } from './target.ts';

/** How a tree is watched. */
export interface WatchRequest extends OperateOptions {
  /** Path of the pod, as every command takes it. */
  readonly path: string | undefined;
  readonly news: TreeNews;
}

/**
 * Opens a tree pod and owns it from now on. Its socket is there when this settles.
 * @throws DeskPodError USAGE for a desktop's pod; POD_BUSY; what opening throws
 */
export async function watchTree(request: WatchRequest): Promise<TreeSupervisor> {
  const dir = await findTree(request.path);
  const tree = await openTree(dir, await credentialOf(request));
  if (tree.notice !== undefined) request.onNotice?.(tree.notice);
  let watched: WatchedTree;
  try {
    watched = await WatchedTree.start(tree);
  } catch (error) {
    await tree.close();
    throw error;
  }
  const supervisor = new TreeSupervisor(watched, request.news);
  try {
    const socket = makeTreeSocket(dir);
    await supervisor.serve(socket.path);
    // its path leads through this descriptor until the end, when the server takes the socket away
    supervisor.ended.then(() => socket.close()).catch(() => undefined);
    return supervisor;
  } catch (error) {
    await watched.close();
    throw error;
  }
}

/**
 * Ends whoever watches a tree pod, and waits until the pod is free.
 * @throws DeskPodError SUPERVISOR_UNREACHABLE if nobody does
 */
export async function stopWatching(path: string | undefined, onProgress: ProgressListener): Promise<void> {
  const dir = await findTree(path);
  const socket = findTreeSocket(dir);
  try {
    if (socket === undefined || !(await supervisorListens(socket.path)))
      throw new DeskPodError('SUPERVISOR_UNREACHABLE', `${dir}: nobody watches this pod`, {
        hint: 'There is nothing to stop.',
      });
    await callSupervisor(socket.path, 'stop-watching', {}, onProgress);
  } finally {
    socket?.close();
  }
}

async function findTree(path: string | undefined): Promise<string> {
  const target = await findPod(path);
  if (target.kind === 'tree') return target.dir;
  throw new DeskPodError('USAGE', `${target.path}: expected a tree pod to watch, got a desktop’s`, {
    hint: 'A desktop’s session has a supervisor of its own: see `deskpod start`.',
  });
}
