// Without root: a folder survives losing its drive.
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { listTree } from './listing.ts';
import type { Stage } from './main.ts';
import { proveChain } from './proofs.ts';

/** Creates a tree pod, syncs it home, destroys it, restores it, compares. */
export async function demonstrateTree({ narration, program, workplace }: Stage): Promise<void> {
  const folder = join(workplace.dir, 'work');
  const home = join(workplace.dir, 'home');
  const rebuilt = join(workplace.dir, 'rebuilt');

  narration.step('a folder with documents, a link and this project’s own sources');
  await mkdir(folder);
  await cp(new URL('../../src', import.meta.url), join(folder, 'sources'), { recursive: true });
  await writeFile(join(folder, 'letter.txt'), 'Dear reader,\n');
  await symlink('letter.txt', join(folder, 'link'));

  const created = await program.json<{ podId: string }>('create', '--tree', folder);
  await program.json('home', 'add', home, '-d', folder);
  const checkpoint = await program.json<CheckpointReport>('checkpoint', '-d', folder);
  narration.step(`checkpoint ${checkpoint.number} of ${checkpoint.fileCount} files`);
  const synced = await program.json<{ homes: SyncReport[] }>('sync', '-d', folder);
  narration.measure('syncMs', synced.homes[0]?.durationMs ?? 0);
  narration.measure('homeBytes', synced.homes[0]?.sentBytes ?? 0);
  await rm(join(folder, '.deskpod'), { recursive: true });
  const before = await listTree(folder);
  await rm(folder, { recursive: true });
  narration.step('the folder is gone');

  const restored = await program.json<{ durationMs: number }>(
    ...['restore', '--from', home, '--pod', created.podId, '--to', rebuilt, '--yes'],
  );
  narration.measure('restoreMs', restored.durationMs);
  await proveChain(narration, program, rebuilt);
  await rm(join(rebuilt, '.deskpod'), { recursive: true });
  narration.prove('files', (await listTree(rebuilt)) === before, 'every file with its metadata is identical');
}
