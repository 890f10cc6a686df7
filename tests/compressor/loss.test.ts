import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AutoencoderConfig, spatialFactor } from '../../compressor/config.ts';
import { type AutoencoderLoss, autoencoderLoss } from '../../compressor/loss.ts';
import { latentShape } from '../../compressor/sizes.ts';
import { adamDefaults, adamStep, flatLayout, initialState, views } from '../../graph/adamw.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { type Engine, fetched, localEngine } from '../../graph/engine.ts';
import { gradients } from '../../graph/gradients.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { floats, type Tensor, tensor, zeros } from '../../graph/tensor.ts';
import { flat, noise, randomWeights, residual, run } from './models.ts';

const single = (value: Tensor | undefined) => floats(value!)[0]!;

describe('autoencoderLoss', () => {
  const video = noise([1, 3, 5, 8, 8], 3);
  const unit = noise(latentShape(flat, { frames: 5, height: 8, width: 8 }), 4);
  const nodes = { video: input('video', video.shape), noise: input('noise', unit.shape) };
  const feeds = { video, noise: unit };
  const evaluate = async (loss: AutoencoderLoss) =>
    run({ loss: loss.loss, ...loss.parts, ...loss.moments, copy: loss.reconstruction }, feeds, randomWeights(flat));

  it('is the weighted sum of its parts', async () => {
    const weights = { kl: 0.01, squared: 2, edges: 0.5 };
    const values = await evaluate(autoencoderLoss(parameterScope().parameters, flat, nodes, weights));
    const part = (name: string) => single(values[name]);
    const expected = part('absolute') + 0.01 * part('kl') + 2 * part('squared') + 0.5 * part('edges');
    expect(single(values['loss'])).toBeCloseTo(expected, 5);
  });

  it('measures the errors and the divergence as defined', async () => {
    const values = await evaluate(autoencoderLoss(parameterScope().parameters, flat, nodes));
    const errors = Array.from(floats(values['copy']!), (value, i) => value - floats(video)[i]!);
    const mean = (xs: readonly number[]) => xs.reduce((total, x) => total + x, 0) / xs.length;
    expect(single(values['absolute'])).toBeCloseTo(mean(errors.map(Math.abs)), 4);
    expect(single(values['squared'])).toBeCloseTo(mean(errors.map((error) => error * error)), 4);
    const below = errors.flatMap((error, i) => (Math.floor(i / 8) % 8 === 0 ? [] : [Math.abs(error - errors[i - 8]!)]));
    const right = errors.flatMap((error, i) => (i % 8 === 0 ? [] : [Math.abs(error - errors[i - 1]!)]));
    expect(single(values['edges'])).toBeCloseTo(mean(below) + mean(right), 4);
    const [centres, logvars] = [floats(values['mean']!), floats(values['logvar']!)];
    const divergences = Array.from(centres, (m, i) => (m * m + Math.exp(logvars[i]!) - 1 - logvars[i]!) / 2);
    expect(single(values['kl'])).toBeCloseTo(mean(divergences), 4);
  });
});

/** Two levels are enough here, and quick to differentiate. */
const shallow = {
  flat: { ...flat, dimMult: [1, 2], temporalDownsample: [true] },
  residual: { ...residual, dimMult: [2, 2], temporalDownsample: [true] },
} satisfies Record<string, AutoencoderConfig>;

/** The loss and all its gradients as a session, and a fresh state of the optimiser. */
async function training(engine: Engine, config: AutoencoderConfig) {
  const edge = 2 * spatialFactor(config);
  const scope = parameterScope();
  const video = input('video', [1, 3, 3, edge, edge]);
  const unit = input('noise', latentShape(config, { frames: 3, height: edge, width: edge }));
  const { loss } = autoencoderLoss(scope.parameters, config, { video, noise: unit });
  const layout = flatLayout(scope.specs());
  const slopes = gradients(
    loss,
    layout.specs.map(({ name }) => scope.node(name)),
  );
  const outputs = Object.fromEntries(layout.specs.map(({ name }, i) => [`d.${name}`, slopes[i]!]));
  const session = await engine.open(compile({ outputs: { loss, ...outputs }, weights: 'inputs' }));
  let seed = 1;
  const state = initialState(layout, () => (seed = (seed * 16807) % 2147483647) / 2147483647); // Park and Miller 1988
  const run = async (clip: Tensor, noise: Tensor) => {
    const results = await session.run({ ...views(layout, state.parameters), video: clip, noise });
    const gradient = new Float32Array(layout.size);
    for (const [name, { data }] of Object.entries(views(layout, gradient, 'd.'))) {
      (data as Float32Array).set(floats(fetched(results, name)));
    }
    return { loss: single(fetched(results, 'loss')), gradient };
  };
  return { state, run, shapes: { video: video.shape, noise: unit.shape } };
}

describe.each(Object.entries(shallow))('training the %s form from its starting values', (_, config) => {
  let engine: Engine;
  beforeAll(() => {
    engine = localEngine();
  });
  afterAll(() => engine.close());

  it('has finite gradients on a blank clip, and lowers the loss of a real one', async () => {
    const { state, run, shapes } = await training(engine, config);
    const blank = await run(zeros(shapes.video), zeros(shapes.noise));
    expect(blank.gradient.every(Number.isFinite)).toBe(true);

    const bright = floats(noise(shapes.video)).map((value) => value / 10 + 0.5);
    const losses: number[] = [];
    for (let step = 0; step < 20; step++) {
      const { loss, gradient } = await run(tensor(bright, shapes.video), noise(shapes.noise));
      losses.push(loss);
      adamStep(state, gradient, { ...adamDefaults, learningRate: 0.01 });
    }
    expect(losses.at(-1)!).toBeLessThan(losses[0]! * 0.7);
  });
});
