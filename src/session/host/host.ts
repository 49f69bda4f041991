// What this host can do, fact by fact, with the cure for each that is missing: what `deskpod doctor` shows.
import { TIER_NAMES } from '../../core/barrier-tier.ts';
import { examineTier } from '../tier/examine-tier.ts';
import { examineKernel } from './host-kernel.ts';
import { examinePrograms } from './host-programs.ts';

/** The fact of which the cure is told though it is `ok`: sessions run without, and safer with it. */
export const BARRIER = 'barrier';

/** One thing that sessions need of a host. */
export interface HostFact {
  readonly name: string;
  /** It is there, or can be done without. */
  readonly ok: boolean;
  readonly found: string;
  readonly needed: string;
  /** The exact package, kernel option or command that brings it, or more of it; `undefined` if nothing is missing. */
  readonly cure: string | undefined;
}

/** Examines this host. Without root it sees less: kernel modules are then not loaded. */
export async function examineHost(): Promise<HostFact[]> {
  return [examineRights(), ...(await examineKernel()), await examineBarrier(), ...(await examinePrograms())];
}

function examineRights(): HostFact {
  const uid = process.geteuid?.();
  const ok = uid === 0;
  const cure = ok ? undefined : 'run deskpod as root, for example with sudo';
  return { name: 'root', ok, found: `user ${uid ?? 'unknown'}`, needed: 'user 0', cure };
}

/** Every host has a barrier; not every one the strongest. */
async function examineBarrier(): Promise<HostFact> {
  const { tier, missing, cure } = await examineTier();
  const found = missing === undefined ? TIER_NAMES[tier] : `${TIER_NAMES[tier]}; ${missing}`;
  return { name: BARRIER, ok: true, found, needed: TIER_NAMES.namespaces, cure };
}
