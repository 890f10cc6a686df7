// The ways to direct a clip, each as a trial: a film of the world, rendered with ground truth, is the picture or video that is given;
// what comes back is scored without a trained network. Knows only a studio that renders and keeps files.
import { framesOf, type Frames, joinFrames, sliceFrames } from '../io/frames.ts';
import { changes, seamRatio } from './scores/frame-changes.ts';
import { psnr } from './scores/psnr.ts';
import type { References } from './scores/references.ts';
import { type ClipScore, factsOf, scoreClip } from './scores/score.ts';
import { placeRight } from './scores/summary.ts';
import type { Atlas } from './world/atlas.ts';
import { caption } from './world/captions.ts';
import { DIRECTIONS, MOTION_VERBS } from './world/phrases.ts';
import { renderScene } from './world/render.ts';
import { type Scene, sampleScene, sceneTrack, STAYS } from './world/scene.ts';
import type { Motion, Place } from './world/vocabulary.ts';
import { transformerStages } from './curriculum.ts';
import { TRAVELS } from './transformer.ts';

/** Fields of a request; the studio adds the model. */
export interface DirectedRequest {
  readonly prompt: string;
  readonly seed: number;
  readonly image?: string;
  readonly last?: string;
  readonly like?: string;
  readonly likeWeight?: number;
  readonly extend?: string;
  readonly side?: 'end' | 'start';
  readonly between?: readonly [string, string];
  readonly loop?: boolean;
  readonly restyle?: string;
  readonly strength?: number;
  readonly box?: string;
  readonly path?: string;
  readonly expand?: string;
  readonly seconds?: number;
}

/** What renders and keeps files. Frames are as an MP4 of high quality would hold them. */
export interface DirectingStudio {
  readonly render: (request: DirectedRequest) => Promise<Frames>;
  readonly throughAutoencoder: (frames: Frames) => Promise<Frames>;
  readonly savePicture: (frame: Frames) => Promise<string>;
  /** The file, and the frames that a render reads out of it. */
  readonly saveVideo: (frames: Frames) => Promise<{ readonly path: string; readonly frames: Frames }>;
}

/** Right or wrong, or a number that is averaged. */
export type Verdict = Readonly<Record<string, boolean | number>>;

/** What a trial stands on. */
export interface Ground {
  readonly studio: DirectingStudio;
  readonly atlas: Atlas;
  readonly references: References;
}

export const { world } = transformerStages.moves;
/** Of the films, and of nano. */
export const FPS = 8;
const size = { frames: 17, width: 128, height: 128 };
const onPaths = { ...world, motions: TRAVELS, paths: 1, sizeRange: [0.42, 0.46] } as const;
const sceneOf = (
  i: number,
  motions: readonly Motion[] = world.motions,
  places: readonly Place[] = world.places,
): Scene => sampleScene(9_000_000 + i, { ...world, motions, places, sizeRange: [0.43, 0.45], holdOut: 'heldout' });
const plain = (scene: Scene): string => caption(scene, 3, 'plain');
const filmOf = (ground: Ground, scene: Scene): Frames =>
  framesOf(renderScene(scene, ground.atlas, size), size.frames, size.height, size.width);
const withActorOf = (scene: Scene, other: Scene): Scene => ({
  ...scene,
  actors: [{ ...scene.actors[0]!, noun: other.actors[0]!.noun }],
});

const scored = ({ references }: Ground, frames: Frames, scene: Scene): ClipScore =>
  scoreClip(frames.data, frames, factsOf(scene), references);

const shows = (
  ground: Ground,
  frames: Frames,
  scene: Scene,
  what: readonly ('noun' | 'motion' | 'place')[],
): Verdict => {
  const score = scored(ground, frames, scene);
  const right = { noun: score.nounRank === 0, motion: score.motion === score.facts.motion, place: placeRight(score) };
  return Object.fromEntries(what.map((name) => [name, right[name]]));
};

/** How well given frames are kept, beside what the autoencoder alone makes of them; decibels. */
async function kept({ studio }: Ground, shown: Frames, given: Frames): Promise<Verdict> {
  const own = await studio.throughAutoencoder(given);
  return {
    'given frames, dB': Math.min(99, psnr(shown.data, given.data)),
    "the autoencoder's own, dB": psnr(own.data, given.data),
  };
}

/** Given frames are kept as they are but for those next to new ones, which are decoded with them: both ends of these are seams. */
function seam(clip: Frames, seams: readonly number[]): Verdict {
  const ratio = seamRatio(changes(clip), seams);
  return { 'seam / largest own change': ratio, 'seam within own change': ratio <= 1 };
}

/** A plain background is no place that a picture could say. */
const outside = world.places.filter((place) => place !== 'plain');

/** What an actor does, in the words of captions. */
function motionWords(motion: Motion): string {
  if (motion === 'left' || motion === 'right') return `moves ${DIRECTIONS[motion][1]}`;
  const { third, rest } = MOTION_VERBS[motion][0];
  return `${third} ${rest}`.trim();
}

const MOVING = world.motions.filter((motion) => motion !== 'still');
/** What a lone actor can do in its place, again and again. */
const IN_PLACE: readonly Motion[] = STAYS.filter((motion) => motion !== 'still');

/** Those that end where they begin. */
const RETURNING = IN_PLACE.filter((motion) => motion !== 'grow' && motion !== 'shrink');
/** The first frames of a loop are its last ones; they are known when it ends. */
const LOOP_START = 4;

const first = (frames: Frames): Frames => sliceFrames(frames, 0, 1);
const last = (frames: Frames, count = 1): Frames => sliceFrames(frames, frames.frames - count, frames.frames);

/** As `--path` takes it. */
function pathOf({ actors: [actor] }: Scene): string {
  const seconds = (size.frames - 1) / FPS;
  const points = actor!.path!.map(({ at, x, y }) => `${(at * seconds).toFixed(3)}s ${x.toFixed(3)},${y.toFixed(3)}`);
  return `${actor!.noun}: ${points.join(' > ')}`;
}

/** How far the actor is from its path. */
function followed(ground: Ground, clip: Frames, scene: Scene): Verdict {
  const score = scored(ground, clip, scene);
  const [asked] = sceneTrack(scene, size.frames, size.width, size.height);
  const away = score.track!.map(({ x, y }, f) => Math.hypot(x - asked![f]!.x, y - asked![f]!.y));
  const distance = away.reduce((sum, one) => sum + one, 0) / away.length;
  return { 'distance, frame widths': distance, 'within 0.08': distance <= 0.08, noun: score.nounRank === 0, place: placeRight(score) }; // prettier-ignore
}

type Direct = (ground: Ground, i: number) => Promise<Verdict>;

export const directions = {
  'a first picture': async (ground, i) => {
    const scene = sceneOf(i);
    const given = first(filmOf(ground, scene));
    const image = await ground.studio.savePicture(given);
    const clip = await ground.studio.render({ prompt: plain(scene), image, seed: i });
    return { ...(await kept(ground, first(clip), given)), ...shows(ground, clip, scene, ['noun', 'motion', 'place']) };
  },
  'a last picture': async (ground, i) => {
    const scene = sceneOf(i);
    const given = last(filmOf(ground, scene));
    const clip = await ground.studio.render({
      prompt: plain(scene),
      last: await ground.studio.savePicture(given),
      seed: i,
    });
    return { ...(await kept(ground, last(clip), given)), ...shows(ground, clip, scene, ['noun', 'motion', 'place']) };
  },
  'a picture to be like': async (ground, i) => {
    const [scene, other] = [sceneOf(i, world.motions, outside), sceneOf(i + 500, world.motions, outside)];
    const like = await ground.studio.savePicture(first(filmOf(ground, scene)));
    const { motion, noun } = other.actors[0]!;
    const says = motionWords(motion);
    const render = async (prompt: string, likeWeight = 0): Promise<Frames> => ground.studio.render({ prompt, like, likeWeight, seed: i }); // prettier-ignore
    const wanted = { ...scene, actors: [{ ...scene.actors[0]!, motion }] };
    const open = shows(ground, await render(`It ${says}.`), wanted, ['noun', 'motion', 'place']);
    const kept = shows(ground, await render(`The ${noun} ${says}.`), { ...other, place: scene.place, colour: scene.colour }, ['noun', 'place']); // prettier-ignore
    const over = shows(ground, await render(plain(other), 0.8), wanted, ['noun', 'place']);
    return {
      ...open,
      'noun of the prompt': kept['noun']!,
      'place beside it': kept['place']!,
      'noun at weight 0.8': over['noun']!,
      'place at weight 0.8': over['place']!,
    };
  },
  'extended at its end': async (ground, i) => {
    const scene = sceneOf(i, MOVING);
    const film = await ground.studio.saveVideo(filmOf(ground, scene));
    const clip = await ground.studio.render({ prompt: plain(scene), extend: film.path, seed: i });
    const length = film.frames.frames;
    return {
      ...(await kept(ground, sliceFrames(clip, 0, length), film.frames)),
      ...seam(clip, [length - 6, length - 1]),
      ...shows(ground, sliceFrames(clip, length, clip.frames), scene, ['noun', 'place']),
    };
  },
  'led up to': async (ground, i) => {
    const scene = sceneOf(i, MOVING);
    const film = await ground.studio.saveVideo(filmOf(ground, scene));
    const clip = await ground.studio.render({ prompt: plain(scene), extend: film.path, side: 'start', seed: i });
    const from = clip.frames - film.frames.frames;
    return {
      ...(await kept(ground, sliceFrames(clip, from, clip.frames), film.frames)),
      ...seam(clip, [from - 1, from + 3]),
      ...shows(ground, sliceFrames(clip, 0, from), scene, ['noun', 'place']),
    };
  },
  'two videos joined': async (ground, i) => {
    const scene = sceneOf(i, MOVING);
    const [before, after] = await Promise.all(
      [scene, sceneOf(i + 500, MOVING)].map((one) =>
        ground.studio.saveVideo(filmOf(ground, { ...one, actors: withActorOf(one, scene).actors, place: scene.place })),
      ),
    );
    const clip = await ground.studio.render({ prompt: plain(scene), between: [before!.path, after!.path], seed: i });
    const [from, to] = [before!.frames.frames, clip.frames - after!.frames.frames];
    return {
      ...seam(clip, [from - 6, from - 1, to - 1, to + 3]),
      ...shows(ground, sliceFrames(clip, from, to), scene, ['noun', 'place']),
    };
  },
  'a loop': async (ground, i) => {
    const scene = sceneOf(i, RETURNING);
    const clip = await ground.studio.render({ prompt: plain(scene), loop: true, seed: i });
    const round = joinFrames([last(clip, LOOP_START), clip]); // a motion is read from its beginning, which comes last
    return {
      ...seam(round, [LOOP_START - 1]),
      ...shows(ground, sliceFrames(round, 0, size.frames), scene, ['noun', 'motion']),
      ...shows(ground, clip, scene, ['place']),
    };
  },
  'another actor (restyle)': async (ground, i) => {
    const scene = sceneOf(i);
    const wanted = withActorOf(scene, sceneOf(i + 500));
    const { path: restyle } = await ground.studio.saveVideo(filmOf(ground, scene));
    const clip = await ground.studio.render({ prompt: plain(wanted), restyle, strength: 0.85, seed: i });
    return shows(ground, clip, wanted, ['noun', 'motion', 'place']);
  },
  'another actor in a box': async (ground, i) => {
    const scene = sceneOf(i, IN_PLACE);
    const wanted = withActorOf(scene, sceneOf(i + 500));
    const film = await ground.studio.saveVideo(filmOf(ground, scene));
    const clip = await ground.studio.render({ prompt: plain(wanted), restyle: film.path, box: '0.125,0,0.75,1', seed: i }); // prettier-ignore
    const border = (frames: Frames): Uint8Array => frames.data.filter((_, at) => Math.floor(at / 3) % size.width < 16);
    return { 'rest kept': psnr(border(clip), border(film.frames)) === Infinity, ...shows(ground, clip, wanted, ['noun', 'motion', 'place']) }; // prettier-ignore
  },
  'an actor on a path': async (ground, i) => {
    const scene = sampleScene(9_000_000 + i, { ...onPaths, holdOut: 'heldout' });
    const clip = await ground.studio.render({ prompt: plain(scene), path: pathOf(scene), seed: i });
    return followed(ground, clip, scene);
  },
  'a picture, a path and a short wish': async (ground, i) => {
    const scene = sampleScene(9_000_000 + i, { ...onPaths, places: outside, holdOut: 'heldout' });
    const given = first(filmOf(ground, scene));
    const image = await ground.studio.savePicture(given);
    const prompt = `${scene.actors[0]!.noun}, ${scene.place}`;
    const clip = await ground.studio.render({ prompt, image, path: pathOf(scene), expand: 'nano', seed: i });
    return { ...(await kept(ground, first(clip), given)), ...followed(ground, clip, scene) };
  },
  'a prompt with times': async (ground, i) => {
    const scene = sceneOf(i, IN_PLACE);
    const [actor] = scene.actors;
    const motion = IN_PLACE[(IN_PLACE.indexOf(actor!.motion) + 1 + (i % 4)) % IN_PLACE.length]!;
    const second = { ...scene, actors: [{ ...actor!, motion }] };
    const prompt = `0-2: ${plain(scene)}; 2-4: ${plain(second)}`;
    const clip = await ground.studio.render({ prompt, seconds: 4, seed: i });
    const [one, two] = [sliceFrames(clip, 0, 17), sliceFrames(clip, 16, clip.frames)].map((part, at) =>
      shows(ground, part, at === 0 ? scene : second, ['noun', 'motion']),
    );
    return { 'noun before': one!['noun']!, 'motion before': one!['motion']!, 'noun after': two!['noun']!, 'motion after': two!['motion']! }; // prettier-ignore
  },
  '20 seconds': async (ground, i) => {
    const scene = sceneOf(i, IN_PLACE);
    const clip = await ground.studio.render({ prompt: plain(scene), seconds: 20, seed: i });
    const start = shows(ground, sliceFrames(clip, 0, 9), scene, ['noun', 'place']);
    const end = shows(ground, last(clip, 9), scene, ['noun', 'place']);
    return { 'noun in the first second': start['noun']!, 'noun in the last second': end['noun']!, 'place in the last second': end['place']! }; // prettier-ignore
  },
} as const satisfies Record<string, Direct>;
