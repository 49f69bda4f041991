// Two checkpoints side by side: what is new, gone or changed, read piece by piece for as long as the page is open.
import type { JSX } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import type { PodOverview } from '../../../src/session/dashboard/contract.ts';
import { countOf, countText, sizeText } from '../figures.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Icon } from '../parts/icons.tsx';
import { RowPlaces } from '../parts/row-window.ts';
import { useVisibleRows } from '../parts/visible-rows.ts';
import { hrefOf } from '../route.ts';
import { type ChangeGroup, type ChangeRow, type FolderRow, GROUP_NAMES, groupRows } from './change-rows.ts';
import { useDifference } from './difference.ts';

const ROW_PX = 30;
const GROUPS: readonly ChangeGroup[] = ['added', 'removed', 'content', 'rest'];

interface ComparePageProps {
  readonly pod: PodOverview;
  readonly before: number;
  readonly after: number;
}

/** `before` and `after` are numbers of checkpoints. */
export function ComparePage({ pod, before, after }: ComparePageProps): JSX.Element {
  const { changes, counts, answer, failure, isHeld, readOn } = useDifference(pod.id, before, after);
  const [hidden, setHidden] = useState<ReadonlySet<ChangeGroup>>(new Set());
  const rows = useMemo(
    () => groupRows(changes, (group) => !hidden.has(group)),
    // changes grow in place
    [changes, changes.length, hidden],
  );
  const toggle = (group: ChangeGroup): void => {
    const next = new Set(hidden);
    if (!next.delete(group)) next.add(group);
    setHidden(next);
  };
  return (
    <>
      <div class="part-head">
        <h2 tabIndex={-1}>
          Checkpoint {before} and {after}
        </h2>
        <p class="faint" role="status">
          {answer === undefined
            ? failure === undefined
              ? `${isHeld ? '' : 'Comparing… '}${countOf(changes.length, 'difference')} so far.`
              : ''
            : `${countOf(changes.length, 'difference')}; ${sizeText(answer.newBytes)} of new content.`}
          {answer?.isImagesChanged === true ? ' Their sessions differ.' : ''}
          {answer?.isBaseChanged === true ? ' They stand on different bases.' : ''}
          {isHeld ? ' Reading is held.' : ''}
        </p>
        {isHeld ? (
          <button type="button" onClick={readOn}>
            Read on
          </button>
        ) : null}
      </div>
      {failure === undefined ? null : <FailureNote failure={failure} of="The comparison ended" />}
      <fieldset class="groups">
        <legend class="hidden">Shown</legend>
        {GROUPS.map((group) => (
          <label key={group}>
            <input type="checkbox" checked={!hidden.has(group)} onChange={() => toggle(group)} />
            {GROUP_NAMES[group]} <span class="faint">{countText(counts[group])}</span>
          </label>
        ))}
      </fieldset>
      {answer !== undefined && changes.length === 0 ? (
        <p class="empty">The files of both are the same.</p>
      ) : (
        <ChangeTable pod={pod.id} before={before} after={after} rows={rows} />
      )}
    </>
  );
}

interface ChangeTableProps {
  readonly pod: string;
  readonly before: number;
  readonly after: number;
  readonly rows: readonly (ChangeRow | FolderRow)[];
}

function ChangeTable({ pod, before, after, rows }: ChangeTableProps): JSX.Element {
  const list = useRef<HTMLTableElement>(null);
  const places = useMemo(() => new RowPlaces(rows.length, () => ROW_PX), [rows]);
  const visible = useVisibleRows(list, places);
  return (
    <table ref={list} class="rows changes" aria-rowcount={rows.length + 1}>
      <colgroup>
        <col class="group-column" />
        <col />
        <col class="how-column" />
      </colgroup>
      <thead class="hidden">
        <tr>
          <th scope="col">What</th>
          <th scope="col">Name</th>
          <th scope="col">How</th>
        </tr>
      </thead>
      <tbody>
        <tr class="room" style={{ height: `${visible.beforePx}px` }} />
        {rows.slice(visible.first, visible.last).map((row, offset) => {
          const index = visible.first + offset;
          return row.kind === 'folder' ? (
            <tr key={index} aria-rowindex={index + 2} class="row-folder">
              <th scope="rowgroup" colSpan={3} title={row.text}>
                <bdi>{row.text}</bdi>
              </th>
            </tr>
          ) : (
            <Change key={index} index={index} pod={pod} checkpoint={row.isThere ? after : before} row={row} />
          );
        })}
        <tr class="room" style={{ height: `${visible.afterPx}px` }} />
      </tbody>
    </table>
  );
}

interface ChangeProps {
  readonly index: number;
  readonly pod: string;
  readonly checkpoint: number;
  readonly row: ChangeRow;
}

function Change({ index, pod, checkpoint, row }: ChangeProps): JSX.Element {
  const { group, name, path, text, isFolder } = row;
  const href = hrefOf({ page: isFolder ? 'files' : 'why', pod, checkpoint, path });
  return (
    <tr aria-rowindex={index + 2}>
      <td class={`group group-${group}`}>{GROUP_NAMES[group]}</td>
      <td class="name" title={name}>
        <a href={href}>
          <Icon name={isFolder ? 'folder' : 'file'} />
          <bdi>{name}</bdi>
        </a>
      </td>
      <td class="faint how" title={text}>
        {text}
      </td>
    </tr>
  );
}
