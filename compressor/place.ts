// A place in the autoencoder while one chunk of frames is added to a graph: the parameters there, and what the causal
// layers there remember of the frames before. A whole clip is a first chunk that is as long as the clip.
// The memory is a record of named nodes in and out; graphs stay pure functions of it.
import type { Node } from '../graph/node.ts';
import type { Parameters } from '../graph/parameters.ts';

/** Frames remembered between chunks, by the name of the layer that will read them. */
export type StreamState = Readonly<Record<string, Node>>;

/** Parameters and memory under one prefix. */
export interface Place {
  readonly p: Parameters;
  /** What a layer left of earlier chunks; undefined in a clip's first chunk. */
  recall(layer: string): Node | undefined;
  /** Leaves frames for the chunk after this one. */
  leave(layer: string, frames: Node): void;
  at(prefix: string): Place;
}

/** The model's root for one chunk. `past` is undefined for a clip's first chunk; `state()` is what was left, when all is built. */
export function rootPlace(p: Parameters, past: StreamState | undefined): { place: Place; state: () => StreamState } {
  const left: Record<string, Node> = {};
  const under = (parameters: Parameters, prefix: string): Place => ({
    p: parameters,
    recall: (layer) => past?.[prefix + layer],
    leave: (layer, frames) => {
      left[prefix + layer] = frames;
    },
    at: (inner) => under(parameters.at(inner), `${prefix}${inner}.`),
  });
  return { place: under(p, ''), state: () => left };
}
