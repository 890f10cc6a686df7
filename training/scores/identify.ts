// Which noun is in the clip: every suspect is searched for exhaustively in tiny pictures, the best are refined in
// larger ones, and nouns are ranked by the error that they explain. Actors are upright in first and last frames.
// Knows nothing of motion over time.
import { contrastOf, densest, type Contrast } from './dense.ts';
import { climb, fitSprite, scalePose, type Match } from './match.ts';
import { smallPictures, type ClipShape, type Picture } from './picture.ts';
import { DENSE_SIDE, type References, type Suspect } from './references.ts';

/** A suspect with its best pose in each looked-at frame, in pixels of a picture with a short side of FINE_SIDE. */
export interface Finding {
  readonly suspect: Suspect;
  readonly matches: readonly Match[];
  readonly gain: number;
}

export const FINE_SIDE = 64;
const MIDDLE_SIDE = 32;
const STEPS = { shift: 1, size: 0.08, stretch: 0.06, angle: 0.05 } as const;
/** How many suspects are refined at 32 (or a third of them, if that is more), and of these at 64. */
const REFINED = 60;
const REFINED_TWICE = 16;

/** A suspect that is worth less than this share of the best one so far in a frame is not followed there. */
const HOPELESS = 0.06;

/** Frames in which actors stand upright at rest: the first and, in clips, the last. */
export function restFrames(frames: number): readonly number[] {
  return frames > 1 ? [0, frames - 1] : [0];
}

const nowhere = (picture: Picture, mirrored: boolean): Match => ({
  pose: { x: picture.width / 2, y: picture.height / 2, size: picture.height / 3, stretch: 1, angle: 0, mirrored },
  gain: 0,
});

/** Best match of a suspect in one picture by exhaustive search. */
function search(picture: Picture, contrast: Contrast, suspect: Suspect, floor: number): Match {
  let best = nowhere(picture, suspect.mirrored);
  for (const template of suspect.templates) {
    best = densest(picture, contrast, template, Math.max(floor, best.gain)) ?? best;
  }
  return best;
}

/** Searches every suspect in every picture. */
function searchAll(pictures: readonly Picture[], suspects: readonly Suspect[]): readonly Finding[] {
  const perPicture = pictures.map((picture) => {
    const contrast = contrastOf(picture);
    let top = 0;
    return suspects.map((suspect) => {
      const match = search(picture, contrast, suspect, HOPELESS * top);
      top = Math.max(top, match.gain);
      return match;
    });
  });
  return suspects.map((suspect, i) => {
    const matches = perPicture.map((found) => found[i]!);
    return { suspect, matches, gain: matches.reduce((sum, match) => sum + match.gain, 0) };
  });
}

/**
 * What a match is worth: the error it explains times the square of the share of its sprite that is reproduced.
 * A large grey animal explains much of a row of tree trunks, but few of its own pixels are there.
 */
function worth(picture: Picture, suspect: Suspect, match: Match): number {
  const { gain, opaque, reproduced } = fitSprite(picture, suspect.mip, match.pose);
  return opaque === 0 ? 0 : Math.max(0, gain) * (reproduced / opaque) ** 2;
}

/** Climbs from the finding's poses, given in pixels of the fine picture, in pictures of any size. */
function refine(pictures: readonly Picture[], finding: Finding, fineWidth: number): Finding {
  const scale = pictures[0]!.width / fineWidth;
  const { suspect } = finding;
  const matches = finding.matches.map((match, i) =>
    climb(pictures[i]!, suspect.mip, scalePose(match.pose, scale), { steps: STEPS, halvings: 2 }),
  );
  const gain = matches.reduce((sum, match, i) => sum + worth(pictures[i]!, suspect, match), 0);
  return { suspect, gain, matches: matches.map((match) => ({ ...match, pose: scalePose(match.pose, 1 / scale) })) };
}

/** Refines a finding from further down the ranking as thoroughly as the first ones. */
export function refineFully(pictures: readonly Picture[], finding: Finding): Finding {
  const { width } = pictures[0]!;
  return refine(pictures, refine(pictures, finding, width), width);
}

const byGain = (a: Finding, b: Finding): number => b.gain - a.gain;

/** All suspects, the likeliest first; the first third refined at 32, the first sixteen of these at 64. */
export function rankSuspects(clip: Uint8Array, shape: ClipShape, references: References): readonly Finding[] {
  const frames = restFrames(shape.frames);
  const [tiny, middle, fine] = [DENSE_SIDE, MIDDLE_SIDE, FINE_SIDE].map((side) =>
    smallPictures(clip, shape, frames, side),
  );
  const { width } = fine![0]!;
  const up = width / tiny![0]!.width;
  const found = searchAll(tiny!, references.suspects)
    .map((finding) => ({
      ...finding,
      matches: finding.matches.map((match) => ({ ...match, pose: scalePose(match.pose, up) })),
    }))
    .sort(byGain);
  const count = Math.max(REFINED, Math.round(found.length / 3));
  const refined = found
    .slice(0, count)
    .map((finding) => refine(middle!, finding, width))
    .sort(byGain);
  const best = refined
    .slice(0, REFINED_TWICE)
    .map((finding) => refine(fine!, finding, width))
    .sort(byGain);
  return [...best, ...refined.slice(REFINED_TWICE), ...found.slice(count)];
}

/** Share of the sprite's opaque pixels that the pictures reproduce, over the looked-at frames. */
export function presenceOf(pictures: readonly Picture[], finding: Finding): number {
  const fits = finding.matches.map((match, i) => fitSprite(pictures[i]!, finding.suspect.mip, match.pose));
  const opaque = fits.reduce((sum, fit) => sum + fit.opaque, 0);
  return opaque === 0 ? 0 : fits.reduce((sum, fit) => sum + fit.reproduced, 0) / opaque;
}
