// The files of a checkpoint, folder by folder.
import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import type { PodOverview } from '../../../src/session/dashboard/contract.ts';
import { reportOf } from '../byte-path.ts';
import { countOf, momentText, sizeText } from '../figures.ts';
import { fileUrl } from '../link/api.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Icon, type IconName } from '../parts/icons.tsx';
import { RowPlaces } from '../parts/row-window.ts';
import { useVisibleRows } from '../parts/visible-rows.ts';
import { hrefOf } from '../route.ts';
import { Breadcrumb } from './breadcrumb.tsx';
import { type ListedEntry, useListing } from './listing.ts';

const ROW_PX = 34;

interface FilesPageProps {
  readonly pod: PodOverview;
  readonly checkpoint: number;
  readonly path: Uint8Array;
}

/** A folder, or the one entry that the path is. */
export function FilesPage({ pod, checkpoint, path }: FilesPageProps): JSX.Element {
  const { entries, isWhole, failure } = useListing(pod.id, checkpoint, path, String(pod.access === 'locked'));
  return (
    <>
      <div class="part-head">
        <h2 tabIndex={-1}>Files of checkpoint {checkpoint}</h2>
        <p class="faint" role="status">
          {failure !== undefined ? '' : isWhole ? countOf(entries.length, 'entry', 'entries') : 'Reading…'}
        </p>
      </div>
      <Breadcrumb pod={pod.id} checkpoint={checkpoint} path={path} />
      {failure === undefined ? null : <FailureNote failure={failure} />}
      {isWhole && entries.length === 0 ? (
        <p class="empty">This folder is empty.</p>
      ) : (
        <Entries pod={pod.id} checkpoint={checkpoint} entries={entries} />
      )}
    </>
  );
}

interface EntriesProps {
  readonly pod: string;
  readonly checkpoint: number;
  readonly entries: readonly ListedEntry[];
}

function Entries({ pod, checkpoint, entries }: EntriesProps): JSX.Element {
  const list = useRef<HTMLTableElement>(null);
  const places = useMemo(() => new RowPlaces(entries.length, () => ROW_PX), [entries]);
  const visible = useVisibleRows(list, places);
  return (
    <table ref={list} class="rows entries" aria-rowcount={entries.length + 1}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="size">
            Size
          </th>
          <th scope="col" class="when">
            Changed
          </th>
          <th scope="col" class="mode">
            Mode
          </th>
          <th scope="col" class="do">
            <span class="hidden">What can be done</span>
          </th>
        </tr>
      </thead>
      <tbody>
        <tr class="room" style={{ height: `${visible.beforePx}px` }} />
        {entries.slice(visible.first, visible.last).map((entry, offset) => (
          <Entry
            key={visible.first + offset}
            index={visible.first + offset}
            pod={pod}
            checkpoint={checkpoint}
            entry={entry}
          />
        ))}
        <tr class="room" style={{ height: `${visible.afterPx}px` }} />
      </tbody>
    </table>
  );
}

interface EntryProps {
  readonly index: number;
  readonly pod: string;
  readonly checkpoint: number;
  readonly entry: ListedEntry;
}

function Entry({ index, pod, checkpoint, entry }: EntryProps): JSX.Element {
  const { name, path, kind, sizeBytes, modifiedMs, mode, target } = entry;
  const where = { pod, checkpoint, path };
  return (
    <tr aria-rowindex={index + 2}>
      <td class="name" title={target === undefined ? name : `${name} → ${target}`}>
        {kind === 'directory' ? (
          <a href={hrefOf({ page: 'files', ...where })}>
            <Icon name="folder" />
            <bdi>{name}</bdi>
          </a>
        ) : (
          <span>
            <Icon name={SIGNS[kind] ?? 'other'} />
            <bdi>{name}</bdi>
            {target === undefined ? null : (
              <span class="faint">
                {' → '}
                <bdi>{target}</bdi>
              </span>
            )}
          </span>
        )}
      </td>
      <td class="size">{sizeBytes === undefined ? '' : sizeText(sizeBytes)}</td>
      <td class="when faint">{momentText(modifiedMs)}</td>
      <td class="mode faint">{mode}</td>
      <td class="do">
        {kind === 'file' ? (
          <a href={fileUrl(pod, checkpoint, reportOf(path))} download aria-label={`Download ${name}`}>
            Download
          </a>
        ) : null}
        <a href={hrefOf({ page: 'why', ...where })} aria-label={`Why ${name} is here`}>
          Why
        </a>
      </td>
    </tr>
  );
}

const SIGNS: Readonly<Partial<Record<ListedEntry['kind'], IconName>>> = { file: 'file', symlink: 'link' };
