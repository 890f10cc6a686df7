// The layout (layout-channels.ts) that follows from where an actor's box is in each frame. A layout that is known is given to the
// transformer clean: it then paints the actor there (training with `given` layouts, `--path`).
import { LAYOUT_CHANNELS, LAYOUT_LIMIT, layoutGain } from './layout-channels.ts';

/** An actor in one frame: middle, width and height in parts of the frame, radians clockwise. */
export interface LayoutBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly angle: number;
}

/** Of a clip: its latents [T,H,W], pixels and frames to a latent position, the frame in pixels. */
export interface LayoutPlace {
  readonly grid: readonly [number, number, number];
  readonly space: number;
  readonly time: number;
  readonly width: number;
  readonly height: number;
}

/** [4,T,H,W] of a box for each frame; u grows to the actor's right (its left if mirrored), v to its feet, whichever way it is turned. */
export function layoutOfBoxes(boxes: readonly LayoutBox[], place: LayoutPlace, mirrored = false): Float32Array {
  const [frames, height, width] = place.grid;
  const plane = frames * height * width;
  const layout = new Float32Array(LAYOUT_CHANNELS * plane);
  for (let t = 0; t < frames; t++) {
    const ends = t === 0 ? [0, 0] : [(t - 1) * place.time + 1, t * place.time];
    ends.forEach((frame, end) => {
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const [u, v] = onActor(boxes[frame]!, (column + 0.5) * place.space, (row + 0.5) * place.space, place);
          const cell = (t * height + row) * width + column;
          layout[2 * end * plane + cell] = mirrored ? -u : u;
          layout[(2 * end + 1) * plane + cell] = v;
        }
      }
    });
  }
  return layout;
}

/** A pixel's coordinates on a turned box, in its lengths from the middle, cut and scaled. */
function onActor(box: LayoutBox, x: number, y: number, { width, height, space }: LayoutPlace): [number, number] {
  const [dx, dy] = [x - box.x * width, y - box.y * height];
  const [cos, sin] = [Math.cos(box.angle), Math.sin(box.angle)];
  const u = (dx * cos + dy * sin) / (box.width * width);
  const v = (dy * cos - dx * sin) / (box.height * height);
  const cut = (value: number): number => layoutGain(space) * Math.max(-LAYOUT_LIMIT, Math.min(LAYOUT_LIMIT, value));
  return [cut(u), cut(v)];
}

/** Where a path is at clip time `at`, 0 to 1, in parts of the frame. */
export interface PathPoint {
  readonly at: number;
  readonly x: number;
  readonly y: number;
}

/** The place on a path at clip time t: straight between points, still before the first and after the last. */
export function alongPath<T extends PathPoint>(
  points: readonly T[],
  t: number,
): { readonly x: number; readonly y: number } {
  const next = points.findIndex(({ at }) => at > t);
  if (next <= 0) return points.at(next)!; // before the first; or -1, after the last
  const [from, to] = [points[next - 1]!, points[next]!];
  const part = (t - from.at) / (to.at - from.at);
  return { x: from.x + part * (to.x - from.x), y: from.y + part * (to.y - from.y) };
}
