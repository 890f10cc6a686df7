// The JSON of a captioned film: all that was seen and heard, also what subtitles have no time for. Its schema is the documentation
// of the file, and what reads one parses by it.
import { z } from 'zod';

const seconds = z.number().min(0).describe('presentation time in seconds');
const part = z.number().min(0).max(1);

const box = z
  .object({
    seconds: seconds.describe('when it was there'),
    x: part.describe('left edge, in parts of the width'),
    y: part.describe('upper edge, in parts of the height'),
    width: part,
    height: part,
  })
  .describe('where a thing was in one picture');

const object = z.object({
  label: z.string(),
  confidence: part,
  track: z.int().describe('the same thing has the same number in all captions of a film'),
  boxes: z.array(box),
});

const caption = z.object({
  start: seconds,
  end: seconds,
  source: z.enum(['seen', 'heard']).describe('told of the picture, or said in the film'),
  text: z.string(),
  confidence: part.optional().describe('0 to 1, where the captioner knows it'),
  shot: z.int().optional().describe('number of the shot, from 0'),
  objects: z.array(object).optional().describe('by the detector'),
});

export const captionRecordSchema = z.object({
  version: z.literal(1),
  video: z.object({
    name: z.string(),
    width: z.int(),
    height: z.int(),
    durationSeconds: z.number(),
  }),
  captioner: z.string().nullable().describe('null where there was only sound'),
  speech: z.string().nullable(),
  tokens: z.object({ input: z.int(), output: z.int() }).optional().describe('what an endpoint billed'),
  notices: z.array(z.string()).describe('what one should know, such as that the file is cut short'),
  captions: z.array(caption).describe('in the order of time'),
});

export type CaptionRecord = z.infer<typeof captionRecordSchema>;
export type RecordedCaption = CaptionRecord['captions'][number];
