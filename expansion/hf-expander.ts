// Expansion by any text-generation model that runs in @huggingface/transformers. Its words are always the likeliest ones, so that the
// same wish gives the same caption; a seed changes nothing.
import { loadFromHub, type ModelSource, type Transformers } from '../understanding/transformers.ts';
import type { CaptionStyle, Expander } from './expander.ts';
import { mostTokens, questionFor } from './instructions.ts';

/** @throws InvalidRequestError, ModelFileError, JobFailedError */
export async function openHfExpander(model: string, style: CaptionStyle, source: ModelSource): Promise<Expander> {
  const run = await loadFromHub(model, source, (library, where, options) =>
    library.pipeline('text-generation', where, options),
  );
  return {
    name: `hf:${model}`,
    write: async (wish) => {
      const question = questionFor(wish, style);
      const options = { max_new_tokens: mostTokens[style], do_sample: false, return_full_text: false };
      const isChat = hasTemplate(run.tokenizer);
      const output = await run(isChat ? [{ role: 'user', content: question }] : `${question}\nCaption:`, options);
      return answerOf(output);
    },
    close: async () => void (await run.dispose()),
  };
}

const hasTemplate = (tokenizer: Transformers.PreTrainedTokenizer): boolean => tokenizer.chat_template !== null;

/** A pipeline answers with text, or with the conversation up to its answer. */
function answerOf(output: unknown): string {
  const [first] = [output].flat(2) as { generated_text?: unknown }[];
  const said = first?.generated_text;
  const last: unknown = Array.isArray(said) ? (said.at(-1) as { content?: unknown } | undefined)?.content : said;
  return typeof last === 'string' ? last : '';
}
