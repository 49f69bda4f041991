// The restore wizard and the drives of this computer: what is on one is erased by its name only, and a restore goes on where it was killed.
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DeskPodError } from '../../src/core/errors.ts';
import type { PutQuestion } from '../../src/core/wizard-question.ts';
import { walkSteps } from '../../src/core/wizard-walk.ts';
import { type Drive, listDrives } from '../../src/session/device/drives.ts';
import { operate } from '../../src/session/operation/operate.ts';
import { layerDirs } from '../../src/session/pod/layer-dirs.ts';
import { closeDevice, openDevice } from '../../src/session/pod/open-device.ts';
import type { Draft } from '../../src/session/wizard/draft.ts';
import { ALL_HERE } from '../../src/session/wizard/rest-behind.ts';
import {
  runRestoreWizard,
  type WizardOptions,
  type WizardReport,
} from '../../src/session/wizard/restore-wizard.ts';
import { targetSteps } from '../../src/session/wizard/target-steps.ts';
import { run } from '../../src/sync/process.ts';
import { itIfThorough } from '../exhaustive.ts';
import { noise } from '../sync/retention/prune-lab.ts';
import { Program } from '../tree/program.ts';
import { KEYS, Terminal } from '../tree/terminal.ts';
import { DeviceBench, MEBIBYTE } from './device-bench.ts';
import { CREDENTIAL, PASSPHRASE, quiet, SETTINGS, TwinLab } from './twin-lab.ts';

const { enter, up, down } = KEYS;
const CONTENT = noise(3 * MEBIBYTE, 'content');

describe('the restore wizard of a desktop', () => {
  let lab: TwinLab;
  let home: string;
  let terminal: Terminal | undefined;
  beforeEach(async () => {
    lab = await TwinLab.open();
    home = lab.bench.path('home');
    await lab.operations['home-add']({ url: home }, quiet);
    await lab.checkpoint('file', CONTENT);
    await lab.sync();
  });
  afterEach(async () => {
    terminal?.close();
    terminal = undefined;
    heard = quiet;
    toldOf = quiet;
    await lab.close();
  });

  async function untilDevice(): Promise<Terminal> {
    const wizard = Terminal.start(['restore', '--no-runtime', '--all-devices'], { TMPDIR: lab.bench.dir });
    terminal = wizard;
    await wizard.answer(/Where is the pod to come from\?/, up, up, enter);
    await wizard.answer(/Where is the home\?/, home, enter);
    await wizard.answer(/What opens the pod\?/, enter);
    await wizard.answer(/The passphrase/, PASSPHRASE, enter);
    await wizard.answer(/desk: home has 1 checkpoint[\s\S]*Which moment\?/, enter);
    return wizard;
  }

  async function requireContent(device: string): Promise<void> {
    const opened = await openDevice(device, CREDENTIAL);
    try {
      const file = join(layerDirs(opened.vault.dir).upperDir, 'file');
      assert.ok((await readFile(file)).equals(CONTENT), 'the file has other bytes');
    } finally {
      await closeDevice(opened);
    }
  }

  type Answer = string | ((question: PutQuestion) => string | Promise<string>);
  const asked: PutQuestion[] = [];
  const told: string[] = [];
  /** What came while a question waited. */
  let heard: (step: string) => void = quiet;
  /** What was said. */
  let toldOf: (text: string) => void = quiet;

  /** The wizard without a terminal: each question is answered by its id, others with what they begin with. */
  function answered(
    answers: Readonly<Record<string, Answer>>,
    options: Partial<WizardOptions> = {},
  ): Promise<WizardReport> {
    asked.length = 0;
    told.length = 0;
    const all: Readonly<Record<string, Answer>> = {
      ...{ key: PASSPHRASE, device: 'path', resume: 'later', ...answers },
    };
    return runRestoreWizard(
      { url: home, showsAllDevices: false, carriesRuntime: false, isUsableFirst: true, ...options },
      {
        put: async (question) => {
          asked.push(question);
          const answer = all[question.id] ?? ('initial' in question ? question.initial : undefined);
          return typeof answer === 'function' ? answer(question) : (answer ?? assert.fail(question.title));
        },
        onProgress: quiet,
        onRest: ({ step }) => heard(step),
        tell: (text) => {
          told.push(text);
          toldOf(text);
        },
        showSheet: async () => true,
        leadOn: async () => undefined,
        signal: new AbortController().signal,
      },
    );
  }

  it('brings the newest checkpoint first, and what only older ones need while its last questions wait', async () => {
    await lab.checkpoint('file', noise(3 * MEBIBYTE, 'later content'));
    await lab.sync();
    const came = Promise.withResolvers<void>();
    heard = (step) => {
      if (step === ALL_HERE) came.resolve();
    };
    const image = lab.bench.path('new.img');
    const resume = async (): Promise<string> => {
      await came.promise;
      return 'later';
    };
    const { awaited } = await answered({ path: image, size: '400M', resume });
    assert.ok(awaited !== undefined && awaited.packCount >= 1);
    assert.ok(told.some((text) => text.startsWith('Verified: every object is in its place')));
    assert.equal(await awaitedOn(image), undefined);
  });

  it('tells at once that home went away before all had come, and what to do; then the next command gets it', async () => {
    await lab.checkpoint('file', noise(3 * MEBIBYTE, 'later content'));
    await lab.sync();
    const image = lab.bench.path('new.img');
    heard = () => {
      heard = quiet;
      renameSync(home, `${home}.away`);
    };
    const saidSo = Promise.withResolvers<void>();
    toldOf = (text) => {
      if (text.includes('did not come meanwhile')) saidSo.resolve();
    };
    const recovery = async (): Promise<string> => {
      await saidSo.promise;
      return 'keep';
    };
    await answered({ path: image, size: '400M', recovery });
    const [plain = ''] = told.filter((text) => text.includes('did not come meanwhile'));
    assert.match(
      plain,
      new RegExp(
        `packs? of older checkpoints did not come: .*${home}.*Bring ${home} back\\..*deskpod verify`,
      ),
    );
    assert.ok((await awaitedOn(image)) !== undefined);
    await rename(`${home}.away`, home);
    await operate(image, 'verify', { depth: 'structure', isHealing: true, isGivingUp: false }, SETTINGS);
    assert.equal(await awaitedOn(image), undefined);
  });

  itIfThorough('goes on with what older checkpoints need where it was stopped at a question', async () => {
    await lab.checkpoint('file', noise(3 * MEBIBYTE, 'later content'));
    await lab.sync();
    const image = lab.bench.path('new.img');
    const begun = Promise.withResolvers<void>();
    heard = () => begun.resolve();
    const recovery = async (): Promise<string> => {
      await begun.promise;
      throw new DeskPodError('CANCELLED', 'stopped');
    };
    const stopped: unknown = await answered({ path: image, size: '400M', recovery }).catch((error) => error);
    assert.ok(stopped instanceof DeskPodError && stopped.code === 'CANCELLED');
    assert.match(stopped.hint ?? '', /deskpod verify -d \S+new\.img/);
    const { isResumed, deviceId } = await answered({ path: image });
    assert.equal(isResumed, false);
    const ids = asked.map(({ id }) => id);
    assert.deepEqual(ids.slice(ids.indexOf('path')), ['path', 'present', 'recovery', 'resume']);
    assert.equal(await awaitedOn(image), undefined);
    assert.equal((await operate(image, 'status', {}, SETTINGS)).deviceId, deviceId);
  });

  itIfThorough('brings all that a pod has before anything is asked, if that is wanted', async () => {
    await lab.checkpoint('file', noise(3 * MEBIBYTE, 'later content'));
    await lab.sync();
    const to = { path: lab.bench.path('new.img'), size: '400M' };
    const { awaited } = await answered(to, { isUsableFirst: false });
    assert.equal(awaited, undefined);
    assert.ok(told.some((text) => text.startsWith('Verified: every object is in its place')));
  });

  const awaitedOn = async (image: string) => (await operate(image, 'status', {}, SETTINGS)).awaited;

  it('erases no other drive than the one whose name was typed, and asks again', async () => {
    const drive = await lab.bench.blockDevice('chosen.img');
    const other = lab.bench.path('other.img');
    await writeFile(other, noise(MEBIBYTE, 'somebody’s photos'));
    await run('truncate', ['-s', '200M', other]);
    const before = await run('sha256sum', [other]);
    const swap = async (): Promise<string> => {
      await run('sh', ['-ec', 'losetup -d "$1"; losetup "$1" "$2"', 'sh', drive, other]);
      return 'keep';
    };
    const stopped = new DeskPodError('CANCELLED', 'stopped at the second question for a drive');
    const device = (): string => {
      if (asked.filter(({ id }) => id === 'device').length > 1) throw stopped;
      return 'path';
    };
    const answers = { device, path: drive, erase: basename(drive), passphrase: swap };
    await assert.rejects(answered(answers), stopped);
    assert.match(
      told.at(-1) ?? '',
      /is another one, what is on it has changed\. Nothing on it was changed\./,
    );
    assert.equal((await run('sha256sum', [other])).stdout, before.stdout);
  });

  itIfThorough(
    'lists drives with what is on them, erases one by its name only, and leaves a session for later',
    async () => {
      const drive = await lab.bench.blockDevice('drive.img', 400 * MEBIBYTE);
      await run('mkfs.ext4', ['-q', '-L', 'photos', drive]);
      const before = await run('sha256sum', [drive]);
      const used = await lab.bench.blockDevice('used.img', 400 * MEBIBYTE);
      await run('mkfs.ext4', ['-q', used]);
      const dir = lab.bench.path('mounted');
      await mkdir(dir);
      await run('mount', [used, dir]);
      lab.bench.atEnd(() => run('umount', [dir]));
      const wizard = await untilDevice();
      await wizard.answer(/Onto which drive\?/, up, up, enter);
      await wizard.answer(/Which image file\?/, used, enter);
      await wizard.answer(/deskpod: .*in use: .*mounted on[\s\S]*Which image file\?/, drive, enter);
      await wizard.answer(
        /Everything on .* will be erased: .*ext4 "photos"[\s\S]*Type \S+ to erase it/,
        'yes',
        enter,
      );
      await wizard.shows(/expected \S+, got "yes"[\s\S]*to erase it/);
      assert.equal((await run('sha256sum', [drive])).stdout, before.stdout);
      wizard.type(basename(drive), enter);
      await wizard.answer(/Which passphrase is the pod to have\?/, enter);
      await wizard.answer(/A new recovery sheet\?/, enter);
      await wizard.answer(/Go on with the session now\?/, down, enter);
      assert.equal(await wizard.ended, 0, wizard.text);
      assert.match(wizard.text, new RegExp(`${drive} +loop device of .*drive.img, \\S+ MB`));
      assert.match(wizard.text, /in use: .*mounted on/);
      assert.match(wizard.text, new RegExp(`Go on with: deskpod start ${drive}`));
      await requireContent(drive);
    },
  );

  itIfThorough('goes on with a restore that was killed, without asking for a name', async () => {
    const image = lab.bench.path('new.img');
    const file = lab.bench.path('passphrase');
    await writeFile(file, PASSPHRASE);
    const program = new Program({ env: { DESKPOD_PASSPHRASE_FILE: file, TMPDIR: lab.bench.dir } });
    const to = ['--to', image, '--size', '400M', '--no-runtime'];
    const killed = program.start(['restore', '--from', home, ...to]);
    await killed.progress(({ step }) => step === 'checking what came');
    killed.kill();
    assert.equal((await killed.ended).signal, 'SIGKILL');
    const wizard = await untilDevice();
    await wizard.answer(/Onto which drive\?/, up, up, enter);
    await wizard.answer(/Which image file\?/, image, enter);
    await wizard.answer(/Which passphrase is the pod to have\?/, enter);
    await wizard.shows(/going on with the restore/);
    await wizard.answer(/A new recovery sheet\?/, enter);
    await wizard.answer(/Go on with the session now\?/, down, enter);
    assert.equal(await wizard.ended, 0, wizard.text);
    await requireContent(image);
    await program.close();
  });

  it('knows of a drive what the kernel says of it', async () => {
    const sys = lab.bench.path('sys');
    const device = async (name: string, files: Readonly<Record<string, string>>): Promise<void> => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(join(sys, name, path, '..'), { recursive: true });
        await writeFile(join(sys, name, path), `${text}\n`);
      }
    };
    await device('sda', {
      size: '1000',
      removable: '0',
      ro: '0',
      'device/vendor': 'ATA     ',
      'device/model': 'Disk 1',
    });
    await device('sdb', {
      size: '2000',
      removable: '1',
      ro: '1',
      'device/vendor': 'SanDisk ',
      'device/model': 'Ultra ',
    });
    await device('sdc', { size: '0', removable: '1', ro: '0' });
    await device('mmcblk0', { size: '8', removable: '0', ro: '0', 'device/name': 'SD16G' });
    await device('sr0', { size: '8', removable: '1', ro: '0' });
    assert.deepEqual(await listDrives(sys), [
      { path: '/dev/mmcblk0', model: 'SD16G', sizeBytes: 4096, isRemovable: true, isReadOnly: false },
      { path: '/dev/sda', model: 'Disk 1', sizeBytes: 512_000, isRemovable: false, isReadOnly: false },
      { path: '/dev/sdb', model: 'SanDisk Ultra', sizeBytes: 1_024_000, isRemovable: true, isReadOnly: true },
    ]);
  });
});

describe('the questions of the restore wizard about a drive', () => {
  let bench: DeviceBench;
  beforeEach(async () => {
    bench = await DeviceBench.open();
  });
  afterEach(() => bench.close());

  /** Answers one question after the other, and stops at the one after the last. Gives all that was asked. */
  async function questions(
    drives: readonly string[],
    ...answers: readonly (readonly [id: string, answer: string])[]
  ): Promise<{ asked: PutQuestion[]; draft: Draft | undefined }> {
    const asked: PutQuestion[] = [];
    const first: Draft = {
      ...{ url: bench.path('home'), podId: 'p' },
      pod: {
        ...{ podId: 'p', name: 'desk', seq: 1, epoch: 1, checkpoints: [], doubted: [] },
        ...{ kind: 'desktop', neededBytes: MEBIBYTE },
      },
    };
    const steps = targetSteps({
      findHomes: () => assert.fail(),
      withHome: () => assert.fail(),
      listDrives: async () => drives.map(driveAt),
      showsAllDevices: false,
    });
    const left = [...answers];
    const stopped = new DeskPodError('CANCELLED', 'no more answers');
    const walk = walkSteps(steps, first, async (question) => {
      asked.push(question);
      const [id, answer] = left.shift() ?? [];
      if (answer === undefined) throw stopped;
      assert.equal(question.id, id);
      return answer;
    });
    const draft = await walk.catch((error: unknown) => {
      if (error !== stopped) throw error;
      return undefined;
    });
    return { asked, draft };
  }

  function driveAt(path: string): Drive {
    return { path, model: 'Stick', sizeBytes: 200 * MEBIBYTE, isRemovable: true, isReadOnly: false };
  }

  it('calls no drive empty, and asks for the name of one of which nothing is recognized', async () => {
    const drive = await bench.blockDevice();
    await writeFile(drive, noise(MEBIBYTE, 'as if it were encrypted'));
    const name = basename(drive);
    const { asked, draft } = await questions([drive], ['device', drive], ['erase', 'yes'], ['erase', name]);
    const [device, erase, again] = asked;
    assert.ok(device?.kind === 'choice');
    assert.equal(device.options[0]?.detail, 'nothing that is recognized');
    assert.match(erase?.text ?? '', /Everything on \S+ will be erased: .*, nothing that is recognized\./);
    assert.match(again?.fault?.message ?? '', /expected \S+, got "yes"/);
    assert.equal(draft?.isErasing, true);
    const { asked: unanswered } = await questions([drive], ['device', drive]);
    assert.equal(unanswered.at(-1)?.id, 'erase');
  });

  it('asks again when a drive cannot be read', async () => {
    const drive = await bench.blockDevice('failing.img');
    // what is beyond the end of its file a loop device answers with an I/O error
    await run('truncate', ['-s', '0', bench.path('failing.img')]);
    const { asked } = await questions([], ['device', 'path'], ['path', drive]);
    assert.equal(asked.at(-1)?.id, 'path');
    assert.equal(asked.at(-1)?.fault?.code, 'FILE_UNREADABLE');
    assert.match(asked.at(-1)?.fault?.message ?? '', /^\/dev\/loop\d+.*: it cannot be read: /);
  });
});
