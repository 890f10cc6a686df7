// What Whisper needs beside the pipeline of transformers.js, after OpenAI's decoding.py: the language where none is named, which
// that pipeline takes for English, and times that go forward, without which its search for the next phrase may never end.
import { InvalidRequestError } from '../graph/errors.ts';
import type { Transformers } from './transformers.ts';

type Run = Transformers.AutomaticSpeechRecognitionPipeline;

/** The part of generation_config.json that is Whisper's own. */
interface WhisperTokens {
  readonly is_multilingual?: boolean;
  readonly lang_to_id: Readonly<Record<string, number>>;
  readonly decoder_start_token_id: number;
  readonly no_timestamps_token_id: number;
}

/**
 * Makes the pipeline's options for a piece of sound.
 * @param language in English or as a code: German, de. Undefined: each piece's is asked of the model; a model of English alone takes none
 * @throws InvalidRequestError for a language that the model does not know
 */
export function whisperOptions(run: Run, language: string | undefined): (sound: Float32Array) => Promise<object> {
  const tokens = (run.model.generation_config ?? {}) as unknown as WhisperTokens;
  const isManyTongued = tokens.is_multilingual === true;
  if (language && isManyTongued) checkLanguage(run, tokens, language);
  return async (sound) => {
    const spoken = isManyTongued ? language || (await spokenLanguage(run, tokens, sound)) : undefined;
    const first = tokens.no_timestamps_token_id + 1;
    return { return_timestamps: true, logits_processor: [forwardTimes(first)], ...(spoken && { language: spoken }) };
  };
}

/** The library would tell of an unknown language at the first sound only, and leave out one that this model has no token for. */
function checkLanguage(run: Run, tokens: WhisperTokens, language: string): void {
  const model = run.model as unknown as { _retrieve_init_tokens(config: object): readonly number[] };
  const known = new Set(Object.values(tokens.lang_to_id));
  try {
    if (model._retrieve_init_tokens({ ...tokens, language, task: null }).some((token) => known.has(token))) return;
  } catch (cause) {
    throw unknownLanguage(language, cause);
  }
  throw unknownLanguage(language);
}

const unknownLanguage = (language: string, cause?: unknown): InvalidRequestError =>
  new InvalidRequestError(
    `The model for speech does not know the language ${language}. Name it in English or by its code: German, de.`,
    { cause },
  );

/** The language whose token the model puts first, or undefined where it puts another, as for sound without speech. */
async function spokenLanguage(run: Run, tokens: WhisperTokens, sound: Float32Array): Promise<string | undefined> {
  const { input_features } = (await run.processor(sound)) as { input_features: Transformers.Tensor };
  const start = [tokens.decoder_start_token_id];
  const wish = { inputs: input_features, decoder_input_ids: start, max_new_tokens: 1 } as Record<string, unknown>;
  const said = (await run.model.generate(wish)) as unknown as { readonly data: BigInt64Array }; // [1,2]
  const token = Number(said.data[1]);
  return Object.keys(tokens.lang_to_id).find((name) => tokens.lang_to_id[name] === token);
}

/** Forbids a time before the last one, and a phrase of no length. @param first the token of 0.00 */
function forwardTimes(first: number) {
  return <T extends { readonly data: Float32Array }>(said: readonly (readonly bigint[])[], scores: T): T => {
    const rows = said.length;
    const size = scores.data.length / rows;
    for (const [row, ids] of said.entries()) {
      const last = Number(ids.findLast((id) => id >= first) ?? -1);
      if (last < first) continue;
      const hasEnded = Number(ids.at(-1)) >= first && Number(ids.at(-2)) < first;
      const until = hasEnded ? last : last + 1;
      scores.data.fill(-Infinity, row * size + first, Math.min(row * size + until, (row + 1) * size));
    }
    return scores;
  };
}
