// Lists that grow by one item at a time, each state with its own, also where there are tens of thousands of states.

/** A list with one more item at its end. */
export type Append = <Item>(list: readonly Item[], item: Item) => readonly Item[];

/** Leaves the list as it is, which costs its whole length. */
export const appendToCopy: Append = (list, item) => [...list, item];

/**
 * For a run of states of which only the last one is kept: a list that it made is lengthened in place, any other is copied. Every
 * run needs its own.
 */
export function appendInRun(): Append {
  const made = new WeakSet<object>();
  return <Item>(list: readonly Item[], item: Item): readonly Item[] => {
    if (made.has(list)) {
      (list as Item[]).push(item);
      return list;
    }
    const copy = [...list, item];
    made.add(copy);
    return copy;
  };
}
