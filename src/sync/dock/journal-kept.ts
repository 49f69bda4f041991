// What is kept of a journal when its oldest lines go: of each thing that was written down, the last time.
import type { JournalEntry } from './journal.ts';

/**
 * Of each pod the last of each step and of each work at home, in the order in which they were written: which pods were seen and what
 * was said of each, what was done for them, and what was begun and never ended. Steps of what never said which pod it is go.
 */
export function keptEntries(entries: readonly JournalEntry[]): JournalEntry[] {
  const last = new Map<string, JournalEntry>();
  for (const entry of entries) {
    const key = keyOf(entry);
    if (key === undefined) continue;
    last.delete(key);
    last.set(key, entry);
  }
  return [...last.values()];
}

function keyOf({
  type,
  kind,
  podId,
  identity,
  step,
  isBegun,
  isDone,
  code,
}: JournalEntry): string | undefined {
  const pod = podId ?? (identity as { readonly podId?: unknown } | undefined)?.podId;
  if (step !== undefined && pod === undefined) return undefined;
  return JSON.stringify([type, kind, pod, step, isBegun, isDone, code]);
}
