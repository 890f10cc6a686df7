// Whether it rains or snows: how much small bright things come and go in front of what stays, and whether they are streaks.
// Knows nothing of what is shown.
import type { Weather } from '../world/vocabulary.ts';
import type { ClipShape } from './picture.ts';
import { type Disc, isHidden } from './place.ts';

/** Brighter by so many levels of 255 than what is there most of the time. */
const BRIGHTER = 10;
/** Share of pixels from which something falls, and how upright streaks are. */
const [FALLING, UPRIGHT] = [0.005, 0.25];

export interface WeatherMeasure {
  /** Share of pixels that are brighter for a moment. */
  readonly bright: number;
  /** How much more they resemble those below them than those beside them, from -1 to 1. */
  readonly upright: number;
}

/** How many pixels a bright one is compared with one away. */
const APART = 2;

/** @param actors discs to leave out of each frame */
export function measureWeather(
  clip: Uint8Array,
  { frames, width, height }: ClipShape,
  actors: readonly (readonly Disc[])[],
): WeatherMeasure {
  const area = width * height;
  const excess = excessOver(clip, { frames, width, height }, actors);
  let [bright, count, below, beside, squares] = [0, 0, 0, 0, 0];
  for (let f = 0; f < frames; f++)
    for (let y = 0; y < height - APART; y++)
      for (let x = 0; x < width - APART; x++) {
        const at = f * area + y * width + x;
        const [here, under, next] = [excess[at]!, excess[at + APART * width]!, excess[at + APART]!];
        if (Number.isNaN(here + under + next)) continue;
        count++;
        if (here > BRIGHTER) bright++;
        squares += here * here;
        below += here * under;
        beside += here * next;
      }
  return { bright: count === 0 ? 0 : bright / count, upright: (below - beside) / Math.max(squares, 1e-6) };
}

/** By how much each pixel [T,H,W] is brighter than it mostly is; NaN where an actor is, or is most of the time. */
function excessOver(
  clip: Uint8Array,
  { frames, width, height }: ClipShape,
  actors: readonly (readonly Disc[])[],
): Float32Array {
  const area = width * height;
  const grey = new Float32Array(frames * area).map((_, i) => (clip[3 * i]! + clip[3 * i + 1]! + clip[3 * i + 2]!) / 3);
  for (let i = 0; i < area; i++) {
    const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
    const isSeen = (f: number): boolean => !isHidden(actors[f] ?? [], x, y, { width, height });
    const seen = Array.from({ length: frames }, (_, f) => f).filter(isSeen);
    const values = seen.map((f) => grey[f * area + i]!).sort((a, b) => a - b);
    const usual = seen.length > frames / 2 ? values[values.length >> 1]! : NaN;
    for (let f = 0; f < frames; f++)
      grey[f * area + i] = seen.includes(f) ? Math.max(0, grey[f * area + i]! - usual) : NaN;
  }
  return grey;
}

/** Undefined for clips of few frames. */
export function classifyWeather(
  clip: Uint8Array,
  shape: ClipShape,
  actors: readonly (readonly Disc[])[],
): Weather | undefined {
  if (shape.frames < 5) return undefined;
  const { bright, upright } = measureWeather(clip, shape, actors);
  if (bright < FALLING) return 'none';
  return upright > UPRIGHT ? 'rain' : 'snow';
}
