// How a clip is directed beside its prompt: the fields of a request for it, which of them go together, and the clips that are
// worked on. Knows no model but what it was taught, and opens no file.
import { z } from 'zod';
import { InvalidRequestError } from '../graph/errors.ts';
import { problemOfPath } from './actor-path.ts';

const path = z.string({ error: 'must be text' }).max(4096).min(1, { error: 'is empty' });
const part = (least: number) => {
  const error = `must be a number from ${least} to 1`;
  return z.number({ error }).min(least, { error }).max(1, { error });
};
const badSeconds = 'must be a number of seconds above 0 and up to 3600';
const badBox = 'must be four numbers from 0 to 1, left,top,width,height in parts of the frame, such as 0.5,0,0.5,1';

/** Left, top, width and height in parts of the frame. */
export type Box = readonly [number, number, number, number];

export const sides = ['end', 'start', 'both'] as const;

/** Fields of a request. */
export const directionFields = {
  seconds: z
    .number({ error: badSeconds })
    .gt(0, { error: badSeconds })
    .max(3600, { error: badSeconds })
    .optional()
    .describe('length; what is longer than the model makes at once is made window by window'),
  extend: path.optional().describe('video that the clip goes on from'),
  side: z
    .enum(sides, { error: `must be one of ${sides.join(', ')}` })
    .optional()
    .describe('where a video is extended: end (default), start or both'),
  between: z
    .array(path, { error: 'must be two videos' })
    .length(2, { error: 'must be two videos' })
    .readonly()
    .optional()
    .describe('two videos that the clip joins'),
  loop: z
    .boolean({ error: 'must be true or false' })
    .optional()
    .describe('lead the end of the clip, or of the video of extend, back to its start'),
  restyle: path.optional().describe('video that is made into what the prompt says'),
  strength: part(0.01).optional().describe('how much of a restyled video is made anew, to 1 (default 0.6; 1 with a mask or box)'), // prettier-ignore
  box: z
    .string({ error: badBox })
    .refine((text) => boxOf(text) !== undefined, { error: badBox })
    .optional()
    .describe('left,top,width,height in parts of the frame: where a restyled video is made anew'),
  path: z
    .string({ error: 'must be text' })
    .max(2000, { error: 'must have at most 2000 characters' })
    .superRefine((text, context) => {
      const problem = problemOfPath(text);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .optional()
    .describe(
      'where an actor goes, its middle in parts of the frame: "cat: 0.2,0.6 > 0.8,0.6", with times "0s 0.2,0.6 > 1s 0.8,0.6", with sizes "0.2,0.6,0.3,0.3"',
    ),
} as const;

/** Fields of a request that direct its clips, and the files that some go with. */
export interface AskedDirection extends z.output<z.ZodObject<typeof directionFields>> {
  readonly image?: string | undefined;
  readonly last?: string | undefined;
  readonly like?: string | undefined;
  readonly likeWeight?: number | undefined;
  readonly mask?: string | undefined;
  readonly control?: string | undefined;
}

/** What a render records of its direction: only what was chosen. */
export interface Direction {
  readonly seconds?: number;
  /** Videos that are extended, joined and made anew, each with its checksum. */
  readonly extend?: string;
  readonly extendSha256?: string;
  readonly between?: readonly string[];
  readonly betweenSha256?: readonly string[];
  readonly restyle?: string;
  readonly restyleSha256?: string;
  readonly side?: (typeof sides)[number];
  readonly loop?: boolean;
  readonly strength?: number;
  readonly box?: string;
  readonly path?: string;
}

/** A box out of its text, or undefined. */
export function boxOf(text: string): Box | undefined {
  const numbers = text.split(',').map((value) => (value.trim() === '' ? NaN : Number(value)));
  const [left = NaN, top = NaN, width = NaN, height = NaN] = numbers;
  const isInside = [left, top].every((n) => n >= 0) && left + width <= 1.000001 && top + height <= 1.000001;
  return numbers.length === 4 && isInside && width > 0 && height > 0 ? [left, top, width, height] : undefined;
}

/** Whether its clips follow from the rate at which videos are read, or from times. */
export const followsTime = ({ seconds, extend, between, restyle }: AskedDirection): boolean =>
  [seconds, extend, between, restyle].some((field) => field !== undefined);

/** What stands in a request's direction, with defaults for what belongs to it. @throws InvalidRequestError */
export function settleDirection(asked: AskedDirection): Direction {
  checkTogether(asked);
  const { extend, side, loop, restyle, strength, mask, box, path: way } = asked;
  return {
    ...(extend !== undefined && loop !== true && { side: side ?? 'end' }),
    ...(loop === true && { loop }),
    ...(restyle !== undefined && { strength: strength ?? ((mask ?? box) === undefined ? 0.6 : 1) }),
    ...(box !== undefined && { box }),
    ...(way !== undefined && { path: way }),
  };
}

type Names = keyof AskedDirection;

/** Each of them with what it cannot stand beside. */
const apart: readonly (readonly [Names, readonly Names[], string])[] = [
  ['extend', ['between', 'restyle', 'image', 'last'], 'Make one clip of the other.'],
  ['between', ['restyle', 'image', 'last', 'loop'], 'Make one clip of the other.'],
  ['restyle', ['image', 'last', 'loop', 'control'], 'Make one clip of the other.'],
  ['loop', ['last', 'side'], 'A loop ends where it begins.'],
  ['path', ['extend', 'between', 'restyle', 'loop'], 'A path leads through a clip that is made anew.'],
  ['mask', ['box'], 'Draw the box into the mask.'],
];

const needs: readonly (readonly [Names, Names])[] = [
  ['side', 'extend'],
  ['strength', 'restyle'],
  ['box', 'restyle'],
  ['likeWeight', 'like'],
];

function checkTogether(asked: AskedDirection): void {
  const has = (name: Names): boolean => asked[name] !== undefined && asked[name] !== false;
  for (const [name, others, why] of apart) {
    const other = others.find(has);
    if (has(name) && other !== undefined)
      throw new InvalidRequestError(`${name} and ${other} do not go together. ${why}`);
  }
  for (const [name, other] of needs) {
    if (has(name) && !has(other))
      throw new InvalidRequestError(`${name} says something about ${other}, which is missing.`);
  }
}
