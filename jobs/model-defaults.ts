// What a model wants where a request says nothing: its size, length, rate, steps and guidance, and the length of its text.
// A model may say so itself in tessera.json beside model_index.json; for published checkpoints the values of their model
// cards are known here by what tells the families apart.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type SamplerName, samplerNames } from '../dit/scheduler-config.ts';
import { ModelFileError } from '../graph/errors.ts';
import { readJsonFile } from '../io/json.ts';

export interface ModelDefaults {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly fps: number;
  readonly steps: number;
  /** Noise levels before the shift, of few-step models; their number is that of the steps. */
  readonly sigmas?: readonly number[] | undefined;
  readonly guidance: number;
  /** Of the second expert. */
  readonly guidanceLow?: number | undefined;
  readonly negativePrompt: string;
  /** Left out, those of scheduler/scheduler_config.json hold. */
  readonly sampler?: SamplerName | undefined;
  readonly shift?: number | undefined;
}

export interface ModelCard {
  /** Text positions that the transformer attends to. */
  readonly textLength: number;
  /** Whether padding behind the text is hidden from the transformer. Published models attend to it. */
  readonly masksPadding: boolean;
  readonly defaults: ModelDefaults;
}

const wan: ModelDefaults = {
  width: 832,
  height: 480,
  frames: 81,
  fps: 16,
  steps: 50,
  guidance: 5,
  negativePrompt: '',
};
/** Wan 2.2 A14B: two experts. */
const wanExperts: ModelDefaults = { ...wan, steps: 40, guidance: 4, guidanceLow: 3 };
/** Wan 2.2 TI2V-5B: 24 frames a second from 16x16x4 compression. */
const wanCompact: ModelDefaults = { ...wan, width: 1280, height: 704, frames: 121, fps: 24 };

const WAN_TEXT_LENGTH = 512;
/** Channels of the latents of the autoencoder of Wan 2.2 TI2V-5B. */
const COMPACT_CHANNELS = 48;

const size = z.int().positive();
const CardFile = z.looseObject({
  max_sequence_length: size.default(WAN_TEXT_LENGTH),
  mask_text_padding: z.boolean().default(false),
  width: size.optional(),
  height: size.optional(),
  frames: size.optional(),
  fps: z.number().positive().optional(),
  steps: size.optional(),
  sigmas: z.array(z.number().gt(0).max(1)).min(1).optional(),
  guidance: z.number().min(1).optional(),
  guidanceLow: z.number().min(1).optional(),
  negativePrompt: z.string().optional(),
  sampler: z.enum(samplerNames).optional(),
  shift: z.number().positive().optional(),
});

/** Reads tessera.json of a model, where there is one. @throws ModelFileError naming the key that does not fit */
export async function readModelCard(
  folder: string,
  traits: { readonly zDim: number; readonly hasExperts: boolean },
): Promise<ModelCard> {
  const family = traits.hasExperts ? wanExperts : traits.zDim === COMPACT_CHANNELS ? wanCompact : wan;
  const path = join(folder, 'tessera.json');
  if (!existsSync(path)) return { textLength: WAN_TEXT_LENGTH, masksPadding: false, defaults: family };
  const parsed = CardFile.safeParse(await readJsonFile(path));
  if (!parsed.success) {
    throw new ModelFileError(`${path}: ${z.prettifyError(parsed.error)}`, { cause: parsed.error });
  }
  const { max_sequence_length: textLength, mask_text_padding: masksPadding, ...said } = parsed.data;
  return { textLength, masksPadding, defaults: { ...family, ...defaultsOf(said) } };
}

/** What a card says of defaults. Guidance that it gives once holds for both experts. */
function defaultsOf(said: Partial<z.infer<typeof CardFile>>): Partial<ModelDefaults> {
  const { width, height, frames, fps, negativePrompt, sampler, shift, sigmas, guidance } = said;
  const steps = said.steps ?? sigmas?.length;
  const guidanceLow = said.guidanceLow ?? guidance;
  const own = { width, height, frames, fps, steps, sigmas, guidance, guidanceLow, negativePrompt, sampler, shift };
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}
