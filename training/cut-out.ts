// A picture that somebody brings as a sprite: what its alpha shows, or, where it has none, what stands before a border of one
// colour. A picture with neither is a sprite as a whole, with its corners.
import sharp from 'sharp';

/** How a picture became a sprite. */
export type CutBy = 'alpha' | 'border' | 'nothing';

export interface CutOut {
  /** A PNG with alpha, trimmed to what is to be seen. */
  readonly png: Buffer;
  readonly cutBy: CutBy;
  readonly width: number;
  readonly height: number;
  /** Mean of what is to be seen. */
  readonly colour: readonly [number, number, number];
}

/** Longer side that pictures are cut at, pixels; sprites are smaller. */
const EDGE = 384;
/** So far from the border's colour a pixel is the border still, in RGB. */
const NEAR = 36;
/** This share of the border must be near its colour. */
const PLAIN = 0.92;

/** @param bytes a picture file @throws Error from sharp when it is damaged; RangeError when nothing is to be seen in it */
export async function cutOut(bytes: Buffer): Promise<CutOut> {
  const { data, info } = await sharp(bytes, { failOn: 'error' })
    .rotate()
    .resize(EDGE, EDGE, { fit: 'inside' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const cutBy = isTransparent(data) ? 'alpha' : clearBorder(data, info) ? 'border' : 'nothing';
  const box = shownBox(data, info);
  if (box === undefined) throw new RangeError('nothing is to be seen in it');
  const png = await sharp(data, { raw: { width: info.width, height: info.height, channels: 4 } })
    .extract(box)
    .png()
    .toBuffer();
  return { png, cutBy, width: box.width, height: box.height, colour: meanColour(data) };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** At least a hundredth of the pixels can be looked through. */
function isTransparent(rgba: Buffer): boolean {
  let clear = 0;
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i]! < 128) clear++;
  return clear > rgba.length / 400;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

/** Clears what hangs together with the border and has its colour. @returns whether the border has one colour */
function clearBorder(rgba: Buffer, { width, height }: Size): boolean {
  const rim: number[] = [];
  for (let x = 0; x < width; x++) rim.push(x, (height - 1) * width + x);
  for (let y = 0; y < height; y++) rim.push(y * width, y * width + width - 1);
  const colour = [0, 1, 2].map((c) => median(rim.map((at) => rgba[4 * at + c]!)));
  const isNear = (at: number): boolean => Math.hypot(...colour.map((value, c) => rgba[4 * at + c]! - value)) < NEAR;
  const open = rim.filter(isNear);
  if (open.length < PLAIN * rim.length) return false;
  const seen = new Uint8Array(width * height);
  while (open.length > 0) {
    const at = open.pop()!;
    if (seen[at] === 1 || !isNear(at)) continue;
    seen[at] = 1;
    rgba[4 * at + 3] = 0;
    const x = at % width;
    if (x > 0) open.push(at - 1);
    if (x < width - 1) open.push(at + 1);
    if (at >= width) open.push(at - width);
    if (at < (height - 1) * width) open.push(at + width);
  }
  return true;
}

function shownBox(rgba: Buffer, { width, height }: Size) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rgba[4 * (y * width + x) + 3]! < 32) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function meanColour(rgba: Buffer): [number, number, number] {
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < rgba.length; i += 4) {
    for (let c = 0; c < 3; c++) sums[c]! += rgba[i + c]! * rgba[i + 3]!;
    sums[3]! += rgba[i + 3]!;
  }
  return [0, 1, 2].map((c) => Math.round(sums[c]! / Math.max(1, sums[3]!))) as [number, number, number];
}
