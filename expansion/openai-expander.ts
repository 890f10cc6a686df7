// Expansion by an endpoint that speaks OpenAI's chat completions.
import { type EndpointAddress, openEndpoint } from '../understanding/openai-endpoint.ts';
import type { CaptionStyle, Expander } from './expander.ts';
import { mostTokens, questionFor } from './instructions.ts';

const advice = { keySetting: 'TESSERA_LANGUAGE_KEY', refused: 'Does it speak chat completions?' };
const TEMPERATURE = 0.7;

/** @throws InvalidRequestError for an address that is none, JobFailedError when it does not answer */
export async function openEndpointExpander(address: EndpointAddress, style: CaptionStyle): Promise<Expander> {
  const endpoint = await openEndpoint({ retries: 1, ...address }, advice);
  return {
    name: `openai:${address.url}`,
    write: async (wish, { seed, signal }) => {
      const asking = { mostTokens: mostTokens[style], temperature: TEMPERATURE, seed, signal };
      return (await endpoint.ask(questionFor(wish, style), asking)).text;
    },
    close: () => Promise.resolve(),
  };
}
