// An endpoint that speaks OpenAI's chat completions: Ollama, llama.cpp, vLLM, LM Studio, or a service. The only file that imports the
// official client, which does retries (with pauses that the endpoint asks for) and timeouts. Its errors become words.
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai';
import { InvalidRequestError, JobFailedError } from '../graph/errors.ts';

export interface EndpointAddress {
  /** Address of the API, e.g. http://127.0.0.1:11434/v1. */
  readonly url: string;
  /** Left out, the first model that the endpoint lists. */
  readonly model?: string | undefined;
  readonly key?: string | undefined;
  /** How often a question is asked again (3). */
  readonly retries?: number | undefined;
  /** How long one answer may take (120). */
  readonly timeoutSeconds?: number | undefined;
}

/** What the caller should know when it is refused: the setting that holds the key, and what to look at. */
export interface EndpointAdvice {
  readonly keySetting: string;
  readonly refused: string;
}

export type Content = string | OpenAI.Chat.Completions.ChatCompletionContentPart[];

export interface Answer {
  readonly text: string;
  readonly tokens?: { readonly input: number; readonly output: number };
}

export interface Asking {
  readonly mostTokens: number;
  readonly temperature: number;
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Endpoint {
  readonly model: string;
  /** One question and its answer. @throws InvalidRequestError, JobFailedError, and the signal's reason */
  ask(content: Content, asking: Asking): Promise<Answer>;
}

/** Asks the endpoint for its models. @throws InvalidRequestError for an address that is none, JobFailedError when it does not answer */
export async function openEndpoint(address: EndpointAddress, advice: EndpointAdvice): Promise<Endpoint> {
  const { url, key, retries = 3, timeoutSeconds = 120 } = address;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new InvalidRequestError(
      `The address of openai:${url} must begin with http:// or https://, as in openai:http://127.0.0.1:11434/v1.`,
    );
  }
  const client = new OpenAI({
    baseURL: url.replace(/\/+$/, ''),
    apiKey: key ?? 'none', // local servers want none, the client wants some
    maxRetries: retries,
    timeout: timeoutSeconds * 1000,
    logLevel: 'off',
  });
  const model = address.model ?? (await firstModel(client, url, advice));
  return { model, ask: (content, asking) => ask(client, { url, model, advice }, content, asking) };
}

/** Whether somebody answers there. */
export async function answers(url: string, key: string | undefined): Promise<boolean> {
  const client = new OpenAI({ baseURL: url, apiKey: key ?? 'none', maxRetries: 0, timeout: 3000, logLevel: 'off' });
  return client.models.list().then(() => true, (error: unknown) => error instanceof APIError && error.status !== undefined); // prettier-ignore
}

async function firstModel(client: OpenAI, url: string, advice: EndpointAdvice): Promise<string> {
  const { data } = await client.models.list().catch((error: unknown) => {
    throw inWords(error, url, advice);
  });
  const [first] = data;
  if (first === undefined)
    throw new InvalidRequestError(`${url} lists no model. Load one there, or name one by model.`);
  return first.id;
}

async function ask(
  client: OpenAI,
  { url, model, advice }: { readonly url: string; readonly model: string; readonly advice: EndpointAdvice },
  content: Content,
  { mostTokens, temperature, seed, signal }: Asking,
): Promise<Answer> {
  try {
    const { choices, usage } = await client.chat.completions.create(
      { model, max_tokens: mostTokens, temperature, ...(seed !== undefined && { seed }), messages: [{ role: 'user', content }] }, // prettier-ignore
      { ...(signal && { signal }) },
    );
    return {
      text: (choices?.[0]?.message?.content ?? '').trim(),
      ...(usage && { tokens: { input: usage.prompt_tokens, output: usage.completion_tokens } }),
    };
  } catch (error) {
    signal?.throwIfAborted();
    throw inWords(error, url, advice);
  }
}

function inWords(error: unknown, url: string, { keySetting, refused }: EndpointAdvice): Error {
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
    return new InvalidRequestError(`openai:${url} refuses our key (${status}). Set ${keySetting} to one that it takes.`, { cause: error }); // prettier-ignore
  }
  if (status === 400 || status === 404 || status === 422)
    return new InvalidRequestError(`openai:${url} does not take the question (${error.message}). ${refused}`, { cause: error }); // prettier-ignore
  return failed(`failed again and again (${error.message}).`, 'ENDPOINT_FAILED');
}
