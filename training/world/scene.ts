// A scene: the complete, plain description of a clip before any pixel, drawn from a seed and a set of wishes.
// Knows nothing of time, sprites or words; track.ts says where everybody is in each frame.
import { isHeldOut, type Split } from './heldout.ts';
import { placeActor } from './placement.ts';
import type { PathPoint } from '../../dit/box-layout.ts';
import { randomOf, type Random } from './random.ts';
import {
  clashes,
  MOTIONS,
  nounOf,
  NOUN_NAMES,
  PLACE_FACTS,
  PLACES,
  PLAIN_COLOUR_NAMES,
  STYLES,
  type Camera,
  type Motion,
  type Place,
  type PlainColour,
  type Relation,
  type Style,
  type Weather,
} from './vocabulary.ts';

export { sceneTrack } from './track.ts';

/** How wide the world is: what may appear, how large and where. */
export interface WorldOptions {
  readonly nouns: readonly string[];
  readonly styles: readonly Style[];
  readonly places: readonly Place[];
  readonly motions: readonly Motion[];
  /** Longer side of a lone actor, fraction of the frame's short side. */
  readonly sizeRange: readonly [number, number];
  /** 0 centred, 1 anywhere that the motion allows. */
  readonly positionJitter: number;
  /** Probability that what no caption says is drawn (which way a sprite looks or turns, where on its circle it starts); else it is always the same. */
  readonly variety: number;
  /** Probability of a second actor. */
  readonly twoActors: number;
  /** Probability that the camera moves; it stands still for two actors. */
  readonly cameraMoves: number;
  /** Probability of rain or snow, where the place has weather. */
  readonly weather: number;
  /** Probability that a lone actor follows a path of its own, upright, whatever its motion is called; 0 if left out. */
  readonly paths?: number;
  /** Where in their motions scenes start, in clip lengths: from and to; 0 if left out. */
  readonly starts?: readonly [number, number];
  /** Probability that a lone actor that stays in its place was doing something else before the first frame; 0 if left out. */
  readonly changes?: number;
  readonly holdOut: Split;
}

/** The whole world, as it is trained on in the end. */
export const fullWorld = {
  nouns: NOUN_NAMES,
  styles: STYLES,
  places: PLACES,
  motions: MOTIONS,
  sizeRange: [0.32, 0.56],
  positionJitter: 1,
  variety: 1,
  twoActors: 0.2,
  cameraMoves: 0.35,
  weather: 0.2,
  holdOut: 'all',
} as const satisfies WorldOptions;

/** One actor at rest; x, y is the middle in fractions of the frame, size the longer side in short sides. */
export interface Actor {
  readonly noun: string;
  readonly style: Style;
  readonly motion: Motion;
  readonly size: number;
  readonly x: number;
  readonly y: number;
  readonly amplitude: number;
  readonly phase: number;
  readonly direction: 1 | -1;
  /** Drawn mirrored, so that it looks where it goes. */
  readonly mirrored: boolean;
  /** Stands on the ground: scales and squashes about its feet. */
  readonly grounded: boolean;
  /** Where its middle goes instead of what its motion does. */
  readonly path?: readonly PathPoint[];
}

export interface Scene {
  readonly seed: number;
  readonly place: Place;
  /** Colour of the place 'plain'; drawn but unused elsewhere. */
  readonly colour: PlainColour;
  readonly camera: Camera;
  readonly weather: Weather;
  /** How the first actor stands to the second. */
  readonly relation: Relation | 'none';
  readonly actors: readonly Actor[];
  /** Clip time of the motions at the first frame, which are under way or yet to begin; 0 if left out. */
  readonly start?: number;
  /** What a lone actor did until the first frame: a motion, how far it reached, and its clip time then. */
  readonly before?: { readonly motion: Motion; readonly amplitude: number; readonly at: number };
}

/** Motions that lead nowhere, so that any other of them can follow. */
export const STAYS = ['still', 'bounce', 'spin', 'grow', 'shrink', 'sway', 'jump'] as const satisfies readonly Motion[];

const CALM: readonly Motion[] = ['still', 'spin', 'grow', 'shrink', 'sway'];
const REVERSED = { 'left of': 'right of', 'right of': 'left of', above: 'below', below: 'above' } as const;

/** The same scene, told from its second actor where it has one. */
export function seenFromOther(scene: Scene): Scene {
  if (scene.relation === 'none') return scene;
  return { ...scene, relation: REVERSED[scene.relation], actors: scene.actors.toReversed() };
}

/** The pan that follows a sideways walk, else any camera. */
function drawCamera(random: Random, motion: Motion, direction: 1 | -1): Camera {
  const follow = motion === 'left' ? 'left' : motion === 'right' ? 'right' : direction > 0 ? 'right' : 'left';
  const sideways = motion === 'left' || motion === 'right' || motion === 'zigzag';
  const pan = sideways ? follow : random.pick(['left', 'right'] as const);
  return random.pick<Camera>([`pan ${pan}`, `pan ${pan}`, 'zoom in', 'zoom out']);
}

/** True if the mirrored sprite looks where the actor goes; `coin` decides for those that go nowhere. */
function looksBack(noun: string, motion: Motion, direction: 1 | -1, coin: boolean): boolean {
  const { facing } = nounOf(noun);
  if (facing === 'front') return false;
  const going = motion === 'left' ? -1 : motion === 'right' ? 1 : motion === 'zigzag' ? direction : 0;
  if (going === 0) return coin;
  return facing === 'left' ? going > 0 : going < 0;
}

interface Cast {
  readonly place: Place;
  readonly colour: PlainColour;
  readonly style: Style;
  readonly relation: Relation | 'none';
  readonly roles: readonly { noun: string; motion: Motion }[];
}

/** Draws who, where and how; two actors get calm motions that keep their relation. */
function drawCast(random: Random, options: WorldOptions): Cast {
  const style = random.pick(options.styles);
  const place = random.pick(options.places);
  const colour = random.pick(PLAIN_COLOUR_NAMES);
  const calm = options.motions.filter((motion) => CALM.includes(motion));
  const lively = options.motions.filter((motion) => CALM.includes(motion) || motion === 'jump' || motion === 'bounce');
  const pair = random.chance(options.twoActors) && options.nouns.length > 1 && calm.length > 0;
  if (!pair) {
    const role = { noun: random.pick(options.nouns), motion: random.pick(options.motions) };
    return { place, colour, style, relation: 'none', roles: [role] };
  }
  const relation = random.pick(['left of', 'right of', 'left of', 'right of', 'above', 'below'] as const);
  const motions = relation === 'above' || relation === 'below' ? calm : lively;
  const first = random.pick(options.nouns);
  const second = random.pick(options.nouns.filter((noun) => noun !== first));
  const roles = [first, second].map((noun) => ({ noun, motion: random.pick(motions) }));
  return { place, colour, style, relation, roles };
}

/** Whether the cast belongs to the split: all its combinations for 'train', its first one for 'heldout'. */
function inSplit(cast: Cast, split: Split): boolean {
  if (split === 'all') return true;
  const held = cast.roles.map((role) => isHeldOut(role.noun, cast.place, role.motion));
  return split === 'heldout' ? held[0]! : !held.includes(true);
}

/** Redraws until the cast is in the split and nobody vanishes into the background; the split is never given up. */
function drawFittingCast(random: Random, options: WorldOptions): Cast {
  let fallback: Cast | undefined;
  for (let attempt = 0; attempt < 2000; attempt++) {
    const cast = drawCast(random, options);
    if (!inSplit(cast, options.holdOut)) continue;
    const clash = cast.roles.some((role) => clashes(nounOf(role.noun), cast.style, cast.place, cast.colour));
    if (!clash) return cast;
    fallback = cast;
    if (attempt > 200) break;
  }
  if (fallback !== undefined) return fallback;
  throw new RangeError(
    `No combination of the ${options.nouns.length} nouns, ${options.places.length} places and ${options.motions.length} motions is in the '${options.holdOut}' split. Allow more of them.`,
  );
}

/** Draws the scene of a seed. Pure: the same seed and options give the same scene. */
export function sampleScene(seed: number, options: WorldOptions): Scene {
  const random = randomOf(seed);
  const cast = drawFittingCast(random, options);
  const varied = options.variety === 1 || randomOf(seed, 5).chance(options.variety);
  const directions = cast.roles.map(() => (random.chance(0.5) || !varied ? 1 : -1));
  const moves = random.chance(options.cameraMoves);
  const moving = drawCamera(random, cast.roles[0]!.motion, directions[0]!);
  const camera = moves && cast.roles.length === 1 ? moving : 'static';
  const wet = random.chance(options.weather) && PLACE_FACTS[cast.place].weather;
  const weather = random.pick(['rain', 'snow'] as const);
  const actors = cast.roles.map((role, index): Actor => {
    const relation = cast.relation === 'none' || index === 0 ? cast.relation : REVERSED[cast.relation];
    const direction = directions[index]!;
    const { sizeRange, positionJitter } = options;
    const { style, place } = cast;
    const mirrored = looksBack(role.noun, role.motion, direction, random.chance(0.5) && varied);
    const phase = random.next() * (varied ? 1 : 0);
    const placement = placeActor(
      { noun: nounOf(role.noun), style, motion: role.motion, place, camera, sizeRange, positionJitter, relation },
      random,
    );
    return { noun: role.noun, style, motion: role.motion, ...placement, phase, direction, mirrored };
  });
  const { place, colour, relation } = cast;
  const start = options.starts && { start: randomOf(seed, 8).range(...options.starts) };
  const scene: Scene = { seed, place, colour, camera, weather: wet ? weather : 'none', relation, actors, ...start };
  if (randomOf(seed, 6).chance(options.paths ?? 0)) return onPath(scene);
  return randomOf(seed, 9).chance(options.changes ?? 0) ? changed(scene) : scene;
}

/** The scene with its actor in the middle of another motion at the first frame, where it is alone and stays in its place. */
function changed(scene: Scene): Scene {
  const [{ motion, amplitude }, second] = scene.actors as readonly [Actor, Actor?];
  if (second !== undefined || !STAYS.some((one) => one === motion)) return scene;
  const random = randomOf(scene.seed, 10);
  const before = random.pick(STAYS.filter((one) => one !== motion));
  return { ...scene, before: { motion: before, amplitude: Math.max(amplitude, 0.2), at: random.range(0.25, 1) } };
}

/** The scene with its first actor on a path through the frame, looking as its sprite is drawn. */
function onPath(scene: Scene): Scene {
  const [first, ...rest] = scene.actors;
  return {
    ...scene,
    actors: [{ ...first!, path: drawPath(randomOf(scene.seed, 7)), grounded: false, mirrored: false }, ...rest],
  };
}

/** One to four points at times apart, the first at 0 and the last at 1. */
function drawPath(random: Random): readonly PathPoint[] {
  const count = 1 + random.int(4);
  const times = Array.from({ length: count - 2 }, () => random.range(0.15, 0.85)).sort((a, b) => a - b);
  return [0, ...times, 1].slice(0, count).map((at) => ({ at, x: random.range(0.2, 0.8), y: random.range(0.22, 0.8) }));
}
