// Exhaustive search for a sprite over position and scale in a tiny picture, by correlation.
// With the background constant along each row, T = P - alpha B depends on the row alone, and the squared error removed is
// sum(2 D.T - |T|^2), D = picture - background: three multiplications a pixel. Knows nothing of the vocabulary.
import { SPRITE_FILL, SPRITE_SIZE, type Mip } from '../world/atlas.ts';
import type { Match } from './match.ts';
import type { Picture } from './picture.ts';

/** A sprite drawn small at a scale and angle: premultiplied RGB and alpha [H,W,4] in 0..255. */
export interface Template {
  readonly width: number;
  readonly height: number;
  readonly rgba: Float32Array;
  readonly size: number;
  readonly angle: number;
  readonly mirrored: boolean;
}

/** Samples the sprite at a longer side in pixels; the template's middle is the sprite's middle. */
export function makeTemplate(
  mip: Mip,
  box: readonly [number, number],
  look: { size: number; angle: number; mirrored: boolean },
): Template {
  const { size, angle, mirrored } = look;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const spanX = size * (Math.abs(cos) * box[0] + Math.abs(sin) * box[1]);
  const spanY = size * (Math.abs(cos) * box[1] + Math.abs(sin) * box[0]);
  const width = Math.max(2, Math.ceil(spanX));
  const height = Math.max(2, Math.ceil(spanY));
  const drawn = (size * SPRITE_SIZE) / SPRITE_FILL;
  const wanted = Math.log2(Math.max(1, SPRITE_SIZE / drawn));
  const level = mip[Math.min(mip.length - 1, Math.round(wanted))]!;
  const scale = level.width / drawn;
  const rgba = new Float32Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x + 0.5 - width / 2, y + 0.5 - height / 2];
      const u = (mirrored ? -1 : 1) * (dx * cos + dy * sin) * scale + level.width / 2 - 0.5;
      const v = (dy * cos - dx * sin) * scale + level.width / 2 - 0.5;
      const [ui, vi] = [Math.floor(u), Math.floor(v)];
      if (ui < 0 || vi < 0 || ui >= level.width - 1 || vi >= level.width - 1) continue;
      const [wx, wy] = [u - ui, v - vi];
      for (let c = 0; c < 4; c++) {
        const p = (vi * level.width + ui) * 4 + c;
        const q = p + level.width * 4;
        const upper = level.data[p]! * (1 - wx) + level.data[p + 4]! * wx;
        const lower = level.data[q]! * (1 - wx) + level.data[q + 4]! * wx;
        rgba[(y * width + x) * 4 + c] = upper * (1 - wy) + lower * wy;
      }
    }
  }
  return { width, height, rgba, size, angle, mirrored };
}

/** T [H,W,3] for the rows starting at y0, and the sums of |T|^2 before each column [W+1]. Rows outside the picture are zero. */
function overBackground(
  picture: Picture,
  template: Template,
  y0: number,
  out: { T: Float32Array; before: Float64Array },
): void {
  const { width, height, rgba } = template;
  const { T, before } = out;
  before.fill(0);
  for (let r = 0; r < height; r++) {
    const y = y0 + r;
    const inside = y >= 0 && y < picture.height;
    for (let c = 0; c < width; c++) {
      const from = (r * width + c) * 4;
      const to = (r * width + c) * 3;
      if (!inside) {
        T[to] = T[to + 1] = T[to + 2] = 0;
        continue;
      }
      const alpha = rgba[from + 3]! / 255;
      const a = rgba[from]! - alpha * picture.background[3 * y]!;
      const b = rgba[from + 1]! - alpha * picture.background[3 * y + 1]!;
      const g = rgba[from + 2]! - alpha * picture.background[3 * y + 2]!;
      T[to] = a;
      T[to + 1] = b;
      T[to + 2] = g;
      before[c + 1] = before[c + 1]! + a * a + b * b + g * g;
    }
  }
  for (let c = 0; c < width; c++) before[c + 1] = before[c + 1]! + before[c]!;
}

/** Weighted picture minus background [H,W,3], and sums of its squares over all rectangles from the corner [H+1,W+1]. */
export interface Contrast {
  readonly D: Float32Array;
  readonly energy: Float64Array;
}

/** What stands out from the picture's background, where it may be an actor. */
export function contrastOf(picture: Picture): Contrast {
  const { width, height } = picture;
  const D = new Float32Array(picture.rgb.length);
  const energy = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const i = (y * width + x) * 3 + c;
        D[i] = picture.weights[y * width + x]! * (picture.rgb[i]! - picture.background[3 * y + c]!);
        row += D[i] * D[i];
      }
      energy[(y + 1) * (width + 1) + x + 1] = energy[y * (width + 1) + x + 1]! + row;
    }
  }
  return { D, energy };
}

/**
 * The best position of a template in the picture, at most about a third of it outside, if it is worth more than the
 * floor. Its worth is gain^2 / |T|^2: the error removed times the share of itself that it removes, which is 1 where the
 * picture shows the sprite, and less where a large sprite merely covers clutter.
 */
export function densest(picture: Picture, contrast: Contrast, template: Template, floor: number): Match | undefined {
  const { width, height } = template;
  const { D, energy } = contrast;
  const stride = picture.width + 1;
  const T = new Float32Array(width * height * 3);
  const before = new Float64Array(width + 1);
  const outX = Math.floor(width / 3);
  const outY = Math.floor(height / 3);
  let [best, bestX, bestY] = [floor, NaN, 0];
  for (let y0 = -outY; y0 <= picture.height - height + outY; y0++) {
    overBackground(picture, template, y0, { T, before });
    const firstRow = Math.max(0, -y0);
    const lastRow = Math.min(height, picture.height - y0);
    const upper = (y0 + firstRow) * stride;
    const lower = (y0 + lastRow) * stride;
    for (let x0 = -outX; x0 <= picture.width - width + outX; x0++) {
      const first = Math.max(0, -x0);
      const last = Math.min(width, picture.width - x0);
      const own = before[last]! - before[first]!;
      const [from, to] = [x0 + first, x0 + last];
      const there = energy[lower + to]! - energy[lower + from]! - energy[upper + to]! + energy[upper + from]!;
      const most = 2 * Math.sqrt(Math.max(0, there) * own) - own; // by Cauchy-Schwarz
      if (most <= 0 || most * most <= best * own) continue;
      let sum = 0;
      for (let r = firstRow; r < lastRow; r++) {
        let t = (r * width + first) * 3;
        const end = (r * width + last) * 3;
        let d = ((y0 + r) * picture.width + from) * 3;
        while (t < end) sum += T[t++]! * D[d++]!;
      }
      const gain = 2 * sum - own;
      if (gain > 0 && gain * gain > best * own) [best, bestX, bestY] = [(gain * gain) / own, x0, y0];
    }
  }
  if (Number.isNaN(bestX)) return undefined;
  const { size, angle, mirrored } = template;
  return { pose: { x: bestX + width / 2, y: bestY + height / 2, size, stretch: 1, angle, mirrored }, gain: best };
}
