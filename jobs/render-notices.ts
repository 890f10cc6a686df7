// What a render does not do of what was asked, in words for the user.
import { LEAST_FAST_STEPS } from '../dit/step-cache.ts';
import type { Model } from './model.ts';
import type { Render } from './resolve-request.ts';
import { unseenParts } from './take.ts';

export const renderNotices = (render: Render, model: Model): readonly string[] => [
  ...unseenNotices(render, model),
  ...fastNotices(render),
];

function unseenNotices(render: Render, model: Model): readonly string[] {
  const seconds = render.frames / render.fps;
  return unseenParts(render, model).map(
    ({ from, until, prompt }) =>
      `"${from}-${until}: ${prompt}" is not shown: ${model.name} makes ${seconds.toFixed(1)} s at once, by one part of the prompt. Give parts that time, or fewer frames.`,
  );
}

function fastNotices({ fast, steps }: Render): readonly string[] {
  if (fast !== true || steps >= LEAST_FAST_STEPS) return [];
  return [`fast skips none of ${steps} steps: fewer than ${LEAST_FAST_STEPS} are all computed. Leave it out.`];
}
