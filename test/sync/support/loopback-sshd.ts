// A real sshd on loopback with its own keys, port and configuration, for the user who runs the test.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** A running sshd. */
export interface LoopbackSshd {
  readonly pid: number;
  readonly port: number;
  readonly user: string;
  /** The command that connects with the right key and the known host. */
  readonly shell: string;
  /** The same, over one connection that all commands share: the tests are about something else than connecting. */
  readonly sharedShell: string;
  /** The same, by a user who has never seen this host. */
  readonly strangerShell: string;
  /** The same, by a user who knows the host under another key. */
  readonly deceivedShell: string;
  /** The same, with a key that the host does not know. */
  readonly uninvitedShell: string;
  /** From now on whoever connects with the right key gets this line before it, such as `command="…"`. */
  restrict(options: string): void;
  stop(): Promise<void>;
}

/** A port of loopback on which nothing listens. */
export async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('expected a port, got none');
  return address.port;
}

/** Starts sshd with everything it needs under `folder`, and these lines more in its configuration. */
export async function startSshd(folder: string, lines: readonly string[] = []): Promise<LoopbackSshd> {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  for (const key of ['host', 'user', 'other'])
    execFileSync('/usr/bin/ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  const port = await unusedPort();
  copyFileSync(at('user.pub'), at('authorized'));
  writeFileSync(at('known'), `[127.0.0.1]:${port} ${publicKey(at('host.pub'))}\n`);
  writeFileSync(at('deceived'), `[127.0.0.1]:${port} ${publicKey(at('other.pub'))}\n`);
  writeFileSync(at('unknown'), '');
  // sshd as root insists on this folder, which Debian makes at boot
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const config = [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized')}`,
    `PidFile ${at('pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    ...lines,
  ];
  writeFileSync(at('config'), `${config.join('\n')}\n`);
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await listening(sshd);
  const shell = (key: string, known: string): string =>
    `ssh -F none -i ${at(key)} -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=${at(known)} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes`;
  return {
    pid: sshd.pid ?? 0,
    port,
    user: userInfo().username,
    shell: shell('user', 'known'),
    sharedShell: `${shell('user', 'known')} -o ControlMaster=auto -o ControlPersist=yes -o ControlPath=${at('shared')}`,
    strangerShell: shell('user', 'unknown'),
    deceivedShell: shell('user', 'deceived'),
    uninvitedShell: shell('other', 'known'),
    restrict: (options) => writeFileSync(at('authorized'), `${options} ${publicKey(at('user.pub'))}\n`),
    async stop() {
      if (existsSync(at('shared')))
        spawnSync('ssh', ['-O', 'exit', '-o', `ControlPath=${at('shared')}`, 'loopback']);
      const ended = new Promise((resolve) => sshd.once('exit', resolve));
      sshd.kill('SIGTERM');
      await ended;
    },
  };
}

function publicKey(path: string): string {
  return execFileSync('cut', ['-d', ' ', '-f', '1,2', path], { encoding: 'utf8' }).trim();
}

async function listening(sshd: ChildProcess): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    sshd.stderr?.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('Server listening')) resolve();
    });
    sshd.once('error', reject);
    sshd.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
  });
}
