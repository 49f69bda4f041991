// What a computer does when a drive with a pod is plugged in: whom it asks, and what it opens. Its seat is played by programs here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itAsRoot } from '../as-root.ts';

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
  setpriv: 'echo "$*" >> "$(dirname "$0")/rights"; while [ "$1" != env ]; do shift; done; exec "$@"',
  'notify-send': 'echo "$*" > "$(dirname "$0")/note"; cat "$(dirname "$0")/answer"',
  deskpod:
    'env > "$(dirname "$0")/env"; echo "$*" > "$(dirname "$0")/opened"; echo \'{"url":"http://localhost:1/open/x"}\'',
};

describe('a plugged drive', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'deskpod-plug-'));
    chmodSync(dir, 0o755);
    for (const [name, script] of Object.entries(SEAT)) {
      writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(dir, name), 0o755);
    }
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function plug(offer: string, answer = ''): { status: number | null; stderr: string } {
    writeFileSync(join(dir, 'conf'), `# OFFER=none of these\nOFFER=${offer}\n`);
    writeFileSync(join(dir, 'answer'), `${answer}\n`);
    const env = {
      PATH: `${dir}:${process.env.PATH}`,
      DESKPOD_PLUG_CONFIG: join(dir, 'conf'),
      DESKPOD_PROGRAM: join(dir, 'deskpod'),
    };
    const { status, stderr } = spawnSync(PLUG, [unusedDrive()], { env, encoding: 'utf8' });
    return { status, stderr };
  }

  itAsRoot('is offered to whoever sits at the screen, and opened as theirs when they want it', () => {
    assert.deepEqual(plug('ask', 'open'), { status: 0, stderr: '' });
    assert.match(read('note'), /--action=open=Open .*A desktop was plugged in/);
    assert.equal(read('opened'), `view --window --device ${unusedDrive()}\n`);
    const env = read('env').split('\n');
    for (const line of ['DISPLAY=:0', 'WAYLAND_DISPLAY=wayland-0', `PKEXEC_UID=${UID}`])
      assert.ok(env.includes(line), read('env'));
    assert.ok(!env.some((line) => /^(?:XAUTHORITY|SECRET)=/.test(line)));
    assert.match(
      read('rights'),
      new RegExp(`^--reuid=${UID} --regid=\\d+ --init-groups env .*notify-send`, 'm'),
    );
  });

  itAsRoot(
    'is left alone when they do not, when it is turned off, and when nobody understands what is to be done',
    () => {
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
    },
  );

  itAsRoot('is opened at once if that is wanted, and only named where nobody sits', () => {
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

/** A block device that nothing is mounted of; nobody looks at what is on it. */
function unusedDrive(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  const name = readdirSync('/sys/class/block').find(
    (each) => existsSync(`/dev/${each}`) && !mounts.includes(`/dev/${each}`) && !hasHolders(each),
  );
  assert.ok(name !== undefined, 'no block device is free here');
  return `/dev/${name}`;
}

function hasHolders(name: string): boolean {
  const dir = `/sys/class/block/${name}/holders`;
  return existsSync(dir) && readdirSync(dir).length > 0;
}
