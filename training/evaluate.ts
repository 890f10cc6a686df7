// `tessera eval`: what a model of the world really shows. Samples held-out combinations of noun, place and motion with the
// model's own settings and scores the clips without a trained network; scores the autoencoder by PSNR on unseen clips.
import { join } from 'node:path';
import { parseClipTextConfig } from '../conditioning/clip-text.ts';
import { decode, encode } from '../compressor/autoencoder.ts';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import type { Weights } from '../graph/weights.ts';
import { readJsonFile } from '../io/json.ts';
import { clipBatch, clipFrames, wholeFrame } from './clip-batch.ts';
import { promptStates } from './prompt-states.ts';
import { transformerStages } from './curriculum.ts';
import type { TransformerStage } from './curriculum.ts';
import type { SampledModel } from './sampling.ts';
import { scoreSamples, type ScoringOptions } from './score-samples.ts';
import { psnr } from './scores/psnr.ts';
import { makeReferences } from './scores/references.ts';
import { factsOf } from './scores/score.ts';
import { summarise } from './scores/summary.ts';
import type { Summary } from './scores/summary.ts';
import { component, transformerOf } from './component.ts';
import { loadAtlas } from './world/atlas.ts';
import { describe, namesStyle } from './world/captions.ts';
import type { CaptionKind } from './world/captions.ts';
import { renderScene } from './world/render.ts';
import { fullWorld, sampleScene } from './world/scene.ts';
import type { WorldOptions } from './world/scene.ts';
import { STYLES } from './world/vocabulary.ts';

export interface EvaluationRequest extends ScoringOptions {
  /** Model folder. */
  readonly model: string;
  readonly prompts: number;
  /** How wide the world is that prompts are drawn from. */
  readonly stage: TransformerStage;
  readonly captions: CaptionKind;
  /** Where the world that is scored differs from the stage's. */
  readonly world?: Partial<WorldOptions>;
  /** The transformer's weights in place of the folder's own, such as with a LoRA. */
  readonly weights?: Weights;
}

export interface Evaluation extends Summary {
  /** Each prompt with what its clip was taken for. */
  readonly each: readonly {
    readonly prompt: string;
    readonly noun: string;
    readonly shown: string | undefined;
    readonly motion: string;
    readonly place: string;
  }[];
}

/** The sampling defaults that stand in the model's tessera.json. */
export async function samplingDefaults(
  model: string,
): Promise<Pick<EvaluationRequest, 'steps' | 'guidance' | 'sampler' | 'shift'>> {
  const { steps, guidance, sampler, shift } = (await readJsonFile(join(model, 'tessera.json'))) as EvaluationRequest;
  return { steps, guidance, sampler, shift };
}

/** Held-out scenes, those left out whose caption only hints at the noun. */
function heldOutPrompts({ stage, world: own, prompts, captions }: EvaluationRequest) {
  const world = { ...transformerStages[stage].world, ...own, holdOut: 'heldout' } as const;
  const drawn = Array.from({ length: 2 * prompts }, (_, i) => {
    const scene = sampleScene(5_000_000 + i, world);
    return { scene, ...describe(scene, i, captions) };
  });
  return drawn.filter(({ hypernym }) => !hypernym).slice(0, prompts);
}

/** The parts of a model that clips are sampled from. @throws ModelFileError when one is missing */
export async function openSampledModel(folder: string, adapted?: Weights): Promise<SampledModel> {
  const parts = ['vae', 'text_encoder'].map((name) => component(folder, name));
  const [vae, text] = await Promise.all(parts);
  const transformer = await transformerOf(folder);
  return {
    transformer: { config: transformer.config, weights: adapted ?? transformer.weights },
    autoencoder: { config: parseAutoencoderConfig(vae!.config), weights: vae!.weights },
    states: promptStates(parseClipTextConfig(text!.config), text!.weights),
  };
}

/** Samples and scores. @throws the signal's reason when aborted, ModelFileError when a part is missing */
export async function evaluateClips(request: EvaluationRequest): Promise<Evaluation> {
  const model = await openSampledModel(request.model, request.weights);
  const { world } = transformerStages[request.stage];
  const references = makeReferences(await loadAtlas(world.styles, world.nouns), world.styles, world.nouns);
  const scenes = heldOutPrompts(request);
  const style = namesStyle(request.captions) ? {} : { style: undefined };
  const prompts = scenes.map(({ text, scene }) => ({ prompt: text, facts: { ...factsOf(scene), ...style } }));
  const scores = await scoreSamples(model, prompts, references, request);
  const each = scores.map((score, i) => ({
    prompt: scenes[i]!.text,
    noun: score.facts.nouns[0]!,
    shown: score.nouns[0],
    motion: `${score.facts.motion} → ${score.motion ?? 'picture'}`,
    place: `${score.facts.place} → ${score.place}`,
  }));
  return { ...summarise(scores), each };
}

export interface AutoencoderEvaluation {
  readonly clips: number;
  /** Mean over clips, dB. */
  readonly psnr: number;
  readonly psnrMin: number;
}

/** PSNR of unseen clips of the whole world, encoded and decoded, 17 frames at 128x128. */
export async function evaluateAutoencoder(model: string, clips = 24): Promise<AutoencoderEvaluation> {
  const { config: json, weights } = await component(model, 'vae');
  const config = parseAutoencoderConfig(json);
  const size = { frames: 17, width: 128, height: 128 };
  const scope = parameterScope();
  const { mean } = encode(scope.parameters, config, input('video', [1, 3, size.frames, size.height, size.width]));
  const session = await openRuntimeSession(
    compile({ outputs: { copy: decode(scope.parameters, config, mean) }, weights }),
  );
  const atlas = await loadAtlas(STYLES);
  const scores: number[] = [];
  for (let i = 0; i < clips; i++) {
    const frames = renderScene(sampleScene(4_000_000 + i, { ...fullWorld, holdOut: 'heldout' }), atlas, size);
    const { copy } = await session.run({ video: clipBatch([{ frames, window: wholeFrame(size) }], size) });
    scores.push(psnr(frames, clipFrames(copy!, 0)));
  }
  await session.release();
  return { clips, psnr: scores.reduce((sum, score) => sum + score, 0) / clips, psnrMin: Math.min(...scores) };
}
