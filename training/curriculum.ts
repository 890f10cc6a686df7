// How nano's transformer is taught, stage by stage, from single pictures of few nouns to clips on paths. Numbers here were chosen by
// short runs; docs/training-nano.md tells which.
import { transformerConfig } from './recipes.ts';
import type { TransformerBucket, TransformerRecipe } from './transformer.ts';
import { fullWorld } from './world/scene.ts';
import type { WorldOptions } from './world/scene.ts';

/** The nouns of the first nano, clearly different in shape and colour; the gate's 24 come first. */
// prettier-ignore
export const firstNouns: readonly string[] = [
  'cat', 'penguin', 'frog', 'elephant', 'fish', 'butterfly', 'rose', 'cactus', 'mushroom', 'sun', 'star', 'apple',
  'banana', 'pizza', 'burger', 'cake', 'car', 'bus', 'rocket', 'airplane', 'soccer ball', 'guitar', 'robot', 'ghost',
  'dog', 'owl', 'turtle', 'octopus', 'panda', 'flamingo', 'crab', 'sunflower', 'moon', 'snowman', 'strawberry', 'watermelon',
  'pineapple', 'donut', 'tractor', 'sailboat', 'basketball', 'balloon', 'umbrella', 'pumpkin', 'drum', 'house', 'crown', 'snail',
];

const calm: WorldOptions = {
  ...fullWorld,
  nouns: firstNouns,
  styles: ['cartoon'],
  motions: ['still'],
  positionJitter: 0,
  twoActors: 0,
  cameraMoves: 0,
  weather: 0,
};

const common = {
  config: transformerConfig,
  sigma: { kind: 'logit-normal', mean: 0.8, std: 1.1, shift: 1 },
  actorWeight: 3,
  layoutWeight: 6,
  captionDropout: 0.1,
  firstFrameGiven: 0,
  captions: ['tag', 'plain', 'styled', 'full'],
} as const;

/** Where an actor goes is decided while a clip is nearly noise, which single pictures with centred actors need not learn. */
const noisier = { kind: 'logit-normal', mean: 0.9, std: 1.3, shift: 1 } as const;

// Actors of about 50 to 60 pixels look the same in small and in large frames, so small ones teach nouns at a quarter of the cost.
const smallPicture = { frames: 1, width: 64, height: 64, batch: 32, sizeRange: [0.72, 0.95] } as const;
const picture = { frames: 1, width: 128, height: 128, batch: 8, sizeRange: [0.4, 0.56] } as const;
const smallClip = { frames: 17, width: 64, height: 64, batch: 8, sizeRange: [0.66, 0.88] } as const;
const clip = { frames: 17, width: 128, height: 128, batch: 2, sizeRange: [0.4, 0.56] } as const;

const middleClip = { frames: 17, width: 96, height: 96, batch: 6, sizeRange: [0.57, 0.6] } as const;

/** All motions, each always performed in the same way. */
const motionsAlone = {
  world: { ...calm, motions: fullWorld.motions, variety: 0 },
  sigma: noisier,
  firstFrameGiven: 0.2,
  scenes: 1_500,
} as const;

/** The same of all nouns, in all styles. */
const allWords = {
  ...motionsAlone,
  world: { ...motionsAlone.world, nouns: fullWorld.nouns, styles: fullWorld.styles },
} as const;

/** Two actors of about the size that one has in small frames. */
const two = { world: { styles: ['cartoon'], twoActors: 1, variety: 0.5 } } as const;

/** A sky that rains or snows where it can, or a camera that moves, or both, and actors anywhere. */
const outdoors = {
  world: { styles: ['cartoon'], weather: 0.6, cameraMoves: 0.5, variety: 0.5, positionJitter: 0.4 },
} as const;

const atLarge = { world: { variety: 0.7, positionJitter: 0.4 } } as const;

const cartoons = { world: { styles: ['cartoon'] } } as const;

const styled = { world: { styles: ['flat', '3d'] } } as const;

/** What a prompt shows that names no style comes most often. */
const mostlyCartoons = [
  { ...smallClip, scenes: 1_500, frames: 5, batch: 20, sizeRange: [0.8, 0.9], share: 0.2, ...cartoons },
  { ...smallClip, scenes: 2_500, sizeRange: [0.86, 0.9], batch: 12, share: 0.4, ...cartoons },
  { ...middleClip, scenes: 800, share: 0.13, ...cartoons },
  { ...clip, scenes: 700, sizeRange: [0.43, 0.45], batch: 3, share: 0.2, ...cartoons },
  { ...smallClip, scenes: 800, sizeRange: [0.55, 0.7], batch: 12, share: 0.08, ...cartoons, paths: true },
  {
    ...smallClip,
    scenes: 800,
    sizeRange: [0.86, 0.9],
    batch: 12,
    share: 0.07,
    ...cartoons,
    given: { first: 2, last: 0 },
  },
  { ...smallClip, scenes: 500, sizeRange: [0.86, 0.9], batch: 12, share: 0.05, ...cartoons, changes: true },
] as const satisfies readonly TransformerBucket[];

/** The same, mostly in large frames, which small ones have taught the words of. */
const largeCartoons = [
  { ...smallClip, scenes: 2_500, sizeRange: [0.86, 0.9], batch: 12, share: 0.2, ...cartoons },
  { ...middleClip, scenes: 800, share: 0.25, ...cartoons },
  { ...clip, scenes: 2_000, sizeRange: [0.43, 0.45], batch: 3, share: 0.85, ...cartoons },
  { ...clip, scenes: 1_000, frames: 5, batch: 6, sizeRange: [0.4, 0.48], share: 0.15, ...cartoons },
  { ...picture, scenes: 1_500, share: 0.1, ...cartoons },
] as const satisfies readonly TransformerBucket[];

/** Large frames of the other styles, and of what is led from a film to another. */
const otherStyles = [
  { ...clip, scenes: 800, sizeRange: [0.43, 0.45], batch: 3, share: 0.7, ...styled },
  { ...clip, scenes: 400, sizeRange: [0.43, 0.45], batch: 3, share: 0.1, ...cartoons, given: { first: 2, last: 1 } },
] as const satisfies readonly TransformerBucket[];

/** What the world has beside one cartoon actor in the middle of it. */
const wider = [
  { ...picture, scenes: 2_000, share: 0.2, ...two },
  { ...clip, scenes: 800, frames: 5, batch: 6, sizeRange: [0.4, 0.48], share: 0.15, ...two },
  { ...clip, scenes: 800, batch: 3, share: 0.25, ...two },
  { ...smallClip, scenes: 1_200, sizeRange: [0.66, 0.9], batch: 12, share: 0.15, ...outdoors },
  { ...clip, scenes: 700, sizeRange: [0.4, 0.5], batch: 3, share: 0.25, ...outdoors },
  { ...clip, scenes: 600, sizeRange: [0.38, 0.5], batch: 3, share: 0.12, ...atLarge },
  { ...clip, scenes: 800, sizeRange: [0.43, 0.45], batch: 3, share: 0.3, ...styled },
] as const satisfies readonly TransformerBucket[];

/**
 * Clips of all kinds, on paths and with given frames, which go on from a film, lead up to one, join two or go over into another motion.
 * @param times as many scenes as 48 nouns in one style need
 */
const goingOn = (times: number) =>
  [
    { ...smallPicture, scenes: 2_000 * times, share: 0.08 },
    { ...picture, scenes: 600 * times, share: 0.06 },
    { ...smallClip, scenes: 800 * times, frames: 5, batch: 20, sizeRange: [0.8, 0.9], share: 0.08 },
    { ...clip, scenes: 400 * times, frames: 5, batch: 6, sizeRange: [0.4, 0.48], share: 0.04 },
    { ...smallClip, scenes: 800 * times, sizeRange: [0.86, 0.9], batch: 12, share: 0.09 },
    { ...middleClip, scenes: 400 * times, share: 0.08 },
    { ...clip, scenes: 350 * times, sizeRange: [0.43, 0.45], batch: 3, share: 0.12 },
    { ...smallClip, scenes: 500 * times, sizeRange: [0.55, 0.7], batch: 12, share: 0.07, paths: true },
    { ...middleClip, scenes: 250 * times, sizeRange: [0.45, 0.6], share: 0.04, paths: true },
    { ...clip, scenes: 200 * times, sizeRange: [0.38, 0.48], batch: 3, share: 0.04, paths: true },
    { ...smallClip, scenes: 150 * times, width: 112, sizeRange: [0.7, 0.9], share: 0.02 },
    { ...smallClip, scenes: 150 * times, height: 112, sizeRange: [0.7, 0.9], share: 0.02 },
    { ...smallClip, scenes: 150 * times, frames: 33, batch: 6, sizeRange: [0.86, 0.9], share: 0.02 },
    { ...smallClip, scenes: 600 * times, sizeRange: [0.86, 0.9], batch: 12, share: 0.06, given: { first: 2, last: 0 } },
    { ...middleClip, scenes: 300 * times, share: 0.04, given: { first: 2, last: 0 } },
    { ...clip, scenes: 300 * times, sizeRange: [0.43, 0.45], batch: 3, share: 0.06, given: { first: 2, last: 0 } },
    { ...smallClip, scenes: 300 * times, sizeRange: [0.86, 0.9], batch: 12, share: 0.03, given: { first: 0, last: 1 } },
    { ...clip, scenes: 200 * times, sizeRange: [0.43, 0.45], batch: 3, share: 0.03, given: { first: 0, last: 1 } },
    { ...middleClip, scenes: 200 * times, share: 0.02, given: { first: 2, last: 1 } },
    { ...smallClip, scenes: 400 * times, sizeRange: [0.86, 0.9], batch: 12, share: 0.05, changes: true },
    { ...middleClip, scenes: 200 * times, share: 0.03, changes: true },
    { ...clip, scenes: 250 * times, sizeRange: [0.43, 0.45], batch: 3, share: 0.05, changes: true },
  ] as const satisfies readonly TransformerBucket[];

/** Frames that are not square, larger, or of other lengths, with actors of about as many pixels as elsewhere. */
const otherShapes = [
  { ...smallClip, scenes: 400, width: 112, batch: 7, sizeRange: [0.84, 0.9], share: 0.06 },
  { ...smallClip, scenes: 400, height: 112, batch: 7, sizeRange: [0.84, 0.9], share: 0.08 },
  { ...middleClip, scenes: 250, width: 160, batch: 3, share: 0.08 },
  { ...middleClip, scenes: 250, height: 160, batch: 3, share: 0.1 },
  { ...clip, scenes: 250, width: 192, height: 112, sizeRange: [0.47, 0.52], share: 0.16 },
  { ...clip, scenes: 250, width: 112, height: 192, sizeRange: [0.47, 0.52], share: 0.18 },
  { ...clip, scenes: 120, width: 192, height: 192, batch: 1, sizeRange: [0.29, 0.34], share: 0.06 },
  { ...clip, scenes: 200, frames: 9, batch: 5, sizeRange: [0.43, 0.45], share: 0.08 },
  { ...smallClip, scenes: 200, frames: 33, batch: 6, sizeRange: [0.86, 0.9], share: 0.04 },
  { ...clip, scenes: 120, frames: 33, sizeRange: [0.43, 0.45], share: 0.08 },
  { ...picture, scenes: 200, width: 192, height: 112, sizeRange: [0.44, 0.56], share: 0.02 },
  { ...picture, scenes: 200, width: 112, height: 192, sizeRange: [0.44, 0.56], share: 0.02 },
] as const satisfies readonly TransformerBucket[];

/** What a nano that knows squares has to hold on to while it learns other shapes: few scenes, as all have to be encoded. */
const heldOnTo = [
  { ...smallPicture, scenes: 750, share: 0.03 },
  { ...picture, scenes: 750, share: 0.1 },
  { ...smallClip, scenes: 600, sizeRange: [0.86, 0.9], batch: 12, share: 0.1 },
  { ...middleClip, scenes: 350, share: 0.12 },
  { ...clip, scenes: 350, sizeRange: [0.43, 0.45], batch: 3, share: 0.2, ...cartoons },
  { ...clip, scenes: 350, sizeRange: [0.43, 0.45], batch: 3, share: 0.2, ...styled },
  { ...smallClip, scenes: 200, sizeRange: [0.55, 0.7], batch: 12, share: 0.04, paths: true },
  { ...clip, scenes: 120, sizeRange: [0.38, 0.48], batch: 3, share: 0.04, paths: true },
  { ...clip, scenes: 150, sizeRange: [0.43, 0.45], batch: 3, share: 0.05, given: { first: 2, last: 0 } },
  { ...clip, scenes: 120, sizeRange: [0.43, 0.45], batch: 3, share: 0.03, given: { first: 0, last: 1 } },
  { ...clip, scenes: 120, sizeRange: [0.43, 0.45], batch: 3, share: 0.04, given: { first: 2, last: 1 } },
  { ...smallClip, scenes: 200, sizeRange: [0.86, 0.9], batch: 12, share: 0.04, changes: true },
  { ...clip, scenes: 120, sizeRange: [0.43, 0.45], batch: 3, share: 0.04, changes: true },
] as const satisfies readonly TransformerBucket[];

/**
 * The curriculum, narrow to wide. Each stage goes on from the checkpoint of the one before it. Latent frames after the first stand
 * for four frames and look different, so actors are learned in them anew, at rest, before they move. Then layouts, which say
 * where they go, and moves, which paint what the layouts say.
 */
export const transformerStages = {
  gate: {
    ...common,
    world: { ...calm, nouns: firstNouns.slice(0, 24), places: ['plain', 'meadow', 'snow', 'night', 'ocean'] },
    buckets: [{ ...smallPicture, share: 1 }],
    scenes: 20_000,
  },
  pictures: {
    ...common,
    world: calm,
    buckets: [
      { ...smallPicture, share: 0.75 },
      { ...picture, share: 0.25 },
    ],
    scenes: 40_000,
  },
  stills: {
    ...common,
    world: calm,
    buckets: [
      { ...smallPicture, share: 0.2 },
      { ...picture, share: 0.1 },
      { ...smallPicture, frames: 5, batch: 16, share: 0.35 },
      { ...smallClip, share: 0.15 },
      { ...clip, share: 0.2 },
    ],
    scenes: 20_000,
  },
  layouts: {
    ...common,
    ...motionsAlone,
    layoutWeight: 30,
    buckets: [
      { ...smallClip, sizeRange: [0.43, 0.45], batch: 24, share: 0.5 },
      { ...middleClip, share: 0.25 },
      { ...clip, sizeRange: [0.43, 0.45], batch: 3, share: 0.25 },
    ],
  },
  moves: {
    ...common,
    ...motionsAlone,
    buckets: [
      { ...smallClip, sizeRange: [0.86, 0.9], batch: 12, share: 0.35 },
      { ...middleClip, share: 0.3 },
      { ...clip, sizeRange: [0.43, 0.45], batch: 3, share: 0.35 },
    ],
  },
  paths: {
    ...common,
    ...motionsAlone,
    buckets: [
      { ...smallClip, sizeRange: [0.86, 0.9], batch: 12, share: 0.2 },
      { ...middleClip, scenes: 900, share: 0.15 },
      { ...clip, scenes: 500, sizeRange: [0.43, 0.45], batch: 3, share: 0.2 },
      { ...smallClip, sizeRange: [0.55, 0.7], batch: 12, share: 0.2, paths: true },
      { ...middleClip, scenes: 900, sizeRange: [0.45, 0.6], share: 0.15, paths: true },
      { ...clip, scenes: 500, sizeRange: [0.38, 0.48], batch: 3, share: 0.1, paths: true },
    ],
  },
  given: { ...common, ...motionsAlone, buckets: goingOn(1) },
  looks: {
    ...common,
    ...allWords,
    buckets: [
      { ...smallPicture, scenes: 12_000, batch: 64, share: 0.8 },
      { ...picture, scenes: 2_500, share: 0.02 },
      { ...smallClip, scenes: 2_500, frames: 5, batch: 24, sizeRange: [0.8, 0.9], share: 0.06 },
      { ...smallClip, scenes: 2_500, sizeRange: [0.86, 0.9], batch: 12, share: 0.06 },
      { ...smallClip, scenes: 1_500, sizeRange: [0.55, 0.7], batch: 12, share: 0.04, paths: true },
      { ...middleClip, scenes: 500, share: 0.02 },
    ],
  },
  words: { ...common, ...allWords, givenNoise: 0.2, buckets: [...goingOn(2), ...mostlyCartoons] },
  large: { ...common, ...allWords, givenNoise: 0.2, buckets: [...goingOn(2), ...largeCartoons] },
  styles: { ...common, ...allWords, givenNoise: 0.2, buckets: [...goingOn(2), ...largeCartoons, ...otherStyles] },
  shapes: { ...common, ...allWords, givenNoise: 0.2, buckets: [...heldOnTo, ...otherShapes] },
  clips: {
    ...common,
    world: { ...calm, motions: fullWorld.motions },
    sigma: noisier,
    firstFrameGiven: 0.2,
    buckets: [
      { ...smallPicture, share: 0.1 },
      { ...smallClip, batch: 12, share: 0.55 },
      { ...clip, batch: 3, share: 0.35 },
    ],
    scenes: 4_000,
  },
  wide: { ...common, ...allWords, givenNoise: 0.2, buckets: [...goingOn(2), ...largeCartoons, ...wider] },
} as const satisfies Record<string, TransformerRecipe>;

export type TransformerStage = keyof typeof transformerStages;
