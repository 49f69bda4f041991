// The OCI bundle of a session: namespaces, rights, mounts and the first process.
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { hiddenOf, type ProcessorLevel } from '../../core/processor.ts';
import { hostProcessor } from '../host/host-processor.ts';
import { programFolders } from '../host/programs.ts';
import { controlGroupPath } from './control-group.ts';
import { type Account, SESSION_UID, sessionEnvironment } from './environment.ts';
import { MASKED_PATHS, READONLY_PATHS } from './masked-paths.ts';
import { processorEnvironment } from './processor-environment.ts';
import { seccompProfile } from './seccomp.ts';

/** The first host id of a session's ids: a range that no user of a host has. */
export const SHIFTED_ID_START = 1879048192;

/** How many ids a session has. */
export const SHIFTED_ID_COUNT = 65536;

/** Where the guest's programs lie inside the pod. */
export const GUEST_DIR = '/usr/lib/deskpod';

/** A display size in pixels. */
export interface Geometry {
  readonly width: number;
  readonly height: number;
}

/** What a bundle is made from. */
export interface BundleOptions {
  readonly sessionId: string;
  /** The mounted root file system. */
  readonly mergedDir: string;
  readonly bundleDir: string;
  readonly geometry: Geometry;
  readonly account: Account;
  /** What the session is kept to. */
  readonly processorLevel: ProcessorLevel | undefined;
}

/** Writes `config.json` into `bundleDir`, which is made if absent. */
export async function writeBundle(options: BundleOptions): Promise<void> {
  await mkdir(options.bundleDir, { recursive: true, mode: 0o700 });
  await writeFile(`${options.bundleDir}/config.json`, JSON.stringify(bundleConfig(options), undefined, 2), {
    mode: 0o600,
  });
}

/** The configuration by the OCI runtime specification. */
function bundleConfig({ sessionId, mergedDir, geometry, account, processorLevel }: BundleOptions): object {
  const ids = [{ containerID: 0, hostID: SHIFTED_ID_START, size: SHIFTED_ID_COUNT }];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: SESSION_UID, gid: SESSION_UID, umask: 0o022 },
      args: ['/usr/bin/perl', `${GUEST_DIR}/init.pl`, `${geometry.width}x${geometry.height}`, GUEST_DIR],
      env: Object.entries({
        ...sessionEnvironment(account),
        ...processorEnvironment(hiddenOf(hostProcessor(), processorLevel), processorLevel),
      }).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      noNewPrivileges: true,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      rlimits: [
        // 1 is the value that keeps the kernel from starting the host's core dump handler at all.
        { type: 'RLIMIT_CORE', soft: 1, hard: 1 },
        { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 },
      ],
    },
    root: { path: mergedDir, readonly: false },
    hostname: 'deskpod',
    mounts: MOUNTS,
    hooks: { createContainer: [rootHook(mergedDir)] },
    linux: {
      namespaces: ['user', 'pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })),
      cgroupsPath: controlGroupPath(sessionId),
      uidMappings: ids,
      gidMappings: ids,
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: seccompProfile(),
    },
  };
}

/**
 * Few mounts, and one tmpfs: CRIU archives each tmpfs with tar and gzip while the session stands still. So /run and
 * /tmp are folders of the layer, and shared memory is a folder of the tmpfs that /dev is anyway.
 */
const MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=1g'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

/**
 * What is done to the session's root before the session sees it, in its mount and user namespaces but still at the host's
 * root, so that /dev is as devices.ts says: /dev/tty becomes a link to the terminal on stderr, as programs such as xterm do
 * not start without one; the folder for shared memory is made. The id of the boot becomes one of the session's own, and
 * its processor the one that it begins with, in memory that is a part of its images: a file of any other file system is
 * one of the host's to CRIU, and is looked for there. runc by itself mounts nothing inside /proc. Which processors a host
 * could have (`possible`) stays the host's: programs make a table by it, and look into that by the number of the one
 * that they run on. The way by the thread is one that nothing else takes: the kernel module knows /dev/tty by it.
 */
function rootHook(mergedDir: string): object {
  const script = [
    'set -e',
    'cd "$1/dev"',
    // Look before unlinking: this must be the session's own tmpfs with its own /dev/tty, never the host's.
    '[ "$(stat -f -c %T .)" = tmpfs ] && [ ! . -ef /dev ]',
    'umount -l ./tty',
    'rm ./tty',
    'ln -s /proc/thread-self/fd/2 ./tty',
    'mkdir -m 1777 ./shm',
    'cat "$1/proc/sys/kernel/random/uuid" >./.boot_id',
    `cat "$1${GUEST_DIR}/cpuinfo" >./.cpuinfo`,
    `cat "$1${GUEST_DIR}/online" >./.online`,
    'chmod 444 ./.boot_id ./.cpuinfo ./.online',
    'cd "$1/proc/sys/kernel/random"',
    '[ "$(stat -f -c %T .)" = proc ]',
    'mount --bind "$1/dev/.boot_id" ./boot_id',
    'mount --bind "$1/dev/.cpuinfo" ../../../cpuinfo',
    'cd "$1/sys/devices/system/cpu"',
    '[ "$(stat -f -c %T .)" = sysfs ]',
    'mount --bind "$1/dev/.online" ./online',
  ].join('\n');
  return {
    path: '/bin/sh',
    args: ['sh', '-c', script, 'deskpod-root', mergedDir],
    env: [`PATH=${programFolders().join(delimiter)}`, 'LC_ALL=C'],
  };
}
