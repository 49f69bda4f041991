// Players: the place in the film, which goes on from where it was and stops when told to.
import type { Person } from '../../user/person.ts';
import type { Application } from '../application.ts';

const FRAMES_PER_SECOND = 10;
const FILM_S = 1200;
/** What it may play between the last look before the suspend and that, and between the resume and the first look. */
const LOOK_SLACK_S = 60;

/** Makes a film of grey frames, which needs no decoder that could be missing. */
const MAKE_FILM = `
open(my $film, '>', 'film.y4m') or die;
print $film "YUV4MPEG2 W64 H48 F${FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\\n";
print $film "FRAME\\n", chr($_ % 200) x (64 * 48 * 3 / 2) for 1 .. ${FRAMES_PER_SECOND * FILM_S};
close $film;`;

interface Player extends Pick<Application, 'name' | 'label' | 'packageName' | 'processName'> {
  readonly windowClass: string;
  readonly command: readonly string[];
  /** Where it is, in seconds; NaN while it does not say. */
  readonly positionS: (person: Person) => Promise<number>;
}

function player({ windowClass, command, positionS, ...application }: Player): Application {
  return {
    ...application,
    base: 'compat-media',
    state: 'its place in a film',
    begin: async (person) => {
      await person.exec('sh', '-c', 'cd; perl -e "$1"', 'sh', MAKE_FILM);
      const window = await person.open(windowClass, ...command, 'film.y4m');
      const before = await expectPosition(person, positionS, 5);
      return async (later) => {
        const resumed = await expectPosition(later, positionS, before);
        if (resumed > before + LOOK_SLACK_S) throw new Error(`expected about ${before} s, got ${resumed} s`);
        await expectPosition(later, positionS, resumed + 1);
        await later.clickInto(window, 0.5, 0.4);
        const playing = await isPlaying(later, positionS);
        await later.expect(
          async () => {
            await later.press('space');
            await later.exec('sleep', '1');
            return isPlaying(later, positionS);
          },
          (plays) => plays !== playing,
          `that it ${playing ? 'stops' : 'plays'} when told to`,
        );
      };
    },
  };
}

function expectPosition(person: Person, positionS: Player['positionS'], atLeast: number): Promise<number> {
  return person.expect(
    () => positionS(person),
    (position) => position >= atLeast,
    `a place in the film at ${atLeast} s or later`,
    90_000,
  );
}

/** True if its place changes while we look twice. */
async function isPlaying(person: Person, positionS: Player['positionS']): Promise<boolean> {
  const former = await positionS(person);
  await person.exec('sleep', '0.5');
  return (await positionS(person)) !== former;
}

/** All of them. */
export const PLAYERS: readonly Application[] = [
  player({
    name: 'mpv',
    label: 'mpv',
    packageName: 'mpv',
    processName: 'mpv',
    windowClass: 'mpv',
    command: ['mpv', `--title=at $\{=time-pos} s`],
    positionS: async (person) => {
      const titles = (await person.windows()).map(({ title }) => /^at ([\d.]+) s$/.exec(title)?.[1]);
      return Number(titles.find((title) => title !== undefined) ?? Number.NaN);
    },
  }),
  player({
    name: 'vlc',
    label: 'VLC',
    packageName: 'vlc-bin',
    processName: 'vlc',
    windowClass: 'vlc',
    command: ['vlc', '--no-qt-privacy-ask'],
    positionS: async (person) => {
      const ask =
        'dbus-send --print-reply --dest=org.mpris.MediaPlayer2.vlc /org/mpris/MediaPlayer2 ' +
        'org.freedesktop.DBus.Properties.Get string:org.mpris.MediaPlayer2.Player string:Position 2>/dev/null; true';
      const microseconds = /int64 (\d+)/.exec(await person.exec('sh', '-c', ask))?.[1];
      return Number(microseconds ?? Number.NaN) / 1e6;
    },
  }),
];
