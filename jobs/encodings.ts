// What of a render the autoencoder encodes: pictures and videos that the transformer is shown, the frames that a take begins and ends
// with, the videos that are made anew. Counts only, as sample-window.ts and visual-conditions.ts have them encoded.
import { temporalFactor } from '../compressor/config.ts';
import type { Model } from './model.ts';
import type { Render } from './resolve-request.ts';
import { type Take, takesOf } from './take.ts';
import { visualKind } from './visual-kind.ts';

/** Frames of each clip that is encoded, one entry for each time. */
export function encodingsOf(render: Render, model: Model): readonly number[] {
  return [...shown(render, model), ...takesOf(render, model).flatMap((take) => ofTake(take, render, model))];
}

function shown({ frames, reference = [] }: Render, model: Model): readonly number[] {
  const kind = visualKind(model);
  if (kind === 'channels') return [frames];
  return kind === 'control' ? [frames, frames, ...reference.map(() => 1)] : [];
}

function ofTake({ head, tail, starts }: Take, { frames, restyle }: Render, { autoencoder }: Model): readonly number[] {
  const still = 1 + temporalFactor(autoencoder.config);
  return starts.flatMap((_, index) => [
    ...(index > 0 ? [1] : head > 0 ? [head] : []), // of a window before only its last picture is encoded
    ...(index === starts.length - 1 && tail > 0 ? [still + tail] : []),
    ...(restyle === undefined ? [] : [frames]),
  ]);
}
