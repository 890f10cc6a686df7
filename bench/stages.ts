// `npm run bench:stages -- <model folder> --size 256x256x17 --size 832x480x17`: how fast each stage of a checkpoint is beside a bare
// matrix product of the same run: steps at each size, decoding of a tile, as large clips are decoded in tiles. Made for folders of
// scripts/random-checkpoint.ts. A product is timed before and after each run of a stage, so that what else the machine does meanwhile
// slows both; the table has medians of the ratios.
// Options: --weights f16 (as --weights of generate), --text-weights int4, --rounds 3, --layers 30 (of the published model, if the
// folder has fewer: tells the time of a whole pass), --only steps.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { decodeChunk } from '../compressor/autoencoder.ts';
import { latentShape } from '../compressor/sizes.ts';
import { defaultTiling } from '../compressor/tiling.ts';
import { umt5States } from '../conditioning/umt5.ts';
import { input } from '../graph/build.ts';
import { compile, type CompiledGraph } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession, type SessionOptions } from '../graph/session.ts';
import { loadModel, type Model } from '../jobs/model.ts';
import { readSettings } from '../jobs/settings.ts';
import type { WeightMode } from '../jobs/weight-mode-names.ts';
import { withWeightModes } from '../jobs/weight-modes.ts';
import { bareProduct, filler } from './engine.ts';
import { median, printTable, type Row } from './measure.ts';
import { passGraph, type Size, wholePassFlops } from './pass-graph.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', multiple: true, default: ['256x256x17'] },
    weights: { type: 'string', default: 'f16' },
    'text-weights': { type: 'string', default: 'f16' },
    rounds: { type: 'string', default: '3' },
    layers: { type: 'string' },
    only: { type: 'string' },
  },
});
const TEXT_TOKENS = 64;
const [weights, textWeights] = [values.weights as WeightMode, values['text-weights'] as WeightMode];
const model = await withWeightModes(await loadModel(positionals[0], readSettings()), { weights, textWeights });

function textGraph({ textEncoder }: Model): CompiledGraph {
  if (textEncoder.kind !== 'umt5') throw new Error('Only published checkpoints are measured here, which have UMT5.');
  const ids = input('ids', [1, TEXT_TOKENS], 'int32');
  const { lastHiddenState } = umt5States(parameterScope().parameters, textEncoder.config, ids);
  const { weights: held, widen } = textEncoder;
  return compile({ outputs: { states: lastHiddenState }, weights: held, ...(widen && { widen }) });
}

/** One latent frame with none before it, which is as wide as those that follow and a quarter of their work. */
function decodeGraph({ autoencoder: { config, weights: held } }: Model, size: Size): CompiledGraph {
  const [, zDim, , height, width] = latentShape(config, size) as [number, number, number, number, number];
  const two = input('latents', [1, zDim, 2, height, width]); // five frames
  return compile({ outputs: { video: decodeChunk(parameterScope().parameters, config, two, undefined).video }, weights: held }); // prettier-ignore
}

const bare: number[] = [];

async function measure(stage: string, graph: CompiledGraph, options: SessionOptions = {}): Promise<Row> {
  const session = await openRuntimeSession(graph, options);
  const feeds = filler(graph);
  const speeds: { readonly own: number; readonly bare: number }[] = [];
  let before = await bareSpeed();
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = performance.now();
    await session.run(feeds);
    const own = graph.flops / (performance.now() - start);
    const after = await bareSpeed();
    if (round > 0 || values.rounds === '1') speeds.push({ own, bare: (before + after) / 2 }); // the first one reads files
    before = after;
  }
  await session.release();
  const milliseconds = graph.flops / median(speeds.map(({ own }) => own));
  const share = median(speeds.map((each) => each.own / each.bare));
  return { stage, milliseconds, flops: graph.flops, share };
}

async function bareSpeed(): Promise<number> {
  const { flops, milliseconds } = await bareProduct();
  bare.push(flops! / milliseconds);
  return bare.at(-1)!;
}

function sizeOfText(text: string): Size {
  const [width, height, frames] = text.split('x').map(Number);
  return { width: width!, height: height!, frames: frames! };
}

const wanted = (stage: string): boolean => values.only === undefined || values.only === stage;
const rows: Row[] = [];
if (wanted('text')) rows.push(await measure(`text, ${TEXT_TOKENS} tokens, ${textWeights}`, textGraph(model)));
for (const text of values.size) {
  const size = sizeOfText(text);
  if (wanted('steps')) {
    const graph = passGraph(model, size);
    const row = await measure(`${model.transformer.config.layers} layers, ${text}, ${weights}`, graph, {
      // As a whole model of billions of parameters opens: nothing packed but what was rounded.
      ...{ prepack: graph.quantisedBytes > 0, memoryPattern: false },
    });
    const layers = Number(values.layers ?? model.transformer.config.layers);
    const seconds = (row.milliseconds / 1000) * (wholePassFlops(model, size, layers) / graph.flops);
    rows.push({ ...row, note: `a pass of ${layers} layers: ${seconds.toFixed(1)} s` });
  }
}
if (wanted('decode')) {
  const { tileWidth: width, tileHeight: height } = defaultTiling;
  const options = { memoryPattern: false, arena: false };
  rows.push(await measure('decode 5 frames of a tile', decodeGraph(model, { width, height, frames: 5 }), options));
}
console.log(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}, ${positionals[0]}`);
printTable(
  `Bare product 2048³: ${(median(bare) / 1e6).toFixed(0)} GFLOP/s, ${bare.length} times`,
  rows,
  median(bare) / 1e6,
);
process.exit(0);
