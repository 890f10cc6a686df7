// `npm run bench:weights -- <model folder>`: one step of the model's transformer for each way to hold its weights that is there, in
// turns, beside a bare product of the same run. Options: --layers 2 (of the model's), --width 256, --height 256, --frames 17.
import { parseArgs } from 'node:util';
import { openRuntimeSession } from '../graph/session.ts';
import { loadModel } from '../jobs/model.ts';
import { readSettings } from '../jobs/settings.ts';
import { type WeightMode, weightModes } from '../jobs/weight-mode-names.ts';
import { withWeightModes } from '../jobs/weight-modes.ts';
import { bareProduct, filler } from './engine.ts';
import { median, printTable } from './measure.ts';
import { passGraph } from './pass-graph.ts';

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

async function open(mode: WeightMode) {
  const held = await withWeightModes(model, { weights: mode }).catch(() => undefined);
  if (held === undefined) return undefined; // there is no copy of this kind
  const graph = passGraph(held, size, Number(values.layers));
  // As a whole model of billions of parameters opens: nothing packed but what was rounded.
  const session = await openRuntimeSession(graph, { prepack: graph.quantisedBytes > 0, memoryPattern: false });
  return { mode, graph, session, feeds: filler(graph), times: [] as number[] };
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
const speeds = bare.map(({ flops, milliseconds }) => flops! / milliseconds / 1e6);
const rows = opened.map(({ mode, graph, times }) => ({
  stage: `${values.layers} layers as ${mode}`,
  milliseconds: median(times),
  flops: graph.flops,
}));
printTable(`${Object.values(size).join('x')}, medians of ${values.rounds}`, [bare[0]!, ...rows], median(speeds));
process.exit(0);
