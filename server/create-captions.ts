// The body of POST /v1/captions: a film as the file of a form, or the id of a video that was made here, and how it is looked at,
// by the schema that `tessera caption` has. Captioners are named, never a path or an address.
import { z } from 'zod';
import { captionSchema } from '../jobs/caption-request.ts';
import type { CaptionWish } from '../jobs/captions.ts';
import { valueOfText } from '../jobs/request-text.ts';
import { type FieldProblem, invalidFields, Problem } from './problems.ts';
import { missingFile, readUpload } from './read-upload.ts';

const looks = { every: true, count: true, shots: true, prompt: true, prefix: true, language: true } as const;
const badName = 'must be a name that GET /v1/capabilities lists; paths and addresses are not opened';
const name = z.string({ error: badName }).regex(/^(hf:)?[A-Za-z0-9][\w.-]{0,99}$/, { error: badName });
const badVideo = 'must be the id of a video, as POST /v1/videos gives it';

/** How a film is looked at. */
export const lookFields = captionSchema.pick(looks).extend({
  captioner: name.optional().describe('auto, or one that GET /v1/capabilities lists (default auto)'),
  speech: name.optional().describe('also write what is said, by one that GET /v1/capabilities lists'),
});

/** What a caller may send as JSON. */
export const createCaptionsSchema = lookFields.extend({
  video: z.string({ error: badVideo }).regex(/^clip-[0-9a-f]{16}$/, { error: badVideo }).describe('the id of a video that was made here'),
}); // prettier-ignore

export interface CaptionsBody {
  readonly wish: CaptionWish;
  readonly film:
    | { readonly kind: 'video'; readonly id: string }
    | { readonly kind: 'upload'; readonly path: string; readonly name: string; readonly sha256: string };
}

/** Reads a body; a film goes into `folder`. @throws Problem 400, 413, 415, 422 that names every field that does not fit */
export async function readCaptionsBody(
  request: Request,
  { folder, mostBytes }: { readonly folder: string; readonly mostBytes: number },
): Promise<CaptionsBody> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') {
    const json: unknown = await request.json().catch(() => {
      throw new Problem(400, 'The body is no valid JSON. Correct it and send it again.', { code: 'unreadable_body' });
    });
    return fromFields(json);
  }
  if (type === 'multipart/form-data') {
    const { fields, file } = await readUpload(request, folder, mostBytes);
    const shape: Readonly<Record<string, z.ZodType>> = createCaptionsSchema.shape;
    const typed = Object.fromEntries(Array.from(fields, ([field, value]) => [field, typeof value === 'string' ? valueOfText(shape, field, value) : value])); // prettier-ignore
    if (file === undefined) return fromFields(typed);
    const wish = parseFields(lookFields, typed);
    return { wish, film: { kind: 'upload', ...file } };
  }
  const message = 'The body must be multipart/form-data or application/json. Say which in Content-Type.';
  throw new Problem(415, message, { code: 'unsupported_media_type' });
}

function fromFields(fields: unknown): CaptionsBody {
  const isEmpty = typeof fields === 'object' && fields !== null && !('video' in fields);
  if (isEmpty) {
    parseFields(lookFields, fields);
    throw missingFile();
  }
  const { video, ...wish } = parseFields(createCaptionsSchema, fields);
  return { wish: checked(wish), film: { kind: 'video', id: video } };
}

/** @throws Problem 422 that names every field that does not fit */
export function parseFields<T extends z.ZodObject>(schema: T, fields: unknown): z.output<T> {
  const parsed = schema.safeParse(fields);
  if (!parsed.success) throw invalidFields(parsed.error.issues.flatMap((issue) => problemsOf(issue, schema)));
  checked(parsed.data);
  return parsed.data;
}

function checked<T extends { readonly every?: unknown; readonly count?: unknown }>(wish: T): T {
  if (wish.every === undefined || wish.count === undefined) return wish;
  throw invalidFields([{ param: 'count', message: 'cannot be sent beside every' }]);
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodObject): readonly FieldProblem[] {
  if (issue.code !== 'unrecognized_keys') {
    const param = issue.path.join('.') || 'body';
    return [{ param, message: param === 'body' ? 'must be an object' : issue.message }];
  }
  const known = Object.keys(schema.shape).join(', ');
  return issue.keys.map((param) => ({ param, message: `is no field that is known. Known are ${known}` }));
}
