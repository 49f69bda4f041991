// Verifying a home: with no key against the names, with the pod against its log; healed from the device and back.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../../../src/sync/home/home.ts';
import { hashRemotely } from '../../../src/sync/home/remote-hashes.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { checkHome } from '../../../src/sync/verify/home-check.ts';
import { checkHomeObjects } from '../../../src/sync/verify/home-objects.ts';
import { verifyHomeOf } from '../../../src/sync/verify/home-verify.ts';
import type { VerifyReport } from '../../../src/sync/verify/verify-report.ts';
import { expectCode } from '../expect-code.ts';
import { scratchFolder } from '../scratch.ts';
import { type LoopbackSshd, startSshd } from '../support/loopback-sshd.ts';
import {
  assertSound,
  bringHome,
  HARMS,
  largest,
  openVerifyLab,
  type VerifyLab,
} from '../support/verify-lab.ts';

describe('verifying a home', () => {
  let lab: VerifyLab;
  let home: Home;
  beforeEach(async () => {
    lab = await openVerifyLab();
    await bringHome(lab);
    home = openRsyncHome(lab.home);
  });
  afterEach(async () => {
    await lab.close();
  });

  const verify = (isHealing = true): Promise<VerifyReport> =>
    verifyHomeOf(lab.tree.pod, home, {
      depth: 'structure',
      isHealing,
      onProgress: () => undefined,
      openHome: openRsyncHome,
    });
  const outcomes = ({ damage }: VerifyReport): (string | undefined)[][] =>
    damage.map(({ kind, fault, healedFrom }) => [kind, fault, healedFrom]).sort();

  it('finds whatever was done to objects without a key, and heals it with the pod', async () => {
    const objects = [...lab.objects('packs', lab.atHome()), ...lab.objects('segments', lab.atHome())];
    const harmed = Object.values(HARMS).slice(0, objects.length);
    for (const [i, harm] of harmed.entries()) harm(join(lab.atHome(), objects[i] ?? ''));
    const [check] = await checkHome(lab.home, false);
    assert.deepEqual(check?.damaged.toSorted(), objects.slice(0, harmed.length).toSorted());
    assert.deepEqual(
      (await verify(false)).damage.map(({ healedFrom }) => healedFrom),
      harmed.map(() => undefined),
    );
    const healed = await verify();
    assert.ok(healed.damage.every(({ healedFrom }) => healedFrom === 'device'));
    assertSound(lab, lab.atHome());
    assert.deepEqual((await verify()).damage, []);
  });

  it('finds what the log says is there and is not, of every kind, and sends it again', async () => {
    for (const kind of ['packs', 'segments', 'keyrings'])
      for (const object of lab.objects(kind, lab.atHome())) rmSync(join(lab.atHome(), object));
    const before = lab.objects('packs').length;
    const { damage, failures } = await verify();
    assert.deepEqual(failures, []);
    assert.ok(damage.every(({ fault, healedFrom }) => fault === 'missing' && healedFrom === 'device'));
    assert.equal(lab.objects('packs', lab.atHome()).length, before);
    assertSound(lab, lab.atHome());
  });

  it('tells a head that is none from one of another history, and writes nothing there then', async () => {
    const head = join(lab.atHome(), 'head');
    const pack = join(lab.atHome(), largest(lab, 'packs', lab.atHome()));
    appendFileSync(pack, 'rot');
    const harmed = readFileSync(pack);
    writeFileSync(head, 'no head');
    assert.match((await verify()).faults.join(), /^head/);
    assert.match((await checkHome(lab.home, false))[0]?.faults.join() ?? '', /^head/);
    assert.deepEqual(readFileSync(pack), harmed);
  });

  it('never sends what is damaged on the device, too; another home has it for both', async () => {
    const other = join(lab.temp, 'other');
    await addHome(lab.tree.pod, other);
    await lab.sync();
    const pack = largest(lab, 'packs');
    HARMS['with a byte flipped in its middle']?.(join(lab.repository, pack));
    HARMS['with its first byte flipped']?.(join(lab.atHome(), pack));
    renameSync(other, `${other}-unplugged`);
    const first = await verify();
    assert.deepEqual(outcomes(first), [['packs', 'damaged', undefined]]);
    assert.deepEqual(
      first.failures.map(({ place }) => place),
      [other],
    );
    renameSync(`${other}-unplugged`, other);
    assert.deepEqual(outcomes(await verify()), [['packs', 'damaged', 'device']]);
    assertSound(lab);
    assertSound(lab, lab.atHome());
    const healed = (await lab.tree.pod.events(1)).flatMap(({ event }) =>
      event.type === 'object.healed' ? [[event.place, event.from]] : [],
    );
    assert.deepEqual(healed, [
      ['device', other],
      [lab.home, 'device'],
    ]);
  });
});

describe('verifying a home behind ssh', () => {
  let lab: VerifyLab;
  let sshd: LoopbackSshd;
  before(async () => {
    lab = await openVerifyLab();
    await bringHome(lab);
    sshd = await startSshd(join(lab.temp, 'sshd'));
  });
  after(async () => {
    await sshd.stop();
    await lab.close();
  });

  const open = (shell: string): Home =>
    openRsyncHome(`ssh://${sshd.user}@127.0.0.1:${sshd.port}${lab.home}`, { shell });

  it('hashes the objects on its own host, and heals what is damaged and missing there', async () => {
    const [short = '', gone = '', ...others] = lab.objects('packs', lab.atHome());
    appendFileSync(join(lab.atHome(), short), 'rot');
    const { podId } = lab.tree.pod.state;
    const found = await checkHomeObjects(open(sshd.shell), podId, false);
    assert.deepEqual([found.damaged, found.isFetched], [[short], false]);
    rmSync(join(lab.atHome(), gone));
    const { damage, failures } = await verifyHomeOf(lab.tree.pod, open(sshd.shell), {
      depth: 'structure',
      isHealing: true,
      onProgress: () => undefined,
      openHome: openRsyncHome,
    });
    assert.deepEqual(failures, []);
    assert.deepEqual(damage.map(({ fault, healedFrom }) => [fault, healedFrom]).sort(), [
      ['damaged', 'device'],
      ['missing', 'device'],
    ]);
    assert.equal(lab.objects('packs', lab.atHome()).length, others.length + 2);
    assertSound(lab, lab.atHome());
  });

  it('fetches and hashes here what is not to be hashed there', async () => {
    const pack = largest(lab, 'packs', lab.atHome());
    HARMS['with its last byte flipped']?.(join(lab.atHome(), pack));
    const found = await checkHomeObjects(open(sshd.shell), lab.tree.pod.state.podId, true);
    assert.deepEqual([found.damaged, found.isFetched], [[pack], true]);
  });
});

describe('a host that is asked for hashes', () => {
  const folder = scratchFolder();
  const object = `packs/00/${'0'.repeat(64)}.age`;
  const objects = new Map([[object, 5]]);

  /** Asks a host that answers with these lines and this status, whatever it is told to run. */
  const ask = (lines: readonly string[], status = 0): ReturnType<typeof hashRemotely> => {
    const shell = join(folder(), 'shell');
    const text = lines.map((line) => `printf '%b\\n' '${line}'\n`).join('');
    writeFileSync(shell, `#!/bin/sh\n${text}exit ${status}\n`, { mode: 0o755 });
    return hashRemotely({ shell, destination: 'h', port: undefined, path: '/', url: 'h:/' }, objects);
  };

  it('is not believed if it stops before the end', async () => {
    await expectCode('HOME_UNREACHABLE', () =>
      ask(['deskpod-hashes-begin', `${'0'.repeat(64)}  ./${object}`]),
    );
    await expectCode('HOME_UNREACHABLE', () => ask([], 255));
  });

  it('cannot name what it does not have, and what it says nothing of is damaged', async () => {
    const noise = [
      '\\033[2J  ./../../etc/passwd',
      `${'0'.repeat(64)}  ./head`,
      `${'1'.repeat(64)}  ./packs/x`,
    ];
    assert.deepEqual(await ask(['welcome', 'deskpod-hashes-begin', ...noise, 'deskpod-hashes-end']), {
      checkedObjects: 1,
      damaged: [object],
    });
    assert.deepEqual(
      await ask(['deskpod-hashes-begin', `${'0'.repeat(64)}  ./${object}`, 'deskpod-hashes-end']),
      { checkedObjects: 1, damaged: [] },
    );
  });

  it('is asked no further if it runs no such command for us', async () => {
    assert.equal(await ask(['not for you'], 1), undefined);
    assert.equal(await ask(['This account is for receiving only.']), undefined);
  });
});
