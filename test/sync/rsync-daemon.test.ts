// Homes that a real rsync daemon serves on loopback.
import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { rememberHomePassword } from '../../src/sync/home/home-password.ts';
import { parseHomeUrl } from '../../src/sync/home/home-url.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { describeHome, POD, writeObject } from './support/home-contract.ts';
import { type LoopbackRsyncd, startRsyncd } from './support/loopback-rsyncd.ts';
import { makeTempFolder } from './support/temp-folder.ts';

describe('an rsync daemon', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let daemon: LoopbackRsyncd;
  before(async () => {
    temp = makeTempFolder();
    for (const folder of ['secret', 'sealed', 'locked', 'busy']) mkdirSync(join(temp.path, folder));
    writeFileSync(join(temp.path, 'secrets'), 'ada:correct horse\n', { mode: 0o600 });
    daemon = await startRsyncd(join(temp.path, 'rsyncd'), {
      all: { path: realpathSync(tmpdir()) },
      secret: {
        path: join(temp.path, 'secret'),
        'auth users': 'ada',
        'secrets file': join(temp.path, 'secrets'),
      },
      sealed: { path: join(temp.path, 'sealed'), 'read only': 'yes' },
      locked: { path: join(temp.path, 'locked'), 'refuse options': 'fsync' },
      unmounted: { path: join(temp.path, 'unmounted') },
      busy: { path: join(temp.path, 'busy'), 'max connections': -1 },
    });
  });
  after(async () => {
    await daemon.stop();
    temp.remove();
  });

  const at = (path: string, user = ''): string => `rsync://${user}127.0.0.1:${daemon.port}/${path}`;
  const open = (folder: string): Home =>
    openRsyncHome(
      at(`all${realpathSync(tmpdir()) === '/' ? folder : folder.slice(realpathSync(tmpdir()).length)}`),
    );
  describeHome('a folder of an rsync daemon', open);

  it('asks for a password, and takes no other', async () => {
    const url = at('secret', 'ada@');
    const wrong = openRsyncHome(url, { password: 'wrong horse' });
    await assert.rejects(wrong.initialise(), (error) => {
      assert.ok(isDeskPodError(error, 'HOME_UNREACHABLE'));
      assert.match(error.message, /password/);
      assert.ok(!JSON.stringify(error.details).includes('horse'));
      return true;
    });
    assert.equal((await openRsyncHome(url).probe()).state, 'unreachable');
    await openRsyncHome(url, { password: 'correct horse' }).initialise();
    rememberHomePassword(url, 'correct horse');
    assert.equal((await openRsyncHome(url).probe()).state, 'ready');
  });

  it('may have a whole module for a home', async () => {
    const home = openRsyncHome(at('secret', 'ada@'), { password: 'correct horse' });
    await home.initialise();
    const repository = join(temp.path, 'repository');
    const object = writeObject(repository, Buffer.from('bytes'));
    await home.push(repository, POD, [object]);
    assert.deepEqual([...(await home.list(POD))], [[object, 5]]);
  });

  const refusals: readonly (readonly [string, ErrorCode, RegExp])[] = [
    ['nothing', 'HOME_NOT_FOUND', /no such module/],
    ['sealed', 'TARGET_WRITE_FAILED', /read-only/],
    ['unmounted', 'HOME_NOT_FOUND', /folder of the module/],
    ['busy', 'HOME_UNREACHABLE', /as many connections/],
  ];
  for (const [module, code, says] of refusals) {
    it(`says plainly why it refuses: ${says.source}`, async () => {
      await assert.rejects(openRsyncHome(at(module)).initialise(), (error) => {
        assert.ok(isDeskPodError(error, code));
        assert.match(error.message, says);
        assert.ok(error.hint);
        return true;
      });
    });
  }

  it('is one home for user, port and module, and never takes a password in its URL', () => {
    const daemonAt = { kind: 'daemon', destination: 'ada@host', path: '/module/a' } as const;
    assert.deepEqual(parseHomeUrl('rsync://ada@host/module/a/'), { ...daemonAt, port: undefined });
    assert.deepEqual(parseHomeUrl('rsync://ada@host:8730/module/a'), { ...daemonAt, port: 8730 });
    for (const url of ['rsync://host', 'rsync://host/', 'rsync://host//a', 'rsync://-x/module'])
      assert.throws(
        () => parseHomeUrl(url),
        (error) => isDeskPodError(error, 'USAGE'),
      );
    assert.throws(
      () => parseHomeUrl('rsync://ada:horse@host/module'),
      (error) => isDeskPodError(error, 'USAGE') && !error.message.includes('horse'),
    );
  });
});
