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
  /** Opaque pixels of the sprite inside the picture, and how many have nearly its colour and not the background's. */
  readonly opaque: number;
  readonly reproduced: number;
}

/** Squared RGB distance within which a sprite pixel counts as reproduced. */
const NEAR = 70 * 70;

/** Lays the sprite over the picture's background and compares. */
export function fitSprite(picture: Picture, mip: Mip, pose: Pose): Fit {
  const { width, height, rgb, background, weights } = picture;
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
      gain += weights[y * width + x]! * Math.min(without, TRUNCATED) - Math.min(over, TRUNCATED);
      if (alpha > 0.8) {
        opaque++;
        if (over < NEAR && over < without) reproduced++;
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

/** How far the climb first steps: pixels, relative size, relative stretch, radians. */
export interface Steps {
  readonly shift: number;
  readonly size: number;
  readonly stretch: number;
  readonly angle: number;
}

/** Stretches that squash and stretch can reach, and a little more. */
const STRETCH = [0.7, 1.2] as const;
/** The smallest longer side looked for, in short sides: a speck would fit anything. */
const SMALLEST = 0.1;
const DIRECTIONS = 10;

/** The pose one step away in one of the ten directions. */
function step(pose: Pose, steps: Steps, direction: number): Pose {
  const sign = direction % 2 === 0 ? 1 : -1;
  switch (direction >> 1) {
    case 0:
      return { ...pose, x: pose.x + sign * steps.shift };
    case 1:
      return { ...pose, y: pose.y + sign * steps.shift };
    case 2:
      return { ...pose, size: pose.size * (1 + steps.size) ** sign };
    case 3:
      return { ...pose, stretch: pose.stretch * (1 + steps.stretch) ** sign };
    default:
      return { ...pose, angle: pose.angle + sign * steps.angle };
  }
}

function allowed(picture: Picture, pose: Pose): boolean {
  const small = pose.size < SMALLEST * Math.min(picture.width, picture.height);
  return !small && pose.stretch > STRETCH[0] && pose.stretch < STRETCH[1];
}

/** Coordinate-wise hill climb of the gain, halving the steps so many times. */
export function climb(picture: Picture, mip: Mip, start: Pose, options: { steps: Steps; halvings: number }): Match {
  let best: Match = { pose: start, gain: fitSprite(picture, mip, start).gain };
  let { steps } = options;
  for (let halving = 0; halving <= options.halvings; halving++) {
    for (let sweep = 0; sweep < 4; sweep++) {
      const before = best.gain;
      for (let direction = 0; direction < DIRECTIONS; direction++) {
        const pose = step(best.pose, steps, direction);
        if (!allowed(picture, pose)) continue;
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
