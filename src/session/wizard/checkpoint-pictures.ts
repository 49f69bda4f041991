// Pictures of checkpoints that a wizard offers, read at home.

import { operateStreamAtHome } from '../operation/operate-stream.ts';
import { isTwinPlace } from '../twin/restore-source.ts';
import type { PictureSource } from './restore-wizard.ts';

/**
 * The picture of a checkpoint's screen, as PNG in base64; undefined of a twin, which is opened as a whole or not at all.
 * @throws DeskPodError PICTURE_NOT_FOUND, CHECKPOINT_NOT_FOUND, HOME_*
 */
export async function readCheckpointPicture(
  { url, podId, credential }: PictureSource,
  checkpoint: number,
): Promise<string | undefined> {
  if (url === undefined || credential === undefined || (await isTwinPlace(url))) return undefined;
  const access = { url, credential, onProgress: () => undefined, ...(podId === undefined ? {} : { podId }) };
  const answer = await operateStreamAtHome(access, 'picture', { number: checkpoint }, () => undefined);
  return answer.pngBase64;
}
