// The OpenAPI document, printed from the schemas that requests are parsed by and answers are written from.
import { z } from 'zod';
import { packageVersion } from '../jobs/package-folder.ts';
import { captionsSchema } from './caption-object.ts';
import { createCaptionsSchema, lookFields } from './create-captions.ts';
import { createVideoSchema } from './create-video.ts';
import { captionListSchema, formats, listQuerySchema, variants } from './list-query.ts';
import { foundShotsSchema } from './search-routes.ts';
import { searchInput } from './shots.ts';
import { estimateSchema, videoSchema } from './video-object.ts';

const errorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable().describe('the first field that does not fit'),
    code: z.string(),
    errors: z.array(z.object({ param: z.string(), message: z.string() })).optional(),
  }),
});
const pageOf = (schema: z.ZodType) =>
  z.object({
    object: z.literal('list'),
    data: z.array(schema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
const deletedOf = (object: string) => z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });

type Json = Readonly<Record<string, unknown>>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
};
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ content: { 'application/json': { schema } } });
const answer = (description: string, name?: string): Json => ({ description, ...(name && json(ref(name))) });
const binary = (types: readonly string[]): Json =>
  Object.fromEntries(types.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]));

const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const errors: Json = Object.fromEntries(
  Object.entries({
    401: 'the token is missing or wrong',
    404: 'there is no such thing',
    422: 'fields do not fit',
    503: 'the queue cannot be reached; see Retry-After',
  }).map(([status, description]) => [status, answer(description, 'Error')]),
);

function operation(operationId: string, summary: string, responses: Json, more: Json = {}): Json {
  return { operationId, summary, ...more, responses: { ...responses, ...errors } };
}

/** The document of `GET /openapi.json`, OpenAPI 3.1. */
export function openApiDocument(): Json {
  const body = { schema: ref('CreateVideo') };
  const picture = { type: 'string', format: 'binary', description: 'a picture that the clip starts from' };
  const likePicture = { ...picture, description: 'a picture whose subject and place the clip takes on' };
  const form = {
    schema: {
      allOf: [
        ref('CreateVideo'),
        { type: 'object', properties: { input_reference: picture, like_reference: likePicture } },
      ],
    },
  };
  const create = {
    parameters: [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 } }],
    requestBody: { required: true, content: { 'application/json': body, 'multipart/form-data': form } },
  };
  const queryOf = (schema: z.ZodType) => {
    const { properties, required } = schemaOf(schema, 'input') as { properties: Json; required?: readonly string[] };
    return Object.entries(properties).map(([name, one]) => ({
      name,
      in: 'query',
      schema: one,
      ...(required?.includes(name) && { required: true }),
    }));
  };
  const query = queryOf(listQuerySchema);
  const variant = { name: 'variant', in: 'query', schema: { enum: variants, default: 'video' } };
  const range = { name: 'Range', in: 'header', schema: { type: 'string' } };
  const content = binary(['video/mp4', 'image/png', 'text/vtt']);
  const video = { 200: answer('the video', 'Video') };
  const tooMany = { 413: answer('the body is too large', 'Error'), 429: answer('the queue is full', 'Error') };
  return {
    openapi: '3.1.0',
    info: { title: 'Tessera', version: packageVersion, description: 'Text into video, in the shape of OpenAI’s Videos API, and video into timed words.' }, // prettier-ignore
    security: [{}, { bearer: [] }],
    paths: {
      '/v1/videos': {
        post: operation('createVideo', 'Ask for a video', { ...video, ...tooMany }, create),
        get: operation('listVideos', 'List videos', { 200: answer('a page', 'VideoPage') }, { parameters: query }),
      },
      '/v1/videos/estimate': {
        post: operation(
          'estimateVideo',
          'What a video would take',
          { 200: answer('the estimate', 'Estimate') },
          { requestBody: create.requestBody },
        ),
      },
      '/v1/videos/{id}': {
        parameters: [id],
        get: operation('retrieveVideo', 'Look at a video', video),
        delete: operation('deleteVideo', 'Cancel and remove a video', { 200: answer('it is gone', 'DeletedVideo') }),
      },
      '/v1/videos/{id}/content': {
        parameters: [id, variant, range],
        get: operation('downloadVideo', 'The clip, its middle frame, a sheet of its frames, or its captions', {
          200: { description: 'the whole', content },
          206: { description: 'a part', content },
          304: { description: 'as it was' },
          409: answer('the video is not completed', 'Error'),
          416: answer('the range is beyond the end', 'Error'),
        }),
      },
      '/v1/videos/{id}/events': {
        parameters: [id],
        get: operation('videoEvents', 'Follow a video', {
          200: { description: 'server-sent events until it has ended', content: { 'text/event-stream': {} } },
        }),
      },
      ...captionPaths({ id, range, query: queryOf(captionListSchema), tooMany, key: create.parameters }),
      '/v1/search': {
        get: operation('searchShots', 'Find shots of indexed films by what they show', { 200: answer('shots', 'FoundShots') }, { parameters: queryOf(searchInput) }), // prettier-ignore
      },
      '/v1/shots/{id}/content': {
        parameters: [id],
        get: operation('shotPicture', 'The middle picture of a shot', {
          200: { description: 'the picture', content: binary(['image/png']) },
        }),
      },
      '/v1/models': { get: operation('listModels', 'List models', { 200: answer('names of models') }) },
      '/v1/models/{id}': { parameters: [id], get: operation('retrieveModel', 'A model', { 200: answer('a model') }) },
      '/v1/capabilities': {
        get: operation('capabilities', 'What each model can do', { 200: answer('of each model') }),
      },
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        CreateVideo: schemaOf(createVideoSchema, 'input'),
        Video: schemaOf(videoSchema, 'output'),
        Estimate: schemaOf(estimateSchema, 'output'),
        VideoPage: schemaOf(pageOf(videoSchema), 'output'),
        DeletedVideo: schemaOf(deletedOf('video.deleted'), 'output'),
        CreateCaptions: schemaOf(createCaptionsSchema, 'input'),
        CaptionLooks: schemaOf(lookFields, 'input'),
        Captions: schemaOf(captionsSchema, 'output'),
        CaptionsPage: schemaOf(pageOf(captionsSchema), 'output'),
        DeletedCaptions: schemaOf(deletedOf('captions.deleted'), 'output'),
        FoundShots: schemaOf(foundShotsSchema, 'output'),
        Error: schemaOf(errorSchema, 'output'),
      },
    },
  };
}

interface SharedParts {
  readonly id: Json;
  readonly range: Json;
  readonly query: readonly Json[];
  readonly tooMany: Json;
  readonly key: readonly Json[];
}

function captionPaths({ id: byId, range, query, tooMany, key }: SharedParts): Json {
  const file = { type: 'string', format: 'binary', description: 'the film' };
  const film = { type: 'object', properties: { file }, required: ['file'] };
  const form = { schema: { allOf: [ref('CaptionLooks'), film] } };
  const body = { 'multipart/form-data': form, 'application/json': { schema: ref('CreateCaptions') } };
  const captions = { 200: answer('the captions', 'Captions') };
  const format = { name: 'format', in: 'query', schema: { enum: formats, default: 'vtt' } };
  const content = binary(['text/vtt', 'application/x-subrip', 'application/json', 'text/plain', 'video/mp4']);
  return {
    '/v1/captions': {
      post: operation(
        'createCaptions',
        'Send a film, or name a video, to be put into timed words',
        { ...captions, ...tooMany },
        { parameters: key, requestBody: { required: true, content: body } },
      ),
      get: operation('listCaptions', 'List captions', { 200: answer('a page', 'CaptionsPage') }, { parameters: query }),
    },
    '/v1/captions/{id}': {
      parameters: [byId],
      get: operation('retrieveCaptions', 'Look at captions', captions),
      delete: operation('deleteCaptions', 'Cancel and remove captions, and the film that was sent', {
        200: answer('they are gone', 'DeletedCaptions'),
      }),
    },
    '/v1/captions/{id}/content': {
      parameters: [byId, format, range],
      get: operation('downloadCaptions', 'The captions in a format, or the film', {
        200: { description: 'the whole', content },
        206: { description: 'a part', content },
        409: answer('the captions are not completed', 'Error'),
      }),
    },
    '/v1/captions/{id}/events': {
      parameters: [byId],
      get: operation('captionsEvents', 'Follow captions', {
        200: { description: 'server-sent events until they have ended', content: { 'text/event-stream': {} } },
      }),
    },
  };
}
