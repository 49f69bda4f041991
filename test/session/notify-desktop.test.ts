// A notification on a real session bus, as the desktop of whoever is logged in gets it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { notifyDesktops } from '../../src/session/dock/notify-desktop.ts';
import { kill } from './device-bench.ts';
import { until } from './until.ts';

const WORDS = { title: 'Safe to unplug', text: 'a <b>"stick"</b>\nis at home', isUrgent: false };

/** Anything may own any name, and nobody is started. */
const CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=PATH</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`;

describe('a notification', () => {
  let users: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    users = await mkdtemp(join(tmpdir(), 'deskpod-users-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0).reverse()) await kill(child);
    await rm(users, { recursive: true });
  });

  it('reaches the bus of each user who is logged in, word for word', async () => {
    const folder = join(users, String(process.getuid?.()));
    const bus = join(folder, 'bus');
    await mkdir(folder);
    await writeFile(join(users, 'config'), CONFIG.replace('PATH', bus));
    const daemon = spawn(
      'dbus-daemon',
      ['--nofork', '--print-address', `--config-file=${join(users, 'config')}`],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    children.push(daemon);
    await once(daemon.stdout as NodeJS.EventEmitter, 'data');
    const monitor = spawn(
      'dbus-monitor',
      ['--address', `unix:path=${bus}`, 'interface=org.freedesktop.Notifications'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    children.push(monitor);
    const lines: string[] = [];
    createInterface({ input: monitor.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      lines.push(line),
    );
    await until(async () => lines.length > 0);
    // nobody shows notifications here: the call is seen, and fails
    assert.equal(await notifyDesktops(WORDS, users), 0);
    await until(async () => lines.some((line) => line.includes('member=Notify')));
    await until(async () => lines.some((line) => line.includes('"urgency"')));
    const call = lines.slice(lines.findIndex((line) => line.includes('member=Notify')));
    const strings = call.flatMap((line) => /^ {3}string "(.*)"$/.exec(line)?.[1] ?? []);
    assert.deepEqual(strings.slice(0, 4), [
      'deskpod',
      'drive-removable-media',
      'Safe to unplug',
      'a &lt;b&gt;"stick"&lt;/b&gt; is at home',
    ]);
  });

  it('is shown to nobody where nobody is logged in', async () => {
    await mkdir(join(users, '1000'));
    assert.equal(await notifyDesktops(WORDS, users), 0);
    assert.equal(await notifyDesktops(WORDS, join(users, 'none')), 0);
  });
});
