import { describe, expect, it } from 'vitest';
import { type AutoencoderConfig, spatialFactor } from '../../compressor/config.ts';
import { type AutoencoderLoss, autoencoderLoss } from '../../compressor/loss.ts';
import { latentShape } from '../../compressor/sizes.ts';
import { input } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { gradients } from '../../graph/gradients.ts';
import { parameterScope, type ParameterSpec } from '../../graph/parameters.ts';
import { floats, type Tensor, tensor, zeros } from '../../graph/tensor.ts';
import { flat, noise, randomWeights, residual, run } from './models.ts';

const single = (value: Tensor | undefined) => floats(value!)[0]!;

/** Starting values as the model asks for them. */
function initial({ init, shape }: ParameterSpec, seed: number): Tensor {
  const values = floats(noise(shape, seed));
  if (init.kind === 'zeros') return zeros(shape);
  if (init.kind === 'ones') return tensor(values.fill(1), shape);
  if (init.kind !== 'uniform') throw new Error(`The autoencoder starts no parameter as ${init.kind}.`);
  return tensor(
    values.map((value) => value * init.bound),
    shape,
  );
}

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

describe.each(Object.entries(shallow))('training the %s form from its starting values', (_, config) => {
  it('has finite gradients on a blank clip and lowers the loss', async () => {
    const edge = spatialFactor(config);
    const size = { frames: 3, height: 2 * edge, width: 2 * edge };
    const scope = parameterScope();
    const video = input('video', [1, 3, size.frames, size.height, size.width]);
    const unit = input('noise', latentShape(config, size));
    const { loss } = autoencoderLoss(scope.parameters, config, { video, noise: unit });
    const names = scope.specs().map(({ name }) => name);
    const slopes = gradients(
      loss,
      names.map((name) => scope.node(name)),
    );
    const outputs = Object.fromEntries(names.map((name, i) => [`d.${name}`, slopes[i]!]));
    const engine = localEngine();
    const session = await engine.open(compile({ outputs: { loss, ...outputs }, weights: 'inputs' }));

    const values = Object.fromEntries(scope.specs().map((spec, i) => [spec.name, initial(spec, i)]));
    const blank = await session.run({ ...values, video: zeros(video.shape), noise: zeros(unit.shape) });
    for (const name of names) expect(floats(fetched(blank, `d.${name}`)).every(Number.isFinite), name).toBe(true);

    const clip = {
      video: tensor(
        floats(noise(video.shape)).map((v) => v / 10 + 0.5),
        video.shape,
      ),
      noise: noise(unit.shape),
    };
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) {
      const results = await session.run({ ...values, ...clip });
      losses.push(single(fetched(results, 'loss')));
      for (const name of names) {
        const slope = floats(fetched(results, `d.${name}`));
        floats(values[name]!).forEach((value, i, all) => (all[i] = value - 0.02 * Math.sign(slope[i]!)));
      }
    }
    expect(losses.at(-1)!).toBeLessThan(losses[0]! * 0.7);
    await engine.close();
  });
});
