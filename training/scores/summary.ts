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
  readonly style: Share;
  readonly motion: Share;
  readonly place: Share;
  readonly relation: Share;
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

/** Percentages over clips. Noun, style and presence leave out prompts that only hint at the noun; motion leaves out pictures. */
export function summarise(scores: readonly ClipScore[]): Summary {
  const named = scores.filter((score) => !score.facts.hypernym);
  const moving = scores.filter((score) => score.motion !== undefined);
  const paired = scores.filter((score) => score.relation !== undefined);
  return {
    clips: scores.length,
    noun1: share(named.map((score) => score.nounRank === 0)),
    noun5: share(named.map((score) => score.nounRank < 5)),
    style: share(named.map((score) => score.style === score.facts.style)),
    motion: share(moving.map((score) => score.motion === score.facts.motion)),
    place: share(scores.map(placeRight)),
    relation: share(paired.map((score) => score.relation === true)),
    presence: (100 * named.reduce((sum, score) => sum + score.presence, 0)) / named.length,
  };
}
