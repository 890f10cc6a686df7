// Trains nano's expander: a Llama decoder that goes on from a wish to its full caption. The loss is on the caption's words alone.
import { parseLlamaConfig } from '../conditioning/llama-config.ts';
import { llamaLogits } from '../conditioning/llama.ts';
import { nextWordLoss } from '../conditioning/llava.ts';
import { createTokenizer, type TextTokenizer } from '../conditioning/tokenizer.ts';
import { type WordLevelTokenizer, wordLevelTokenizer, wordsOf } from '../conditioning/word-level.ts';
import { grammarWords, phrases } from '../expansion/lexicon.ts';
import { CAPTION_MARK, wishIds } from '../expansion/nano-expander.ts';
import { flatLayout } from '../graph/adamw.ts';
import { input } from '../graph/build.ts';
import { parameterScope } from '../graph/parameters.ts';
import { int32Tensor, tensor } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { drawPair, type Pair } from './expander-pairs.ts';
import type { TrainingTask } from './loop.ts';
import { vocabularyWords } from './world/captions.ts';
import { randomOf } from './world/random.ts';

/** The files of the expander's tokenizer: all words of captions, and those by which wishes name what can be shown. */
export function expanderTokenizerFiles(): WordLevelTokenizer {
  const said = [...phrases].filter(([, { isNear, isPlural }]) => !isNear && !isPlural).map(([words]) => words);
  return wordLevelTokenizer(wordsOf([...vocabularyWords(), ...said, ...grammarWords, CAPTION_MARK, ". , ' - :"]), 128);
}

export function expanderTokenizer(): TextTokenizer {
  const { tokenizer, config } = expanderTokenizerFiles();
  return createTokenizer(tokenizer, config);
}

/** config.json: 2.2M parameters. */
export const expanderJson = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: expanderTokenizerFiles().vocabularySize,
  hidden_size: 192,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  pad_token_id: 0,
  bos_token_id: 2,
  eos_token_id: 3,
};

export interface ExpanderRecipe {
  readonly json: typeof expanderJson;
  /** Pairs in a step. */
  readonly batch: number;
  /** Tokens of a wish with its caption; longer ones lose their end. */
  readonly length: number;
}

export const expanderRecipe: ExpanderRecipe = { json: expanderJson, batch: 32, length: 64 };

/** Pairs as the graph's inputs: ids [B,L], targets [B,L,vocabulary], of which only captions and their ends count. */
export function pairFeeds(
  tokenizer: TextTokenizer,
  pairs: readonly Pair[],
  { length, vocabulary }: { readonly length: number; readonly vocabulary: number },
): Record<string, Tensor> {
  const ids = new Int32Array(pairs.length * length).fill(tokenizer.padId);
  const targets = new Float32Array(pairs.length * length * vocabulary);
  pairs.forEach(({ wish, caption }, row) => {
    const asked = wishIds(tokenizer, wish);
    const all = [...asked, ...tokenizer.encode(caption, 2 * length).ids.slice(1)]; // with <eos>
    ids.set(all.slice(0, length), row * length);
    for (let at = asked.length; at < Math.min(all.length, length + 1); at++)
      targets[(row * length + at - 1) * vocabulary + all[at]!] = 1;
  });
  return {
    ids: int32Tensor(ids, [pairs.length, length]),
    targets: tensor(targets, [pairs.length, length, vocabulary]),
  };
}

export function expanderTask({ json, batch, length }: ExpanderRecipe, inspect?: TrainingTask['inspect']): TrainingTask {
  const config = parseLlamaConfig(json);
  const tokenizer = expanderTokenizer();
  const vocabulary = config.vocabularySize;
  const lossOf: TrainingTask['lossOf'] = () => {
    const scope = parameterScope();
    const { logits } = llamaLogits(scope.parameters, config, input('ids', [batch, length], 'int32'));
    const targets = input('targets', [batch, length, vocabulary]);
    return { scope, graph: { loss: nextWordLoss(logits, targets), parts: {} } };
  };
  return {
    layout: flatLayout(lossOf('').scope.specs()),
    lossOf,
    batch: (step, index) => {
      const random = randomOf(step * 64 + index, 17);
      const pairs = Array.from({ length: batch }, () => drawPair(random));
      return Promise.resolve({ bucket: 'pairs', samples: batch, feeds: pairFeeds(tokenizer, pairs, { length, vocabulary }) }); // prettier-ignore
    },
    ...(inspect && { inspect }),
  };
}
