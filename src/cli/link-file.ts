// A page that leads to an address, in a file for one person only.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Writes it into `dir`, where others may write, too: it is a new file under a name that cannot be foreseen, and is the
 * owner's before there is anything in it. `url` has nothing in it that HTML would read otherwise. Answers with its path.
 */
export async function writeLinkFile(
  dir: string,
  url: string,
  owner: { readonly uid: number; readonly gid: number },
): Promise<string> {
  const path = join(dir, `deskpod-${randomBytes(16).toString('hex')}.html`);
  const file = await open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    await file.chown(owner.uid, owner.gid);
    const lines = [
      '<!doctype html>',
      '<meta charset="utf-8">',
      '<meta name="referrer" content="no-referrer">',
      `<meta http-equiv="refresh" content="0; url=${url}">`,
      '<title>DeskPod</title>',
      `<a href="${url}">To the desktop</a>`,
    ];
    await file.writeFile(`${lines.join('\n')}\n`);
  } finally {
    await file.close();
  }
  return path;
}
