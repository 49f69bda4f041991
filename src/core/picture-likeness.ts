// How alike two pictures of a screen are: the share of pixels that show the same.

/** Pixels, 4 bytes each, of which the last means nothing. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** Shrinking and a cursor's shadow move a colour by less; text that is another one by far more. */
const SAME_COLOUR = 24;

/** From 0 (nothing is the same, or the sizes differ) to 1. */
export function likenessOf(one: Picture, other: Picture): number {
  if (one.width !== other.width || one.height !== other.height) return 0;
  const pixelCount = one.width * one.height;
  let sameCount = 0;
  for (let at = 0; at < pixelCount * 4; at += 4)
    if (
      isSame(one.rgba, other.rgba, at) &&
      isSame(one.rgba, other.rgba, at + 1) &&
      isSame(one.rgba, other.rgba, at + 2)
    )
      sameCount += 1;
  return pixelCount === 0 ? 0 : sameCount / pixelCount;
}

function isSame(one: Uint8Array, other: Uint8Array, at: number): boolean {
  return Math.abs((one[at] as number) - (other[at] as number)) <= SAME_COLOUR;
}
