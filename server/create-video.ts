// The body of POST /v1/videos: OpenAI's fields beside those of Tessera's own request schema, as JSON or as a multipart form.
// Where clips go is the server's choice, and a model is named, never a path or an address.
import { z } from 'zod';
import { valueOfText } from '../jobs/request-text.ts';
import { fileFields, generateSchema, settledFields } from '../jobs/request.ts';
import type { VideoRequest } from '../jobs/videos.ts';
import { type FieldProblem, invalidFields, Problem } from './problems.ts';

const notByName = 'must be the name of a model, as GET /v1/models lists them; paths and addresses are not opened';
const notAnExpander = 'must be one that GET /v1/capabilities lists; paths and addresses are not opened';
const badSeconds = 'must be a number of seconds above 0 and up to 3600, such as "4"';
const badId = 'must be the id of a video that is here';
const videoId = z.string({ error: badId }).regex(/^clip-[0-9a-f]{16}$/, { error: badId });
const badSize = 'must be like "1280x704", width before height';

/** Files of this machine, and their checksums. */
const onlyHere = Object.fromEntries([...fileFields, ...settledFields].map((field) => [field, true])) as Record<
  (typeof fileFields)[number] | (typeof settledFields)[number],
  true
>;

/** Every field that a caller may send. */
export const videoFields = generateSchema
  .omit({ output: true, overwrite: true, clips: true, lora: true, loraLenient: true, decoder: true, ...onlyHere })
  .extend({
    extend: videoId.optional().describe('id of a video that this one goes on from'),
    between: z
      .array(videoId, { error: 'must be the ids of two videos' })
      .length(2, { error: 'must be the ids of two videos' })
      .readonly()
      .optional()
      .describe('ids of two videos that this one joins'),
    restyle: videoId.optional().describe('id of a video that is made into what the prompt says'),
    model: z
      .string({ error: notByName })
      .regex(/^[A-Za-z0-9][\w.-]{0,99}$/, { error: notByName })
      .optional()
      .describe('a model by name (default nano)'),
    expand: z
      .string({ error: notAnExpander })
      .regex(/^(nano|openai|hf:[A-Za-z0-9][\w.-]{0,99})$/, { error: notAnExpander })
      .optional()
      .describe('rewrite the prompt by one of the expanders that GET /v1/capabilities lists'),
    size: z
      .string({ error: badSize })
      .regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, { error: badSize })
      .optional()
      .describe('width and height in pixels, "WxH"'),
    seconds: z
      .union(
        [z.number().gt(0).max(3600), z.string().regex(/^(?=.*[1-9])([0-2]?\d{1,3}|3[0-5]\d\d|3600)(\.\d{1,3})?$/)],
        {
          error: badSeconds,
        },
      )
      .optional()
      .describe('length; the nearest that the model makes'),
  });

/** What a caller may send. A video is one clip: for several of one prompt, send `clip` 0, 1, 2… or other seeds. */
export const createVideoSchema = videoFields.superRefine(({ size, width, height, seconds, frames }, context) => {
  const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (size !== undefined && (width ?? height) !== undefined) refuse('size', 'cannot be sent beside width and height');
  if (seconds !== undefined && frames !== undefined) refuse('seconds', 'cannot be sent beside frames');
});

/** Reads a body. @throws Problem 400, 415, or 422 that names every field that does not fit */
export async function readVideoRequest(request: Request): Promise<VideoRequest> {
  const { fields, ...pictures } = await readBody(request);
  return { ...parseVideoRequest(fields), ...pictures };
}

/** Checks a wish for a video, wherever it comes from. @throws Problem 422 that names every field that does not fit */
export function parseVideoRequest(body: unknown): VideoRequest {
  const parsed = createVideoSchema.safeParse(body);
  if (!parsed.success) throw invalidFields(parsed.error.issues.flatMap(fieldProblems));
  const { size, seconds, ...rest } = parsed.data;
  const [width, height] = size?.split('x').map(Number) ?? [rest.width, rest.height];
  return {
    ...rest,
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(seconds !== undefined && { seconds: String(seconds) }),
  };
}

interface Body {
  readonly fields: unknown;
  /** The files `input_reference`, `last_reference`, `mask_reference` and `like_reference` of a form. */
  readonly picture?: Uint8Array;
  readonly lastPicture?: Uint8Array;
  readonly maskPicture?: Uint8Array;
  readonly likePicture?: Uint8Array;
}

/** Files of a form, and what they are. */
const pictureFields = {
  input_reference: 'picture',
  last_reference: 'lastPicture',
  mask_reference: 'maskPicture',
  like_reference: 'likePicture',
} as const;

async function readBody(request: Request): Promise<Body> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === 'multipart/form-data' || type === 'application/x-www-form-urlencoded') {
    const form = await reading(() => request.formData(), 'form');
    const pictures: Partial<Record<(typeof pictureFields)[keyof typeof pictureFields], Uint8Array>> = {};
    for (const [field, picture] of Object.entries(pictureFields)) {
      const file = form.get(field);
      if (!(file instanceof File)) continue;
      form.delete(field);
      pictures[picture] = new Uint8Array(await file.arrayBuffer());
    }
    return { fields: fromForm(form), ...pictures };
  }
  if (type !== 'application/json') {
    const message = 'The body must be application/json or multipart/form-data. Say which in Content-Type.';
    throw new Problem(415, message, { code: 'unsupported_media_type' });
  }
  const text = await reading(() => request.text(), 'text');
  return { fields: await reading(() => JSON.parse(text) as unknown, 'JSON') };
}

/** @throws Problem 400 when what comes is not what it says it is */
async function reading<T>(read: () => T | Promise<T>, what: string): Promise<T> {
  try {
    return await read();
  } catch {
    throw new Problem(400, `The body is no valid ${what}. Correct it and send it again.`, { code: 'unreadable_body' });
  }
}

/** Fields of a form are text; those that are sent twice become lists, which no field takes. */
function fromForm(form: FormData): Record<string, unknown> {
  const shape: Readonly<Record<string, z.ZodType>> = videoFields.shape;
  const entries = [...new Set(form.keys())].map((key) => {
    const values = form.getAll(key);
    return [key, values.length > 1 ? values : valueOfText(shape, key, values[0])] as const;
  });
  return Object.fromEntries(entries);
}

function fieldProblems(issue: z.core.$ZodIssue): readonly FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((param) => ({ param, message: unknownField(param) }));
  }
  const param = issue.path.join('.') || 'body';
  if (param === 'body') return [{ param, message: 'must be an object with a prompt' }];
  const isMissing = issue.code === 'invalid_type' && issue.input === undefined && param === 'prompt';
  return [{ param, message: isMissing ? 'is missing or no text' : issue.message }];
}

function unknownField(name: string): string {
  if (name in pictureFields) return 'must be one file of a multipart form; paths and addresses are not opened';
  if (name === 'image') return 'is the file input_reference of a multipart form here';
  if (name === 'last' || name === 'mask' || name === 'like')
    return `is the file ${name}_reference of a multipart form here`;
  if (name === 'output' || name === 'overwrite') return 'is the choice of the server; fetch the clip from …/content';
  if (name === 'clips') return 'cannot be sent: a video is one clip. Send a request for each, with clip 0, 1, 2…';
  return `is no field that is known. Known are ${Object.keys(videoFields.shape).join(', ')}`;
}
