// How often each of a render's graphs runs, counted before any of them is opened: what pipeline.ts, sample-window.ts and
// visual-conditions.ts will ask for, once and for each window.
import { firstStep } from '../dit/kept-latents.ts';
import { expertAt } from '../dit/guidance.ts';
import { createScheduler } from '../dit/scheduler-config.ts';
import { countPasses, type PlannedStep } from '../dit/step-cache.ts';
import { encodingsOf } from './encodings.ts';
import type { Model } from './model.ts';
import { isGuided, promptOf, type Render, schedulerOf, spacingOf } from './resolve-request.ts';
import { workOf } from './take.ts';
import { timedPrompts } from './timed-prompts.ts';
import { visualKind } from './visual-kind.ts';

export interface RenderWork {
  /** Texts that the text encoder reads, where it knows none of them yet. */
  readonly texts: number;
  /** Pictures that the picture tower looks at, all at once. */
  readonly pictures: number;
  /** Frames of each clip that is encoded. */
  readonly encodings: readonly number[];
  /** Of the transformer under one prompt; the least and the most differ where steps may be skipped. */
  readonly passes: { readonly least: number; readonly most: number };
  /** Of a clip as long as a window. */
  readonly decodings: number;
}

export function renderWork(render: Render, model: Model): RenderWork {
  const { windows } = workOf(render, model);
  const parts = timedPrompts(promptOf(render)).length * ((render.likeWeight ?? 0) > 0 ? 2 : 1);
  const { least, most } = passesOf(render, model);
  return {
    texts: parts + (isGuided(render) ? 1 : 0),
    pictures: picturesOf(render, model),
    encodings: encodingsOf(render, model),
    passes: { least: windows * least, most: windows * most },
    decodings: windows,
  };
}

/** Of one window. A pass without the prompt is run where guidance is not 1, of two experts where that of the step is not. */
function passesOf(render: Render, model: Model): RenderWork['passes'] {
  const { guidance, guidanceLow = guidance, restyle, strength = 1, steps } = render;
  const { timesteps } = createScheduler(schedulerOf(render, model), spacingOf(render));
  const path = Array.from(timesteps, (timestep): PlannedStep => {
    const expert = model.experts === undefined ? 0 : expertAt(model.experts.boundary, timestep);
    return { expert, scale: expert === 0 ? guidance : guidanceLow };
  });
  const first = restyle === undefined ? 0 : firstStep(steps, strength);
  if (render.fast === true) {
    return { least: countPasses(path, { first, skips: true }), most: countPasses(path, { first, skips: false }) };
  }
  const passes = path.slice(first).reduce((sum, { scale }) => sum + (scale === 1 ? 1 : 2), 0);
  return { least: passes, most: passes };
}

function picturesOf({ last }: Render, model: Model): number {
  if (visualKind(model) !== 'channels' || !model.transformer.config.attendsToImage) return 0;
  return last === undefined ? 1 : 2;
}
