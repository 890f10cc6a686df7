// What a render will take, stage by stage, before anything is loaded: bytes of weights that are mapped from files (the system may
// drop them), bytes of memory that are its own, and time at the speed that this machine shows in a short product.
import { decode } from '../compressor/autoencoder.ts';
import { latentShape } from '../compressor/sizes.ts';
import { clipTextStates } from '../conditioning/clip-text.ts';
import { umt5States } from '../conditioning/umt5.ts';
import { velocity } from '../dit/transformer.ts';
import { input, matmul } from '../graph/build.ts';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import { localEngine } from '../graph/engine.ts';
import { parameterScope } from '../graph/parameters.ts';
import { tensor } from '../graph/tensor.ts';
import { activationBytes, checkMemory, machineMemory } from './memory.ts';
import { loadRequestedModel } from './adapted-model.ts';
import { withPinnedVideos } from './given-videos.ts';
import type { Model } from './model.ts';
import { type GenerateRequest, parseRequest } from './request.ts';
import { type Render, resolveRequest } from './resolve-request.ts';
import { readSettings, type Settings } from './settings.ts';
import { workOf } from './take.ts';

/** What a stage takes of memory. */
export interface StageMemory {
  readonly stage: 'text' | 'steps' | 'decode';
  /** Weights that stay in their files. */
  readonly mappedBytes: number;
  /** Weights and activations in memory of its own, about. */
  readonly privateBytes: number;
}

export interface StagePlan extends StageMemory {
  /** About; unknown where no product was measured. */
  readonly seconds: number;
}

export interface MemoryPlan {
  readonly stages: readonly StageMemory[];
  /** The most that is private at once: stages follow each other. */
  readonly peakPrivateBytes: number;
  readonly machineBytes: number;
  readonly fits: boolean;
}

export interface RenderPlan extends MemoryPlan {
  readonly render: Render;
  readonly stages: readonly StagePlan[];
  /** Floating point operations a second of the bare product that times follow from. */
  readonly flopsPerSecond: number;
}

/** Part of a bare product's speed that whole graphs reach. */
const REACHED = 0.75;
/** Below so many bytes of mapped weights, the engine packs them anew for speed: a private copy (graph/session.ts). */
const PREPACKED_BELOW = 256 * 2 ** 20;
const TEXT_TOKENS = 64;

/** Plans what `generate` would do. Reads headers, not weights. @throws InvalidRequestError, ModelFileError */
export async function planRender(request: GenerateRequest, settings: Settings = readSettings()): Promise<RenderPlan> {
  const parsed = parseRequest(request);
  const model = await loadRequestedModel(parsed, settings);
  const render = resolveRequest(await withPinnedVideos(parsed, model, settings), model)[0]!;
  checkMemory(model, render); // graphs of what is far too large would take long to build
  const speed = await measureSpeed(settings.threads);
  const { windows } = workOf(render, model);
  const passes = windows * render.steps * (render.guidance === 1 ? 1 : 2);
  const runs = { text: 2, steps: passes, decode: windows };
  const stages = stagesOf(model, render).map(({ flops, ...memory }) => ({
    ...memory,
    seconds: (flops * runs[memory.stage]) / (speed * REACHED),
  }));
  return { render, ...together(stages), stages, flopsPerSecond: speed };
}

/** What clips of a size take of memory. Reads headers, not weights. */
export function planMemory(model: Model, size: ClipSize): MemoryPlan {
  return together(stagesOf(model, size).map(({ flops: _, ...memory }) => memory));
}

type ClipSize = Pick<Render, 'width' | 'height' | 'frames'>;

function together(stages: readonly StageMemory[]): MemoryPlan {
  const peakPrivateBytes = Math.max(...stages.map(({ privateBytes }) => privateBytes));
  const machineBytes = machineMemory();
  return { stages, peakPrivateBytes, machineBytes, fits: peakPrivateBytes <= machineBytes };
}

function stagesOf(model: Model, size: ClipSize): readonly (StageMemory & { readonly flops: number })[] {
  const active = activationBytes(model, size);
  const stage = (name: StageMemory['stage'], graph: CompiledGraph, activations: number) => {
    const { mappedBytes, widenedBytes, quantisedBytes, flops } = graph;
    const packed = mappedBytes < PREPACKED_BELOW ? mappedBytes : quantisedBytes;
    return {
      stage: name,
      mappedBytes: mappedBytes - quantisedBytes,
      privateBytes: widenedBytes + packed + activations,
      flops,
    };
  };
  return [
    stage('text', textGraph(model), TEXT_TOKENS * model.textEncoder.config.hiddenSize * 4 * 32),
    stage('steps', stepGraph(model, size), active.steps),
    stage('decode', decodeGraph(model, size), active.decode),
  ];
}

function textGraph({ textEncoder, textLength }: Model): CompiledGraph {
  const p = parameterScope().parameters;
  const ids = input('ids', [1, Math.min(TEXT_TOKENS, textLength)], 'int32');
  const states =
    textEncoder.kind === 'clip' ? clipTextStates(p, textEncoder.config, ids) : umt5States(p, textEncoder.config, ids);
  const { weights, widen } = textEncoder;
  return compile({ outputs: { states: states.lastHiddenState }, weights, ...(widen && { widen }) });
}

/** One pass of the transformer; of two experts only the one that runs is open. */
function stepGraph(model: Model, size: ClipSize): CompiledGraph {
  const { config, weights, widen } = model.transformer;
  const [, , ...grid] = latentShape(model.autoencoder.config, size);
  const node = velocity(parameterScope().parameters, config, {
    latents: input('latents', [1, config.inChannels, ...grid]),
    timestep: input('timestep', [1]),
    text: input('text', [1, model.textLength, config.textDim]),
    ...(config.imageDim !== null &&
      config.posEmbedLength === null && { image: input('image', [1, 257, config.imageDim]) }),
    ...(config.vace && { control: input('control', [1, config.vace.inChannels, ...grid]) }),
  });
  return compile({ outputs: { velocity: node }, weights, ...(widen && { widen }) });
}

function decodeGraph(model: Model, size: ClipSize): CompiledGraph {
  const { config, weights } = model.autoencoder;
  const video = decode(parameterScope().parameters, config, input('z', latentShape(config, size)));
  return compile({ outputs: { video }, weights });
}

/** Operations a second of a product as they occur in a transformer, the best of a few. */
async function measureSpeed(threads: number | undefined): Promise<number> {
  const [rows, columns] = [512, 1024];
  const engine = localEngine(threads === undefined ? {} : { threads });
  try {
    const product = matmul(input('a', [rows, columns]), input('b', [columns, columns]));
    const graph = compile({ outputs: { product }, weights: () => undefined });
    const session = await engine.open(graph);
    const filled = (length: number): Float32Array => new Float32Array(length).fill(0.5);
    const feeds = {
      a: tensor(filled(rows * columns), [rows, columns]),
      b: tensor(filled(columns ** 2), [columns, columns]),
    };
    let best = Infinity;
    for (let i = 0; i < 8; i++) {
      const start = performance.now();
      await session.run(feeds);
      best = Math.min(best, performance.now() - start);
    }
    return graph.flops / (best / 1000);
  } finally {
    await engine.close();
  }
}
