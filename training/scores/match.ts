// How well a sprite, in a pose, explains a small picture: the squared error that it removes from "background only".
// Errors are truncated, so that one bad region (another actor, a cloud, a snowflake) cannot decide.
// Also a hill climb over the pose. Knows nothing of which sprites there are.
import { SPRITE_FILL, SPRITE_SIZE, type Mip } from '../world/atlas.ts';
import type { Picture } from './picture.ts';

/** Middle and longer side in pixels of the picture, height factor at constant area, clockwise angle, mirrored or not. */
export interface Pose {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly stretch: number;
  readonly angle: number;
  readonly mirrored: boolean;
}

/** Squared RGB distance at which an error stops growing. */
const TRUNCATED = 110 * 110;

/** Result of laying a sprite over a picture. */
export interface Fit {
  /** Sum over pixels of truncated squared errors, background minus sprite over background. */
  readonly gain: number;
  /** Opaque pixels of the sprite inside the picture, and how many of them have nearly its colour. */
  readonly opaque: number;
  readonly reproduced: number;
}

/** Squared RGB distance within which a sprite pixel counts as reproduced. */
const NEAR = 70 * 70;

/** Lays the sprite over the picture's background and compares. */
export function fitSprite(picture: Picture, mip: Mip, pose: Pose): Fit {
  const { width, height, rgb, background } = picture;
  const fill = SPRITE_SIZE / SPRITE_FILL;
  const drawnWidth = (pose.size * fill) / pose.stretch;
  const drawnHeight = pose.size * fill * pose.stretch;
  const wanted = Math.log2(Math.max(1, SPRITE_SIZE / (pose.size * fill)));
  const level = mip[Math.min(mip.length - 1, Math.round(wanted))]!;
  const size = level.width;
  const source = level.data;
  const cos = Math.cos(pose.angle);
  const sin = Math.sin(pose.angle);
  const halfX = (Math.abs(cos) * drawnWidth + Math.abs(sin) * drawnHeight) / 2;
  const halfY = (Math.abs(cos) * drawnHeight + Math.abs(sin) * drawnWidth) / 2;
  const left = Math.max(0, Math.floor(pose.x - halfX));
  const right = Math.min(width, Math.ceil(pose.x + halfX));
  const top = Math.max(0, Math.floor(pose.y - halfY));
  const bottom = Math.min(height, Math.ceil(pose.y + halfY));
  const flip = pose.mirrored ? -1 : 1;
  const uPerX = (flip * cos * size) / drawnWidth;
  const uPerY = (flip * sin * size) / drawnWidth;
  const vPerX = (-sin * size) / drawnHeight;
  const vPerY = (cos * size) / drawnHeight;
  let [gain, opaque, reproduced] = [0, 0, 0];
  for (let y = top; y < bottom; y++) {
    const dy = y + 0.5 - pose.y;
    const dx = left + 0.5 - pose.x;
    let u = dx * uPerX + dy * uPerY + size / 2 - 0.5;
    let v = dx * vPerX + dy * vPerY + size / 2 - 0.5;
    const backR = background[3 * y]!;
    const backG = background[3 * y + 1]!;
    const backB = background[3 * y + 2]!;
    for (let x = left; x < right; x++, u += uPerX, v += vPerX) {
      const ui = Math.floor(u);
      const vi = Math.floor(v);
      if (ui < 0 || vi < 0 || ui >= size - 1 || vi >= size - 1) continue;
      const wx = u - ui;
      const wy = v - vi;
      const p = (vi * size + ui) * 4;
      const q = p + size * 4;
      const w11 = wx * wy;
      const w01 = wx - w11;
      const w10 = wy - w11;
      const w00 = 1 - wx - wy + w11;
      const alpha = (source[p + 3]! * w00 + source[p + 7]! * w01 + source[q + 3]! * w10 + source[q + 7]! * w11) / 255;
      if (alpha < 0.02) continue;
      const r = source[p]! * w00 + source[p + 4]! * w01 + source[q]! * w10 + source[q + 4]! * w11 + (1 - alpha) * backR;
      const g =
        source[p + 1]! * w00 + source[p + 5]! * w01 + source[q + 1]! * w10 + source[q + 5]! * w11 + (1 - alpha) * backG;
      const b =
        source[p + 2]! * w00 + source[p + 6]! * w01 + source[q + 2]! * w10 + source[q + 6]! * w11 + (1 - alpha) * backB;
      const at = (y * width + x) * 3;
      const [seenR, seenG, seenB] = [rgb[at]!, rgb[at + 1]!, rgb[at + 2]!];
      const without = (seenR - backR) ** 2 + (seenG - backG) ** 2 + (seenB - backB) ** 2;
      const over = (seenR - r) ** 2 + (seenG - g) ** 2 + (seenB - b) ** 2;
      gain += Math.min(without, TRUNCATED) - Math.min(over, TRUNCATED);
      if (alpha > 0.8) {
        opaque++;
        if (over < NEAR) reproduced++;
      }
    }
  }
  return { gain, opaque, reproduced };
}

/** A pose with its gain. */
export interface Match {
  readonly pose: Pose;
  readonly gain: number;
}

/** How far the climb first steps: pixels, size factor, stretch factor, radians; a zero keeps that part fixed. */
export interface Steps {
  readonly shift: number;
  readonly size: number;
  readonly stretch: number;
  readonly angle: number;
}

function neighbours(pose: Pose, steps: Steps): readonly Pose[] {
  const { x, y, size, stretch, angle } = pose;
  const around: Pose[] = [
    { ...pose, x: x - steps.shift },
    { ...pose, x: x + steps.shift },
    { ...pose, y: y - steps.shift },
    { ...pose, y: y + steps.shift },
  ];
  if (steps.size > 0)
    around.push({ ...pose, size: size * (1 + steps.size) }, { ...pose, size: size / (1 + steps.size) });
  if (steps.stretch > 0 && stretch < 1.15) around.push({ ...pose, stretch: stretch * (1 + steps.stretch) });
  if (steps.stretch > 0 && stretch > 0.72) around.push({ ...pose, stretch: stretch / (1 + steps.stretch) });
  if (steps.angle > 0) around.push({ ...pose, angle: angle + steps.angle }, { ...pose, angle: angle - steps.angle });
  return around;
}

/** Coordinate-wise hill climb of the gain, halving the steps so many times. */
export function climb(picture: Picture, mip: Mip, start: Pose, options: { steps: Steps; halvings: number }): Match {
  let best: Match = { pose: start, gain: fitSprite(picture, mip, start).gain };
  let { steps } = options;
  for (let halving = 0; halving <= options.halvings; halving++) {
    for (let sweep = 0; sweep < 4; sweep++) {
      const before = best.gain;
      for (let direction = 0; ; direction++) {
        const pose = neighbours(best.pose, steps)[direction];
        if (pose === undefined) break;
        const { gain } = fitSprite(picture, mip, pose);
        if (gain > best.gain) best = { pose, gain };
      }
      if (best.gain <= before) break;
    }
    steps = { shift: steps.shift / 2, size: steps.size / 2, stretch: steps.stretch / 2, angle: steps.angle / 2 };
  }
  return best;
}

/** The same pose in a picture so many times larger. */
export function scalePose(pose: Pose, factor: number): Pose {
  return { ...pose, x: pose.x * factor, y: pose.y * factor, size: pose.size * factor };
}
