// The text of a window, read by copying it.
import type { Person, Window } from '../../user/person.ts';

/** Copies again and again by these keys, until the text is as it should be. */
export async function expectText(person: Person, copyKeys: readonly string[], text: RegExp): Promise<void> {
  await person.expect(
    () => copyText(person, copyKeys),
    (copied) => text.test(copied),
    `the text ${text}`,
  );
}

/** Types into a window once it takes keys: until then they are lost. */
export async function typeOnceReady(
  person: Person,
  window: Window,
  text: string,
  copyKeys: readonly string[],
): Promise<void> {
  await person.expect(
    async () => {
      await person.untilStill();
      await person.clickInto(window);
      await person.type(text);
      await person.untilStill();
      return copyText(person, copyKeys);
    },
    (copied) => copied !== '',
    'a window that takes text',
    90_000,
  );
  await expectText(person, copyKeys, new RegExp(`^${text}$`, 'i'));
  await person.clickInto(window);
  await person.untilStill();
}

/** Types at the end of a window's text. What is selected goes first: it would be replaced. */
export async function typeAtEnd(
  person: Person,
  window: Window,
  toEnd: string,
  text: string,
  down?: number,
): Promise<void> {
  await person.clickInto(window, 0.5, down);
  await person.press(toEnd);
  await person.untilStill();
  await person.type(text);
}

/** The text that these keys copy; empty if there is none. */
export async function copyText(person: Person, copyKeys: readonly string[]): Promise<string> {
  for (const chord of copyKeys) await person.press(chord);
  return (await person.clipboard().catch(() => '')).trim();
}
