// One chart: bars or an area over time, drawn as SVG, with the same figures as a table for those who do not see it.
import type { JSX } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { clockText, momentText, shortDayText } from '../figures.ts';
import { useWidth } from '../parts/width.ts';
import type { Bucket } from './buckets.ts';
import { roundTicks, timeTicks } from './ticks.ts';

const HEIGHT_PX = 180;
const LEFT_PX = 64;
const BOTTOM_PX = 22;
const TOP_PX = 8;
const DAY_MS = 86_400_000;
const TABLE_ROWS_MAX = 400;

interface ChartProps {
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly about: string;
  readonly kind: 'bars' | 'area';
  readonly buckets: readonly Bucket[];
  readonly measure: (bucket: Bucket) => number;
  readonly textOf: (value: number) => string;
}

/** `buckets` are in the order of time, and not empty. */
export function Chart({ title, about, kind, buckets, measure, textOf }: ChartProps): JSX.Element {
  const titleId = useId();
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const [first, last] = [buckets[0], buckets.at(-1)];
  if (first === undefined || last === undefined)
    return <p class="empty">{title}: there is nothing to show yet.</p>;
  const values = buckets.map(measure);
  const ticks = roundTicks(Math.max(...values), 4);
  const top = ticks.at(-1) || 1;
  const spanMs = last.untilMs - first.fromMs;
  const plotPx = Math.max(40, width - LEFT_PX - 8);
  const xOf = (atMs: number): number => LEFT_PX + ((atMs - first.fromMs) / spanMs) * plotPx;
  const yOf = (value: number): number => TOP_PX + (1 - value / top) * (HEIGHT_PX - TOP_PX - BOTTOM_PX);
  const base = yOf(0);
  const shown = pointed === undefined ? undefined : buckets[pointed];
  const handleMove = (event: PointerEvent): void => {
    const box = frame.current?.getBoundingClientRect();
    if (box === undefined) return;
    const atMs = first.fromMs + ((event.clientX - box.left - LEFT_PX) / plotPx) * spanMs;
    const after = buckets.findIndex(({ untilMs }) => untilMs > atMs);
    setPointed(after === -1 ? buckets.length - 1 : after);
  };
  const spanText = spanTextFor(spanMs);
  return (
    <section class="chart card" aria-labelledby={titleId}>
      <h2 id={titleId}>{title}</h2>
      <p class="faint">{shown === undefined ? about : `${bucketText(shown)}: ${textOf(measure(shown))}`}</p>
      <div
        ref={frame}
        class="chart-frame"
        role="img"
        aria-label={`${about} From ${textOf(values[0] ?? 0)} (${shortDayText(first.fromMs)}) to ${textOf(values.at(-1) ?? 0)} (${shortDayText(last.fromMs)}), at most ${textOf(Math.max(...values))}. The table below has all figures.`}
        onPointerMove={handleMove}
        onPointerLeave={() => setPointed(undefined)}
      >
        <svg width={width} height={HEIGHT_PX} aria-hidden="true" focusable="false">
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="grid" x1={LEFT_PX} x2={LEFT_PX + plotPx} y1={yOf(tick)} y2={yOf(tick)} />
              <text class="tick" x={LEFT_PX - 8} y={yOf(tick) + 4} text-anchor="end">
                {textOf(tick)}
              </text>
            </g>
          ))}
          {timeTicks(first.fromMs, last.untilMs, Math.max(2, Math.floor(plotPx / 160))).map(
            (atMs, index, all) => (
              <text
                key={atMs}
                class="tick"
                x={xOf(atMs)}
                y={HEIGHT_PX - 5}
                text-anchor={index === 0 ? 'start' : index === all.length - 1 ? 'end' : 'middle'}
              >
                {spanText(atMs)}
              </text>
            ),
          )}
          {kind === 'bars' ? (
            buckets.map((bucket, index) => {
              const x = xOf(bucket.fromMs);
              const barPx = Math.max(1.5, xOf(bucket.untilMs) - x - 1);
              const y = yOf(values[index] ?? 0);
              return (
                <rect
                  key={bucket.fromMs}
                  class={index === pointed ? 'chart-bar chart-pointed' : 'chart-bar'}
                  x={x}
                  y={Math.min(y, base - 1)}
                  width={barPx}
                  height={Math.max(1, base - y)}
                />
              );
            })
          ) : (
            <Area
              points={buckets.map((bucket, index) => [xOf(bucket.untilMs), yOf(values[index] ?? 0)])}
              base={base}
              left={LEFT_PX}
            />
          )}
          {kind === 'area' && shown !== undefined ? (
            <circle class="chart-dot" cx={xOf(shown.untilMs)} cy={yOf(measure(shown))} r={4} />
          ) : null}
        </svg>
      </div>
      <Table title={title} buckets={buckets} measure={measure} textOf={textOf} />
    </section>
  );
}

interface AreaProps {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly base: number;
  readonly left: number;
}

/** Steps: between two checkpoints nothing is known to have changed. */
function Area({ points, base, left }: AreaProps): JSX.Element {
  const [start] = points;
  let line = `M${left} ${start?.[1] ?? base}`;
  for (const [x, y] of points) line += `V${y.toFixed(1)}H${x.toFixed(1)}`;
  return (
    <>
      <path class="chart-area" d={`${line}V${base}H${left}Z`} />
      <path class="chart-line" d={line} />
    </>
  );
}

type TableProps = Pick<ChartProps, 'title' | 'buckets' | 'measure' | 'textOf'>;

function Table({ title, buckets, measure, textOf }: TableProps): JSX.Element {
  return (
    <details>
      <summary>As a table</summary>
      <table class="figures">
        <caption class="hidden">{title}</caption>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Checkpoints</th>
            <th scope="col">{title}</th>
          </tr>
        </thead>
        <tbody>
          {buckets.slice(-TABLE_ROWS_MAX).map((bucket) => (
            <tr key={bucket.fromMs}>
              <th scope="row">{bucketText(bucket)}</th>
              <td>{bucket.count}</td>
              <td>{textOf(measure(bucket))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function bucketText({ fromMs, untilMs }: Bucket): string {
  const lengthMs = untilMs - fromMs;
  if (lengthMs < DAY_MS) return momentText(fromMs).slice(0, -3);
  if (lengthMs === DAY_MS) return shortDayText(fromMs);
  return `${shortDayText(fromMs)} to ${shortDayText(untilMs - 1)}`;
}

function spanTextFor(spanMs: number): (atMs: number) => string {
  if (spanMs > 4 * DAY_MS) return shortDayText;
  if (spanMs > DAY_MS) return (atMs) => momentText(atMs).slice(0, -3);
  return clockText;
}
