// Why what only older checkpoints need does not come, in words that say what to do.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { countOf } from '../../core/quantities.ts';
import type { Home } from '../home/home.ts';

const NEXT =
  'It comes by itself within minutes then, while the session runs, or at once with `deskpod verify`. The checkpoint that was restored needs none of it.';

/** Of the homes that were asked in vain for so many packs: the first that is away, or that none has them. */
export async function historyHindrance(homes: readonly Home[], packCount: number): Promise<DeskPodError> {
  const what = `${countOf(packCount, 'pack')} of older checkpoints did not come`;
  for (const home of homes) {
    const away = await whyAway(home);
    if (away !== undefined)
      return new DeskPodError(away.code, `${what}: ${away.message}`, {
        hint: `Bring ${home.url} back. ${NEXT}`,
        details: { url: home.url, packCount },
        cause: away,
      });
  }
  return new DeskPodError(
    'HISTORY_AWAITED',
    `${what}: expected them at a home, got none that has them whole`,
    {
      hint: `Run \`deskpod verify --home\` for each home, or add one that has them (\`deskpod home add\`). ${NEXT}`,
      details: { packCount },
    },
  );
}

async function whyAway(home: Home): Promise<DeskPodError | undefined> {
  try {
    const { cause } = await home.probe();
    return isDeskPodError(cause) ? cause : undefined;
  } catch (error) {
    if (isDeskPodError(error)) return error;
    throw error;
  }
}
