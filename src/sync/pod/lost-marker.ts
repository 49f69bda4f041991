// What to say of a pod whose marker is damaged or gone: what lies around it may be whole, and the last copy.
import { dirname, join } from 'node:path';
import { type PodFolder, REPOSITORY_FOLDER } from './pod-folder.ts';

/** A marker, and what the user calls the device or folder that it is of; its own path without `place`. */
export interface MarkerPlace extends Pick<PodFolder, 'markerFile'> {
  readonly place?: string;
}

/** What to do with it. Nothing that is said here may cost what is there. */
export function keepingHint({ markerFile, place }: MarkerPlace): string {
  const repositoryDir = join(dirname(markerFile), REPOSITORY_FOLDER);
  const isVisible = place === undefined || repositoryDir.startsWith(`${place}/`);
  const reader = isVisible
    ? `\`ops/reader ${repositoryDir}\` takes the files out`
    : `Mounted read-only at FOLDER, \`ops/reader FOLDER/${REPOSITORY_FOLDER}\` takes the files out`;
  return (
    'Keep what is here, it may be whole but for its marker. That of a twin is written anew by the pod that it follows: ' +
    `\`deskpod verify -d POD --home ${place ?? dirname(markerFile)}\`. If it is none, bring it back from a copy of this device, or ` +
    `restore the pod from a home or another twin to another place. ${reader} without it.`
  );
}
