// The config.json of a LLaVA model (Liu et al. 2023), as transformers writes it for LlavaForConditionalGeneration: a CLIP picture
// tower, which of its layers is looked at, and a Llama decoder.
import { z } from 'zod';
import { type ClipVisionConfig, parseClipVisionConfig } from './clip-vision.ts';
import { type LlamaConfig, parseLlamaConfig } from './llama-config.ts';
import { readModelConfig } from './model-config.ts';

export interface LlavaConfig {
  readonly vision: ClipVisionConfig;
  readonly text: LlamaConfig;
  /** The token in whose places a picture's patches stand. */
  readonly imageTokenId: number;
  /** How many of the tower's layers are run before its states are taken. */
  readonly visionLayers: number;
  /** Whether the class token is one of a picture's tokens. */
  readonly classToken: boolean;
  readonly projectorBias: boolean;
}

const tokenId = z.number().int().nonnegative();

const llavaJson = z.object({
  model_type: z.literal('llava'),
  vision_config: z.record(z.string(), z.unknown()),
  text_config: z.record(z.string(), z.unknown()),
  image_token_index: tokenId.optional(),
  image_token_id: tokenId.optional(),
  projector_hidden_act: z.literal('gelu').default('gelu'),
  multimodal_projector_bias: z.boolean().default(true),
  vision_feature_layer: z.number().int().default(-2),
  vision_feature_select_strategy: z.enum(['default', 'full']).default('default'),
});

/** Reads the config.json of a LLaVA model. @throws ModelFileError */
export function parseLlavaConfig(json: unknown, file = 'config.json'): LlavaConfig {
  const read = readModelConfig(llavaJson, json, file);
  const vision = parseClipVisionConfig(read.vision_config, `${file}: vision_config`);
  const layer = read.vision_feature_layer; // counts the embeddings as 0, or from the last layer, -1
  return {
    vision,
    text: parseLlamaConfig(read.text_config, `${file}: text_config`),
    imageTokenId: read.image_token_index ?? read.image_token_id ?? 32000,
    visionLayers: Math.min(vision.layers, Math.max(0, layer < 0 ? vision.layers + 1 + layer : layer)),
    classToken: read.vision_feature_select_strategy === 'full',
    projectorBias: read.multimodal_projector_bias,
  };
}

/** Tokens that stand for one picture. */
export function tokensOfPicture({ vision, classToken }: LlavaConfig): number {
  return (vision.imageSize / vision.patchSize) ** 2 + (classToken ? 1 : 0);
}
