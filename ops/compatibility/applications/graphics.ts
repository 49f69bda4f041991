// Programs that draw: a drawing that was changed and never saved.
import type { Person, Window } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';

const gimp: Application = {
  name: 'gimp',
  label: 'GIMP',
  base: 'compat-gtk',
  packageName: 'gimp',
  processName: 'gimp',
  state: 'a layer that was added to a picture',
  begin: async (person) => {
    // Its first start greets, each time the same.
    const picture = 'rm -rf ~/.config/GIMP; printf "P3 2 1 255 0 0 0 255 255 255\\n" >~/picture.ppm';
    await person.exec('sh', '-c', picture);
    await person.launch('gimp', '--no-splash', 'picture.ppm');
    const greeting = await person.stillWindow({ title: /^Welcome to GIMP/ });
    // Its button, as no key closes it.
    await person.clickInto(greeting, 0.91, 0.95);
    const window = await person.stillWindow({ title: /^\[picture\].* 1 layer\)/ });
    await duplicateLayer(person, window);
    await person.window({ title: /^\*\[picture\].* 2 layers\)/ });
    return async (later) => {
      await later.window({ title: /^\*\[picture\].* 2 layers\)/ });
      await duplicateLayer(later, window);
      await later.window({ title: /^\*\[picture\].* 3 layers\)/ });
    };
  },
};

/** By its button below the list of layers. */
function duplicateLayer(person: Person, window: Window): Promise<void> {
  return person.clickInto(window, 0.875, 0.972);
}

const inkscape: Application = {
  name: 'inkscape',
  label: 'Inkscape',
  base: 'compat-gtk',
  packageName: 'inkscape',
  processName: 'inkscape',
  state: 'a text that was put into a drawing',
  begin: async (person) => {
    const word = freshWord();
    const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"/>';
    await person.exec('sh', '-c', 'printf %s "$1" >~/drawing.svg', 'sh', drawing);
    await person.launch('inkscape', 'drawing.svg');
    const window = await person.stillWindow({ title: /^drawing\.svg.*Inkscape/ });
    await person.clickInto(window, 0.5, 0.3);
    await person.press('t');
    await person.untilStill();
    await person.clickInto(window, 0.5, 0.5);
    await person.type(word);
    await person.press('escape');
    await person.window({ title: /^\*drawing\.svg/ });
    return async (later) => {
      const copied = (count: number): Promise<unknown> =>
        later.expect(
          async () => {
            await later.press('ctrl+a');
            await later.press('ctrl+c');
            return await later.selection('clipboard', 'image/x-inkscape-svg').catch(() => '');
          },
          (svg) => svg.split(`>${word}<`).length - 1 === count,
          `${count} of the text in what is copied`,
        );
      await later.clickInto(window, 0.5, 0.3);
      await later.press('F1');
      await copied(1);
      await later.untilStill();
      await later.press('ctrl+v');
      await later.untilStill();
      await copied(2);
    };
  },
};

/** All of them. */
export const GRAPHICS: readonly Application[] = [gimp, inkscape];
