// nano's own expander: a small Llama decoder that was taught to go on from a wish to a full caption of the procedural world. It reads
// the words that it was taught and skips others.
import { parseLlamaConfig } from '../conditioning/llama-config.ts';
import { openLlama } from '../conditioning/llama-generate.ts';
import { nucleusToken } from '../conditioning/sample-token.ts';
import { openTokenizer, type TextTokenizer } from '../conditioning/tokenizer.ts';
import { joinWords } from '../conditioning/word-level.ts';
import type { Engine } from '../graph/engine.ts';
import { ModelFileError } from '../graph/errors.ts';
import type { Weights } from '../graph/weights.ts';
import { openComponent } from '../io/model-folder.ts';
import type { Expander } from './expander.ts';
import { wordsOf } from './lexicon.ts';

/** Stands between wish and caption. */
export const CAPTION_MARK = 'caption:';
/** Of a wish, and of a caption. */
const WISH_TOKENS = 48;
const CAPTION_TOKENS = 72;
/** Inventions differ from seed to seed, grammar does not. */
const SAMPLING = { temperature: 0.8, topP: 0.9 } as const;

export interface ExpanderModel {
  readonly config: ReturnType<typeof parseLlamaConfig>;
  readonly weights: Weights;
  readonly tokenizer: TextTokenizer;
}

/** Opens an expander's folder: config.json, model.safetensors, tokenizer.json. @throws ModelFileError */
export async function openExpanderFolder(folder: string): Promise<ExpanderModel> {
  const { config, weights } = await openComponent(folder);
  if (weights === undefined) throw new ModelFileError(`${folder} has no weights. Download or train the model again.`);
  return {
    config: parseLlamaConfig(config, `${folder}/config.json`),
    weights: weights.weights,
    tokenizer: await openTokenizer(folder),
  };
}

/** @throws ModelFileError when weights are missing or damaged */
export async function openNanoExpander(
  engine: Engine,
  { config, weights, tokenizer }: ExpanderModel,
): Promise<Expander> {
  const llama = await openLlama(engine, { config, weights, slots: WISH_TOKENS + CAPTION_TOKENS, chunk: 16 });
  return {
    name: 'nano',
    write: async (wish, { seed, signal }) => {
      const choose = nucleusToken({ ...SAMPLING, random: uniform(seed) });
      const prompt = wishIds(tokenizer, wish);
      const ids = await llama.write(prompt, { maxNewTokens: CAPTION_TOKENS, choose, ...(signal && { signal }) });
      return joinWords(tokenizer.decode(ids));
    },
    close: () => llama.release(),
  };
}

/** A wish in the words that the model was taught, and the mark behind which its caption begins. */
export function wishIds(tokenizer: TextTokenizer, wish: string): readonly number[] {
  const known = wordsOf(wish).filter((word) => tokenizer.unknownWords(word).length === 0);
  const mark = tokenizer.encode(CAPTION_MARK, WISH_TOKENS).ids.slice(1, -1);
  return [...tokenizer.encode(known.join(' '), WISH_TOKENS - mark.length).ids.slice(0, -1), ...mark];
}

/** mulberry32 (Tommy Ettinger): uniform numbers in [0, 1). */
function uniform(seed: number): () => number {
  let state = (seed ^ (seed / 2 ** 32)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
