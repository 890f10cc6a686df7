// `tessera eval --direct`: what a model makes of each way to direct a clip (directions.ts), in numbers.
import { type DirectingStudio, directions, type Verdict, world } from './directions.ts';
import { openDirectingStudio, type RenderTo } from './directing-studio.ts';
import { makeReferences } from './scores/references.ts';
import { loadAtlas } from './world/atlas.ts';

export type DirectionName = keyof typeof directions;
export const directionNames = Object.keys(directions) as DirectionName[];

export interface DirectionScores {
  readonly clips: number;
  /** Milliseconds of a render, the median. */
  readonly milliseconds: number;
  readonly measures: readonly { readonly name: string; readonly mean: number; readonly isShare: boolean }[];
}

export interface DirectionOptions {
  /** Renders of each. */
  readonly clips: number;
  readonly names?: readonly DirectionName[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
}

/** @throws the signal's reason when aborted, ModelFileError without an autoencoder, and what rendering throws */
export async function evaluateDirections(
  model: string,
  renderTo: RenderTo,
  { clips, names = directionNames, signal, onProgress }: DirectionOptions,
): Promise<Partial<Record<DirectionName, DirectionScores>>> {
  const atlas = await loadAtlas(world.styles, world.nouns);
  const references = makeReferences(atlas, world.styles, world.nouns);
  await using studio = await openDirectingStudio(model, renderTo);
  const scores: Partial<Record<DirectionName, DirectionScores>> = {};
  let done = 0;
  for (const name of names) {
    const verdicts: Verdict[] = [];
    const times: number[] = [];
    const timed: DirectingStudio = { ...studio, render: (request) => timing(times, () => studio.render(request)) };
    for (let i = 0; i < clips; i++) {
      signal?.throwIfAborted();
      verdicts.push(await directions[name]({ studio: timed, atlas, references }, i));
      onProgress?.(++done, clips * names.length);
    }
    scores[name] = { clips, milliseconds: median(times), measures: averaged(verdicts) };
  }
  return scores;
}

async function timing<T>(times: number[], work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  times.push(performance.now() - start);
  return result;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Shares in percent, numbers as they are. */
function averaged(verdicts: readonly Verdict[]): DirectionScores['measures'] {
  return Object.entries(verdicts[0] ?? {}).map(([name, { constructor }]) => {
    const isShare = constructor === Boolean;
    const sum = verdicts.reduce((total, verdict) => total + Number(verdict[name]), 0);
    return { name, isShare, mean: (sum / verdicts.length) * (isShare ? 100 : 1) };
  });
}
