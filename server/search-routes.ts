// /v1/search and the pictures of shots that it finds, for whoever may ask the server.
import { Hono } from 'hono';
import { z } from 'zod';
import type { Captions } from '../jobs/captions.ts';
import { valueOfText } from '../jobs/request-text.ts';
import { sendFile } from './content.ts';
import { parseFields } from './create-captions.ts';
import { findShotPicture, findShots, searchInput, shotSchema, type ShotSeeker } from './shots.ts';

export const foundShotsSchema = z.object({
  object: z.literal('list'),
  data: z.array(shotSchema.extend({ object: z.literal('shot') })).describe('the best first'),
  notices: z.array(z.string()).describe('what one should know of the answer'),
});

const shape: Readonly<Record<string, z.ZodType>> = searchInput.shape;

export function searchRoutes(seeker: ShotSeeker & { readonly captions: Captions }): Hono {
  return new Hono()
    .get('/search', async (c) => {
      const fields = Object.entries(c.req.query()).map(([name, text]) => [name, valueOfText(shape, name, text)]);
      const { shots, notices } = await findShots(parseFields(searchInput, Object.fromEntries(fields)), seeker);
      return c.json({ object: 'list', data: shots.map((shot) => ({ ...shot, object: 'shot' })), notices });
    })
    .get('/shots/:id/content', async (c) => sendFile(await findShotPicture(c.req.param('id'), seeker), c.req.raw));
}
