// Bringing the layer back: a checkpoint's files are made beside the present ones, and take their place all at once.
import { rename, rm, statfs, writeFile } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { formatBytes } from '../../core/quantities.ts';
import type { Checkpoint } from '../../core/state.ts';
import { browsePod } from '../../sync/browse/browsed-pod.ts';
import { readManifest } from '../../sync/browse/manifest-stream.ts';
import { restoreTree } from '../../sync/files/restore.ts';
import { type Room, roomFor } from '../../sync/files/restore-room.ts';
import { StandingFiles } from '../../sync/files/standing-files.ts';
import type { Pod } from '../../sync/pod/pod.ts';
import { exists } from '../../sync/posix/path-status.ts';
import { syncFolder } from '../../sync/repository/durable-file.ts';
import type { VaultKind } from '../vault/vault.ts';
import { layerDirs, makeLayer } from './layer-dirs.ts';

/**
 * The exchange of one layer's files, while no overlay uses them. A file that stands already as the checkpoint has it gets a
 * second name until the first goes with the present layer: only what differs needs room. What was begun and interrupted is
 * undone or ended by {@link finish}.
 */
export class LayerExchange {
  readonly #vault: { readonly dir: string; readonly kind: VaultKind };
  readonly #pod: Pod;

  constructor(vault: { readonly dir: string; readonly kind: VaultKind }, pod: Pod) {
    this.#vault = vault;
    this.#pod = pod;
  }

  /** What it takes at the least to bring a checkpoint's files back. */
  async measure({ files }: Checkpoint): Promise<Room> {
    const { bsize } = await statfs(this.#vault.dir);
    return roomFor(readManifest(this.#pod.content, files), this.#standing(), bsize);
  }

  /** @throws DeskPodError DEVICE_FULL if that is more than the device has */
  async requireRoom({ bytes, inodes }: Room, { number }: Checkpoint): Promise<void> {
    const { bavail, bsize, ffree } = await statfs(this.#vault.dir);
    const freeBytes = bavail * bsize;
    if (bytes <= freeBytes && inodes <= ffree) return;
    const lacking =
      bytes > freeBytes
        ? `${formatBytes(bytes)}, ${formatBytes(freeBytes)} are free`
        : `room for ${inodes} files more, it has room for ${ffree}`;
    const elsewhere = 'Or restore the pod to a larger device.';
    const pruned = this.#vault.kind === 'fscrypt' ? ' Old checkpoints go with `deskpod prune`.' : '';
    throw new DeskPodError(
      'DEVICE_FULL',
      `to bring the files back to checkpoint ${number}, the device needs ${lacking}`,
      {
        hint:
          'Start on the files as they are, with `deskpod start --fresh`, delete what can go, and stop; then ' +
          `\`deskpod start --checkpoint ${number}\` brings files and session back.${pruned} ${elsewhere}`,
        details: {
          checkpoint: number,
          neededBytes: bytes,
          freeBytes,
          neededInodes: inodes,
          freeInodes: ffree,
        },
      },
    );
  }

  /** Makes a checkpoint's files beside the present ones. If that fails the layer is what it was, with nothing beside it. */
  async make({ files }: Checkpoint, onProgress: ProgressListener): Promise<void> {
    const coming = this.#place('upper.new');
    await rm(coming, { recursive: true, force: true });
    try {
      await restoreTree(files, this.#pod.content, coming, { onProgress, standing: this.#standing() });
    } catch (error) {
      // with more room, or what is missing brought back, the same can be tried again
      await rm(coming, { recursive: true, force: true });
      throw error;
    }
  }

  /** Lets the files that were made take the place of the present ones. */
  async commit(): Promise<void> {
    await writeFile(this.#place('exchange'), '');
    await this.#sync();
    await this.#exchange();
  }

  /** Ends an exchange that was interrupted, and clears what one left that was not committed. */
  async finish(): Promise<void> {
    if (await exists(this.#place('exchange'))) await this.#exchange();
    else await rm(this.#place('upper.new'), { recursive: true, force: true });
  }

  async #exchange(): Promise<void> {
    const { upperDir: present, workDir } = layerDirs(this.#vault.dir);
    const [coming, former] = [this.#place('upper.new'), this.#place('upper.old')];
    if (await exists(coming)) {
      if ((await exists(present)) && !(await exists(former))) await rename(present, former);
      await rename(coming, present);
      await this.#sync();
    }
    await rm(former, { recursive: true, force: true });
    await rm(workDir, { recursive: true, force: true });
    await makeLayer(this.#vault.dir);
    await rm(this.#place('exchange'), { force: true });
    await this.#sync();
  }

  #standing(): StandingFiles {
    return new StandingFiles(layerDirs(this.#vault.dir).upperDir, browsePod(this.#pod).proof);
  }

  #place(name: string): string {
    return `${this.#vault.dir}/layer/${name}`;
  }

  #sync(): Promise<void> {
    return syncFolder(`${this.#vault.dir}/layer`);
  }
}
