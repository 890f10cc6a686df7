// What a caller may ask of `generate`, described once: the types, the checks, the command line's options and, later, the
// HTTP documentation come from this schema. Fields that were not sent stay absent, so that a model's own defaults can
// fill them (resolve-request.ts); no field has a default here.
import { z } from 'zod';
import { samplerNames } from '../dit/scheduler-config.ts';
import { InvalidRequestError } from '../graph/errors.ts';
import { directionFields } from './direction.ts';
import { problemOf } from './request-problem.ts';
import { isStorable, notStorable } from './request-text.ts';
import { weightModes } from './weight-mode-names.ts';

const whole = (least: number, most: number, orElse = '') => {
  const error = `must be a whole number from ${least} to ${most}${orElse}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};
const between = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`;
  return z.number({ error }).min(least, { error }).max(most, { error });
};
const text = (most: number) =>
  z
    .string({ error: 'must be text' })
    .max(most, { error: `must have at most ${most} characters` })
    .refine(isStorable, { error: notStorable });

const sayWhat = 'is empty. Say what the clip is to show, for example "a penguin jumps on a snowy field"';
const seed = z.union([whole(0, Number.MAX_SAFE_INTEGER, ', or "random"'), z.literal('random')], {
  error: 'must be a whole number, or "random"',
});

const file = (what: string) => text(4096).min(1, { error: 'is empty' }).optional().describe(what);
const sum = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: 'must be 64 hexadecimal digits' })
  .optional()
  .describe('of the file; another one in its place is refused');

const notAnExpander =
  'must be nano, openai, hf:<model> or openai:<address>. A prompt stands before --expand, or write --expand=nano';
const fallingSigmas = 'must be noise levels that fall from at most 1 and stay above 0, such as 1,0.75,0.5,0.25';
const weightMode = z.enum(weightModes, { error: `must be one of ${weightModes.join(', ')}` });
const modes = 'f32 (widened in memory), f16 (in their files), int8 or int4 (made by `models quantize`)';

/** A request to render clips. The descriptions are what `tessera generate --help` prints. */
export const generateSchema = z.strictObject({
  prompt: text(5000)
    .trim()
    .regex(/[\p{L}\p{N}\p{S}]/u, { error: sayWhat })
    .describe('what the clip shows'),
  negativePrompt: text(5000).optional().describe('what the clip should keep away from'),
  expand: text(4096)
    .regex(/^(nano|openai|(hf|openai):\S+)$/, { error: notAnExpander })
    .optional()
    .describe(
      "let a language model rewrite the prompt as the video model's own captions: nano (the model's own, default), hf:<model>, openai:<address>, or openai (TESSERA_LANGUAGE_URL)",
    ),
  expanded: text(20_000)
    .min(1, { error: 'is empty' })
    .optional()
    .describe('what was made of the prompt; it is not expanded again'),
  image: text(4096)
    .min(1, { error: 'is empty' })
    .optional()
    .describe('picture that the clip starts from: PNG, JPEG, WebP, AVIF, GIF, TIFF or SVG'),
  imageSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, { error: 'must be 64 hexadecimal digits' })
    .optional()
    .describe('of the picture; another one in its place is refused'),
  fit: z
    .enum(['cover', 'contain', 'stretch'], { error: 'must be cover, contain or stretch' })
    .optional()
    .describe('how a picture or video of another shape fills the clip: cover (default), contain or stretch'),
  last: file('picture that the clip ends with'),
  lastSha256: sum,
  like: file('picture whose subject and place the clip takes on, beside those that the prompt names'),
  likeSha256: sum,
  likeWeight: between(0, 1)
    .optional()
    .describe(
      'how much the picture of like says against the prompt, 0 (default: only what the prompt leaves open) to 1',
    ),
  likeness: text(200)
    .regex(/^[\p{L}\p{N} -]+(, [\p{L} ]+)?$/u, { error: 'must be a thing, or a thing and a place: "cat, snow"' })
    .optional()
    .describe('what was read from the picture of like; it is not looked at again'),
  control: file('video or picture that a VACE model follows: depth, edges, poses, or what is to be repainted'),
  controlSha256: sum,
  mask: file('white where control, or a restyled video, is made anew, black where it stays; a video or a picture'),
  maskSha256: sum,
  reference: z
    .array(text(4096).min(1, { error: 'is empty' }), { error: 'must be a list of files' })
    .max(8, { error: 'must be at most 8 files' })
    .readonly()
    .optional()
    .describe('picture of what a VACE model is to show; may be given several times'),
  referenceSha256: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .readonly()
    .optional()
    .describe('of the references'),
  ...directionFields,
  extendSha256: sum,
  restyleSha256: sum,
  betweenSha256: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .readonly()
    .optional()
    .describe('of the two videos'),
  model: text(4096).min(1, { error: 'is empty' }).optional().describe('a model by name, or its folder (default nano)'),
  lora: z
    .array(text(4096).min(1, { error: 'is empty' }), { error: 'must be a list of files' })
    .max(20, { error: 'must be at most 20 files' })
    .readonly()
    .optional()
    .describe(
      'a LoRA to merge into the model, file or file:weight, high=file or low=file for one of two experts; may be given several times',
    ),
  loraLenient: z
    .boolean({ error: 'must be true or false' })
    .optional()
    .describe('leave out what of a LoRA matches nothing in the model'),
  weights: weightMode.optional().describe(`how the transformer's weights are held: ${modes}`),
  textWeights: weightMode.optional().describe('the same for the text encoder'),
  width: whole(8, 8192).optional().describe('of the clip in pixels'),
  height: whole(8, 8192).optional().describe('of the clip in pixels'),
  frames: whole(1, 10001).optional().describe('length of the clip, or of what is made at once; 4k+1 for most models'),
  fps: between(1, 120).optional().describe('frames a second'),
  steps: whole(1, 1000).optional().describe('sampling steps; more is slower and finer'),
  sigmas: z
    .array(z.number({ error: fallingSigmas }), { error: fallingSigmas })
    .min(1, { error: fallingSigmas })
    .max(1000, { error: 'must be at most 1000 levels' })
    .refine((levels) => levels.every((level, i) => level > 0 && (i === 0 ? level <= 1 : level < levels[i - 1]!)), {
      error: fallingSigmas,
    })
    .readonly()
    .optional()
    .describe('noise levels to step through, before the shift, as few-step models want them: 1,0.75,0.5,0.25'),
  sampler: z
    .enum(samplerNames, { error: `must be one of ${samplerNames.join(', ')}` })
    .optional()
    .describe(`one of ${samplerNames.join(', ')}`),
  guidance: between(1, 100).optional().describe('how closely to follow the prompt; at 1 a step is twice as fast'),
  guidanceLow: between(1, 100)
    .optional()
    .describe('guidance of the second expert, which finishes the clip, in models that have two'),
  shift: between(0.01, 100).optional().describe('moves the noise levels; larger clips want more'),
  decoder: text(4096)
    .regex(/^tiny(:.+)?$/, { error: 'must be tiny, or tiny:<file or folder>' })
    .optional()
    .describe('decode by a tiny decoder (TAEHV): much faster and a little softer; tiny, or tiny:<file>'),
  fast: z
    .boolean({ error: 'must be true or false' })
    .optional()
    .describe('skip steps that can be foretold: about twice as fast, and a little different'),
  seed: seed.optional().describe('the same seed gives the same clip, "random" another one each time (default 0)'),
  clips: whole(1, 1000).optional().describe('how many clips of this prompt (default 1)'),
  clip: whole(0, 1_000_000).optional().describe('number of the first clip of this seed (default 0)'),
  output: text(4096)
    .min(1, { error: 'is empty' })
    .optional()
    .describe('file to write: .mp4, .webm, .gif, .webp, or name-%04d.png or a folder for pictures'),
  overwrite: z.boolean({ error: 'must be true or false' }).optional().describe('replace files that exist'),
});

/** Only what was sent: absent fields take the model's defaults. */
export type GenerateRequest = z.input<typeof generateSchema>;
export type ParsedRequest = z.output<typeof generateSchema>;

/** Checks a request of unknown origin. @throws InvalidRequestError naming every field that does not fit */
export function parseRequest(input: unknown): ParsedRequest {
  const parsed = generateSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => problemOf(issue, input, generateSchema.shape, 'a prompt'));
  throw new InvalidRequestError(problems.join(' '), { cause: parsed.error });
}

/** Checksums that a request is pinned by; no options of a command line. */
export const pinFields = [
  'imageSha256',
  'lastSha256',
  'likeSha256',
  'controlSha256',
  'maskSha256',
  'referenceSha256',
  'extendSha256',
  'betweenSha256',
  'restyleSha256',
] as const;
/** Fields that follow from others when a request is accepted. */
export const settledFields = [...pinFields, 'expanded', 'likeness'] as const;
/** Fields that name files of this machine. */
export const fileFields = [
  'image',
  'last',
  'like',
  'control',
  'mask',
  'reference',
  'extend',
  'between',
  'restyle',
] as const;
