// Captions by an endpoint that speaks OpenAI's chat completions and takes pictures: Ollama, llama.cpp, vLLM, LM Studio, or a service.
// The official client does retries (with pauses that the endpoint asks for) and timeouts.
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import sharp from 'sharp';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';
import type { Frames } from '../io/frames.ts';
import { type Captioner, type Description, middleOf, type Moment, type Wish } from './captioner.ts';
import { asked } from './wish.ts';

export interface Endpoint {
  /** Address of the API, e.g. http://127.0.0.1:11434/v1. */
  readonly url: string;
  /** Left out, the first model that the endpoint lists. */
  readonly model?: string | undefined;
  readonly key?: string | undefined;
  /** Pictures under way at a time (4). */
  readonly concurrency?: number | undefined;
  /** How often a question is asked again (3). */
  readonly retries?: number | undefined;
  /** How long one answer may take (120). */
  readonly timeoutSeconds?: number | undefined;
}

const LONGEST_SIDE = 768;
const MOST_TOKENS = 200;

/** Asks the endpoint for its models. @throws InvalidRequestError for an address that is none, JobFailedError when it does not answer */
export async function openEndpointCaptioner(endpoint: Endpoint, wish: Wish): Promise<Captioner> {
  const { url, concurrency = 4, retries = 3, timeoutSeconds = 120 } = endpoint;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new InvalidRequestError(
      `The address of openai:${url} must begin with http:// or https://, as in openai:http://127.0.0.1:11434/v1.`,
    );
  }
  const client = new OpenAI({
    baseURL: url.replace(/\/+$/, ''),
    apiKey: endpoint.key ?? 'none', // local servers want none, the client wants some
    maxRetries: retries,
    timeout: timeoutSeconds * 1000,
    logLevel: 'off',
  });
  const model = endpoint.model ?? (await firstModel(client, url));
  return {
    name: `openai:${url}`,
    how: `${model} at ${new URL(url).host}`,
    longestSide: LONGEST_SIDE,
    momentSeconds: 0,
    concurrency,
    describe: (moment, _memory, signal) => ask(client, { url, model, wish }, moment, signal),
    close: () => Promise.resolve(),
  };
}

/** Whether somebody answers there. */
export async function answers(url: string, key: string | undefined): Promise<boolean> {
  const client = new OpenAI({ baseURL: url, apiKey: key ?? 'none', maxRetries: 0, timeout: 3000, logLevel: 'off' });
  return client.models.list().then(() => true, (error: unknown) => error instanceof APIError && error.status !== undefined); // prettier-ignore
}

async function firstModel(client: OpenAI, url: string): Promise<string> {
  const { data } = await client.models.list().catch((error: unknown) => {
    throw inWords(error, url);
  });
  const [first] = data;
  if (first === undefined)
    throw new InvalidRequestError(`${url} lists no model. Load one there, or name one by model.`);
  return first.id;
}

async function ask(
  client: OpenAI,
  { url, model, wish }: { readonly url: string; readonly model: string; readonly wish: Wish },
  moment: Moment,
  signal?: AbortSignal,
): Promise<Description> {
  const picture = { type: 'image_url', image_url: { url: await dataUrl(middleOf(moment).picture) } } as const;
  const prefix = wish.prefix;
  const text = asked(wish) + (prefix === undefined ? '' : ` Begin your answer with "${prefix}".`);
  try {
    const { choices, usage } = await client.chat.completions.create(
      { model, max_tokens: MOST_TOKENS, temperature: 0, messages: [{ role: 'user', content: [{ type: 'text', text }, picture] }] }, // prettier-ignore
      { ...(signal && { signal }) },
    );
    const said = (choices?.[0]?.message?.content ?? '').replace(/\s+/g, ' ').trim();
    const isBegun = prefix === undefined || said.toLowerCase().startsWith(prefix.toLowerCase());
    return {
      text: isBegun ? said : `${prefix} ${said}`,
      ...(usage && { tokens: { input: usage.prompt_tokens, output: usage.completion_tokens } }),
    };
  } catch (error) {
    signal?.throwIfAborted();
    throw inWords(error, url);
  }
}

async function dataUrl({ data, width, height }: Frames): Promise<string> {
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}

function inWords(error: unknown, url: string): Error {
  const failed = (why: string, code: string): JobFailedError =>
    new JobFailedError(`openai:${url} ${why}`, { code, cause: error });
  if (error instanceof APIConnectionTimeoutError)
    return failed('did not answer in time. Allow more by timeout, or ask for less at a time by concurrency.', 'ENDPOINT_TIMEOUT'); // prettier-ignore
  if (error instanceof APIUserAbortError) return failed('was left.', 'CANCELLED');
  if (error instanceof APIConnectionError)
    return failed('cannot be reached. Is the server running there?', 'ENDPOINT_UNREACHABLE');
  if (!(error instanceof APIError) || error.status === undefined)
    return failed(`gave an answer that makes no sense (${String(error)}).`, 'ENDPOINT_FAILED');
  const { status } = error as { status: number };
  if (status === 401 || status === 403) {
    return new InvalidRequestError(
      `openai:${url} refuses our key (${status}). Set TESSERA_VISION_KEY to one that it takes.`,
      {
        cause: error,
      },
    );
  }
  if (status === 400 || status === 404 || status === 422)
    return new InvalidRequestError(`openai:${url} does not take the question (${error.message}). Does its model look at pictures?`, { cause: error }); // prettier-ignore
  return failed(`failed again and again (${error.message}).`, 'ENDPOINT_FAILED');
}
