// What each model can be asked for: sizes, lengths, samplers, and what it does where a request says nothing.
import { temporalFactor } from '../compressor/config.ts';
import { type SamplerName, samplerNames } from '../dit/scheduler-config.ts';
import { TesseraError } from '../graph/errors.ts';
import { edgeMultiple, loadModel, type Model } from './model.ts';
import type { ModelDefaults } from './model-defaults.ts';
import { listModels } from './model-names.ts';
import type { Settings } from './settings.ts';

export interface ModelCapabilities {
  readonly model: string;
  /** Width and height are multiples of `multipleOf` pixels. */
  readonly size: { readonly multipleOf: number; readonly width: number; readonly height: number };
  /** A clip has `multipleOf`·k + 1 frames. */
  readonly frames: { readonly multipleOf: number; readonly plus: 1; readonly default: number };
  readonly fps: number;
  readonly steps: number;
  readonly guidance: number;
  readonly sampler: SamplerName;
  readonly samplers: readonly SamplerName[];
  readonly seconds: number;
}

/** Of every model that can be opened, in the order in which they are found. */
export async function listCapabilities(settings: Settings): Promise<readonly ModelCapabilities[]> {
  const found: ModelCapabilities[] = [];
  for (const { name } of await listModels(settings)) {
    try {
      found.push(capabilitiesOf(await loadModel(name, settings)));
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error; // a damaged model is one that can do nothing
    }
  }
  return found;
}

function capabilitiesOf(model: Model): ModelCapabilities {
  const { name, scheduler, autoencoder } = model;
  const { width, height, frames, fps, steps, guidance, sampler }: ModelDefaults = model.defaults;
  return {
    model: name,
    size: { multipleOf: edgeMultiple(model), width, height },
    frames: { multipleOf: temporalFactor(autoencoder.config), plus: 1, default: frames },
    fps,
    steps,
    guidance,
    sampler: sampler ?? scheduler.sampler,
    samplers: samplerNames,
    seconds: frames / fps,
  };
}
