// A session under the kernel module's protection: held by its supervisor, found and ended by those who cannot see it.
import { setTimeout as delay } from 'node:timers/promises';
import { utf8 } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ModuleRecord, ModuleSession } from '../../core/kmod-interface.ts';
import { hashing } from '../../sync/hashing.ts';
import type { Secrets } from '../../sync/keyring/pod-secrets.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { KernelModule } from './kernel-module.ts';

const TOKEN_LABEL = utf8('deskpod barrier token');
const POLL_MS = 10;
/** A supervisor that was killed holds its session until the kernel has closed its files. */
const CLAIM_TIMEOUT_MS = 2000;

/**
 * What proves the right to a pod's session: only who can open the pod has it, so root of the host alone cannot take a session over
 * from a note. 32 bytes, the same as long as the pod lives.
 */
export function tokenOf({ volumeKey }: Pick<Secrets, 'volumeKey'>): Uint8Array {
  return hashing.hmac(volumeKey, TOKEN_LABEL);
}

/** The protection of one session. This process and what it starts may act on that from outside, nobody else. */
export class SessionGuard {
  readonly #module: KernelModule;

  constructor(module: KernelModule) {
    this.#module = module;
  }

  /**
   * Puts the session with this first process under protection; undefined where no module of this version is loaded.
   * @throws DeskPodError TIER_UNAVAILABLE if it refuses
   */
  static register(rootPid: number, token: Uint8Array): SessionGuard | undefined {
    return holding((module) => module.register(rootPid, token));
  }

  /**
   * Takes a session over whose supervisor was killed; undefined if it is under no protection. Before that nothing of it is to be
   * seen in /proc.
   * @throws DeskPodError TIER_UNAVAILABLE if the module refuses, POD_BUSY if its supervisor lives
   */
  static async claim(rootPid: number, token: Uint8Array): Promise<SessionGuard | undefined> {
    const found = findSession(rootPid);
    if (found === undefined) return undefined;
    for (const deadlineMs = performance.now() + CLAIM_TIMEOUT_MS; ; await delay(POLL_MS)) {
      try {
        return holding((module) => module.claim(found.session, token));
      } catch (error) {
        if (!isDeskPodError(error, 'TIER_UNAVAILABLE') || error.details.errno !== 'EBUSY') throw error;
        if (performance.now() < deadlineMs) continue;
        throw new DeskPodError('POD_BUSY', 'the former supervisor of this session still lives', {
          hint: 'Wait until it has ended, then run the command again.',
          details: { rootPid },
          cause: error,
        });
      }
    }
  }

  /** What the module has noted of the session since the last call. */
  read(): readonly ModuleRecord[] {
    return this.#module.read();
  }

  /** Lets go of it. One that is not over stays protected from everybody, until it is claimed. */
  close(): void {
    this.#module.close();
  }
}

/** Whether a session with this first process runs under protection: others than its supervisor do not see it in /proc. */
export function runsGuarded(rootPid: number): boolean {
  return findSession(rootPid) !== undefined;
}

/**
 * Ends a session that is under protection, as the host's owner may, and waits for that; nothing happens if it is under none.
 * @returns false if it still runs after `timeoutMs`
 */
export async function endGuarded(rootPid: number, timeoutMs = 5000): Promise<boolean> {
  const found = findSession(rootPid);
  if (found === undefined) return true;
  withModule((module) => module.end(found.session));
  for (const deadlineMs = performance.now() + timeoutMs; runsGuarded(rootPid); await delay(POLL_MS))
    if (performance.now() >= deadlineMs) return false;
  return true;
}

function findSession(rootPid: number): ModuleSession | undefined {
  return withModule((module) => module.sessions())?.find(
    ({ pid, state }) => pid === rootPid && state !== 'over',
  );
}

/** A guard of a handle that `take` has given a session. */
function holding(take: (module: KernelModule) => void): SessionGuard | undefined {
  const module = openUsable();
  if (module === undefined) return undefined;
  try {
    take(module);
    return new SessionGuard(module);
  } catch (error) {
    module.close();
    throw error;
  }
}

/** Undefined without a module of this version. */
function withModule<Result>(act: (module: KernelModule) => Result): Result | undefined {
  const module = openUsable();
  if (module === undefined) return undefined;
  try {
    return act(module);
  } finally {
    module.close();
  }
}

/** Undefined for others than the host's root, too: they have no sessions, and in a container the module is not theirs. */
function openUsable(): KernelModule | undefined {
  try {
    return KernelModule.openUsable();
  } catch (error) {
    if (isSystemError(error, 'EPERM') || isSystemError(error, 'EACCES')) return undefined;
    throw error;
  }
}
