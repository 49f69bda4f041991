// Where the lines of a chart's scale stand: at round sizes and round times.

/** Up to `count` round values from 0 that reach `most`: 1, 2 or 5 times a power of ten. */
export function roundTicks(most: number, count: number): readonly number[] {
  if (!(most > 0)) return [0];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  const ticks: number[] = [];
  // multiplied rather than summed up, so that no rounding gathers
  for (let index = 0; index * step < most + step * 0.999; index++) ticks.push(index * step);
  return ticks;
}

/** Up to `count` moments between two, at equal distances, the ends among them. */
export function timeTicks(fromMs: number, untilMs: number, count: number): readonly number[] {
  if (untilMs <= fromMs || count < 2) return [fromMs];
  return Array.from({ length: count }, (_, index) => fromMs + ((untilMs - fromMs) * index) / (count - 1));
}
