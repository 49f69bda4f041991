// Where a dock sees devices: each kind of place keeps the same contract, and what fails in one of them hinders none of the others.
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { firstValueFrom, NEVER, Subject, take, toArray } from 'rxjs';
import { makeExt4 } from '../../src/session/device/ext4.ts';
import { mediumStamp } from '../../src/session/device/medium-stamp.ts';
import { allSources, type DeviceSource, watchDevices } from '../../src/session/dock/device-source.ts';
import { driveSource } from '../../src/session/dock/drive-source.ts';
import { folderSource } from '../../src/session/dock/folder-source.ts';
import { PatientLooks } from '../../src/session/dock/patient-looks.ts';
import { openAmong } from '../../src/sync/home/open-files.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { run } from '../../src/sync/process.ts';
import { Program } from '../tree/program.ts';
import { itKeepsTheDeviceContract } from './device-source-contract.ts';
import { driveStage, folderStage, joinedStage, treeStage } from './device-stages.ts';
import { until } from './until.ts';

const RARELY_MS = 3_600_000;
const SOURCE = fileURLToPath(new URL('../../src/session/dock/folder-source.ts', import.meta.url));

describe('drives of which udev tells', () => itKeepsTheDeviceContract(() => driveStage(true)));
describe('drives of which nobody tells', () => itKeepsTheDeviceContract(() => driveStage(false)));
describe('image files and device nodes in a folder', () => itKeepsTheDeviceContract(folderStage));
describe('tree pods in a folder', () => itKeepsTheDeviceContract(treeStage));
describe('drives and folders together', () => itKeepsTheDeviceContract(joinedStage));

describe('a place where devices are looked for', () => {
  const candidate = { path: '/dev/sda', fingerprint: '1' };

  it('is asked again after it failed, which is told', async () => {
    const hints = new Subject<void>();
    let askedCount = 0;
    const list: DeviceSource['list'] = async () => {
      askedCount += 1;
      if (askedCount === 1) throw new Error('failing');
      return [candidate];
    };
    const failures: unknown[] = [];
    const coming = firstValueFrom(
      watchDevices({ list, hints }, RARELY_MS, (error) => {
        failures.push(error);
        hints.next();
      }),
    );
    assert.deepEqual(await coming, { type: 'came', path: candidate.path });
    assert.match(failures.join(), /failing/);
  });

  it('that fails hides nothing of another, and what it had stays', async () => {
    let isFailing = false;
    const failing: DeviceSource = {
      list: async () => {
        if (isFailing) throw new Error('failing');
        return [candidate];
      },
      hints: NEVER,
    };
    const other = { path: '/media/stick', fingerprint: '2' };
    const failures: unknown[] = [];
    const both = allSources([failing, { list: async () => [other], hints: NEVER }], (error) =>
      failures.push(error),
    );
    assert.deepEqual(await both.list(), [candidate, other]);
    isFailing = true;
    assert.deepEqual(await both.list(), [candidate, other]);
    assert.match(failures.join(), /failing/);
  });

  it('is looked at once more for all the hints that came during a look, and not for each', async () => {
    const hints = new Subject<void>();
    const looks: PromiseWithResolvers<void>[] = [];
    const began = new Subject<number>();
    const list: DeviceSource['list'] = async () => {
      const look = Promise.withResolvers<void>();
      began.next(looks.push(look));
      await look.promise;
      return [];
    };
    const counted = firstValueFrom(began.pipe(take(2), toArray()));
    const watching = watchDevices({ list, hints }, RARELY_MS, (error) =>
      assert.fail(String(error)),
    ).subscribe();
    for (let hint = 0; hint < 3; hint += 1) hints.next();
    looks[0]?.resolve();
    assert.deepEqual(await counted, [1, 2]);
    looks[1]?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(looks.length, 2);
    watching.unsubscribe();
  });

  it('answers late to whoever asks next, and is asked once until then', async () => {
    const looks = new PatientLooks<string>(1);
    const answer = Promise.withResolvers<string>();
    let askedCount = 0;
    const look = (): Promise<string> => {
      askedCount += 1;
      return answer.promise;
    };
    assert.equal(await looks.ask('drive', look), undefined);
    assert.equal(await looks.ask('drive', look), undefined);
    const late = firstValueFrom(looks.late);
    answer.resolve('a pod');
    await late;
    assert.deepEqual(await looks.ask('drive', look), { found: 'a pod' });
    assert.equal(askedCount, 1);
  });

  it('has what it answered late looked at once more if something changed meanwhile, and only then', async () => {
    const looks = new PatientLooks<string>(1);
    const askLate = async (answered: string, meanwhile: () => void): Promise<number> => {
      const answer = Promise.withResolvers<string>();
      assert.equal(await looks.ask('folder', () => answer.promise), undefined);
      meanwhile();
      const late = firstValueFrom(looks.late);
      answer.resolve(answered);
      await late;
      let hintCount = 0;
      const hints = looks.late.subscribe(() => {
        hintCount += 1;
      });
      assert.deepEqual(await looks.ask('folder', () => answer.promise), { found: answered });
      hints.unsubscribe();
      return hintCount;
    };
    assert.equal(await askLate('nothing', () => undefined), 0);
    assert.equal(await askLate('nothing yet', () => looks.noteChange()), 1);
    assert.deepEqual(await looks.ask('folder', async () => 'a pod'), { found: 'a pod' });
  });
});

describe('a folder with far more files than may be open at a time', () => {
  it('hides no device among them', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'deskpod-many-'));
    try {
      const image = join(dir, 'last.img');
      await run('truncate', ['-s', '16M', image]);
      await makeExt4(image, 'deskpod');
      for (let count = 0; count < 2000; count += 1) await writeFile(join(dir, `file-${count}`), 'x');
      const program = `import { folderSource } from '${SOURCE}';
        console.log((await folderSource(['${dir}']).list()).map(({ path }) => path).join());`;
      const { stdout } = await run('prlimit', [
        ...['--nofile=256:256', process.execPath, '--input-type=module', '--eval', program],
      ]);
      assert.equal(stdout, image);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('is not taken for empty where nothing more can be opened', async () => {
    const { list } = folderSource(['/']);
    const opened: number[] = [];
    const { stdout } = await run('prlimit', [
      '--pid',
      String(process.pid),
      '--nofile',
      '--output=SOFT',
      '--noheadings',
    ]);
    try {
      await run('prlimit', ['--pid', String(process.pid), '--nofile=64:']);
      assert.throws(
        () => {
          for (;;) opened.push(openSync('/dev/null', 'r'));
        },
        { code: 'EMFILE' },
      );
      await assert.rejects(list(), { code: 'EMFILE' });
      await assert.rejects(openAmong(['/nowhere']), { code: 'EMFILE' });
    } finally {
      for (const fd of opened) closeSync(fd);
      await run('prlimit', ['--pid', String(process.pid), `--nofile=${stdout.trim()}:`]);
    }
  });
});

describe('a device that takes long to answer', () => {
  it('is waited for by a dock that looks once', async () => {
    const stage = await folderStage();
    const dir = await mkdtemp(join(tmpdir(), 'deskpod-home-'));
    const home = join(dir, 'home');
    const program = new Program({});
    try {
      await openRsyncHome(home).initialise();
      const name = `resting-${process.pid}`;
      const answer = await stage.plugSilent(name);
      // there is no way to have one here
      if (answer === undefined) return;
      const files = ['--identity', join(dir, 'identity'), '--journal', join(dir, 'journal')];
      const args = ['dock', '--once', '--no-upkeep', '--home', home, '--watch', stage.dir ?? '', ...files];
      const running = program.start(args);
      await until(async () => (await openAmong([name])).size > 0);
      // longer than a dock that looks again waits
      await Promise.race([running.ended, delay(3000)]);
      const path = await answer();
      const { stdout } = await running.ended;
      assert.match(stdout, new RegExp(`"path":"${path}"`));
    } finally {
      await program.close();
      await stage.close();
      await rm(dir, { recursive: true });
    }
  });
});

describe('a drive that goes while drives are listed', () => {
  it('is gone, though its node still stands', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'deskpod-going-'));
    try {
      const [sysDir, devDir] = [join(dir, 'sys'), join(dir, 'dev')];
      await mkdir(join(sysDir, 'sda'), { recursive: true });
      await mkdir(devDir);
      await run('truncate', ['-s', '16M', join(devDir, 'sda')]);
      await makeExt4(join(devDir, 'sda'), 'deskpod');
      const { list } = driveSource({ sysDir, devDir, monitor: '/nowhere' });
      assert.deepEqual(await list(), []);
      await writeFile(join(sysDir, 'sda', 'dev'), '8:0\n');
      assert.equal((await list()).length, 1);
      await rm(join(sysDir, 'sda', 'dev'));
      assert.deepEqual(await list(), []);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('the stamp of a medium', () => {
  it('of a partition changes with the medium that its disk has', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'deskpod-stamp-'));
    try {
      await mkdir(join(dir, 'disk', 'part'), { recursive: true });
      await writeFile(join(dir, 'disk', 'part', 'dev'), '8:1\n');
      await writeFile(join(dir, 'disk', 'diskseq'), '1\n');
      await mkdir(join(dir, 'class'));
      await symlink('../disk/part', join(dir, 'class', 'part'));
      const before = await mediumStamp(join(dir, 'class', 'part'));
      assert.equal(await mediumStamp(join(dir, 'class', 'part')), before);
      await writeFile(join(dir, 'disk', 'diskseq'), '2\n');
      assert.notEqual(await mediumStamp(join(dir, 'class', 'part')), before);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
