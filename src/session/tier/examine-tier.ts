// Which tier of the barrier sessions get on this host, and what is in the way of the stronger one.

import { readFile } from 'node:fs/promises';
import { machine, release } from 'node:os';
import type { BarrierTier } from '../../core/barrier-tier.ts';
import { DeskPodError } from '../../core/errors.ts';
import { MODULE_INTERFACE, type ModuleVersion } from '../../core/kmod-interface.ts';
import { exists } from '../../sync/posix/path-status.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { isUsable, KernelModule } from './kernel-module.ts';

const SOURCES_DIR = '/usr/src/deskpod-1';

/** What bears on the tier of this host. */
export interface TierFacts {
  readonly machine: string;
  /** The kernel's version, as uname has it. */
  readonly kernel: string;
  /** The module that is loaded; `unasked` if only root may ask. */
  readonly module: ModuleVersion | 'absent' | 'unasked';
  /** A module was built for this kernel, and lies where it is loaded from. */
  readonly isInstalled: boolean;
  /** Its sources lie where dkms looks for them, as the package puts them there. */
  readonly hasSources: boolean;
  /** What a module is built with is there for this kernel. */
  readonly hasHeaders: boolean;
  /** `no`: this kernel loads none at all; `no-more`: it was told to load no more until it is booted. */
  readonly loadsModules: 'yes' | 'no' | 'no-more';
  /** Secure Boot or the kernel's lockdown: it takes signed modules only. */
  readonly wantsSigned: boolean;
}

/** The tier in force; where it is not the strongest, why not. */
export interface TierReport {
  readonly tier: BarrierTier;
  /** What is in the way of `kmod`, as part of a sentence. */
  readonly missing?: string;
  /** The exact next step to `kmod`, as a command or a sentence. */
  readonly cure?: string;
}

/** Looks at this host; loads nothing. */
export async function examineTier(): Promise<TierReport> {
  return judgeTier(await findFacts());
}

/** @throws DeskPodError TIER_UNAVAILABLE with the next step, if sessions get less than this tier here */
export async function requireTier(wanted: BarrierTier): Promise<void> {
  const { tier, missing, cure } = await examineTier();
  if (wanted === 'namespaces' || tier === wanted) return;
  throw new DeskPodError(
    'TIER_UNAVAILABLE',
    `expected the barrier's tier ${wanted}, got ${tier}: ${missing}`,
    { ...(cure === undefined ? {} : { hint: cure }), details: { wanted, tier } },
  );
}

/** What the facts come to. */
export function judgeTier(facts: TierFacts): TierReport {
  const { kernel, module, isInstalled, hasSources, hasHeaders, loadsModules, wantsSigned } = facts;
  const lacks = (missing: string, cure: string): TierReport => ({ tier: 'namespaces', missing, cure });
  if (module === 'unasked') return lacks('only root can ask the kernel module', 'Run deskpod as root.');
  const fetch = hasHeaders ? '' : `apt install dkms linux-headers-${kernel} && `;
  const copy = hasSources ? '' : `cp -rT kmod ${SOURCES_DIR} && `;
  const where = hasSources ? '' : "In the folder of deskpod's sources: ";
  const build = `${where}${fetch}${copy}dkms install --force deskpod/1`;
  if (module !== 'absent') {
    if (isUsable(module)) return { tier: 'kmod' };
    return lacks(
      `the kernel module that is loaded is of another version (its interface is ${module.interfaceVersion}, expected ${MODULE_INTERFACE})`,
      `${build}, then end all sessions, rmmod deskpod, modprobe deskpod.`,
    );
  }
  if (facts.machine !== 'x86_64')
    return lacks(`the kernel module is for x86-64 only, this is ${facts.machine}`, 'Use another computer.');
  if (loadsModules === 'no')
    return lacks(
      'this kernel loads no modules',
      'Boot a kernel with CONFIG_MODULES (every kernel of Debian has it).',
    );
  if (loadsModules === 'no-more')
    return lacks(
      'this kernel was told to load no more modules',
      'Restart this computer, and load it before kernel.modules_disabled is set.',
    );
  const sign = wantsSigned
    ? '. Secure Boot or lockdown takes signed modules only: mokutil --import /var/lib/dkms/mok.pub, then restart.'
    : '';
  const signed = wantsSigned ? ', and must be signed for this kernel' : '';
  if (isInstalled) return lacks(`the kernel module is not loaded${signed}`, `modprobe deskpod${sign}`);
  const headers = hasHeaders ? '' : ', nor are the headers to build it with';
  return lacks(
    `the kernel module is not there for Linux ${kernel}${headers}${signed}`,
    `${build} && modprobe deskpod${sign}`,
  );
}

async function findFacts(): Promise<TierFacts> {
  const kernel = release();
  const folder = `/lib/modules/${kernel}`;
  return {
    machine: machine(),
    kernel,
    module: loadedModule(),
    isInstalled: /(^|\/)deskpod\.ko(\.[a-z0-9]+)?:/m.test(await textOf(`${folder}/modules.dep`)),
    hasSources: await exists(`${SOURCES_DIR}/dkms.conf`),
    hasHeaders: await exists(`${folder}/build/Makefile`),
    loadsModules: await loadsModules(),
    wantsSigned: await wantsSigned(),
  };
}

function loadedModule(): TierFacts['module'] {
  try {
    const handle = KernelModule.open();
    if (handle === undefined) return 'absent';
    try {
      return handle.version();
    } finally {
      handle.close();
    }
  } catch (error) {
    if (isSystemError(error, 'EPERM') || isSystemError(error, 'EACCES')) return 'unasked';
    throw error;
  }
}

async function loadsModules(): Promise<TierFacts['loadsModules']> {
  if (!(await exists('/proc/modules'))) return 'no';
  return (await textOf('/proc/sys/kernel/modules_disabled')).trim() === '1' ? 'no-more' : 'yes';
}

async function wantsSigned(): Promise<boolean> {
  if (/\[(integrity|confidentiality)\]/.test(await textOf('/sys/kernel/security/lockdown'))) return true;
  return (await textOf('/sys/module/module/parameters/sig_enforce')).trim() === 'Y';
}

/** What a file of the kernel says; nothing if it is not there, or not to be read. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'EACCES') || isSystemError(error, 'EPERM'))
      return '';
    throw error;
  }
}
