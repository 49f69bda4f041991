// What makes a Debian tree a base: the user, names, apt's sources; and what is taken away.
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../sync/process.ts';
import type { Archive } from './archive.ts';

/** The Debian release of bases. */
export const BASE_RELEASE = 'trixie';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The sources of a base, as mmdebstrap and apt read them one by one. */
export function sourceLines({ uri, securityUri }: Archive): readonly string[] {
  const line = (from: string, suite: string): string => `deb [signed-by=${KEYRING}] ${from} ${suite} main`;
  return [
    line(uri, BASE_RELEASE),
    line(uri, `${BASE_RELEASE}-updates`),
    ...(securityUri === undefined ? [] : [line(securityUri, `${BASE_RELEASE}-security`)]),
  ];
}

/** The apt settings of every pod: what is installed later goes into the layer, so caches of it are not kept. */
const APT_SETTINGS = `Acquire::Languages "none";
Acquire::GzipIndexes "true";
APT::Keep-Downloaded-Packages "false";
Binary::apt::APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`;

/** Turns a fresh Debian tree into that of a base. `treeDir` is root's and nothing else writes to it. */
export async function finishTree(treeDir: string, archive: Archive): Promise<void> {
  const put = async (path: string, content: string, mode = 0o644): Promise<void> => {
    await rm(join(treeDir, path), { force: true });
    await writeFile(join(treeDir, path), content, { mode });
    await chmod(join(treeDir, path), mode);
  };
  await run('chroot', [
    treeDir,
    'useradd',
    '--uid',
    '1000',
    '--user-group',
    '--create-home',
    '--shell',
    '/bin/bash',
    'user',
  ]);
  await put('etc/hostname', 'deskpod\n');
  await put('etc/hosts', '127.0.0.1 localhost deskpod\n::1 localhost ip6-localhost ip6-loopback\n');
  // Each pod gets its own at its first start.
  await put('etc/machine-id', '');
  await put('etc/resolv.conf', '');
  await put('etc/apt/sources.list', `${sourceLines(archive).join('\n')}\n`);
  await put('etc/apt/apt.conf.d/99mmdebstrap', APT_SETTINGS);
  // No program of the system runs in a session, so no package may start one.
  await put('usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755);
  await mkdir(join(treeDir, 'usr/lib/deskpod'), { recursive: true });
  for (const dir of [
    'dev',
    'tmp',
    'run',
    'var/log',
    'var/cache/apt',
    'var/cache/debconf',
    'var/lib/apt/lists',
  ]) {
    await empty(join(treeDir, dir));
  }
  await takeRights(treeDir);
}

/** Nothing in a session gains rights through a file. */
async function takeRights(treeDir: string): Promise<void> {
  await run('find', [treeDir, '-xdev', '-type', 'f', '-perm', '/6000', '-exec', 'chmod', 'ug-s', '{}', '+']);
}

async function empty(dir: string): Promise<void> {
  const found = await lstat(dir);
  if (!found.isDirectory()) throw new TypeError(`expected a folder of the tree, got ${dir}`);
  for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true, force: true });
}
