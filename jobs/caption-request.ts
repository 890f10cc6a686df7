// What a caller may ask of `caption`, described once: types, checks and the command line's options come from this schema.
import { z } from 'zod';
import { InvalidRequestError } from '../graph/errors.ts';
import { problemOf } from './request-problem.ts';
import { isStorable, notStorable } from './request-text.ts';

export const captionFormats = ['vtt', 'srt', 'json', 'txt'] as const;
export type CaptionFormat = (typeof captionFormats)[number];

const text = (most: number) =>
  z
    .string({ error: 'must be text' })
    .trim()
    .min(1, { error: 'is empty' })
    .max(most, { error: `must have at most ${most} characters` })
    .refine(isStorable, { error: notStorable });
const flag = () => z.boolean({ error: 'must be true or false' });
const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

const notAStep = 'must be a time above 0, such as 1, 0.5 or "1s", "500ms", "2m"';
const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, '': 1 };

/** "1s", "500ms", "2m", or a number of seconds; in seconds. */
const duration = z
  .union([z.number(), z.string()], { error: notAStep })
  .transform((value) => {
    const [, amount = '', unit = ''] = /^\s*([\d.]+)\s*(ms|s|m|h)?\s*$/.exec(String(value)) ?? [];
    return amount === '' ? NaN : Number(amount) * (unitSeconds[unit] ?? NaN);
  })
  .refine((seconds) => seconds >= 0.01 && seconds <= 86_400, { error: notAStep });

const formats = z
  .union([z.string(), z.array(z.string())], { error: 'must be a list such as vtt,json' })
  .transform((list) => (Array.isArray(list) ? list : list.split(',')).map((name) => name.trim().toLowerCase()))
  .pipe(
    z
      .array(z.enum(captionFormats, { error: `must name some of ${captionFormats.join(', ')}` }))
      .min(1, { error: 'names no format' }),
  );

/** A request to caption videos. The descriptions are what `tessera caption --help` prints. */
export const captionSchema = z.strictObject({
  videos: z
    .array(text(4096), { error: 'must be a list of files' })
    .min(1, { error: 'names no video' })
    .describe('videos, pictures, folders, or patterns such as "films/**/*.mp4"'),
  captioner: text(4096)
    .optional()
    .describe('auto, detector, nano, hf:<model> or openai:<address> (default auto: the best that is there)'),
  model: text(500).optional().describe('for openai: the name of its model (default: the first that it lists)'),
  every: duration.optional().describe('look at one picture in so much time: 1s, 500ms, 2m (default 1s)'),
  count: whole(1, 100_000).optional().describe('look at so many pictures of each video'),
  shots: flag().optional().describe('a caption for each shot; cuts are found by how much pictures differ'),
  speech: text(4096).optional().describe('also write what is said, by hf:<model>, a Whisper or Wav2Vec2'),
  prompt: text(5000).optional().describe('what to say of a picture, where the captioner takes words'),
  prefix: text(500).optional().describe('how each caption begins, where the captioner takes words'),
  language: text(60).optional().describe('of the captions, where the captioner takes words'),
  formats: formats.optional().describe('files to write: vtt, srt, json, txt (default vtt,json)'),
  folder: text(4096).optional().describe('where the files go (default: beside each video)'),
  mux: flag().optional().describe('also write a copy of the video with a subtitle track (.mp4, .mkv)'),
  burn: flag().optional().describe('also write a copy of the video with the captions drawn into it'),
  concurrency: whole(1, 64).optional().describe('for openai: pictures under way at a time (default 4)'),
  timeout: duration.optional().describe('for openai: how long one answer may take (default 2m)'),
  retries: whole(0, 20).optional().describe('for openai: how often to ask again what failed (default 3)'),
  overwrite: flag().optional().describe('replace files that exist'),
});

export type CaptionRequest = z.input<typeof captionSchema>;
export type ParsedCaptionRequest = z.output<typeof captionSchema>;

/** Checks a request of unknown origin. @throws InvalidRequestError naming every field that does not fit */
export function parseCaptionRequest(input: unknown): ParsedCaptionRequest {
  const parsed = captionSchema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => problemOf(issue, input, captionSchema.shape, 'videos'));
    throw new InvalidRequestError(problems.join(' '), { cause: parsed.error });
  }
  const { every, count } = parsed.data;
  if (every !== undefined && count !== undefined)
    throw new InvalidRequestError('every and count both say how often to look. Give one of them.');
  return parsed.data;
}
