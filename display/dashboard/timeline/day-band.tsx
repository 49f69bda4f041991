// The days of a pod as a band of bars: how much changed on each, and where in the timeline one is.
import type { JSX } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { countOf, dayText, shortDayText, sizeText } from '../figures.ts';
import { now } from '../link/store.ts';
import { useWidth } from '../parts/width.ts';
import { bandBars } from './band-bars.ts';
import type { Day } from './tile-rows.ts';

const HEIGHT_PX = 48;

interface DayBandProps {
  /** Newest first, as the timeline has them. */
  readonly days: readonly Day[];
  /** Which of them is in sight. */
  readonly at: number;
  readonly onDay: (day: Day) => void;
}

/** A slider over the days that have checkpoints: to the right is later. */
export function DayBand({ days, at, onDay }: DayBandProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const bars = useMemo(() => bandBars(days, width, now.peek()), [days, width]);
  const last = days.length - 1;
  const day = days[at];
  const choose = (place: number): void => {
    const chosen = days[Math.max(0, Math.min(last, place))];
    if (chosen !== undefined) onDay(chosen);
  };
  const handleKey = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    choose(step === 'oldest' ? last : step === 'newest' ? 0 : at + step);
  };
  const handlePointer = (event: PointerEvent): void => {
    if (event.buttons !== 1 || frame.current === null) return;
    const x = event.clientX - frame.current.getBoundingClientRect().left;
    let nearest = bars[0];
    for (const bar of bars)
      if (nearest === undefined || Math.abs(bar.xPx - x) < Math.abs(nearest.xPx - x)) nearest = bar;
    if (nearest !== undefined) choose(nearest.place);
  };
  const [newestBar, oldestBar] = [bars[0], bars.at(-1)];
  const marked = bars.find(({ place, until }) => at >= place && at < until);
  return (
    <div class="band">
      <div
        ref={frame}
        class="band-track"
        role="slider"
        tabIndex={0}
        aria-label="Day"
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={last - at}
        aria-valuetext={
          day === undefined
            ? ''
            : `${dayText(day.atMs, now.value)}, ${countOf(day.count, 'checkpoint')}, ${sizeText(day.storedBytes)} new`
        }
        onKeyDown={handleKey}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          handlePointer(event);
        }}
        onPointerMove={handlePointer}
      >
        <svg width={width} height={HEIGHT_PX} aria-hidden="true" focusable="false">
          {marked === undefined ? null : (
            <rect
              class="band-at"
              x={marked.xPx - 4}
              y={0}
              width={marked.widthPx + 8}
              height={HEIGHT_PX}
              rx={4}
            />
          )}
          {bars.map(({ xPx, widthPx, share, hereShare, place }) => {
            const heightPx = Math.max(3, share * (HEIGHT_PX - 6));
            const herePx = heightPx * hereShare;
            return (
              <g key={place}>
                <rect class="band-bar" x={xPx} y={HEIGHT_PX - heightPx} width={widthPx} height={heightPx} />
                {herePx === 0 ? null : (
                  <rect class="band-here" x={xPx} y={HEIGHT_PX - herePx} width={widthPx} height={herePx} />
                )}
              </g>
            );
          })}
        </svg>
      </div>
      <p class="band-ends faint" aria-hidden="true">
        <span>{oldestBar === undefined ? '' : shortDayText(oldestBar.atMs)}</span>
        <span>
          <i class="key key-home" /> also at home <i class="key key-here" /> only here
        </span>
        <span>{newestBar === undefined ? '' : shortDayText(newestBar.atMs)}</span>
      </p>
    </div>
  );
}

const STEPS: Readonly<Record<string, number | 'oldest' | 'newest' | undefined>> = {
  ArrowLeft: 1,
  ArrowDown: 1,
  ArrowRight: -1,
  ArrowUp: -1,
  PageDown: 7,
  PageUp: -7,
  Home: 'oldest',
  End: 'newest',
};
