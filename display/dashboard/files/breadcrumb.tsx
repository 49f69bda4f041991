// The way to a path in a checkpoint, each part of it a link.
import type { JSX } from 'preact';
import { parentOf, partsOf, shownPath, TOP } from '../byte-path.ts';
import { hrefOf } from '../route.ts';

interface BreadcrumbProps {
  readonly pod: string;
  readonly checkpoint: number;
  readonly path: Uint8Array;
}

/** Begins at the top of the checkpoint. */
export function Breadcrumb({ pod, checkpoint, path }: BreadcrumbProps): JSX.Element {
  const parts = partsOf(path);
  const link = (text: string, to: Uint8Array, isLast: boolean): JSX.Element => (
    <li key={text + to.length}>
      {isLast ? (
        <span aria-current="page" title={text}>
          <bdi>{text}</bdi>
        </span>
      ) : (
        <a href={hrefOf({ page: 'files', pod, checkpoint, path: to })} title={text}>
          <bdi>{text}</bdi>
        </a>
      )}
    </li>
  );
  return (
    <nav aria-label="Folder" class="breadcrumb">
      <ol>
        {link('Top', TOP, parts.length === 0)}
        {parts.map((part, index) =>
          link(shownPath(part), parentOf(path, index + 1), index === parts.length - 1),
        )}
      </ol>
    </nav>
  );
}
