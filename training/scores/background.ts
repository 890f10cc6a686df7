// What is behind the actor: one colour a row. Each row offers the few colours that much of it is near to; dynamic
// programming down the rows chooses among them, paying for jumps, so that an actor as wide as half the row, which would
// cost a jump in and a jump out, loses against the background. Knows nothing of sprites.

/** Distance (sum over RGB) beyond which a colour counts as simply different. */
const FAR = 50;
/** The most that a change of colour from one row to the next costs. */
const JUMP = 60;
const CHOICES = 3;

/** A colour that a row could have as its background, and the mean truncated distance of the row to it. */
interface Choice {
  readonly rgb: readonly [number, number, number];
  readonly cost: number;
}

/** Colours [N,3] of a row in some frames, with weights. */
interface Samples {
  readonly rgb: Float32Array;
  readonly weights: Float32Array;
}

function distance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  return Math.abs(a[i]! - b[j]!) + Math.abs(a[i + 1]! - b[j + 1]!) + Math.abs(a[i + 2]! - b[j + 2]!);
}

/** The samples' few most central colours, each more than FAR from the ones before. */
function choicesOf({ rgb, weights }: Samples): readonly Choice[] {
  const count = weights.length;
  const total = weights.reduce((a, b) => a + b, 0);
  const costs = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      const d = Math.min(FAR, distance(rgb, 3 * i, rgb, 3 * j));
      costs[i] = costs[i]! + d * weights[j]!;
      costs[j] = costs[j]! + d * weights[i]!;
    }
  }
  const order = Array.from(costs.keys()).sort((a, b) => costs[a]! - costs[b]!);
  const chosen: number[] = [];
  for (const i of order) {
    if (chosen.every((j) => distance(rgb, 3 * i, rgb, 3 * j) > FAR)) chosen.push(i);
    if (chosen.length === CHOICES) break;
  }
  return chosen.map((i) => ({ rgb: [rgb[3 * i]!, rgb[3 * i + 1]!, rgb[3 * i + 2]!], cost: costs[i]! / total }));
}

/** A row of all frames; the outermost columns, where actors are least, count four times. */
function samplesOf(frames: readonly Float32Array[], width: number, y: number): Samples {
  const rgb = new Float32Array(frames.length * width * 3);
  const weights = new Float32Array(frames.length * width);
  const edge = Math.max(1, Math.round(width * 0.1));
  frames.forEach((frame, f) => {
    rgb.set(frame.subarray(y * width * 3, (y + 1) * width * 3), f * width * 3);
    for (let x = 0; x < width; x++) weights[f * width + x] = x < edge || x >= width - edge ? 4 : 1;
  });
  return { rgb, weights };
}

/** Background per row [H,3] of one or several small frames [H,W,3] of one camera. */
export function rowBackground(frames: readonly Float32Array[], width: number, height: number): Float32Array {
  const rows = Array.from({ length: height }, (_, y) => choicesOf(samplesOf(frames, width, y)));
  const totals: number[][] = [rows[0]!.map((choice) => choice.cost)];
  const parents: number[][] = [[]];
  for (let y = 1; y < height; y++) {
    const parent: number[] = [];
    totals.push(
      rows[y]!.map((choice, i) => {
        const via = rows[y - 1]!.map(
          (from, j) => totals[y - 1]![j]! + Math.min(JUMP, distance(from.rgb, 0, choice.rgb, 0)),
        );
        parent[i] = via.indexOf(Math.min(...via));
        return choice.cost + via[parent[i]]!;
      }),
    );
    parents.push(parent);
  }
  const background = new Float32Array(height * 3);
  let at = totals[height - 1]!.indexOf(Math.min(...totals[height - 1]!));
  for (let y = height - 1; y >= 0; y--) {
    background.set(rows[y]![at]!.rgb, 3 * y);
    at = parents[y]![at] ?? 0;
  }
  return background;
}
