// Which motion a track shows: each motion of the world is fitted to it (place, reach and size free) and the one with
// the least robust error wins. Knows nothing of pixels.
import { actorBoxAt, clipTime } from '../world/track.ts';
import type { Actor, Scene } from '../world/scene.ts';
import { MOTIONS, type Camera, type Motion, type Style } from '../world/vocabulary.ts';
import type { ClipShape } from './picture.ts';
import type { Sighting } from './track.ts';

/** One way to perform a motion. */
interface Hypothesis {
  readonly motion: Motion;
  readonly direction: 1 | -1;
  readonly phase: number;
}

/** Standard errors of a tracked middle (fractions of the frame), log size and angle (radians). */
const POSITION_ERROR = 0.025;
const SIZE_ERROR = 0.12;
const ANGLE_ERROR = 0.3;
/** Where an error, in squared standard errors, stops growing. */
const TRUNCATED = 12;
/** The smallest and largest reach that is still the motion. */
const REACH = [0.09, 0.42] as const;

function hypotheses(): readonly Hypothesis[] {
  return MOTIONS.flatMap((motion): readonly Hypothesis[] => {
    const directions =
      motion === 'spin' || motion === 'sway' || motion === 'zigzag' || motion === 'circle'
        ? ([1, -1] as const)
        : ([1] as const);
    const phases = motion === 'circle' ? Array.from({ length: 16 }, (_, i) => i / 16) : [0];
    return directions.flatMap((direction) => phases.map((phase) => ({ motion, direction, phase })));
  });
}

interface Series {
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly logSize: readonly number[];
  readonly angle: readonly number[];
}

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[xs.length >> 1]!;
const centred = (xs: readonly number[]): readonly number[] => xs.map((x) => x - mean(xs));

/** What the hypothesis predicts for an actor of this look, with the given reach. */
function predict(
  hypothesis: Hypothesis,
  actor: { noun: string; style: Style; size: number },
  reach: number,
  shape: ClipShape,
  camera: Camera,
): Series {
  const stand: Actor = { ...actor, ...hypothesis, x: 0.5, y: 0.5, amplitude: reach, mirrored: false, grounded: true };
  const scene: Scene = {
    seed: 0,
    place: 'plain',
    colour: 'grey',
    camera,
    weather: 'none',
    relation: 'none',
    actors: [stand],
  };
  const boxes = Array.from({ length: shape.frames }, (_, f) =>
    actorBoxAt(scene, stand, clipTime(f, shape.frames), shape),
  );
  return {
    x: boxes.map((box) => box.x),
    y: boxes.map((box) => box.y),
    logSize: boxes.map((box) => Math.log(box.width * box.height) / 2),
    angle: boxes.map((box) => box.angle),
  };
}

/** Mean robust error of a hypothesis, in squared standard errors. */
function errorOf(seen: Series, still: Series, reaching: Series): number {
  const [dx, dy] = [centred(seen.x.map((x, i) => x - still.x[i]!)), centred(seen.y.map((y, i) => y - still.y[i]!))];
  const [px, py] = [
    centred(reaching.x.map((x, i) => x - still.x[i]!)),
    centred(reaching.y.map((y, i) => y - still.y[i]!)),
  ];
  const along = [...px, ...py].reduce((sum, p) => sum + p * p, 0);
  const product = px.reduce((sum, p, i) => sum + p * dx[i]! + py[i]! * dy[i]!, 0);
  const reach = along < 1e-9 ? 0 : Math.min(REACH[1], Math.max(REACH[0], product / along));
  const restX = dx.map((d, i) => d - reach * px[i]!);
  const restY = dy.map((d, i) => d - reach * py[i]!);
  const restSize = seen.logSize.map((s, i) => s - still.logSize[i]!);
  const [midX, midY, midSize] = [median(restX), median(restY), median(restSize)];
  const errors = restX.map((_, i) => {
    const shift = ((restX[i]! - midX) ** 2 + (restY[i]! - midY) ** 2) / POSITION_ERROR ** 2;
    const size = ((restSize[i]! - midSize) / SIZE_ERROR) ** 2;
    const turn = ((2 * Math.sin((seen.angle[i]! - still.angle[i]!) / 2)) / ANGLE_ERROR) ** 2;
    return Math.min(TRUNCATED, shift) + Math.min(TRUNCATED, size) + Math.min(TRUNCATED, turn);
  });
  return mean(errors);
}

/** The motion that explains a track best under a camera that moves so, and every motion's error. */
export function classifyMotion(
  track: readonly Sighting[],
  shape: ClipShape,
  look: { noun: string; style: Style },
  camera: Camera = 'static',
): { motion: Motion; errors: ReadonlyMap<Motion, number> } {
  const seen: Series = {
    x: track.map((sighting) => sighting.x),
    y: track.map((sighting) => sighting.y),
    logSize: track.map((sighting) => Math.log(Math.max(1e-3, sighting.size))),
    angle: track.map((sighting) => sighting.angle),
  };
  const actor = { ...look, size: Math.max(...track.map((sighting) => sighting.size)) };
  const errors = new Map<Motion, number>();
  for (const hypothesis of hypotheses()) {
    const error = errorOf(
      seen,
      predict(hypothesis, actor, 0, shape, camera),
      predict(hypothesis, actor, 1, shape, camera),
    );
    errors.set(hypothesis.motion, Math.min(error, errors.get(hypothesis.motion) ?? Infinity));
  }
  const motion = [...errors].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
  return { motion, errors };
}
