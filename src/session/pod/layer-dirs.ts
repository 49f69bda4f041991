// The folders of the layer in a vault: its files, and what overlayfs keeps of its own.
import { mkdir } from 'node:fs/promises';

/** Where the layer lies in a vault. */
export function layerDirs(vaultDir: string): { readonly upperDir: string; readonly workDir: string } {
  return { upperDir: `${vaultDir}/layer/upper`, workDir: `${vaultDir}/layer/work` };
}

/** Makes the folders of an empty layer. */
export async function makeLayer(vaultDir: string): Promise<void> {
  const { upperDir, workDir } = layerDirs(vaultDir);
  await mkdir(upperDir, { recursive: true, mode: 0o755 });
  await mkdir(workDir, { recursive: true, mode: 0o700 });
}
