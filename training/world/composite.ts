// The inner loops of the renderer: bilinear sampling of backdrops and sprites, soft shadows, in 8-bit typed arrays.
// A frame is [H,W,3]; positions are pixels, with pixel centres at halves. Knows nothing of scenes.
import type { Level, Mip } from './atlas.ts';

/** A frame being drawn: its offset in the clip's bytes and its size. */
export interface Canvas {
  readonly data: Uint8Array;
  readonly offset: number;
  readonly width: number;
  readonly height: number;
}

/** The level whose texels are at most about 1.4 times smaller than the pixels that they cover. */
function levelFor(mip: Mip, texelsPerPixel: number): { level: Level; index: number } {
  const index = Math.max(0, Math.min(mip.length - 1, Math.floor(Math.log2(Math.max(texelsPerPixel, 1)) + 0.5)));
  return { level: mip[index]!, index };
}

/** Reflects a texel index into [0, size), so that a drawing continues mirrored past its edges. */
function reflect(i: number, size: number): number {
  const period = 2 * size;
  const folded = ((i % period) + period) % period;
  return folded < size ? folded : period - 1 - folded;
}

/** Texel pairs and weights (of 256) for each pixel along one axis; texel position is start + pixel * step. */
function taps(
  count: number,
  size: number,
  start: number,
  step: number,
): { low: Int32Array; high: Int32Array; weight: Int32Array } {
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  const weight = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = start + (i + 0.5) * step - 0.5;
    const floor = Math.floor(at);
    low[i] = reflect(floor, size);
    high[i] = reflect(floor + 1, size);
    weight[i] = Math.round((at - floor) * 256);
  }
  return { low, high, weight };
}

/** Fills the canvas from a backdrop: the pixel (x, y) shows the texel (left + x * stepX, top + y * stepY) of the top level. */
export function drawBackdrop(
  canvas: Canvas,
  mip: Mip,
  window: { left: number; top: number; stepX: number; stepY: number },
): void {
  const { level, index } = levelFor(mip, Math.abs(window.stepY));
  const shrink = 1 / (1 << index);
  const across = taps(canvas.width, level.width, window.left * shrink, window.stepX * shrink);
  const down = taps(canvas.height, level.height, window.top * shrink, window.stepY * shrink);
  const source = level.data;
  const row = level.width * 3;
  const data = canvas.data;
  let to = canvas.offset;
  for (let y = 0; y < canvas.height; y++) {
    const upper = down.low[y]! * row;
    const lower = down.high[y]! * row;
    const wy = down.weight[y]!;
    for (let x = 0; x < canvas.width; x++) {
      const wx = across.weight[x]!;
      const a = across.low[x]! * 3;
      const b = across.high[x]! * 3;
      const w11 = (wx * wy) >> 8;
      const w01 = wx - w11;
      const w10 = wy - w11;
      const w00 = 256 - wx - wy + w11;
      const p = upper + a;
      const q = upper + b;
      const r = lower + a;
      const s = lower + b;
      data[to] = (source[p]! * w00 + source[q]! * w01 + source[r]! * w10 + source[s]! * w11 + 128) >> 8;
      data[to + 1] =
        (source[p + 1]! * w00 + source[q + 1]! * w01 + source[r + 1]! * w10 + source[s + 1]! * w11 + 128) >> 8;
      data[to + 2] =
        (source[p + 2]! * w00 + source[q + 2]! * w01 + source[r + 2]! * w10 + source[s + 2]! * w11 + 128) >> 8;
      to += 3;
    }
  }
}

/** Where a sprite goes: middle in pixels, the sprite square's drawn width and height, clockwise angle, mirrored or not. */
export interface SpritePose {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly angle: number;
  readonly mirrored: boolean;
}

/** Draws a premultiplied sprite over the canvas. */
export function drawSprite(canvas: Canvas, mip: Mip, pose: SpritePose): void {
  const { level } = levelFor(mip, (2 * mip[0]!.width) / (pose.width + pose.height));
  const size = level.width;
  const cos = Math.cos(pose.angle);
  const sin = Math.sin(pose.angle);
  const halfX = (Math.abs(cos) * pose.width + Math.abs(sin) * pose.height) / 2;
  const halfY = (Math.abs(cos) * pose.height + Math.abs(sin) * pose.width) / 2;
  const left = Math.max(0, Math.floor(pose.x - halfX));
  const right = Math.min(canvas.width, Math.ceil(pose.x + halfX));
  const top = Math.max(0, Math.floor(pose.y - halfY));
  const bottom = Math.min(canvas.height, Math.ceil(pose.y + halfY));
  // Texel steps in 16.16 fixed point: u runs along the sprite's width, v along its height.
  const flip = pose.mirrored ? -1 : 1;
  const uPerX = (flip * cos * size) / pose.width;
  const uPerY = (flip * sin * size) / pose.width;
  const vPerX = (-sin * size) / pose.height;
  const vPerY = (cos * size) / pose.height;
  const uStep = Math.round(uPerX * 65536);
  const vStep = Math.round(vPerX * 65536);
  const data = canvas.data;
  const source = level.data;
  const row = size * 4;
  const last = size - 1;
  for (let y = top; y < bottom; y++) {
    const dx = left + 0.5 - pose.x;
    const dy = y + 0.5 - pose.y;
    let u = Math.round((dx * uPerX + dy * uPerY + size / 2 - 0.5) * 65536);
    let v = Math.round((dx * vPerX + dy * vPerY + size / 2 - 0.5) * 65536);
    let to = canvas.offset + (y * canvas.width + left) * 3;
    for (let x = left; x < right; x++, u += uStep, v += vStep, to += 3) {
      const ui = u >> 16;
      const vi = v >> 16;
      if (ui < 0 || vi < 0 || ui >= last || vi >= last) continue;
      const at = vi * row + ui * 4;
      const wx = (u >> 8) & 255;
      const wy = (v >> 8) & 255;
      const w11 = (wx * wy) >> 8;
      const w01 = wx - w11;
      const w10 = wy - w11;
      const w00 = 256 - wx - wy + w11;
      const below = at + row;
      const alpha = source[at + 3]! * w00 + source[at + 7]! * w01 + source[below + 3]! * w10 + source[below + 7]! * w11;
      if (alpha < 128) continue;
      const keep = (((65280 - alpha) * 257) >> 16) + (alpha < 32640 ? 1 : 0); // of 256, 256 where clear
      const r = source[at]! * w00 + source[at + 4]! * w01 + source[below]! * w10 + source[below + 4]! * w11;
      const g = source[at + 1]! * w00 + source[at + 5]! * w01 + source[below + 1]! * w10 + source[below + 5]! * w11;
      const b = source[at + 2]! * w00 + source[at + 6]! * w01 + source[below + 2]! * w10 + source[below + 6]! * w11;
      const mixedR = (r + data[to]! * keep) >> 8;
      const mixedG = (g + data[to + 1]! * keep) >> 8;
      const mixedB = (b + data[to + 2]! * keep) >> 8;
      data[to] = mixedR > 255 ? 255 : mixedR;
      data[to + 1] = mixedG > 255 ? 255 : mixedG;
      data[to + 2] = mixedB > 255 ? 255 : mixedB;
    }
  }
}

/** Darkens a soft ellipse: the pixel is multiplied by 1 - strength (1 - r^2)^2. */
export function drawShadow(
  canvas: Canvas,
  ellipse: { x: number; y: number; radiusX: number; radiusY: number; strength: number },
): void {
  const { x: middleX, y: middleY, radiusX, radiusY, strength } = ellipse;
  const top = Math.max(0, Math.floor(middleY - radiusY));
  const bottom = Math.min(canvas.height, Math.ceil(middleY + radiusY));
  const left = Math.max(0, Math.floor(middleX - radiusX));
  const right = Math.min(canvas.width, Math.ceil(middleX + radiusX));
  for (let y = top; y < bottom; y++) {
    const dy = (y + 0.5 - middleY) / radiusY;
    for (let x = left; x < right; x++) {
      const dx = (x + 0.5 - middleX) / radiusX;
      const rest = 1 - dx * dx - dy * dy;
      if (rest <= 0) continue;
      const keep = 1 - strength * rest * rest;
      const at = canvas.offset + (y * canvas.width + x) * 3;
      for (let c = 0; c < 3; c++) canvas.data[at + c] = canvas.data[at + c]! * keep;
    }
  }
}

/** Mixes a colour into one pixel, if it lies inside the canvas. */
export function blendPixel(canvas: Canvas, x: number, y: number, amount: number): void {
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  const at = canvas.offset + (y * canvas.width + x) * 3;
  for (let c = 0; c < 3; c++) canvas.data[at + c] = canvas.data[at + c]! + (255 - canvas.data[at + c]!) * amount;
}
