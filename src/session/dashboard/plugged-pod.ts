// The pod that somebody means who names none: the only one on a drive that is plugged in.
import { DeskPodError } from '../../core/errors.ts';
import { Places } from './places.ts';

/**
 * The path of the only drive here that carries a desktop; a twin counts as one, as it may be all that is left.
 * @throws DeskPodError USAGE if there is none, or more than one
 */
export async function findPluggedPod(places: Pick<Places, 'list'> = new Places([])): Promise<string> {
  const found = await places.list(() => undefined);
  const paths = [...found.values()].filter(({ kind }) => kind === 'device').map(({ path }) => path);
  const [only] = paths;
  if (only !== undefined && paths.length === 1) return only;
  throw new DeskPodError(
    'USAGE',
    only === undefined
      ? 'no drive with a pod is plugged in'
      : `several pods are plugged in: ${paths.join(', ')}`,
    {
      hint:
        only === undefined
          ? 'Plug it in, or say where it is with --device PATH.'
          : 'Say which one with --device PATH.',
      details: { paths },
    },
  );
}
