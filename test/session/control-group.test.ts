// The group of a session on a host that has its control groups mounted more than once, as for a chroot.
import assert from 'node:assert/strict';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/sync/process.ts';

const MODULE = fileURLToPath(new URL('../../src/session/barrier/control-group.ts', import.meta.url));
/** Makes a group, tells the files by which it is joined, and takes it away. */
const PROGRAM = `
  const { joiningFiles, makeControlGroup, removeControlGroup } = await import(process.argv[1]);
  console.log(JSON.stringify(joiningFiles(await makeControlGroup(process.argv[2], { processCount: 10 }))));
  await removeControlGroup(process.argv[2]);
`;
/** In a mount namespace of its own: other sessions of this host do not see it. */
const WITH_ANOTHER = 'mount --rbind /sys/fs/cgroup "$1"; exec "$2" --input-type=module -e "$3" "$4" "$5"';

describe('the control group of a session', () => {
  it('is made where its hierarchies were mounted first, and nowhere else', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'deskpod-group-'));
    try {
      const id = `deskpod-group-${process.pid}`;
      const words = [dir, process.execPath, PROGRAM, MODULE, id];
      const { stdout } = await run('unshare', ['--mount', 'sh', '-ec', WITH_ANOTHER, 'sh', ...words]);
      const files = JSON.parse(stdout) as string[];
      assert.ok(files.length > 0);
      for (const file of files) assert.ok(file.startsWith('/sys/fs/cgroup/'), file);
    } finally {
      await rmdir(dir);
    }
  });
});
