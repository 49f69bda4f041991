// What a session needs of its host, asked before anything is touched: what is missing is named, with its cure.
import { DeskPodError } from '../../core/errors.ts';
import { examineForSession } from './host-kernel.ts';
import { locateRuntime } from './runtime.ts';

/**
 * Looks whether a session can run on this host.
 * @throws DeskPodError HOST_UNSUPPORTED for the kernel, RUNTIME_MISSING for programs that are missing or too old
 */
export async function requireHost(): Promise<void> {
  await locateRuntime();
  const lacking = (await examineForSession()).find(({ ok }) => !ok);
  if (lacking === undefined) return;
  const { name, found, needed, cure } = lacking;
  throw new DeskPodError('HOST_UNSUPPORTED', `this host lacks ${name}: expected ${needed}, got ${found}`, {
    ...(cure === undefined ? {} : { hint: cure }),
    details: { name, found, needed },
  });
}
