// Scores of many clips as percentages with their counts. Knows nothing of pixels.
import type { ClipScore } from './score.ts';

/** How many of how many, and that in percent (NaN for none of none). */
export interface Share {
  readonly right: number;
  readonly of: number;
  readonly percent: number;
}

export interface Summary {
  readonly clips: number;
  readonly noun1: Share;
  readonly noun5: Share;
  /** Of clips whose noun is right and whose prompt names a style. */
  readonly style: Share;
  readonly motion: Share;
  readonly place: Share;
  /** Both actors of two, each the likeliest beside the other. */
  readonly both: Share;
  /** Of those that show both. */
  readonly relation: Share;
  /** Where the camera is to move, and something would show it. */
  readonly camera: Share;
  /** Where it is to rain or snow before a camera that stands still. */
  readonly weather: Share;
  /** Mean presence in percent. */
  readonly presence: number;
}

/** How many verdicts are right. */
export function share(verdicts: readonly boolean[]): Share {
  const right = verdicts.filter((verdict) => verdict).length;
  return { right, of: verdicts.length, percent: verdicts.length === 0 ? NaN : (100 * right) / verdicts.length };
}

/** A plain background is right only in the colour that was asked for. */
export function placeRight({ facts, place, colour }: ClipScore): boolean {
  return place === facts.place && (place !== 'plain' || colour === facts.colour);
}

const showsBoth = ({ nounRank, secondRank }: ClipScore): boolean => nounRank === 0 && secondRank === 0;

/** Percentages over clips. Noun, style and presence leave out prompts that only hint at the noun; motion leaves out pictures. */
export function summarise(scores: readonly ClipScore[]): Summary {
  const named = scores.filter((score) => !score.facts.hypernym);
  const moving = scores.filter((score) => score.motion !== undefined);
  const paired = scores.filter((score) => score.secondRank !== undefined);
  const right = named.filter((score) => score.nounRank === 0);
  const told = paired.filter(showsBoth);
  const filmed = scores.filter(({ camera, facts }) => camera !== undefined && facts.camera !== 'static' && facts.place !== 'plain'); // prettier-ignore
  const wet = scores.filter(({ weather, facts }) => weather !== undefined && facts.weather !== 'none' && facts.camera === 'static'); // prettier-ignore
  return {
    clips: scores.length,
    noun1: share(named.map((score) => score.nounRank === 0)),
    noun5: share(named.map((score) => score.nounRank < 5)),
    style: share(right.filter(({ facts }) => facts.style !== undefined).map((score) => score.style === score.facts.style)), // prettier-ignore
    motion: share(moving.map((score) => score.motion === score.facts.motion)),
    place: share(scores.map(placeRight)),
    both: share(paired.map(showsBoth)),
    relation: share(told.map((score) => score.relation === true)),
    camera: share(filmed.map((score) => score.camera === score.facts.camera)),
    weather: share(wet.map((score) => score.weather === score.facts.weather)),
    presence: (100 * named.reduce((sum, score) => sum + score.presence, 0)) / named.length,
  };
}
