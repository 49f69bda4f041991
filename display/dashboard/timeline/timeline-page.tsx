// The timeline of a pod: its checkpoints over the days, with the one that is looked at beside them.
import type { JSX } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import type { PodOverview, Timeline, TimelineCheckpoint } from '../../../src/session/dashboard/contract.ts';
import { countOf, dayText, sizeText } from '../figures.ts';
import { get } from '../link/api.ts';
import { announce, now } from '../link/store.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { Icon } from '../parts/icons.tsx';
import { useLoaded } from '../parts/loaded.ts';
import { RowPlaces } from '../parts/row-window.ts';
import { useVisibleRows } from '../parts/visible-rows.ts';
import { useWidth } from '../parts/width.ts';
import { hrefOf } from '../route.ts';
import { navigate } from '../router.ts';
import { CheckpointDetails } from './checkpoint-details.tsx';
import { CheckpointTiles } from './checkpoint-tiles.tsx';
import { DayBand } from './day-band.tsx';
import { layOutTiles } from './tile-rows.ts';

const DAY_ROW_PX = 44;
const GAP_PX = 10;
/** With pictures and without: width at least, and height. */
const SIZES = {
  pictured: { widthPx: 184, heightPx: 164 },
  plain: { widthPx: 150, heightPx: 60 },
} as const;
/** A watched pod may be checkpointed every few seconds. */
const RELOAD_WAIT_MS = 1000;

interface TimelinePageProps {
  readonly pod: PodOverview;
  /** Number of the checkpoint that is looked at. */
  readonly selected: number | undefined;
}

/** Loads the timeline, and again when the pod or its homes have more. */
export function TimelinePage({ pod, selected }: TimelinePageProps): JSX.Element {
  const { value, failure, again } = useLoaded<Timeline>(
    (signal) => get(`pods/${pod.id}/timeline`, { signal }),
    `${pod.id}/${pod.access === 'locked'}`,
    revisionOf(pod),
    RELOAD_WAIT_MS,
  );
  return (
    <>
      {failure === undefined ? null : (
        <FailureNote failure={failure} of="The timeline could not be read">
          <button type="button" onClick={again}>
            Read it again
          </button>
        </FailureNote>
      )}
      {value === undefined && failure === undefined ? <p class="faint">Reading the timeline…</p> : null}
      {value === undefined ? null : <Shown pod={pod} timeline={value} selected={selected} />}
    </>
  );
}

/** What the timeline depends on: every checkpoint here, and what homes have of them. */
export function revisionOf({ known }: PodOverview): string {
  const homes = known?.homes.map(({ url, lastCheckpoint }) => `${url} ${lastCheckpoint?.number ?? 0}`) ?? [];
  return [known?.lastCheckpoint?.number ?? 0, known?.checkpointCount ?? 0, ...homes].join('\n');
}

function Shown({
  pod,
  timeline,
  selected,
}: {
  readonly pod: PodOverview;
  readonly timeline: Timeline;
  readonly selected: number | undefined;
}): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [isPicking, setPicking] = useState(false);
  const checkpoints = useMemo(() => timeline.checkpoints.toReversed(), [timeline]);
  const isPictured = useMemo(() => checkpoints.some(({ hasSession }) => hasSession), [checkpoints]);
  const size = SIZES[isPictured ? 'pictured' : 'plain'];
  const width = useWidth(frame);
  const columns = Math.max(1, Math.floor((width + GAP_PX) / (size.widthPx + GAP_PX)));
  const tiles = useMemo(() => layOutTiles(checkpoints, columns), [checkpoints, columns]);
  const places = useMemo(
    () =>
      new RowPlaces(tiles.rows.length, (row) =>
        tiles.rows[row]?.kind === 'day' ? DAY_ROW_PX : size.heightPx + GAP_PX,
      ),
    [tiles, size],
  );
  const visible = useVisibleRows(list, places);
  const place = checkpoints.findIndex(({ number }) => number === selected);
  const checkpoint = checkpoints[place];

  const choose = (chosen: TimelineCheckpoint): void => {
    if (isPicking && checkpoint !== undefined && chosen.number !== checkpoint.number) {
      const [before, after] = [checkpoint.number, chosen.number].sort((one, other) => one - other);
      if (before !== undefined && after !== undefined)
        navigate({ page: 'compare', pod: pod.id, before, after });
      return;
    }
    setPicking(false);
    navigate({ page: 'timeline', pod: pod.id, checkpoint: chosen.number });
  };
  if (checkpoints.length === 0) return <NoCheckpoints pod={pod} />;
  const topRow = tiles.rows[visible.top];
  const topDay = tiles.days.findLastIndex(({ row }) => row <= visible.top);
  return (
    <div class={`timeline ${checkpoint === undefined ? '' : 'timeline-detailed'}`}>
      <div class="timeline-main">
        <div class="stuck">
          <DayBand
            days={tiles.days}
            at={topRow === undefined ? 0 : Math.max(0, topDay)}
            onDay={(day) => {
              visible.scrollToRow(day.row, 'start');
              announce(`${dayText(day.atMs, now.peek())}, ${countOf(day.count, 'checkpoint')}`);
            }}
          />
          <Legend checkpoints={checkpoints} isPicking={isPicking} onStop={() => setPicking(false)} />
        </div>
        <div ref={frame}>
          <CheckpointTiles
            list={list}
            pod={pod.id}
            isOpen={pod.access === 'open'}
            isPictured={isPictured}
            checkpoints={checkpoints}
            tiles={tiles}
            visible={visible}
            columns={columns}
            selected={selected}
            isPicking={isPicking}
            onChoose={choose}
            onCancel={() => setPicking(false)}
          />
        </div>
      </div>
      {checkpoint === undefined ? null : (
        <CheckpointDetails
          key={checkpoint.number}
          pod={pod}
          timeline={timeline}
          checkpoint={checkpoint}
          former={checkpoints[place + 1]}
          isPicking={isPicking}
          onPick={() => {
            setPicking(true);
            announce('Choose the checkpoint to compare it with. Escape leaves this.');
            list.current?.focus();
          }}
        />
      )}
    </div>
  );
}

function Legend({
  checkpoints,
  isPicking,
  onStop,
}: {
  readonly checkpoints: readonly TimelineCheckpoint[];
  readonly isPicking: boolean;
  readonly onStop: () => void;
}): JSX.Element {
  if (isPicking)
    return (
      <p class="legend legend-picking">
        <strong>Choose the checkpoint to compare it with.</strong>
        <button type="button" onClick={onStop}>
          Leave it
        </button>
      </p>
    );
  const storedBytes = checkpoints.reduce((sum, each) => sum + each.storedBytes, 0);
  return (
    <p class="legend faint">
      <span>
        {countOf(checkpoints.length, 'checkpoint')}, {sizeText(storedBytes)} in all
      </span>
      <span>
        <Icon name="device" /> is here
      </span>
      <span>
        <Icon name="home" /> is at home
      </span>
    </p>
  );
}

function NoCheckpoints({ pod }: { readonly pod: PodOverview }): JSX.Element {
  return (
    <div class="empty">
      <Icon name="device" />
      <p>
        <strong>It has no checkpoint yet.</strong>
      </p>
      <p>
        Make one from <a href={hrefOf({ page: 'overview' })}>its card</a>, or with{' '}
        <code>deskpod checkpoint -d {pod.place.path}</code>.
      </p>
    </div>
  );
}
