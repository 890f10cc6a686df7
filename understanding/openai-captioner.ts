// Captions by an endpoint that speaks OpenAI's chat completions and takes pictures (openai-endpoint.ts).
import sharp from 'sharp';
import type { Frames } from '../io/frames.ts';
import { type Captioner, type Description, middleOf, type Moment, type Wish } from './captioner.ts';
import { type Endpoint, type EndpointAddress, openEndpoint } from './openai-endpoint.ts';
import { asked } from './wish.ts';

export interface CaptioningEndpoint extends EndpointAddress {
  /** Pictures under way at a time (4). */
  readonly concurrency?: number | undefined;
}

const LONGEST_SIDE = 768;
const MOST_TOKENS = 200;
const advice = { keySetting: 'TESSERA_VISION_KEY', refused: 'Does its model look at pictures?' };

/** Asks the endpoint for its models. @throws InvalidRequestError for an address that is none, JobFailedError when it does not answer */
export async function openEndpointCaptioner(address: CaptioningEndpoint, wish: Wish): Promise<Captioner> {
  const { url, concurrency = 4 } = address;
  const endpoint = await openEndpoint(address, advice);
  return {
    name: `openai:${url}`,
    how: `${endpoint.model} at ${new URL(url).host}`,
    longestSide: LONGEST_SIDE,
    momentSeconds: 0,
    concurrency,
    describe: (moment, _memory, signal) => describe(endpoint, wish, moment, signal),
    close: () => Promise.resolve(),
  };
}

async function describe(endpoint: Endpoint, wish: Wish, moment: Moment, signal?: AbortSignal): Promise<Description> {
  const picture = { type: 'image_url', image_url: { url: await dataUrl(middleOf(moment).picture) } } as const;
  const { prefix } = wish;
  const text = asked(wish) + (prefix === undefined ? '' : ` Begin your answer with "${prefix}".`);
  const asking = { mostTokens: MOST_TOKENS, temperature: 0, signal };
  const { text: answer, tokens } = await endpoint.ask([{ type: 'text', text }, picture], asking);
  const said = answer.replace(/\s+/g, ' ').trim();
  const isBegun = prefix === undefined || said.toLowerCase().startsWith(prefix.toLowerCase());
  return { text: isBegun ? said : `${prefix} ${said}`, ...(tokens && { tokens }) };
}

async function dataUrl({ data, width, height }: Frames): Promise<string> {
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
