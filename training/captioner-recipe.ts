// What nano's captioner is made of and how it is taught: a LLaVA whose tower is nano's own, and a small Llama decoder.
import { type LlavaConfig, parseLlavaConfig } from '../conditioning/llava-config.ts';
import { createTokenizer } from '../conditioning/tokenizer.ts';
import type { TextTokenizer } from '../conditioning/tokenizer.ts';
import { type WordLevelTokenizer, wordLevelTokenizer, wordsOf } from '../conditioning/word-level.ts';
import { visionJson } from './recipes.ts';
import { vocabularyWords } from './world/captions.ts';
import { questionTexts } from './world/questions.ts';
import { fullWorld } from './world/scene.ts';
import type { WorldOptions } from './world/scene.ts';

/** Words of LLaVA's own conversation: "USER: <image> question ASSISTANT: answer". */
const TEMPLATE = 'user: assistant:';

/** Tokens of the longest question, and of the longest caption. */
export const maxAnswerLength = 64;

/** Tokens behind the pictures in training: a caption and some questions, or most kinds of questions. */
export const conversationLength = 112;

/** The files of the captioner's tokenizer: all words of captions, questions and answers, and the token of pictures. */
export function captionerTokenizerFiles(): WordLevelTokenizer & { readonly imageTokenId: number } {
  const words = wordsOf([...vocabularyWords(), ...questionTexts(), TEMPLATE, ". , ' - : ; ! ?"]);
  const { tokenizer, config, vocabularySize: imageTokenId } = wordLevelTokenizer(words, 512);
  const { added_tokens: added, model } = tokenizer as { added_tokens: object[]; model: { vocab: object } };
  const token = { id: imageTokenId, content: '<image>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }; // prettier-ignore
  return {
    tokenizer: {
      ...tokenizer,
      added_tokens: [...added, token],
      model: { ...model, vocab: { ...model.vocab, '<image>': imageTokenId } },
    },
    config: { ...config, image_token: '<image>', processor_class: 'LlavaProcessor' },
    vocabularySize: imageTokenId + 1,
    imageTokenId,
  };
}

export function captionerTokenizer(): TextTokenizer {
  const { tokenizer, config } = captionerTokenizerFiles();
  return createTokenizer(tokenizer, config);
}

const { vocabularySize, imageTokenId } = captionerTokenizerFiles();

/** Of the decoder: 1.9M parameters. */
const decoderJson = {
  model_type: 'llama',
  vocab_size: vocabularySize,
  hidden_size: 192,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  pad_token_id: 0,
  bos_token_id: 2,
  eos_token_id: 3,
};

/** config.json of a captioner with this decoder and this tower. */
export const captionerJson = (decoder: object = decoderJson, vision: object = visionJson) => ({
  architectures: ['LlavaForConditionalGeneration'],
  model_type: 'llava',
  image_token_index: imageTokenId,
  image_seq_length: 64,
  projector_hidden_act: 'gelu',
  multimodal_projector_bias: true,
  vision_feature_layer: -2, // of CLIP's last layer, only the class token was ever taught
  vision_feature_select_strategy: 'default',
  tie_word_embeddings: true,
  vision_config: vision,
  text_config: decoder,
});

/** `words` teaches the decoder to talk, `projection` where pictures stand among words, `both` goes on with the two, `whole` with the tower as well. */
export const captionerStages = ['words', 'projection', 'both', 'whole'] as const;
export type CaptionerStage = (typeof captionerStages)[number];

export interface CaptionerRecipe {
  readonly json: ReturnType<typeof captionerJson>;
  readonly config: LlavaConfig;
  readonly world: WorldOptions;
  /** Conversations in a step, each about a clip of its own. */
  readonly batch: number;
  /** Share of conversations that begin with a caption; the others are of questions alone. */
  readonly captions: number;
  readonly stage: CaptionerStage;
}

/** Batch 16 with pictures; words alone are short and cheap. */
export function captionerRecipe(stage: CaptionerStage): CaptionerRecipe {
  const json = captionerJson();
  return {
    json,
    config: parseLlavaConfig(json),
    world: { ...fullWorld, twoActors: stage === 'both' || stage === 'whole' ? 0.5 : 0.25 }, // two are what is learned last
    batch: stage === 'words' ? 64 : 16,
    captions: 0.5,
    stage,
  };
}

/** Which parameters a stage teaches. */
export const taught: Readonly<Record<CaptionerStage, RegExp>> = {
  words: /^language_model\./,
  projection: /^multi_modal_projector\./,
  both: /^(multi_modal_projector|language_model)\./,
  whole: /./,
};
