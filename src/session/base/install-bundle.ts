// The OCI bundle of the short-lived container in which apt runs: the pod's root, the host's network, no host files.
import { realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { SHIFTED_ID_COUNT, SHIFTED_ID_START } from '../barrier/bundle.ts';
import { MASKED_PATHS, READONLY_PATHS } from '../barrier/masked-paths.ts';
import { seccompProfile } from '../barrier/seccomp.ts';

/** What dpkg and maintainer scripts do as root of the pod: own files, change users, end what they started. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETFCAP', 'SETGID', 'SETUID'].map(
  (name) => `CAP_${name}`,
);

/** Settings of the host's environment by which apt reaches the archive. */
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy'] as const;

/** What is run in it. */
export interface InstallBundleOptions {
  readonly bundleDir: string;
  readonly mergedDir: string;
  readonly args: readonly string[];
}

/** Writes the bundle into `bundleDir`, which exists. */
export async function writeInstallBundle(options: InstallBundleOptions): Promise<void> {
  const policyFile = join(options.bundleDir, 'policy-rc.d');
  await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const mounts = [...MOUNTS, bindReadOnly(policyFile, '/usr/sbin/policy-rc.d')];
  const resolver = await realpath('/etc/resolv.conf').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (resolver !== undefined) mounts.push(bindReadOnly(resolver, '/etc/resolv.conf'));
  await writeFile(
    join(options.bundleDir, 'config.json'),
    JSON.stringify(config(options, mounts), undefined, 2),
  );
}

interface BundleMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

function bindReadOnly(source: string, destination: string): BundleMount {
  return { destination, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev'] };
}

function tmpfs(destination: string, mode: string): BundleMount {
  return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', `mode=${mode}`] };
}

/** /run and /tmp are its own: those of the pod's root belong to the session, which may be running. */
const MOUNTS: readonly BundleMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  tmpfs('/dev', '755'),
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  tmpfs('/run', '755'),
  tmpfs('/tmp', '1777'),
];

function config({ mergedDir, args }: InstallBundleOptions, mounts: readonly BundleMount[]): object {
  const ids = [{ containerID: 0, hostID: SHIFTED_ID_START, size: SHIFTED_ID_COUNT }];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, umask: 0o022 },
      args,
      env: environment(),
      cwd: '/',
      noNewPrivileges: true,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [
        { type: 'RLIMIT_CORE', soft: 1, hard: 1 },
        // dpkg closes every number up to this one before each script.
        { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 },
      ],
    },
    root: { path: mergedDir, readonly: false },
    hostname: 'deskpod',
    mounts,
    linux: {
      // No network namespace: apt reaches the archive as the host does.
      namespaces: ['user', 'pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      uidMappings: ids,
      gidMappings: ids,
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: seccompProfile(),
    },
  };
}

function environment(): string[] {
  const proxies = PROXY_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
    'LC_ALL=C.UTF-8',
    'DEBIAN_FRONTEND=noninteractive',
    'DEBCONF_NONINTERACTIVE_SEEN=true',
    ...proxies,
  ];
}
