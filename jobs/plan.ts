// What a render will take, stage by stage, before anything is loaded: bytes of weights that are mapped from files (the system may
// drop them), bytes of memory that are its own, and time at the speed that this machine shows in a short product.
import { input, matmul } from '../graph/build.ts';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import { localEngine } from '../graph/engine.ts';
import type { Device } from '../graph/session.ts';
import { tensor } from '../graph/tensor.ts';
import { loadRequestedModel } from './adapted-model.ts';
import { chooseDevice } from './device.ts';
import { withPinnedVideos } from './given-videos.ts';
import { activationBytes, checkMemory, machineMemory } from './memory.ts';
import type { Model } from './model.ts';
import { renderNotices } from './render-notices.ts';
import { renderWork, type RenderWork } from './render-work.ts';
import { type GenerateRequest, parseRequest } from './request.ts';
import { type Render, resolveRequest } from './resolve-request.ts';
import { readSettings, type Settings } from './settings.ts';
import {
  type ClipSize,
  decodeGraph,
  encodeGraph,
  lookGraph,
  pictureTokens,
  stepGraph,
  TEXT_TOKENS,
  textGraph,
} from './stage-graphs.ts';

/** What a stage takes of memory. */
export interface StageMemory {
  /** `look`: the picture tower, `encode`: the autoencoder, where a render is given pictures or videos. */
  readonly stage: 'text' | 'look' | 'encode' | 'steps' | 'decode';
  /** Weights that stay in their files. */
  readonly mappedBytes: number;
  /** Weights, activations and the program itself in memory of its own, about. */
  readonly privateBytes: number;
}

export interface StagePlan extends StageMemory {
  /** About, and at most. */
  readonly seconds: number;
  /** At least, where steps may be skipped. */
  readonly leastSeconds?: number;
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
  /** Where its graphs run. */
  readonly device: Device;
  /** Floating point operations a second of the bare product there that times follow from. */
  readonly flopsPerSecond: number;
  /** What the user should know, as of a render. */
  readonly notices: readonly string[];
}

/** Part of a bare product's speed that whole graphs reach. */
const REACHED = 0.75;
/** What the program's two processes hold before a model is open. */
const PROCESS_BYTES = 100 * 2 ** 20;
/** Below so many bytes of mapped weights, the engine packs them anew for speed: a private copy (graph/session.ts). */
const PREPACKED_BELOW = 256 * 2 ** 20;

/** Plans what `generate` would do. Reads headers, not weights. @throws InvalidRequestError, ModelFileError */
export async function planRender(request: GenerateRequest, settings: Settings = readSettings()): Promise<RenderPlan> {
  const parsed = parseRequest(request);
  const model = await loadRequestedModel(parsed, settings);
  const render = resolveRequest(await withPinnedVideos(parsed, model, settings), model)[0]!;
  checkMemory(model, render); // graphs of what is far too large would take long to build
  const { device, notice } = await chooseDevice(settings.device ?? 'cpu', settings.threads);
  const speed = await measureSpeed(device, settings.threads);
  const stages = stagesOf(model, render, renderWork(render, model)).map(({ flops, ...memory }) => ({
    ...memory,
    seconds: flops.most / (speed * REACHED),
    ...(flops.least < flops.most && { leastSeconds: flops.least / (speed * REACHED) }),
  }));
  const notices = [
    ...(model.notices ?? []),
    ...(notice === undefined ? [] : [notice]),
    ...renderNotices(render, model),
  ];
  return { render, ...together(stages), stages, device, flopsPerSecond: speed, notices };
}

/** Each graph once, and nothing given. */
const ONCE: RenderWork = { texts: 1, pictures: 0, encodings: [], passes: { least: 1, most: 1 }, decodings: 1 };

/** What clips of a size take of memory. Reads headers, not weights. */
export function planMemory(model: Model, size: ClipSize): MemoryPlan {
  return together(stagesOf(model, size, ONCE).map(({ flops: _, ...memory }) => memory));
}

function together(stages: readonly StageMemory[]): MemoryPlan {
  const peakPrivateBytes = Math.max(...stages.map(({ privateBytes }) => privateBytes));
  const machineBytes = machineMemory();
  return { stages, peakPrivateBytes, machineBytes, fits: peakPrivateBytes <= machineBytes };
}

interface Stage extends StageMemory {
  /** Of all its runs. */
  readonly flops: RenderWork['passes'];
}

function stagesOf(model: Model, size: ClipSize, work: RenderWork): readonly Stage[] {
  const { texts, pictures, encodings, passes, decodings } = work;
  const active = activationBytes(model, { ...size, encoded: Math.max(0, ...encodings) });
  const [text, steps, { graph: decoding, runs }] = [textGraph(model), stepGraph(model, size), decodeGraph(model, size)];
  return [
    stage('text', text, {
      activations: towerBytes(TEXT_TOKENS, model.textEncoder.config.hiddenSize),
      flops: text.flops * texts,
    }),
    ...(pictures === 0 ? [] : [lookStage(model, pictures)]),
    ...(encodings.length === 0 ? [] : [encodeStage(model, size, encodings, active.encode)]),
    stage('steps', steps, {
      activations: active.steps,
      flops: { least: steps.flops * passes.least, most: steps.flops * passes.most },
    }),
    stage('decode', decoding, {
      activations: Math.max(active.decode, cutKernels(decoding)),
      flops: decoding.flops * runs * decodings,
    }),
  ];
}

interface StageCosts {
  readonly activations: number;
  readonly flops: number | RenderWork['passes'];
}

function stage(name: StageMemory['stage'], graph: CompiledGraph, { activations, flops }: StageCosts): Stage {
  const { mappedBytes, widenedBytes, quantisedBytes, lateBytes } = graph;
  const packed = mappedBytes < PREPACKED_BELOW ? mappedBytes : quantisedBytes;
  return {
    stage: name,
    mappedBytes: mappedBytes - quantisedBytes,
    privateBytes: PROCESS_BYTES + widenedBytes + lateBytes + packed + activations,
    flops: typeof flops === 'number' ? { least: flops, most: flops } : flops,
  };
}

function lookStage(model: Model, pictures: number): Stage {
  const graph = lookGraph(model, pictures);
  const activations = towerBytes(pictures * pictureTokens(model), model.imageEncoder!.config.hiddenSize);
  return stage('look', graph, { activations, flops: graph.flops });
}

function encodeStage(model: Model, size: ClipSize, encodings: readonly number[], activations: number): Stage {
  const graphs = new Map([...new Set(encodings)].map((frames) => [frames, encodeGraph(model, size, frames)]));
  const flops = encodings.reduce((sum, frames) => sum + graphs.get(frames)!.flops, 0);
  const longest = graphs.get(Math.max(...encodings))!;
  return stage('encode', longest, { activations: Math.max(activations, cutKernels(longest)), flops });
}

/** A clip's first frame has none before it: its layers keep a third of their kernels, cut out into memory, until the next are there. */
const cutKernels = ({ mappedBytes }: CompiledGraph): number => mappedBytes / 3;

/** Of a tower's tokens. */
const towerBytes = (tokens: number, width: number): number => tokens * width * 4 * 32;

/** Operations a second of a product as they occur in a transformer, the best of a few. */
async function measureSpeed(device: Device, threads: number | undefined): Promise<number> {
  const [rows, columns] = [512, 1024];
  const engine = localEngine({ device, ...(threads !== undefined && { threads }) });
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
