// Where the parts of a pod lie: on a device, or beside the folder of a tree pod.
import { join } from 'node:path';

/** The folder of a tree pod, inside the folder that it keeps. */
export const TREE_POD_DIR = '.deskpod';

/** The marker of a pod, in the plain part of its device. */
export const MARKER_FILE = 'deskpod.pod';
/** The repository of a pod, beside its marker. */
export const REPOSITORY_FOLDER = 'repository';
/** Beside the marker of a tree pod: held by the process that has it open. */
export const TREE_LOCK = 'lock';

/** The places of one pod. */
export interface PodFolder {
  readonly markerFile: string;
  /** Objects, sealed; safe in the plain. */
  readonly repositoryDir: string;
  /** The log in the clear: within the vault on a device. */
  readonly logDir: string;
  /** Projections of the log and the repository; may be deleted at any time. */
  readonly projectionsDir: string;
}

/** The places of a tree pod around `dir`. */
export function treePodFolder(dir: string): PodFolder {
  return folderIn(join(dir, TREE_POD_DIR), join(dir, TREE_POD_DIR));
}

/** The places of a pod on a device: the plain part, and what only an unlocked vault shows. */
export function devicePodFolder(deviceDir: string, vaultDir: string): PodFolder {
  return folderIn(deviceDir, vaultDir);
}

function folderIn(plainDir: string, privateDir: string): PodFolder {
  return {
    markerFile: join(plainDir, MARKER_FILE),
    repositoryDir: join(plainDir, REPOSITORY_FOLDER),
    logDir: join(privateDir, 'log'),
    projectionsDir: join(privateDir, 'level'),
  };
}
