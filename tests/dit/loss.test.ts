import { afterAll, describe, expect, it } from 'vitest';
import { flowMatchingLoss } from '../../dit/loss.ts';
import { createRandom } from '../../dit/random.ts';
import { drawSigmas, sigmasOfFrames } from '../../dit/timestep-sampling.ts';
import { input } from '../../graph/build.ts';
import { adamDefaults, adamStep, flatLayout, initialState, views } from '../../graph/adamw.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { gradients } from '../../graph/gradients.ts';
import { parameterScope } from '../../graph/parameters.ts';
import type { ParameterScope } from '../../graph/parameters.ts';
import { openRuntimeSession } from '../../graph/session.ts';
import { floats, tensor } from '../../graph/tensor.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { evaluate, initialWeights, normalTensor, speakingWeights, tinyConfig } from './tiny-model.ts';

const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

const random = createRandom(21);
const feeds = new Map<string, Tensor & { data: Float32Array }>([
  ['clips', normalTensor(random, [2, 4, 3, 4, 4])],
  ['noise', normalTensor(random, [2, 4, 3, 4, 4])],
  ['text', normalTensor(random, [2, 5, 8])],
  ['weights', tensor(new Float32Array(96).fill(1), [2, 1, 3, 4, 4])],
]);

function lossGraph(sigmaShape: readonly number[], config = tinyConfig) {
  const scope = parameterScope();
  const named = (name: string) => input(name, feeds.get(name)!.shape);
  const graph = flowMatchingLoss(scope.parameters, config, {
    clips: named('clips'),
    noise: named('noise'),
    text: named('text'),
    weights: named('weights'),
    sigma: input('sigma', sigmaShape),
  });
  return { scope, ...graph };
}

const nodesOf = (scope: ParameterScope) => scope.specs().map(({ name }) => scope.node(name));

/** Mean squared noise - clip of one sample over the cells that `keep` accepts. */
function targetPower(sample: number, keep: (frame: number, cell: number) => boolean): number {
  const [clips, noise] = [feeds.get('clips')!.data, feeds.get('noise')!.data];
  let [total, count] = [0, 0];
  for (let i = 0; i < 192; i++) {
    if (!keep(Math.floor((i % 48) / 16), i % 16)) continue;
    total += (noise[sample * 192 + i]! - clips[sample * 192 + i]!) ** 2;
    count++;
  }
  return total / count;
}

describe('flowMatchingLoss', () => {
  it('of an untrained model, whose velocity is 0, is the power of noise - clip', async () => {
    const { scope, loss, perSample } = lossGraph([2]);
    const sigma = tensor(Float32Array.of(0.3, 0.9), [2]);
    const values = new Map<string, Tensor>([...feeds, ['sigma', sigma], ...initialWeights(scope.specs())]);
    const result = await evaluate(engine, { loss, perSample }, values);
    const expected = [0, 1].map((sample) => targetPower(sample, () => true));
    expect(result.perSample[0]).toBeCloseTo(expected[0]!, 4);
    expect(result.perSample[1]).toBeCloseTo(expected[1]!, 4);
    expect(result.loss[0]).toBeCloseTo((expected[0]! + expected[1]!) / 2, 4);
  });

  it('of an untrained model, whose clip is 0, is the power of the clip over that of the noise, up to a level', async () => {
    const { scope, perSample } = lossGraph([2], { ...tinyConfig, prediction: 'sample' });
    const sigma = tensor(Float32Array.of(0.1, 0.9), [2]);
    const values = new Map<string, Tensor>([...feeds, ['sigma', sigma], ...initialWeights(scope.specs())]);
    const result = await evaluate(engine, { perSample }, values);
    const power = [0, 1].map(
      (sample) =>
        feeds
          .get('clips')!
          .data.subarray(192 * sample, 192 * sample + 192)
          .reduce((sum, value) => sum + value ** 2, 0) / 192,
    );
    expect(result.perSample[0]! / power[0]!).toBeCloseTo(1 / 0.3 ** 2, 3);
    expect(result.perSample[1]! / power[1]!).toBeCloseTo(1 / 0.9 ** 2, 3);
  });

  it('has levels of 0 where frames are given, at either end', () => {
    const given = [{ first: 2, last: 0 }, { first: 0, last: 1 }, { first: 0, last: 0 }]; // prettier-ignore
    const levels = sigmasOfFrames(Float32Array.of(0.25, 0.5, 0.75), given, 3);
    expect([...levels]).toEqual([0, 0, 0.25, 0.5, 0.5, 0, 0.75, 0.75, 0.75]);
  });

  it('leaves out frames that are given clean, and weighs cells', async () => {
    const { scope, perSample } = lossGraph([2, 3]);
    const sigma = tensor(
      sigmasOfFrames(
        Float32Array.of(0.3, 0.9),
        [
          { first: 1, last: 0 },
          { first: 0, last: 0 },
        ],
        3,
      ),
      [2, 3],
    );
    const weights = tensor(
      Float32Array.from({ length: 96 }, (_, i) => (i % 16 === 5 ? 7 : 0)),
      [2, 1, 3, 4, 4],
    );
    const values = new Map<string, Tensor>([
      ...feeds,
      ['sigma', sigma],
      ['weights', weights],
      ...initialWeights(scope.specs()),
    ]);
    const result = await evaluate(engine, { perSample }, values);
    expect(result.perSample[0]).toBeCloseTo(
      targetPower(0, (frame, cell) => frame > 0 && cell === 5),
      4,
    );
    expect(result.perSample[1]).toBeCloseTo(
      targetPower(1, (_, cell) => cell === 5),
      4,
    );
  });

  it('noises per token as per frame', async () => {
    const frames = sigmasOfFrames(
      Float32Array.of(0.3, 0.9),
      [
        { first: 1, last: 0 },
        { first: 0, last: 0 },
      ],
      3,
    );
    const tokens = Float32Array.from({ length: 24 }, (_, i) => frames[Math.floor(i / 4)]!);
    const byFrame = lossGraph([2, 3]);
    const byToken = lossGraph([2, 12]);
    const weights = speakingWeights(byFrame.scope.specs());
    const run = (perSample: typeof byFrame.perSample, sigma: Tensor) =>
      evaluate(engine, { perSample }, new Map<string, Tensor>([...feeds, ...weights, ['sigma', sigma]]));
    const expected = await run(byFrame.perSample, tensor(frames, [2, 3]));
    const actual = await run(byToken.perSample, tensor(tokens, [2, 12]));
    expect(actual.perSample[0]).toBeCloseTo(expected.perSample[0]!, 3);
    expect(actual.perSample[1]).toBeCloseTo(expected.perSample[1]!, 3);
  });

  it.each([[[2]], [[2, 3]]])('has gradients that agree with differences along them (sigma %o)', async (sigmaShape) => {
    const { scope, loss } = lossGraph(sigmaShape);
    const specs = scope.specs();
    const slopes = gradients(loss, nodesOf(scope));
    const outputs = { loss, ...Object.fromEntries(specs.map(({ name }, i) => [`d.${name}`, slopes[i]!])) };
    const session = await engine.open(compile({ outputs, weights: 'inputs' }));
    const sigma = tensor(new Float32Array(sigmaShape.reduce((a, b) => a * b)).fill(0.6), sigmaShape);
    const weights = speakingWeights(specs);
    const run = (changed: ReadonlyMap<string, Tensor>) =>
      session.run(Object.fromEntries([...feeds, ...weights, ...changed, ['sigma', sigma]]));
    const gradientOf = await run(new Map());
    for (const name of [
      'patch_embedding.weight',
      'condition_embedder.time_proj.weight',
      'blocks.0.scale_shift_table',
      'blocks.1.attn1.norm_k.weight',
      'blocks.0.attn2.to_k.weight',
      'blocks.1.ffn.net.0.proj.weight',
      'scale_shift_table',
      'condition_embedder.text_embedder.linear_1.weight',
      'proj_out.bias',
    ]) {
      const slope = floats(fetched(gradientOf, `d.${name}`));
      const length = Math.hypot(...slope);
      const moved = async (distance: number) => {
        const value = weights.get(name)!;
        const data = floats(value).map((w, i) => w + (distance * slope[i]!) / length);
        return floats(fetched(await run(new Map([[name, tensor(data, value.shape)]])), 'loss'))[0]!;
      };
      const step = 0.01;
      const difference = ((await moved(step)) - (await moved(-step))) / (2 * step);
      expect(Math.abs(difference - length) / length, name).toBeLessThan(0.05);
    }
    await session.release();
  });

  it('falls when one clip is learned by heart', async () => {
    const { scope, loss } = lossGraph([2]);
    const layout = flatLayout(scope.specs());
    const slopes = gradients(loss, nodesOf(scope));
    const outputs = Object.fromEntries(layout.specs.map(({ name }, i) => [`d.${name}`, slopes[i]!]));
    const session = await openRuntimeSession(compile({ outputs: { loss, ...outputs }, weights: 'inputs' }), {
      threads: 1,
    });
    const state = initialState(layout, createRandom(4).uniform);
    const gradient = new Float32Array(layout.size);
    const given = { ...Object.fromEntries(feeds), sigma: tensor(Float32Array.of(0.4, 0.8), [2]) };
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) {
      const values = { ...given, ...views(layout, state.parameters) };
      const results = await session.run(values, views(layout, gradient, 'd.'));
      losses.push(floats(results['loss']!)[0]!);
      adamStep(state, gradient, { ...adamDefaults, learningRate: 0.01 });
    }
    await session.release();
    expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.6);
  });
});

describe('noise levels', () => {
  it('lie in (0, 1), uniform ones evenly', () => {
    const uniform = drawSigmas(createRandom(1), { kind: 'uniform', shift: 1 }, 4000);
    expect(Math.min(...uniform)).toBeGreaterThan(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    expect(uniform.filter((sigma) => sigma < 0.25).length / 4000).toBeCloseTo(0.25, 1);
  });

  it('prefer the middle when logit-normal, and noise when shifted', () => {
    const share = (shift: number) =>
      drawSigmas(createRandom(2), { kind: 'logit-normal', mean: 0, std: 1, shift }, 4000).filter(
        (sigma) => sigma > 0.25 && sigma < 0.75,
      ).length / 4000;
    expect(share(1)).toBeCloseTo(0.728, 1); // P(|z| < ln 3)
    const shifted = drawSigmas(createRandom(2), { kind: 'logit-normal', mean: 0, std: 1, shift: 3 }, 4000);
    expect(shifted.filter((sigma) => sigma > 0.75).length / 4000).toBeCloseTo(0.5, 1);
  });
});
