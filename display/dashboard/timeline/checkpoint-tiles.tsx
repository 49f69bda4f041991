// The tiles of checkpoints, day by day: of ten thousand only those are in the page that can be seen.
import type { JSX, RefObject } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TimelineCheckpoint } from '../../../src/session/dashboard/contract.ts';
import { clockText, countOf, dayText, sizeText } from '../figures.ts';
import { now } from '../link/store.ts';
import { Icon } from '../parts/icons.tsx';
import type { VisibleRows } from '../parts/visible-rows.ts';
import { useChangeCount } from './change-counts.ts';
import { unseenText } from './checkpoint-words.ts';
import { NoPicture, Picture } from './picture.tsx';
import { type Day, nextPlace, type TileRow, type TileRows } from './tile-rows.ts';

interface CheckpointTilesProps {
  readonly list: RefObject<HTMLDivElement | null>;
  readonly pod: string;
  /** Its supervisor answers, so that many small questions cost little and keep nobody from it. */
  readonly isOpen: boolean;
  /** Some of its checkpoints have pictures, so all tiles have room for one. */
  readonly isPictured: boolean;
  /** Newest first. */
  readonly checkpoints: readonly TimelineCheckpoint[];
  readonly tiles: TileRows;
  readonly visible: VisibleRows;
  readonly columns: number;
  /** Number of the one that is looked at. */
  readonly selected: number | undefined;
  readonly isPicking: boolean;
  readonly onChoose: (checkpoint: TimelineCheckpoint) => void;
  readonly onCancel: () => void;
}

/** One list to the keyboard: arrows lead from tile to tile, Enter looks at one. */
export function CheckpointTiles(props: CheckpointTilesProps): JSX.Element {
  const { list, checkpoints, tiles, visible, selected, isPicking, onChoose, onCancel } = props;
  // by number: places move when there are new ones
  const [active, setActive] = useState(selected);
  // keys may come faster than the page is drawn: each goes on from the one before
  const latest = useRef({ active: selected, chosen: selected });
  const activate = (number: number | undefined): void => {
    latest.current.active = number;
    setActive(number);
  };
  const choose = (checkpoint: TimelineCheckpoint): void => {
    latest.current.chosen = checkpoint.number;
    onChoose(checkpoint);
  };
  const placeOf = useMemo(
    () => new Map(checkpoints.map(({ number }, index) => [number, index])),
    [checkpoints],
  );
  const place = placeOf.get(active ?? 0) ?? 0;
  useEffect(() => {
    const found = placeOf.get(selected ?? 0);
    if (found === undefined) return;
    // what was chosen here was active then; by now another one may be
    if (selected !== latest.current.chosen) activate(selected);
    latest.current.chosen = selected;
    visible.scrollToRow(tiles.rowOf(found), 'nearest');
  }, [selected]);
  const handleKey = (event: KeyboardEvent): void => {
    const from = placeOf.get(latest.current.active ?? 0) ?? 0;
    if (event.key === 'Escape' && isPicking) onCancel();
    if (event.key === 'Enter' || event.key === ' ') {
      const chosen = checkpoints[from];
      if (chosen !== undefined) choose(chosen);
      event.preventDefault();
      return;
    }
    const next =
      event.ctrlKey || event.altKey || event.metaKey
        ? undefined
        : nextPlace(tiles, from, event.key, checkpoints.length);
    if (next === undefined) return;
    event.preventDefault();
    activate(checkpoints[next]?.number);
    visible.scrollToRow(tiles.rowOf(next), 'nearest');
  };
  return (
    <div
      ref={list}
      class={`tiles ${isPicking ? 'tiles-picking' : ''}`}
      role="listbox"
      tabIndex={0}
      aria-label="Checkpoints, newest first"
      aria-activedescendant={`tile-${checkpoints[place]?.number ?? 0}`}
      onKeyDown={handleKey}
    >
      <div class="room" role="presentation" style={{ height: `${visible.beforePx}px` }} />
      {tiles.rows.slice(visible.first, visible.last).map((row) => (
        <Row
          key={row.kind === 'day' ? `day-${row.day.first}` : row.first}
          row={row}
          active={checkpoints[place]?.number}
          {...props}
          onActive={activate}
          onChoose={choose}
        />
      ))}
      <div class="room" role="presentation" style={{ height: `${visible.afterPx}px` }} />
    </div>
  );
}

interface RowProps extends CheckpointTilesProps {
  readonly row: TileRow;
  readonly active: number | undefined;
  readonly onActive: (number: number) => void;
}

function Row({
  row,
  pod,
  isOpen,
  isPictured,
  checkpoints,
  columns,
  selected,
  active,
  onActive,
  onChoose,
}: RowProps): JSX.Element {
  if (row.kind === 'day') return <DayHeading day={row.day} />;
  return (
    <div class="tile-row" role="presentation" style={{ '--columns': columns }}>
      {checkpoints.slice(row.first, row.last).map((checkpoint, offset) => {
        const place = row.first + offset;
        return (
          <Tile
            key={checkpoint.number}
            pod={pod}
            checkpoint={checkpoint}
            isPictured={isPictured}
            former={isOpen ? checkpoints[place + 1] : undefined}
            place={place}
            count={checkpoints.length}
            isSelected={checkpoint.number === selected}
            isActive={checkpoint.number === active}
            onClick={() => {
              onActive(checkpoint.number);
              onChoose(checkpoint);
            }}
          />
        );
      })}
    </div>
  );
}

function DayHeading({ day }: { readonly day: Day }): JSX.Element {
  const { atMs, count, storedBytes, onlyHereCount } = day;
  return (
    <div class="day-heading" role="presentation" aria-hidden="true">
      <strong>{dayText(atMs, now.value)}</strong>
      <span class="faint">
        {countOf(count, 'checkpoint')}, {sizeText(storedBytes)} new
        {onlyHereCount === 0 ? '' : `, ${onlyHereCount === count ? 'all' : onlyHereCount} only here`}
      </span>
    </div>
  );
}

interface TileProps {
  readonly pod: string;
  readonly checkpoint: TimelineCheckpoint;
  /** With what its changes are counted, if that disturbs nobody. */
  readonly former: TimelineCheckpoint | undefined;
  readonly isPictured: boolean;
  readonly place: number;
  readonly count: number;
  readonly isSelected: boolean;
  readonly isActive: boolean;
  readonly onClick: () => void;
}

function Tile(props: TileProps): JSX.Element {
  const { pod, checkpoint, former, isPictured, place, count, isSelected, isActive, onClick } = props;
  const { number, atMs, storedBytes, isHere, homes, hasSession, isDoubted } = checkpoint;
  const canCount = isHere && former?.isHere === true;
  const changeCount = useChangeCount(canCount ? { pod, before: former.number, after: number } : undefined);
  return (
    // the list takes the keys for all of its options
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys for all of its options
    <div
      id={`tile-${number}`}
      class={`tile ${isActive ? 'tile-active' : ''}`}
      role="option"
      tabIndex={-1}
      aria-selected={isSelected}
      aria-setsize={count}
      aria-posinset={place + 1}
      onClick={onClick}
    >
      {isPictured ? hasSession ? <Picture pod={pod} checkpoint={number} /> : <NoPicture /> : null}
      <span class="tile-line">
        <strong>{clockText(atMs)}</strong>
        <span class="faint">#{number}</span>
        <span class="tile-marks">
          {isDoubted ? <Icon name="attention" class="mark mark-attention" /> : null}
          <Icon name="device" class={isHere ? '' : 'absent'} />
          <Icon name="home" class={homes.length > 0 ? '' : 'absent'} />
        </span>
      </span>
      <span class="tile-line faint">
        <span>+{sizeText(storedBytes)}</span>
        {changeCount === undefined ? null : <span>{countOf(changeCount, 'change')}</span>}
      </span>
      <span class="hidden">, {unseenText(checkpoint)}</span>
    </div>
  );
}
