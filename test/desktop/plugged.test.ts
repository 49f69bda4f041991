// A USB stick through a day of its life: opened where it is plugged in, brought home by itself, lost, and rebuilt onto another.
// Three machines are emulated for minutes: with DESKPOD_TEST_EXHAUSTIVE only.
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { likenessOf } from '../../src/core/picture-likeness.ts';
import type { Pixels } from '../../src/session/rfb/scaled-pixels.ts';
import { decodePng } from '../../src/session/rfb/screenshot.ts';
import { run } from '../../src/sync/process.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import type { Counted } from '../session/counter.ts';
import { runWithStick } from './guest/stick-host.ts';
import { suspendedPod } from './suspended-pod.ts';

const TIMEOUT_MS = 2_700_000;
const GIBIBYTE = 2 ** 30;
/** Its kernel's package comes with systemd and udev. */
const RELEASE = 'trixie';
const PACKAGER = new URL('../../ops/package', import.meta.url).pathname;
const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;

/** The frame that a window manager draws may differ by what has the focus. */
const LIKE_ENOUGH = 0.9;

describeThere(`a stick and hosts with the package, under Debian ${RELEASE}'s kernel,`, function () {
  this.timeout(TIMEOUT_MS);
  const pod = suspendedPod();

  it('open it by the passphrase, suspend it by closing the page, bring it home, and go on from another when it is lost', async () => {
    const { lab } = pod;
    const identity = join(lab.dir, 'identity');
    const other = join(lab.dir, 'other.img');
    const disk = join(lab.dir, 'home.img');
    await lab.start();
    await lab.showWindow();
    await lab.withPicture('suspend');
    const before = await pictureOf(2, lab.image);
    await lab.program.answer(['home', 'add', lab.home, ...lab.at()]);
    await lab.program.answer(['sync', ...lab.at()]);
    await lab.program.answer(['home', 'allow', lab.home, '--identity', identity, ...lab.at()]);
    const folder = join(lab.dir, 'package');
    await run(PACKAGER, ['--tree', folder]);
    const files = { package: { path: join(folder, 'tree') }, identity: { path: identity } };

    const first = await openAt(lab.image);
    assert.ok(first.count > pod.here.count);
    const { session } = await lab.status();
    assert.deepEqual(session, { status: 'suspended', checkpoint: 3 });

    for (const [image, sizeBytes] of [[other, 2 * GIBIBYTE] as const, [disk, 4 * GIBIBYTE] as const]) {
      await writeFile(image, '');
      await truncate(image, sizeBytes);
    }
    await run('mkfs.ext4', ['-q', '-F', '-d', lab.home, disk]);
    const home = await runWithStick(lab, RELEASE, 'plug-host.sh', ['trial=homed'], files, {
      otherStick: other,
      disk,
    });
    assert.deepEqual(home.left, []);
    const told = home.answers as readonly Readonly<Record<string, unknown>>[];
    const journal = told.filter(({ type }) => type === 'dock.step');
    assert.deepEqual(
      journal.map(({ step }) => step),
      ['noticed', 'identified', 'opened', 'syncing', 'verifying', 'safe', 'gone'],
    );
    const asked = new Map(told.flatMap(({ asked: id, answer }) => (id === undefined ? [] : [[id, answer]])));
    assert.equal(asked.get('home'), '/run/home');
    assert.equal(asked.get('moment'), '3');
    assert.match(String(asked.get('device')), /^\/dev\/sd[a-z]$/);
    assert.ok(told.some(({ told: texts }) => /\bVerified: every object is in its place/.test(String(texts))));

    const second = await openAt(other);
    assert.ok(second.count > first.count);
    const rebuilt = await lab.status(other);
    assert.deepEqual(rebuilt.session, { status: 'suspended', checkpoint: 4 });
    assert.equal(rebuilt.epoch, 2);

    await lab.start([], other);
    const { pid } = await lab.counter(second.count, other);
    assert.equal(pid, pod.here.pid);
    assert.ok(likenessOf(before, await pictureNow()) > LIKE_ENOUGH);

    /** A host that the stick is plugged into: how far its program that counts has come when the page is closed. */
    async function openAt(stick: string): Promise<Counted> {
      const { answers, left } = await runWithStick(lab, RELEASE, 'plug-host.sh', ['trial=plugged'], files, {
        stick,
      });
      assert.deepEqual(left, []);
      const [offered, locked, shown, counted, , unit] = answers as [
        { wants: string },
        object,
        { display: string },
        Counted,
        unknown,
        object,
      ];
      assert.match(offered.wants, /^deskpod-plug@sd[a-z]\.service$/);
      assert.deepEqual(locked, { locked: true });
      assert.equal(shown.display, 'RFB 003.008');
      pod.assertGoesOn(counted);
      assert.deepEqual(unit, { unit: 'inactive' });
      return counted;
    }

    /** What the screen shows, once the display has the time to say it. */
    async function pictureNow(): Promise<Pixels> {
      for (;;) {
        const { number, noPicture } = await lab.program.answer<{ number: number; noPicture?: string }>([
          ...['checkpoint', ...lab.at(other)],
        ]);
        if (noPicture === undefined) return pictureOf(number, other);
        assert.match(noPicture, /the display (did not answer within|was busy for)/);
      }
    }

    async function pictureOf(checkpoint: number, image: string): Promise<Pixels> {
      const file = join(lab.dir, 'screen.png');
      await lab.program.answer(['picture', `${checkpoint}`, '-o', file, ...lab.at(image)]);
      return decodePng(await readFile(file));
    }
  });
});
