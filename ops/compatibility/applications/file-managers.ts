// File managers: the folder that was gone to, and that the next one can be gone to from there.
import { type Application, freshWord } from '../application.ts';

interface FileManager extends Pick<Application, 'name' | 'label' | 'packageName' | 'processName'> {
  readonly windowClass: string;
}

function fileManager({ windowClass, ...application }: FileManager): Application {
  return {
    ...application,
    base: 'compat-gtk',
    state: 'the folder that it shows, and its way back',
    begin: async (person) => {
      const [inner, outer] = [freshWord(), freshWord()];
      await person.exec('mkdir', '-p', `/tmp/${outer}/${inner}`);
      await person.launch(application.name);
      const window = await person.stillWindow({ windowClass, title: /^user\b/ });
      const isThere = async (): Promise<boolean> =>
        (await person.windows()).some(({ title }) => title.includes(inner));
      await person.clickInto(window, 0.7, 0.8);
      await person.expect(
        async () => {
          // Until it has come up, keys are lost; and gone to once, it must not be gone to again.
          if (await isThere()) return true;
          await person.press('ctrl+l');
          await person.untilStill();
          await person.press('ctrl+a');
          await person.type(`/tmp/${outer}/${inner}\n`);
          await person.untilStill();
          return isThere();
        },
        (there) => there,
        'a window that takes the name of a folder',
        90_000,
      );
      return async (later) => {
        await later.window({ windowClass, title: new RegExp(inner) });
        await later.clickInto(window, 0.7, 0.8);
        await later.press('alt+up');
        await later.window({ windowClass, title: new RegExp(outer) });
        await later.press('alt+left');
        await later.window({ windowClass, title: new RegExp(inner) });
        await later.press('alt+left');
        await later.expect(
          async () => (await later.windows()).map(({ title }) => title),
          (titles) => titles.includes(window.title),
          `the folder from which it came, ${window.title}`,
        );
      };
    },
  };
}

/** All of them. */
export const FILE_MANAGERS: readonly Application[] = [
  fileManager({
    name: 'pcmanfm',
    label: 'PCManFM',
    packageName: 'pcmanfm',
    processName: 'pcmanfm',
    windowClass: 'Pcmanfm',
  }),
  fileManager({
    name: 'thunar',
    label: 'Thunar',
    packageName: 'thunar',
    processName: 'thunar',
    windowClass: 'Thunar',
  }),
];
