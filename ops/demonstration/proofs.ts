// Proofs that both demonstrations share.
import type { LoggedEvent } from '../../src/core/events.ts';
import type { Program } from '../user/program.ts';
import type { Narration } from './narration.ts';

/** The log opens (its chain and MACs are checked by that), is without a gap, and goes from creation to restore. */
export async function proveChain(narration: Narration, program: Program, pod: string): Promise<void> {
  const { events } = await program.json<{ events: LoggedEvent[] }>('log', '-d', pod);
  const isWhole = events.every((logged, index) => logged.seq === index + 1);
  const isComplete =
    events[0]?.event.type === 'pod.created' && events.some(({ event }) => event.type === 'restore.completed');
  narration.prove(
    'logChain',
    isWhole && isComplete,
    `${events.length} events from pod.created to restore.completed`,
  );
}
