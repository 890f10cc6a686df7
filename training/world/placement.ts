// Where an actor is put and how far it moves, so that every motion stays in the frame at any shape of frame.
// Reasons in the worst case, the square frame: there half the sprite is size / 2 of either side.
import type { Random } from './random.ts';
import {
  PLACE_FACTS,
  type Camera,
  type Motion,
  type Noun,
  type Place,
  type Relation,
  type Style,
} from './vocabulary.ts';

/** Rest position (fractions of the frame), reach and stance of one actor. */
export interface Placement {
  readonly size: number;
  readonly x: number;
  readonly y: number;
  readonly amplitude: number;
  readonly grounded: boolean;
}

export interface PlacementInput {
  readonly noun: Noun;
  readonly style: Style;
  readonly motion: Motion;
  readonly place: Place;
  readonly camera: Camera;
  readonly sizeRange: readonly [number, number];
  readonly positionJitter: number;
  readonly relation: Relation | 'none';
}

/** How far a pan moves the picture over the clip, fraction of the width; and the larger end of a zoom. */
export const PAN = 0.24;
export const ZOOM = 1.4;

const AIRBORNE: readonly Motion[] = ['rise', 'fall', 'circle', 'zigzag'];

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** True if the actor stands on the place's ground; the place has one, and neither noun nor motion leaves it. */
function stands(input: PlacementInput): boolean {
  if (PLACE_FACTS[input.place].ground === 0 || AIRBORNE.includes(input.motion)) return false;
  if (input.relation === 'above') return false;
  return input.noun.mode !== 'fly' && input.noun.mode !== 'swim';
}

/** Reach along the motion, leaving about a seventh of the sprite outside at most; halfX, halfY are half its box. */
function reach(motion: Motion, halfX: number, halfY: number, random: Random): number {
  switch (motion) {
    case 'left':
    case 'right':
    case 'zigzag':
      return clamp(random.range(0.25, 0.31), 0.12, 0.5 - 0.7 * halfX);
    case 'rise':
    case 'fall':
      return clamp(random.range(0.26, 0.32), 0.12, 0.5 - 0.7 * halfY);
    case 'circle':
      return clamp(random.range(0.17, 0.21), 0.1, Math.max(0.1, 0.52 - Math.max(halfX, halfY)));
    case 'bounce':
    case 'jump':
      return clamp(random.range(0.22, 0.3), 0.14, Math.max(0.14, 0.92 - 2 * halfY));
    default:
      return 0;
  }
}

/** The middle of a lone actor's rest pose. */
function restPosition(
  input: PlacementInput,
  random: Random,
  halves: readonly [number, number],
  amplitude: number,
): [number, number] {
  const [halfX, halfY] = halves;
  const { motion, positionJitter: jitter } = input;
  const horizontal = motion === 'left' || motion === 'right' || motion === 'zigzag';
  const reachX = horizontal || motion === 'circle' ? amplitude : 0;
  const pan = input.camera === 'pan left' || input.camera === 'pan right' ? (horizontal ? 0 : PAN / 2) : 0;
  const spareX = Math.max(0.02, 0.49 - halfX - reachX - pan);
  const x = 0.5 + random.range(-1, 1) * jitter * spareX;
  if (stands(input)) {
    const foot = PLACE_FACTS[input.place].ground + random.range(-0.06, 0.06) * jitter;
    const middle = foot - halfY;
    return [x, 0.5 + (middle - 0.5) * Math.min(1, 2 * jitter)];
  }
  const hops = motion === 'bounce' || motion === 'jump' ? amplitude / 2 : 0;
  const reachY =
    motion === 'zigzag' ? 0.13 : motion === 'rise' || motion === 'fall' || motion === 'circle' ? amplitude : hops;
  const spareY = Math.max(0.02, 0.49 - halfY - reachY);
  return [x, 0.5 + hops + random.range(-1, 1) * jitter * spareY];
}

/** Where the first (or, with its relation reversed, the second) of two actors rests. */
function pairPosition(input: PlacementInput, random: Random, halfY: number): [number, number] {
  const near = random.range(0.25, 0.29);
  const along = random.range(-0.04, 0.04);
  const foot = PLACE_FACTS[input.place].ground;
  if (input.relation === 'left of' || input.relation === 'right of') {
    const y = stands(input) ? foot - halfY : (foot === 0 ? 0.52 : 0.56) + along;
    return [input.relation === 'left of' ? near : 1 - near, y];
  }
  if (input.relation === 'above') return [0.5 + along, near];
  return [0.5 + along, stands(input) ? foot + 0.03 - halfY : 1 - near];
}

/** Draws size, rest position and reach for an actor. */
export function placeActor(input: PlacementInput, random: Random): Placement {
  const zooms = input.camera === 'zoom in' || input.camera === 'zoom out';
  const drawn = random.range(input.sizeRange[0], input.sizeRange[1]);
  const largest =
    input.relation === 'none'
      ? zooms
        ? 0.6
        : 0.95
      : input.relation === 'above' || input.relation === 'below'
        ? 0.36
        : 0.38;
  const size = Math.min(zooms ? drawn / 1.2 : drawn, largest);
  const box = input.noun.boxes[input.style];
  const halves = [(size * box[0]) / 2, (size * box[1]) / 2] as const;
  const room = reach(input.motion, halves[0], halves[1], random);
  const amplitude = input.relation === 'none' ? (zooms ? room / 1.25 : room) : Math.min(room, 0.18);
  const [x, y] =
    input.relation === 'none' ? restPosition(input, random, halves, amplitude) : pairPosition(input, random, halves[1]);
  return { size, x, y, amplitude, grounded: stands(input) };
}
