// Writes text about pictures with a LLaVA model, through an engine. Knows token ids and pixels: no tokenizer, no video.
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type Engine, fetched } from '../graph/engine.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, type Tensor } from '../graph/tensor.ts';
import type { Weights } from '../graph/weights.ts';
import { openLlama, type WriteOptions } from './llama-generate.ts';
import type { LlavaConfig } from './llava-config.ts';
import { llavaFeatures, llavaProjection } from './llava.ts';

export interface LlavaSource {
  readonly config: LlavaConfig;
  readonly weights: Weights;
  /** Tokens of the longest text, those of the pictures included. */
  readonly slots: number;
  /** Pictures that are looked at together. */
  readonly pictures: number;
}

export interface Llava {
  /** What the decoder sees of pictures [pictures,channels,imageSize,imageSize]: rows for all their tokens. */
  see(pixels: Tensor): Promise<Float32Array>;
  /** The new tokens after a prompt, in whose picture tokens stand the rows that `see` gave. */
  write(promptIds: readonly number[], options: WriteOptions & { readonly pictures: Float32Array }): Promise<number[]>;
  release(): Promise<void>;
}

/** Opens a model's graphs in an engine. @throws ModelFileError when weights are missing or damaged */
export async function openLlava(engine: Engine, { config, weights, slots, pictures }: LlavaSource): Promise<Llava> {
  const { channels, imageSize } = config.vision;
  const { parameters } = parameterScope();
  const pixels = input('pixels', [pictures, channels, imageSize, imageSize]);
  const rows = llavaProjection(parameters, config, llavaFeatures(parameters, config, pixels));
  const eye = await engine.open(compile({ outputs: { rows }, weights }));
  const llama = await openLlama(engine, {
    config: config.text,
    weights: (name) => weights(`language_model.${name}`),
    slots,
    pictureId: config.imageTokenId,
  });
  return {
    see: async (shown) => floats(fetched(await eye.run({ pixels: shown }), 'rows')),
    write: (promptIds, options) => llama.write(promptIds, options),
    release: async () => {
      await eye.release();
      await llama.release();
    },
  };
}
