// `npx tsx bench/weights.ts <model folder>`: one step of the model's transformer for each way to hold its weights that is there, in
// turns, beside a bare product of the same run. Options: --layers 2 (of the model's), --width 256, --height 256, --frames 17.
import { parseArgs } from 'node:util';
import { latentShape } from '../compressor/sizes.ts';
import { velocity } from '../dit/transformer.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { parameterScope } from '../graph/parameters.ts';
import { openRuntimeSession } from '../graph/session.ts';
import { sizeOf, tensor } from '../graph/tensor.ts';
import { loadModel } from '../jobs/model.ts';
import { readSettings } from '../jobs/settings.ts';
import { type WeightMode, weightModes } from '../jobs/weight-mode-names.ts';
import { withWeightModes } from '../jobs/weight-modes.ts';
import { bareProduct } from './engine.ts';
import { printTable } from './measure.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: 'string', default: '2' },
    width: { type: 'string', default: '256' },
    height: { type: 'string', default: '256' },
    frames: { type: 'string', default: '17' },
    rounds: { type: 'string', default: '3' },
  },
});
const settings = readSettings();
const model = await loadModel(positionals[0], settings);
const size = { width: Number(values.width), height: Number(values.height), frames: Number(values.frames) };
const [, , ...grid] = latentShape(model.autoencoder.config, size);

async function open(mode: WeightMode) {
  const held = await withWeightModes(model, { weights: mode }).catch(() => undefined);
  if (held === undefined) return undefined; // there is no copy of this kind
  const { weights, widen } = held.transformer;
  const config = { ...held.transformer.config, layers: Number(values.layers) };
  const node = velocity(parameterScope().parameters, config, {
    latents: input('latents', [1, config.inChannels, ...grid]),
    timestep: input('timestep', [1]),
    text: input('text', [1, model.textLength, config.textDim]),
  });
  const graph = compile({ outputs: { velocity: node }, weights, ...(widen && { widen }) });
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [
      name,
      tensor(
        Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i)),
        shape,
      ),
    ]),
  );
  // As a whole model of billions of parameters opens: nothing packed but what was rounded.
  const session = await openRuntimeSession(graph, { prepack: graph.quantisedBytes > 0, memoryPattern: false });
  return { mode, graph, session, feeds, times: [] as number[] };
}

const opened = (await Promise.all(weightModes.map(open))).filter((one) => one !== undefined);
const bare = [];
for (let round = 0; round < Number(values.rounds); round++) {
  bare.push(await bareProduct());
  for (const { session, feeds, times } of opened) {
    const start = performance.now();
    await session.run(feeds);
    times.push(performance.now() - start);
  }
}
const best = bare.reduce((one, other) => (one.milliseconds < other.milliseconds ? one : other));
const rows = opened.map(({ mode, graph, times }) => ({
  stage: `${values.layers} layers as ${mode}`,
  milliseconds: Math.min(...times),
  flops: graph.flops,
}));
printTable(
  `${grid.join('x')} latents, best of ${values.rounds}`,
  [best, ...rows],
  best.flops! / best.milliseconds / 1e6,
);
process.exit(0);
