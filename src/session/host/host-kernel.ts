// What the host's kernel can do, found by asking it and not by its version alone.
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { exists } from '../../sync/posix/path-status.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { limitableHere } from '../barrier/control-group.ts';
import { probeVaultKinds } from '../vault/vault.ts';
import type { HostFact } from './host.ts';

/** Debian 12's; the oldest that sessions were resumed on. */
const OLDEST_KERNEL = [6, 1] as const;

/** Facts of the kernel, each with the option that is missing. Loads modules that only wait for it, if this is root. */
export async function examineKernel(): Promise<HostFact[]> {
  return [
    kernelVersion(),
    await userNamespaces(),
    await fileSystem('overlay', 'overlay', 'CONFIG_OVERLAY_FS'),
    await fileSystem('EROFS', 'erofs', 'CONFIG_EROFS_FS'),
    await fileSystem('ext4', 'ext4', 'CONFIG_EXT4_FS'),
    await vaultKinds(),
    await node('loop devices', '/dev/loop-control', 'loop', 'CONFIG_BLK_DEV_LOOP'),
    await node('tun', '/dev/net/tun', 'tun', 'CONFIG_TUN'),
    await seccomp(),
    await node(
      'checkpoint and restore',
      '/proc/sys/kernel/ns_last_pid',
      undefined,
      'CONFIG_CHECKPOINT_RESTORE',
    ),
    await controlGroups(),
  ];
}

/** Those without which no session starts or goes on. */
export function examineForSession(): Promise<HostFact[]> {
  return Promise.all([
    userNamespaces(),
    fileSystem('overlay', 'overlay', 'CONFIG_OVERLAY_FS'),
    fileSystem('EROFS', 'erofs', 'CONFIG_EROFS_FS'),
    seccomp(),
  ]);
}

function kernelVersion(): HostFact {
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const needed = OLDEST_KERNEL.join('.');
  const ok = major > OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor >= OLDEST_KERNEL[1]);
  return {
    name: 'kernel',
    ok,
    found: release(),
    needed,
    cure: ok ? undefined : `boot Linux ${needed} or newer`,
  };
}

async function userNamespaces(): Promise<HostFact> {
  const name = 'user namespaces';
  if (!(await exists('/proc/self/ns/user'))) return lacking(name, 'CONFIG_USER_NS');
  const limit = Number(await readFile('/proc/sys/user/max_user_namespaces', 'latin1'));
  const ok = limit > 0;
  const cure = ok ? undefined : 'sysctl user.max_user_namespaces=1024';
  return { name, ok, found: `${limit} allowed`, needed: 'at least 1', cure };
}

async function fileSystem(name: string, module: string, option: string): Promise<HostFact> {
  const isKnown = async () =>
    new RegExp(`\\t${module}$`, 'm').test(await readFile('/proc/filesystems', 'latin1'));
  if (!(await isKnown())) await loadModule(module);
  return (await isKnown()) ? present(name) : lacking(name, option);
}

async function node(
  name: string,
  path: string,
  module: string | undefined,
  option: string,
): Promise<HostFact> {
  if (!(await exists(path)) && module !== undefined) await loadModule(module);
  return (await exists(path)) ? present(name) : lacking(name, option);
}

async function seccomp(): Promise<HostFact> {
  const path = '/proc/sys/kernel/seccomp/actions_avail';
  const actions = (await exists(path)) ? (await readFile(path, 'latin1')).split(/\s+/) : [];
  return actions.includes('errno') ? present('seccomp') : lacking('seccomp', 'CONFIG_SECCOMP_FILTER');
}

async function controlGroups(): Promise<HostFact> {
  const isMounted = / cgroup2? /.test(await readFile('/proc/self/mounts', 'latin1'));
  const limitable = await limitableHere();
  const found = limitable.length === 0 ? 'sessions cannot be limited' : `can limit ${limitable.join(', ')}`;
  if (isMounted) return { ...present('control groups'), found };
  const cure = 'mount -t cgroup2 none /sys/fs/cgroup (kernel option CONFIG_CGROUPS)';
  return { name: 'control groups', ok: false, found: 'not mounted', needed: 'mounted', cure };
}

async function vaultKinds(): Promise<HostFact> {
  const reports = await probeVaultKinds();
  const found = reports.map(({ kind, missing }) =>
    missing === undefined ? kind : `no ${kind}: lacks ${missing}`,
  );
  const ok = reports.some(({ isUsable }) => isUsable);
  const cure = ok ? undefined : reports.map(({ missing }) => missing).join(', or ');
  return { name: 'vault', ok, found: found.join('; '), needed: 'fscrypt or luks', cure };
}

function present(name: string): HostFact {
  return { name, ok: true, found: 'there', needed: 'there', cure: undefined };
}

function lacking(name: string, option: string): HostFact {
  const cure = `boot a kernel with ${option} (every kernel of Debian has it)`;
  return { name, ok: false, found: 'not there', needed: 'there', cure };
}

/** Whether it worked shows in what is looked at next; without modprobe nothing can be loaded. */
async function loadModule(module: string): Promise<void> {
  try {
    await run('modprobe', ['-q', module]);
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
  }
}
