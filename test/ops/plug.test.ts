// What a computer does when a drive with a pod is plugged in: whom it asks, and what it opens. Its seat is played by programs here.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeAsRoot } from '../as-root.ts';

const PLUG = new URL('../../ops/host/plug', import.meta.url).pathname;
const UID = 65_534;
/** The programs of a desktop: a session in front at seat0, its environment, and somebody who answers. */
const SEAT: Readonly<Record<string, string>> = {
  loginctl: `case "$*" in
*show-seat*) echo c2 ;;
*Type*) echo wayland ;;
*Class*) echo user ;;
*Name*) echo nobody ;;
*User*) echo ${UID} ;;
esac`,
  systemctl: 'echo DISPLAY=:0; echo WAYLAND_DISPLAY=wayland-0; echo "XAUTHORITY=/x;y"; echo SECRET=1',
  // the person's own folder is one of the test
  setpriv: `echo "$*" >> "$(dirname "$0")/rights"
while [ "$1" != env ]; do shift; done
shift
while [ "\${1#*=}" != "$1" ]; do export "$1"; shift; done
XDG_RUNTIME_DIR="$(dirname "$0")/own" exec "$@"`,
  'systemd-run': `echo "$*" > "$(dirname "$0")/run"
while [ "$1" != -- ]; do shift; done
shift
exec env -i PATH="$PATH" "$@"`,
  // as long as the browser takes to read
  sleep: 'here=$(dirname "$0"); while [ -d "$here" ] && [ ! -s "$here/page" ]; do /bin/sleep 0.02; done',
  chromium: `here=$(dirname "$0"); echo "$*" > "$here/browser"; file=\${1#--app=file://}
stat -c %a "$file" > "$here/mode"; cat "$file" > "$here/page"`,
  'notify-send': 'echo "$*" > "$(dirname "$0")/note"; cat "$(dirname "$0")/answer"',
  deskpod:
    'env > "$(dirname "$0")/env"; echo "$*" > "$(dirname "$0")/opened"; echo \'{"url":"http://localhost:1/open/x"}\'',
};

describeAsRoot('a plugged drive', () => {
  let dir: string;
  /** One that nobody else takes into use. */
  let drive: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'deskpod-plug-'));
    chmodSync(dir, 0o755);
    const image = join(dir, 'drive.img');
    writeFileSync(image, '');
    truncateSync(image, 1_048_576);
    drive = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    mkdirSync(join(dir, 'own'));
    for (const [name, script] of Object.entries(SEAT)) {
      writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(dir, name), 0o755);
    }
  });
  afterEach(() => {
    execFileSync('losetup', ['--detach', drive]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** @param offer what the settings say; undefined where there are none */
  function plug(offer: string | undefined, answer = ''): { status: number | null; stderr: string } {
    if (offer !== undefined)
      writeFileSync(join(dir, 'conf'), `# OFFER=none of these\nOFFER=${offer} # as said\n`);
    writeFileSync(join(dir, 'answer'), `${answer}\n`);
    const env = {
      PATH: `${dir}:${process.env.PATH}`,
      DESKPOD_PLUG_CONFIG: join(dir, 'conf'),
      DESKPOD_PROGRAM: join(dir, 'deskpod'),
      DESKPOD_PLUG_ADDRESSES: join(dir, 'addresses'),
    };
    const { status, stderr } = spawnSync(PLUG, [drive], { env, encoding: 'utf8' });
    return { status, stderr };
  }

  it('is offered to whoever sits at the screen, and opened as theirs when they want it', () => {
    assert.deepEqual(plug('ask', 'open'), { status: 0, stderr: '' });
    assert.match(read('note'), /--action=open=Open .*A desktop was plugged in/);
    assert.equal(read('opened'), `--json view --device ${drive}\n`);
    assert.ok(!/^(?:XAUTHORITY|SECRET)=/m.test(read('rights')));
    assert.match(
      read('rights'),
      new RegExp(
        `^--reuid=${UID} --regid=\\d+ --init-groups env .*DISPLAY=:0 WAYLAND_DISPLAY=wayland-0 .*notify-send`,
        'm',
      ),
    );
  });

  it('has its page opened by the person’s own systemd, by a file that only they can read and that goes', async () => {
    assert.equal(plug('open').status, 0);
    assert.match(
      read('rights'),
      new RegExp(`^--reuid=${UID} .* systemd-run --user --collect .*--property=ExitType=cgroup -- `, 'm'),
    );
    assert.match(read('browser'), /^--app=file:\/\/\S+\/own\/deskpod-\w+\.html\n$/);
    assert.match(read('page'), /http-equiv="refresh" content="0; url=http:\/\/localhost:1\/open\/x"/);
    assert.equal(read('mode'), '600\n');
    for (const seen of ['rights', 'run', 'browser']) assert.doesNotMatch(read(seen), /localhost:1/, seen);
    while (readdirSync(join(dir, 'own')).length > 0) await delay(10);
  });

  it('has its address kept for root where their systemd opens nothing', () => {
    writeFileSync(join(dir, 'systemd-run'), '#!/bin/sh\nexit 1\n');
    const { status, stderr } = plug('open');
    assert.equal(status, 0);
    const file = /nobody's browser could not be started; the address .* is in (\S+)\n/.exec(stderr)?.[1];
    assert.equal(file, join(dir, 'addresses', drive.slice(5)));
    assert.equal(readFileSync(file ?? '', 'utf8'), 'http://localhost:1/open/x\n');
    assert.equal(statSync(file ?? '').mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(dir, 'own')), []);
  });

  it('is left alone when they do not, when it is turned off, and when nobody understands what is to be done', () => {
    for (const [offer, answer, status] of [
      ['ask', 'leave', 0],
      ['ask', '', 0],
      ['off', 'open', 0],
      ['perhaps', 'open', 1],
    ] as const) {
      assert.equal(plug(offer, answer).status, status, offer);
      assert.ok(!existsSync(join(dir, 'opened')), offer);
    }
    assert.match(plug('perhaps').stderr, /expected OFFER=ask, open or off, got perhaps/);
  });

  it('is offered where no settings say otherwise, and never by those that say something else', () => {
    assert.deepEqual(plug(undefined, 'open'), { status: 0, stderr: '' });
    assert.ok(existsSync(join(dir, 'opened')));
    rmSync(join(dir, 'opened'));
    for (const offer of ['OFF', '"off"']) {
      const { status, stderr } = plug(offer, 'open');
      assert.equal(status, 1, offer);
      assert.ok(stderr.includes(`expected OFFER=ask, open or off, got ${offer}`), stderr);
      assert.ok(!existsSync(join(dir, 'opened')), offer);
    }
  });

  it('is only named where whoever sits there cannot be asked', () => {
    writeFileSync(join(dir, 'notify-send'), '#!/bin/sh\nexit 1\n');
    const { status, stderr } = plug('ask');
    assert.equal(status, 0);
    assert.match(stderr, /nobody could not be asked, .*: "deskpod view --device \/dev\/\S+" opens the pod/);
    assert.ok(!existsSync(join(dir, 'opened')));
  });

  it('is opened at once if that is wanted, and only named where nobody sits', () => {
    assert.equal(plug('open').status, 0);
    assert.ok(existsSync(join(dir, 'opened')) && !existsSync(join(dir, 'note')));
    rmSync(join(dir, 'opened'));
    writeFileSync(join(dir, 'loginctl'), '#!/bin/sh\nexit 1\n');
    const { status, stderr } = plug('ask', 'open');
    assert.equal(status, 0);
    assert.match(stderr, /nobody sits at a screen here: "deskpod view --device \/dev\/\S+" opens the pod/);
    assert.ok(!existsSync(join(dir, 'opened')));
  });

  function read(name: string): string {
    return readFileSync(join(dir, name), 'utf8');
  }
});
