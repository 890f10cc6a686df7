// `tessera eval --direct`: the ways to direct a clip, rendered as `tessera generate` renders them, and scored.
import { InvalidRequestError } from '../jobs/errors.ts';
import { generate } from '../jobs/generate.ts';
import { readSettings } from '../jobs/settings.ts';
import { Studio } from '../jobs/studio.ts';
import type { DirectionName, DirectionScores } from '../training/evaluate-directions.ts';
import { table } from './format.ts';
import { interruptible } from './interrupt.ts';

export interface DirectionsToScore {
  /** Model folder. */
  readonly model: string;
  /** Renders of each. */
  readonly clips: number;
  /** Part of the names of those that are wanted. */
  readonly only?: string;
  readonly json: boolean;
  readonly onProgress: (done: number, of: number) => void;
}

export async function scoreDirections({ model, clips, only = '', json, onProgress }: DirectionsToScore): Promise<void> {
  const { directionNames, evaluateDirections } = await import('../training/evaluate-directions.ts');
  const names = directionNames.filter((name) => name.includes(only));
  if (names.length === 0)
    throw new InvalidRequestError(`only (=${only}) must be a part of one of these: ${directionNames.join(', ')}.`);
  const studio = new Studio(readSettings());
  try {
    const scores = await interruptible((signal) =>
      evaluateDirections(
        model,
        async (request, output) => void (await generate({ ...request, model, output }, { studio, signal })),
        { clips, names, signal, onProgress },
      ),
    );
    console.log(json ? JSON.stringify({ model, directions: scores }) : report(scores));
  } finally {
    await studio.close();
  }
}

function report(scores: Partial<Record<DirectionName, DirectionScores>>): string {
  const rows = Object.entries(scores).flatMap(([name, { clips, milliseconds, measures }]) => [
    [name, `${(milliseconds / 1000).toFixed(1)} s`, `a clip, ${clips} clips`],
    ...measures.map((one) => [`  ${one.name}`, one.isShare ? `${one.mean.toFixed(0)} %` : one.mean.toFixed(2), '']),
  ]);
  return table([['direction', 'value', ''], ...rows]);
}
