// What this host can do, fact by fact, with the cure for each that is missing: what `deskpod doctor` shows.
import { examineKernel } from './host-kernel.ts';
import { examinePrograms } from './host-programs.ts';

/** One thing that sessions need of a host. */
export interface HostFact {
  readonly name: string;
  /** It is there, or can be done without. */
  readonly ok: boolean;
  readonly found: string;
  readonly needed: string;
  /** The exact package, kernel option or command that brings it; `undefined` if nothing is missing. */
  readonly cure: string | undefined;
}

/** Examines this host. Without root it sees less: kernel modules are then not loaded. */
export async function examineHost(): Promise<HostFact[]> {
  return [examineRights(), ...(await examineKernel()), ...(await examinePrograms())];
}

function examineRights(): HostFact {
  const uid = process.geteuid?.();
  const ok = uid === 0;
  const cure = ok ? undefined : 'run deskpod as root, for example with sudo';
  return { name: 'root', ok, found: `user ${uid ?? 'unknown'}`, needed: 'user 0', cure };
}
