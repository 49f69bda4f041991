// The elements of a page, which it cannot do without.

/** The element with this id, of the kind that is expected. Throws TypeError if the page has none. */
export function elementOf<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new TypeError(`#${id}: expected ${kind.name}, got ${element?.tagName ?? 'nothing'}`);
}
