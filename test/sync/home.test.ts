// Homes in folders, here and behind a real sshd on loopback.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { parseHomeUrl } from '../../src/sync/home/home-url.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { makeFifo } from '../../src/sync/posix/nodes.ts';
import { descendants, describeHome, POD, writeObject } from './support/home-contract.ts';
import { killAll } from './support/kill-all.ts';
import { type LoopbackSshd, startSshd, unusedPort } from './support/loopback-sshd.ts';
import { makeTempFolder } from './support/temp-folder.ts';

describeHome('a folder', (folder) => openRsyncHome(folder));

describe('over ssh', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let sshd: LoopbackSshd;
  before(async () => {
    temp = makeTempFolder();
    sshd = await startSshd(join(temp.path, 'sshd'));
  });
  after(async () => {
    await sshd.stop();
    temp.remove();
  });

  const url = (folder: string): string => `ssh://${sshd.user}@127.0.0.1:${sshd.port}${folder}`;
  describeHome('a folder behind ssh, in two streams', (folder) =>
    openRsyncHome(url(folder), { shell: sshd.sharedShell, streams: 2 }),
  );

  const failures = [
    { who: 'strangerShell', says: /not known here/ },
    { who: 'deceivedShell', says: /another key/ },
    { who: 'uninvitedShell', says: /none of the keys/ },
  ] as const;
  for (const { who, says } of failures) {
    it(`says plainly why a host does not let in: ${says.source}`, async () => {
      const home = openRsyncHome(url(temp.path), { shell: sshd[who] });
      await assert.rejects(home.head(POD), (error) => {
        assert.ok(isDeskPodError(error, 'HOME_UNREACHABLE'));
        assert.match(error.message, says);
        return true;
      });
      assert.equal((await home.probe()).state, 'unreachable');
    });
  }

  it('says that nothing answers where nothing listens', async () => {
    const home = openRsyncHome(`ssh://${sshd.user}@127.0.0.1:${await unusedPort()}/home`, {
      shell: sshd.shell,
    });
    await assert.rejects(home.head(POD), (error) => {
      assert.ok(isDeskPodError(error, 'HOME_UNREACHABLE'));
      assert.match(error.message, /does not answer/);
      return true;
    });
  });
});

describe('a home in a folder', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let folder: string;
  let repository: string;
  beforeEach(() => {
    temp = makeTempFolder();
    folder = join(temp.path, 'home');
    repository = join(temp.path, 'repository');
  });
  afterEach(() => temp.remove());

  it('finds the object whose bytes have changed, without a key', async () => {
    const home = openRsyncHome(folder);
    await home.initialise();
    const objects = ['a', 'b', 'c'].map((text) => writeObject(repository, Buffer.from(text)));
    await home.push(repository, POD, objects);
    assert.deepEqual(await home.verifyObjects(POD), { checkedObjects: 3, damaged: [] });
    const broken = objects[1] ?? '';
    appendFileSync(join(folder, 'pods', POD, broken), 'rot');
    assert.deepEqual(await home.verifyObjects(POD), { checkedObjects: 3, damaged: [broken] });
  });

  it('waits for no pipe and follows no link in the place of an object: they are damaged, and replaced', async () => {
    const home = openRsyncHome(folder);
    await home.initialise();
    const objects = ['a', 'b', 'c'].map((text) => writeObject(repository, Buffer.from(text)));
    await home.push(repository, POD, objects);
    const [piped = '', led = ''] = objects;
    const placeOf = (object: string): string => join(folder, 'pods', POD, object);
    for (const object of [piped, led]) rmSync(placeOf(object));
    makeFifo(placeOf(piped), 0o600);
    symlinkSync(join(temp.path, 'nowhere'), placeOf(led));
    const found = await home.verifyObjects(POD);
    assert.deepEqual([found?.checkedObjects, found?.damaged.toSorted()], [3, [piped, led].sort()]);
    await home.replace(repository, POD, [piped, led]);
    assert.deepEqual(await home.verifyObjects(POD), { checkedObjects: 3, damaged: [] });
  });

  it('counts nothing that is taken away while it is hashed', async () => {
    const home = openRsyncHome(folder);
    await home.initialise();
    const objects = ['a', 'b', 'c'].map((text) => writeObject(repository, Buffer.from(text))).sort();
    await home.push(repository, POD, objects);
    const onProgress = ({ doneFiles }: { readonly doneFiles?: number }): void => {
      if (doneFiles === 1) rmSync(join(folder, 'pods', POD, objects[2] ?? ''));
    };
    assert.deepEqual(await home.verifyObjects(POD, { onProgress }), { checkedObjects: 2, damaged: [] });
  });

  it('is cleared of what a killed rsync left beside the objects that are sent again', async () => {
    const home = openRsyncHome(folder);
    await home.initialise();
    const object = writeObject(repository, Buffer.from('a'));
    await home.push(repository, POD, [object]);
    const place = join(folder, 'pods', POD, object, '..');
    const [name = ''] = readdirSync(place);
    writeFileSync(join(place, `.${name}.aB3dE6`), 'half');
    await home.push(repository, POD, [object]);
    assert.deepEqual(readdirSync(place), [name]);
  });

  it('needs no cleaning up after every rsync was killed at once', async () => {
    const home = openRsyncHome(folder);
    await home.initialise();
    const objects = [1, 2, 3, 4].map((n) => writeObject(repository, Buffer.alloc(48_000_000, n)));
    let killed = 0;
    const push = home.push(repository, POD, objects, {
      onProgress: ({ doneBytes = 0 }) => {
        if (killed > 0 || doneBytes === 0) return;
        killed = killAll(descendants('rsync'));
      },
    });
    await assert.rejects(push, (error) => isDeskPodError(error, 'HOME_UNREACHABLE'));
    assert.ok(killed >= 2);
    await home.push(repository, POD, objects);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    assert.deepEqual(
      files.map(({ name }) => name).sort(),
      ['deskpod-home', ...objects.map((object) => basename(object))].sort(),
    );
    assert.deepEqual(await home.verifyObjects(POD), { checkedObjects: 4, damaged: [] });
  });

  it('is refused if a later version has made it', async () => {
    const home = openRsyncHome(folder);
    await home.initialise();
    writeFileSync(join(folder, 'deskpod-home'), 'DeskPod home 2\n');
    await assert.rejects(home.listPods(), (error) => isDeskPodError(error, 'FORMAT_UNKNOWN'));
    assert.ok(existsSync(folder));
  });

  it('takes a path, a host and path, and an ssh address', () => {
    assert.deepEqual(parseHomeUrl('/a/b/'), { kind: 'folder', path: '/a/b' });
    const ssh = { kind: 'ssh', destination: 'me@host', path: '/a' } as const;
    assert.deepEqual(parseHomeUrl('me@host:/a'), { ...ssh, port: undefined });
    assert.deepEqual(parseHomeUrl('ssh://me@host:2222/a/'), { ...ssh, port: 2222 });
    for (const url of [
      '',
      'relative',
      'host:',
      'host:relative',
      '-oProxyCommand=x:/a',
      'me@-oX:/a',
      'http://host/a',
      'ssh://host',
    ])
      assert.throws(
        () => parseHomeUrl(url),
        (error) => isDeskPodError(error, 'USAGE'),
      );
  });
});
