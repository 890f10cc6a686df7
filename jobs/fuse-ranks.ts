// Several rankings of the same things as one: reciprocal rank fusion (Cormack, Clarke, Büttcher 2009), which needs no common scale.

/** k of the paper: how little the first places differ. */
const SMOOTHING = 60;

export interface Ranked {
  readonly id: number;
  /** Σ 1 / (60 + rank) over the rankings that have it, rank from 1. */
  readonly score: number;
}

/** Best first; of equal scores that which comes first in an earlier ranking. */
export function fuseRanks(rankings: readonly (readonly number[])[]): readonly Ranked[] {
  const scores = new Map<number, number>();
  for (const ranking of rankings) {
    ranking.forEach((id, i) => scores.set(id, (scores.get(id) ?? 0) + 1 / (SMOOTHING + i + 1)));
  }
  return Array.from(scores, ([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}
