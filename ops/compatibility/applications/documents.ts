// Viewers of documents: the page that was gone to, read by selecting its text, and the next one.
import type { Person, Window } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';

const PAGES = 12;
const TURNED = 6;

/** What stands on a page, again and again. One word: viewers may take several for columns. */
function lineOf(word: string, page: number): string {
  return `${word}${page}x`;
}

/** A PDF file: each page shows the word and its number in a large script. */
function pdfOf(word: string): string {
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    `<</Type/Pages/Count ${PAGES}/Kids[${Array.from({ length: PAGES }, (_, page) => `${4 + 2 * page} 0 R`).join(' ')}]>>`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
  ];
  for (let page = 1; page <= PAGES; page++) {
    const resources = '/Resources<</Font<</F 3 0 R>>>>';
    const line = `(${lineOf(word, page)}) Tj 0 -60 Td`;
    const drawn = `BT /F 40 Tf 40 700 Td ${Array.from({ length: 11 }, () => line).join(' ')} ET`;
    objects.push(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]${resources}/Contents ${objects.length + 2} 0 R>>`,
      `<</Length ${drawn.length}>>stream\n${drawn}\nendstream`,
    );
  }
  let text = '%PDF-1.4\n';
  const offsets = objects.map((object, index) => {
    const offset = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}`;
  return `${text}${table}trailer<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${text.length}\n%%EOF\n`;
}

interface Viewer extends Pick<Application, 'name' | 'label' | 'base' | 'packageName' | 'processName'> {
  readonly windowClass: string;
  readonly nextPage: string;
  /** Puts text of the page in the window's middle on the clipboard. */
  readonly copy: (person: Person, window: Window) => Promise<void>;
}

function viewer({ windowClass, nextPage, copy, ...application }: Viewer): Application {
  return {
    ...application,
    state: 'the page that it shows',
    begin: async (person) => {
      const word = freshWord();
      await person.exec('sh', '-c', 'printf %s "$1" >~/document.pdf', 'sh', pdfOf(word));
      await person.launch(application.name, 'document.pdf');
      const window = await person.stillWindow({ windowClass });
      await person.clickInto(window, 0.6, 0.6);
      for (let turned = 0; turned < TURNED; turned++) {
        await person.press(nextPage);
        await person.untilStill();
      }
      // A key may have been lost while it came up: where it is now is what counts.
      const page = await expectPage(person, window, copy, word, (found) => found > 1);
      return async (later) => {
        await expectPage(later, window, copy, word, (found) => found === page);
        await later.press(nextPage);
        await later.untilStill();
        await expectPage(later, window, copy, word, (found) => found === page + 1);
      };
    },
  };
}

/** Waits until the page that its text tells of passes. */
function expectPage(
  person: Person,
  window: Window,
  copy: Viewer['copy'],
  word: string,
  passes: (page: number) => boolean,
): Promise<number> {
  return person.expect(
    async () => {
      await copy(person, window);
      const text = await person.clipboard().catch(() => '');
      return Number(new RegExp(`${word}(\\d+)x`).exec(text)?.[1] ?? Number.NaN);
    },
    passes,
    'the page that was gone to',
  );
}

/** Drags over the middle of the window. */
function selectMiddle(person: Person, { x, y, width, height, ...rest }: Window): Promise<void> {
  const middle = { x: x + width * 0.4, y: y + height * 0.4, width: width * 0.4, height: height * 0.3 };
  return person.dragAcross({ ...rest, ...middle }, 0);
}

/** All of them. */
export const DOCUMENTS: readonly Application[] = [
  viewer({
    name: 'evince',
    label: 'Evince',
    base: 'compat-gtk',
    packageName: 'evince',
    processName: 'evince',
    windowClass: 'Evince',
    nextPage: 'n',
    copy: async (person, window) => {
      await selectMiddle(person, window);
      await person.press('ctrl+c');
    },
  }),
  viewer({
    name: 'okular',
    label: 'Okular',
    base: 'compat-qt',
    packageName: 'okular',
    processName: 'okular',
    windowClass: 'okular',
    nextPage: 'right',
    copy: async (person, window) => {
      // The tool that selects text, and back to the one that browses.
      await person.press('ctrl+4');
      await selectMiddle(person, window);
      await person.press('ctrl+c');
      await person.press('ctrl+1');
    },
  }),
];
