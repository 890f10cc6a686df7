import { afterAll, describe, expect, it } from 'vitest';
import { block } from '../../dit/block.ts';
import { parseTransformerConfig, transformerConfigJson, width } from '../../dit/config.ts';
import { openDenoiser } from '../../dit/denoiser.ts';
import type { Condition } from '../../dit/denoiser.ts';
import { givenFrames, withGiven } from '../../dit/given-latents.ts';
import { guidedVelocity } from '../../dit/guidance.ts';
import { initialNoise } from '../../dit/noise.ts';
import { createRandom } from '../../dit/random.ts';
import { ropePairs, ropeTables } from '../../dit/rope.ts';
import { sampleLatents } from '../../dit/sample.ts';
import type { StepReport } from '../../dit/sample.ts';
import { createScheduler, samplerConfig } from '../../dit/scheduler-config.ts';
import { velocity } from '../../dit/transformer.ts';
import { input } from '../../graph/build.ts';
import { localEngine } from '../../graph/engine.ts';
import { ModelFileError, ShapeError } from '../../graph/errors.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { tensor } from '../../graph/tensor.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { weightsFrom } from '../../graph/weights.ts';
import { largestError } from '../goldens/folder.ts';
import { evaluate, initialWeights, normalTensor, speakingWeights, tinyConfig } from './tiny-model.ts';

const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

const LATENTS = [2, 4, 3, 4, 6]; // 3 frames of 2 x 3 tokens
const random = createRandom(11);
const inputs = new Map<string, Tensor>([
  ['latents', normalTensor(random, LATENTS)],
  ['text', normalTensor(random, [2, 5, 8])],
]);
const constantTimesteps = (shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(640), shape);

async function run(extra: Record<string, Tensor>, config = tinyConfig): Promise<Float32Array> {
  const values = new Map([...inputs, ...Object.entries(extra)]);
  const scope = parameterScope();
  const feed = (name: string) => values.has(name) && input(name, values.get(name)!.shape);
  const v = velocity(scope.parameters, config, {
    latents: feed('latents') || input('latents', LATENTS),
    timestep: feed('timestep') || input('timestep', [2]),
    text: feed('text') || input('text', [2, 5, 8]),
    textMask: feed('textMask') || undefined,
  });
  const { result } = await evaluate(engine, { result: v }, new Map([...values, ...speakingWeights(scope.specs())]));
  return result;
}

describe('velocity', () => {
  it('has the shape of the latents, with the output channels', () => {
    const config = { ...tinyConfig, inChannels: 9 };
    const v = velocity(parameterScope().parameters, config, {
      latents: input('latents', [1, 9, 3, 4, 6]),
      timestep: input('timestep', [1]),
      text: input('text', [1, 5, 8]),
    });
    expect(v.shape).toEqual([1, 4, 3, 4, 6]);
  });

  it('is the same for one timestep per sample, per frame and per token where all are equal', async () => {
    const [perSample, perFrame, perToken] = [
      await run({ timestep: constantTimesteps([2]) }),
      await run({ timestep: constantTimesteps([2, 3]) }),
      await run({ timestep: constantTimesteps([2, 18]) }),
    ];
    expect(largestError(perFrame, perSample)).toBeLessThan(2e-5);
    expect(largestError(perToken, perSample)).toBeLessThan(2e-5);
  });

  it('is the same for timesteps per frame and per token where frames have their own', async () => {
    const frames = [0, 500, 900, 250, 0, 999];
    const perFrame = await run({ timestep: tensor(Float32Array.from(frames), [2, 3]) });
    const tokens = frames.flatMap((t) => Array<number>(6).fill(t));
    const perToken = await run({ timestep: tensor(Float32Array.from(tokens), [2, 18]) });
    expect(largestError(perToken, perFrame)).toBeLessThan(2e-5);
    expect(largestError(perFrame, await run({ timestep: constantTimesteps([2]) }))).toBeGreaterThan(1e-2);
  });

  it('follows from the clip where that is what the model predicts', async () => {
    const levels = [0, 500, 900, 250, 20, 999].map((t) => t / 1000);
    const timestep = tensor(
      Float32Array.from(levels, (sigma) => 1000 * sigma),
      [2, 3],
    );
    const clip = await run({ timestep });
    const noisy = inputs.get('latents')!.data as Float32Array;
    const ofClip = clip.map((value, i) => {
      const [sample, frame] = [Math.floor(i / (4 * 72)), Math.floor(i / 24) % 3];
      return (noisy[i]! - value) / Math.max(levels[sample * 3 + frame]!, 0.05);
    });
    expect(largestError(await run({ timestep }, { ...tinyConfig, prediction: 'sample' }), ofClip)).toBeLessThan(2e-4);
  });

  it('does not hear masked text', async () => {
    const timestep = constantTimesteps([2]);
    const text = inputs.get('text')!.data as Float32Array;
    const padded = new Float32Array(2 * 7 * 8).fill(3);
    for (const b of [0, 1]) padded.set(text.subarray(b * 40, b * 40 + 40), b * 56);
    const mask = Float32Array.from({ length: 14 }, (_, i) => (i % 7 < 5 ? 1 : 0));
    const masked = { timestep, text: tensor(padded, [2, 7, 8]) };
    const heard = await run(masked);
    expect(largestError(heard, await run({ timestep }))).toBeGreaterThan(1e-2);
    const unheard = await run({ ...masked, textMask: tensor(mask, [2, 7]) });
    expect(largestError(unheard, await run({ timestep }))).toBeLessThan(2e-5);
  });

  it('is zero before training', async () => {
    const scope = parameterScope();
    const v = velocity(scope.parameters, tinyConfig, {
      latents: input('latents', LATENTS),
      timestep: input('timestep', [2]),
      text: input('text', [2, 5, 8]),
    });
    const values = new Map([
      ...inputs,
      ['timestep', constantTimesteps([2])] as const,
      ...initialWeights(scope.specs()),
    ]);
    const { result } = await evaluate(engine, { result: v }, values);
    expect(result.every((value) => value === 0)).toBe(true);
  });

  it.each([
    ['patches that do not divide', [1, 4, 3, 5, 6], [1], [1, 5, 8], /do not divide into patches of 1x2x2/],
    ['a wrong number of channels', [1, 5, 3, 4, 6], [1], [1, 5, 8], /must be \[B,4,T,H,W\]/],
    ['a wrong number of timesteps', [1, 4, 3, 4, 6], [1, 4], [1, 5, 8], /one per frame/],
    ['another batch of text', [1, 4, 3, 4, 6], [1], [2, 5, 8], /must have 1 rows/],
    ['another width of text', [1, 4, 3, 4, 6], [1], [1, 5, 9], /must be \[B,L,8\]/],
  ] as const)('refuses %s', (_, latents, timestep, text, message) => {
    const build = () =>
      velocity(parameterScope().parameters, tinyConfig, {
        latents: input('latents', latents),
        timestep: input('timestep', timestep),
        text: input('text', text),
      });
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  });
});

describe('a block whose gates are zero', () => {
  it('is the identity but for cross-attention, and wholly when that projects to zero', async () => {
    const scope = parameterScope();
    const dim = width(tinyConfig);
    const { output } = block(scope.parameters, tinyConfig, input('x', [1, 18, dim]), {
      context: { text: input('text', [1, 5, dim]), textBias: undefined, image: undefined },
      modulation: input('modulation', [1, 1, 6, dim]),
      tables: ropeTables(tinyConfig.headDim, { frames: 3, rows: 2, columns: 3 }),
    });
    const weights = speakingWeights(scope.specs());
    const table = weights.get('scale_shift_table')!.data as Float32Array;
    for (const gate of [2, 5]) table.fill(0, gate * dim, (gate + 1) * dim);
    (weights.get('attn2.to_out.0.weight')!.data as Float32Array).fill(0);
    (weights.get('attn2.to_out.0.bias')!.data as Float32Array).fill(0);
    const x = normalTensor(random, [1, 18, dim]);
    const values = new Map<string, Tensor>([
      ...weights,
      ['x', x],
      ['text', normalTensor(random, [1, 5, dim])],
      ['modulation', tensor(new Float32Array(6 * dim), [1, 1, 6, dim])],
    ]);
    expect((await evaluate(engine, { output }, values)).output).toEqual(x.data);
  });
});

describe('rope', () => {
  it('shares a head out between time, height and width', () => {
    expect(ropePairs(128)).toEqual([22, 21, 21]);
    expect(ropePairs(64)).toEqual([12, 10, 10]);
    expect(ropePairs(20)).toEqual([4, 3, 3]);
  });
});

describe('denoiser', () => {
  const scope = parameterScope();
  velocity(scope.parameters, tinyConfig, {
    latents: input('latents', [1, 4, 3, 4, 6]),
    timestep: input('timestep', [1]),
    text: input('text', [1, 5, 8]),
  });
  const weights = weightsFrom(speakingWeights(scope.specs()));
  const positive: Condition = { text: normalTensor(random, [1, 5, 8]) };
  const negative: Condition = { text: normalTensor(random, [1, 5, 8]) };
  const noise = initialNoise(1, 288);
  const open = (batch: 1 | 2) =>
    openDenoiser(engine, { config: tinyConfig, weights, shape: [4, 3, 4, 6], timesteps: 1, like: positive, batch });

  it('gives the same guided velocity in one run of two and in two runs', async () => {
    const [together, apart] = [await open(2), await open(1)];
    const guidance = { positive, negative, scale: 4 };
    const timestep = Float32Array.of(700);
    const expected = await guidedVelocity(apart, guidance)(noise, timestep);
    expect(largestError(await guidedVelocity(together, guidance)(noise, timestep), expected)).toBeLessThan(5e-5);
    await Promise.all([together.release(), apart.release()]);
  });

  it('at guidance 1 equals the conditional velocity and runs nothing else', async () => {
    const denoiser = await open(1);
    const asked: Condition[][] = [];
    const watched = {
      ...denoiser,
      run: (x: Float32Array, t: Float32Array, conditions: readonly Condition[]) => {
        asked.push([...conditions]);
        return denoiser.run(x, t, conditions);
      },
    };
    const [conditional] = await denoiser.run(noise, Float32Array.of(700), [positive]);
    const guided = await guidedVelocity(watched, { positive, negative, scale: 1 })(noise, Float32Array.of(700));
    expect(guided).toEqual(conditional);
    expect(asked).toEqual([[positive]]);
    await denoiser.release();
  });

  it('samples a clip from a picture, the same bytes whole and resumed', async () => {
    const shape = [4, 3, 4, 6] as const;
    const given = givenFrames(initialNoise(5, 96), 0, { shape, patchSize: tinyConfig.patchSize });
    const options = {
      config: tinyConfig,
      weights,
      shape,
      timesteps: given.groups.length,
      like: positive,
      batch: 2,
    } as const;
    const denoiser = await openDenoiser(engine, options);
    const velocity = guidedVelocity(denoiser, { positive, negative, scale: 2 });
    const scheduler = createScheduler(samplerConfig('unipc', 3), { steps: 4 });
    const reports: StepReport[] = [];
    const onStep = (report: StepReport) => void reports.push(report);
    const whole = await sampleLatents({ velocity, scheduler, from: noise, given, onStep });
    expect(await sampleLatents({ velocity, scheduler, from: reports[1]!, given })).toEqual(whole);
    expect(withGiven(whole, given)).toEqual(whole);
    await denoiser.release();
  });

  it('names the weight that is missing', async () => {
    const lacking = openDenoiser(engine, {
      config: tinyConfig,
      weights: (name) => (name === 'blocks.1.attn2.to_k.bias' ? undefined : weights(name)),
      shape: [4, 3, 4, 6],
      timesteps: 1,
      like: positive,
      batch: 1,
    });
    await expect(lacking).rejects.toThrow(/blocks\.1\.attn2\.to_k\.bias/);
  });
});

describe('config', () => {
  it('is written as it was read', () => {
    expect(parseTransformerConfig(transformerConfigJson(tinyConfig))).toEqual(tinyConfig);
    const i2v = parseTransformerConfig({ in_channels: 36, out_channels: 16, image_dim: 1280, added_kv_proj_dim: 5120 });
    expect(parseTransformerConfig(transformerConfigJson(i2v))).toEqual(i2v);
  });

  it.each([
    [{ qk_norm: 'rms_norm' }, /qk_norm/],
    [{ image_dim: 1280 }, /image_dim and added_kv_proj_dim/],
    [{ added_kv_proj_dim: 7, image_dim: 8 }, /added_kv_proj_dim \(=7\)/],
    [{ num_layers: 0 }, /num_layers/],
  ])('refuses %o', (json, message) => {
    expect(() => parseTransformerConfig(json)).toThrow(ModelFileError);
    expect(() => parseTransformerConfig(json)).toThrow(message);
  });
});
