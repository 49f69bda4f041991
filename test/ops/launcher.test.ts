// The launcher of a desktop: what its entry says, and what it does when there is nothing to open.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LAUNCHER = new URL('../../ops/launcher', import.meta.url).pathname;

describe('the launcher', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'deskpod-launcher-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function launcher(...args: string[]): { status: number | null; stderr: string } {
    const env = { ...process.env, XDG_DATA_HOME: dir, PATH: `${dir}:${process.env.PATH}` };
    const { status, stderr } = spawnSync(LAUNCHER, args, { env, encoding: 'utf8' });
    return { status, stderr };
  }

  it('stands among the applications, starts itself, and goes again', () => {
    assert.equal(launcher('install').status, 0);
    const entry = join(dir, 'applications/deskpod.desktop');
    const [head, ...lines] = readFileSync(entry, 'utf8').trim().split('\n');
    assert.equal(head, '[Desktop Entry]');
    const fields = new Map(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
    assert.equal(fields.get('Type'), 'Application');
    assert.equal(fields.get('Exec'), `"${LAUNCHER}" open`);
    assert.ok(existsSync(fields.get('Icon') ?? ''), fields.get('Icon'));
    assert.equal(launcher('remove').status, 0);
    assert.ok(!existsSync(entry));
  });

  it('says on the screen why it cannot open anything', () => {
    const note = join(dir, 'note');
    // stands for the program that shows notes on a desktop
    writeFileSync(join(dir, 'notify-send'), `#!/bin/sh\nprintf '%s\\n' "$@" > ${note}\n`);
    // whoever is not root is asked for it first, here by nobody
    writeFileSync(join(dir, 'pkexec'), '#!/bin/sh\necho "Not authorized" >&2\nexit 127\n');
    for (const name of ['notify-send', 'pkexec']) chmodSync(join(dir, name), 0o755);
    const { status, stderr } = launcher('open', '--device', join(dir, 'no-such-drive'));
    assert.equal(status, 1);
    const told = readFileSync(note, 'utf8');
    assert.ok(told.includes(stderr.trim()) && stderr.trim() !== '', told);
  });
});
