// From logits to the next token: the best one, or one drawn by temperature and nucleus (Holtzman et al. 2019, "top-p").
// The random generator is passed in, so the same seed gives the same text.

/** Chooses a token id out of logits [vocabulary]. */
export type TokenChoice = (logits: Float32Array) => number;

/** The most likely token; the first of equals. */
export const greedyToken: TokenChoice = (logits) => {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
};

export interface NucleusOptions {
  /** Above 0; below 1 sharpens, above 1 flattens. */
  readonly temperature: number;
  /** In (0, 1]: draws among the fewest likeliest tokens whose probabilities sum to at least topP. */
  readonly topP: number;
  /** Uniform numbers in [0, 1), one per token. */
  readonly random: () => number;
}

/** Draws from softmax(logits / temperature), cut to the nucleus and renormalised. */
export function nucleusToken({ temperature, topP, random }: NucleusOptions): TokenChoice {
  return (logits) => {
    const weights = unnormalised(logits, temperature);
    const order = weights.map((_, id) => id).sort((a, b) => weights[b]! - weights[a]! || a - b);
    const nucleus = leading(order, weights, topP * sum(weights));
    let left = random() * sum(nucleus.map((id) => weights[id]!));
    return nucleus.find((id) => (left -= weights[id]!) < 0) ?? nucleus.at(-1)!;
  };
}

function unnormalised(logits: Float32Array, temperature: number): number[] {
  const highest = logits[greedyToken(logits)]!;
  return Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
}

function leading(order: readonly number[], weights: readonly number[], enough: number): readonly number[] {
  let total = 0;
  const end = order.findIndex((id) => (total += weights[id]!) >= enough);
  return end < 0 ? order : order.slice(0, end + 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
