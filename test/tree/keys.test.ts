// deskpod keys, as it is typed: sheets that are scanned and typed back, questions, and what is said about a removed key.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import decodeQR from 'qr/decode.js';
import { sheetHtml, sheetSvg, sheetText } from '../../src/cli/recovery-sheet.ts';
import { sheetCode } from '../../src/core/recovery-sheet.ts';
import { operate } from '../../src/session/operation/operate.ts';
import type { KeyChangeReport, KeyReport, RecoveryReport } from '../../src/sync/pod/change-keys.ts';
import { openTreeLab, PASSPHRASE, type TreeLab } from './tree-lab.ts';

const sheet = {
  podName: 'pa<b>pers & \u001b[31m',
  podId: 'ab'.repeat(16),
  label: 'notary',
  createdAtMs: 0,
  recoveryKey: 'AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHC',
  homes: ['/srv/home', 'ssh://me@house:22/srv/pods'],
};

/** What a camera reads from modules, `true` being dark. */
function scan(modules: readonly (readonly boolean[])[]): string {
  const [border, scale] = [4, 4];
  const size = ((modules[0]?.length ?? 0) + 2 * border) * scale;
  const data = new Uint8Array(size * size * 4).fill(255);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const isDark = modules[Math.floor(y / scale) - border]?.[Math.floor(x / scale) - border] === true;
      if (isDark) data.fill(0, (y * size + x) * 4, (y * size + x) * 4 + 3);
    }
  }
  return decodeQR({ width: size, height: size, data });
}

/** The modules that half blocks in a text show on a ground of this shade. */
function modulesOf(text: string, ground: 'dark' | 'light'): boolean[][] {
  const lines = text.split('\n').filter((line) => /^[█▀▄ ]{20,}$/.test(line));
  return lines.flatMap((line) =>
    ['█▀', '█▄'].map((inked) => [...line].map((block) => inked.includes(block) === (ground === 'light'))),
  );
}

describe('the sheet of a recovery key', () => {
  it('is scanned from a dark terminal and from paper, and names pod, slot and date', () => {
    for (const ground of ['dark', 'light'] as const) {
      const text = sheetText(sheet, ground);
      assert.equal(scan(modulesOf(text, ground)), sheetCode(sheet));
      for (const part of [
        sheet.podId,
        ...sheet.homes,
        'notary',
        '1970-01-01',
        'AGE-SECRET-KEY-1\n',
        'QPZR Y9X8',
      ])
        assert.ok(text.includes(part), part);
    }
  });

  it('is a page of its own that prints hostile names as text, and its drawing is scanned', () => {
    const html = sheetHtml(sheet);
    assert.ok(html.includes(sheetSvg(sheet)));
    assert.ok(html.includes('pa&#60;b&#62;pers &#38;'));
    assert.doesNotMatch(html, /https?:\/\/(?!www\.w3\.org)|<script|<b>/);
    const drawing = sheetSvg(sheet);
    const size = Number(/viewBox="0 0 (\d+)/.exec(drawing)?.[1]);
    const modules = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
    let [x, y] = [0, 0];
    for (const [, how, first, second] of drawing.matchAll(/([Mm])(-?\d+)[ ,]?(-?\d+)h1v1/g)) {
      [x, y] = how === 'M' ? [Number(first), Number(second)] : [x + Number(first), y + Number(second)];
      const row = modules[y] ?? assert.fail();
      row[x] = true;
    }
    assert.equal(scan(modules), sheetCode(sheet));
  });
});

describe('deskpod keys', () => {
  let lab: TreeLab;
  let newPassphraseFile: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    newPassphraseFile = join(lab.temp, 'new');
    await writeFile(newPassphraseFile, 'battery staple\n');
  });
  afterEach(async () => {
    await lab.close();
  });

  it('takes the key from its sheet where the passphrase was forgotten, and restores with it', async () => {
    await lab.bringHome();
    const files = { html: join(lab.temp, 'sheet.html'), svg: join(lab.temp, 'code.svg') };
    const made = await lab.program.answer<RecoveryReport & { files: string[] }>([
      'keys',
      'recovery',
      ...lab.at,
      '--label',
      'notary',
      '--html',
      files.html,
      '--svg',
      files.svg,
    ]);
    assert.deepEqual(made.files, [files.html, files.svg]);
    const page = await readFile(files.html, 'utf8');
    assert.equal((await stat(files.html)).mode & 0o777, 0o600);
    await lab.program.failure('TARGET_WRITE_FAILED', ['keys', 'recovery', ...lab.at, '--html', files.html]);
    assert.equal(await readFile(files.html, 'utf8'), page);

    const typed = /<pre>([^<]*)<\/pre>/.exec(page)?.[1]?.toLowerCase() ?? assert.fail('no key on the page');
    const keyFile = join(lab.temp, 'typed');
    await writeFile(keyFile, typed.replace('age-secret-key-1', ''));
    const change = ['keys', 'change', ...lab.at, '--recovery-key-file'];
    const changed = await lab.program.answer<KeyChangeReport & { warnings: string[] }>([
      ...change,
      keyFile,
      '--new-passphrase-file',
      newPassphraseFile,
    ]);
    assert.deepEqual([changed.added.length, changed.removed.length, changed.homesBehind], [1, 1, [lab.home]]);
    assert.deepEqual(changed.warnings, []);
    await operate(
      lab.dir,
      'sync',
      {},
      { passphrase: async () => 'battery staple', onProgress: () => undefined },
    );
    assert.equal((await readdir(join(lab.home, 'pods', lab.podId, 'keyrings'))).length, 1);
    const { next } = await lab.program
      .with({ input: typed })
      .answer<{ next: { command: string }[] }>([...lab.restoreTo('again'), '--recovery-key-file', '-']);
    assert.ok(next.some(({ command }) => command.startsWith('deskpod keys change')));
  });

  it('says what a removed key still opens, and refuses the last passphrase without a yes', async () => {
    const { slots } = await operate(
      lab.dir,
      'key-list',
      {},
      {
        passphrase: async () => PASSPHRASE,
        onProgress: () => undefined,
      },
    );
    const recovery = slots.find(({ kind }) => kind === 'recovery') ?? assert.fail();
    const { details, hint } = await lab.program.failure('KEY_NEEDED', [
      'keys',
      'remove',
      'passphrase',
      ...lab.at,
    ]);
    assert.deepEqual(details, { canConfirm: true });
    assert.match(hint ?? '', /--yes/);
    await lab.program.failure('USAGE', ['keys', 'remove', 'nobody', ...lab.at]);
    const { status, stdout } = await lab.program.run(['keys', 'remove', recovery.id, ...lab.at]);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^removed  ${recovery.id}  recovery`));
    assert.match(stdout, /No recovery key is left/);
    assert.match(stdout, /The secrets of the pod stay the same/);
    assert.deepEqual(
      (await lab.program.answer<{ slots: KeyReport[] }>(['keys', 'list', ...lab.at])).slots.length,
      1,
    );
    const last = await lab.program.failure('KEY_NEEDED', [
      'keys',
      'remove',
      'passphrase',
      '--yes',
      ...lab.at,
    ]);
    assert.deepEqual(last.details, { canConfirm: false });
  });

  it('asks twice for a new passphrase at a terminal, and for a yes before the last one goes', async () => {
    const { DESKPOD_PASSPHRASE_FILE: _none, ...env } = process.env;
    const program = new URL('../../bin/deskpod', import.meta.url).pathname;
    const given = `-d ${lab.dir} --passphrase-file ${join(lab.temp, 'passphrase')}`;
    const answered = async (command: string, answers: readonly [RegExp, string][]) => {
      const script = promisify(execFile)('script', ['-qec', `${program} ${command} ${given}`, '/dev/null'], {
        env,
      });
      let [said, asked] = ['', 0];
      script.child.stdout?.on('data', (text: string) => {
        said += text;
        const [question, answer] = answers[asked] ?? [/$^/, ''];
        if (!question.test(said)) return;
        [said, asked] = ['', asked + 1];
        script.child.stdin?.write(answer);
      });
      return script.then(
        ({ stdout }) => ({ code: 0, stdout }),
        ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
      );
    };
    const differ = await answered('keys change', [
      [/New passphrase: /, 'battery\r'],
      [/Again: /, 'batery\r'],
    ]);
    assert.equal(differ.code, 2, differ.stdout);
    assert.match(differ.stdout, /two passphrases differ/);
    const weak = await answered('keys add --label second', [
      [/New passphrase: /, 'battery\r'],
      [/Again: /, 'battery\r'],
    ]);
    assert.equal(weak.code, 0, weak.stdout);
    assert.match(weak.stdout, /The new passphrase is weak: it has 7 characters/);
    assert.equal((await answered('keys remove second', [])).code, 0);
    const no = await answered('keys remove passphrase', [[/Type yes to go on: /, 'no\n']]);
    assert.equal(no.code, 130, no.stdout);
    const yes = await answered('keys remove passphrase', [[/Type yes to go on: /, 'yes\n']]);
    assert.equal(yes.code, 0, yes.stdout);
    await lab.program.failure('PASSPHRASE_WRONG', ['keys', 'list', ...lab.at]);
  });
});
