// The picture of a checkpoint: fetched once it has been in sight for a moment, so that scrolling by asks for nothing.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { pictureUrl } from '../link/api.ts';
import { Icon } from '../parts/icons.tsx';

const SETTLE_MS = 150;

interface PictureProps {
  readonly pod: string;
  readonly checkpoint: number;
  /** What it shows, where it is more than a sign beside words. */
  readonly alt?: string;
}

/** In the place of a picture of what had no session. */
export function NoPicture(): JSX.Element {
  return (
    <span class="picture">
      <Icon name="folder" class="picture-none" />
    </span>
  );
}

/** A quiet field takes its place until it is there, and for good if there is none. */
export function Picture({ pod, checkpoint, alt = '' }: PictureProps): JSX.Element {
  const frame = useRef<HTMLSpanElement>(null);
  const [state, setState] = useState<'waiting' | 'wanted' | 'there' | 'none'>('waiting');
  useEffect(() => {
    if (frame.current === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const sight = new IntersectionObserver(([entry]) => {
      clearTimeout(timer);
      if (!(entry?.isIntersecting ?? false)) return;
      timer = setTimeout(() => {
        sight.disconnect();
        setState('wanted');
      }, SETTLE_MS);
    });
    sight.observe(frame.current);
    return () => {
      clearTimeout(timer);
      sight.disconnect();
    };
  }, []);
  const isAsked = state === 'wanted' || state === 'there';
  return (
    <span ref={frame} class="picture">
      {isAsked ? (
        <img
          src={pictureUrl(pod, checkpoint)}
          alt={alt}
          decoding="async"
          class={state === 'there' ? '' : 'coming'}
          onLoad={() => setState('there')}
          onError={() => setState('none')}
        />
      ) : null}
      {state === 'there' ? null : <Icon name="desktop" class="picture-none" />}
    </span>
  );
}
