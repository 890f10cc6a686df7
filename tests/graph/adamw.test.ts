import { describe, expect, it } from 'vitest';
import { accumulate, adamDefaults, adamStep, flatLayout, globalNorm, initialState, views } from '../../graph/adamw.ts';
import type { Init } from '../../graph/parameters.ts';

const spec = (name: string, shape: readonly number[], init: Init = { kind: 'ones' }) => ({ name, shape, init });

describe('AdamW', () => {
  it('moves by the learning rate at the first step, against the sign of the gradient', () => {
    const state = initialState(flatLayout([spec('bias', [2])]), () => 0.5);
    adamStep(state, Float32Array.of(0.001, -0.002), { ...adamDefaults, learningRate: 0.1 });
    expect(state.parameters[0]).toBeCloseTo(0.9, 3);
    expect(state.parameters[1]).toBeCloseTo(1.1, 3);
  });

  it('gives the numbers of two steps computed by hand', () => {
    const options = {
      ...adamDefaults,
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      weightDecay: 0,
      maxNorm: 100,
      emaDecay: 0.5,
    };
    const state = initialState(flatLayout([spec('x', [1])]), () => 0.5);
    adamStep(state, Float32Array.of(2), options); // m = 0.2, v = 0.04, m̂ = v̂^½ = 2
    adamStep(state, Float32Array.of(1), options); // m = 0.28, v = 0.0496, m̂ = 1.47368, v̂ = 2.49246
    expect(state.parameters[0]).toBeCloseTo(1 - 0.1 - (0.1 * 1.473684) / Math.sqrt(2.492462), 5);
    // The average's decay grows from 2/11 to 3/12.
    const first = (2 / 11) * 1 + (9 / 11) * 0.9;
    expect(state.ema[0]).toBeCloseTo(0.25 * first + 0.75 * state.parameters[0]!, 5);
  });

  it('decays matrices and leaves vectors alone', () => {
    const state = initialState(flatLayout([spec('matrix', [1, 1]), spec('vector', [1])]), () => 0.5);
    adamStep(state, new Float32Array(2), { ...adamDefaults, learningRate: 0.1, weightDecay: 0.5 });
    expect(state.parameters[0]).toBeCloseTo(0.95, 6);
    expect(state.parameters[1]).toBe(1);
  });

  it('reports the norm before clipping and divides accumulated gradients', () => {
    const state = initialState(flatLayout([spec('x', [2])]), () => 0.5);
    const gradient = Float32Array.of(3, 4);
    accumulate(gradient, Float32Array.of(3, 4));
    expect(globalNorm(gradient)).toBeCloseTo(10, 5);
    expect(adamStep(state, gradient, adamDefaults, 0.5)).toBeCloseTo(5, 5);
  });

  it('treats pieces alike wherever they are cut', () => {
    const size = 40_000;
    const layout = flatLayout([spec('x', [size], { kind: 'zeros' })]);
    const state = initialState(layout, () => 0.5);
    adamStep(state, new Float32Array(size).fill(0.01), { ...adamDefaults, maxNorm: 1e9 });
    expect(new Set(state.parameters).size).toBe(1);
  });

  it('starts an inflated kernel in its last time slice only', () => {
    const layout = flatLayout([spec('kernel', [2, 1, 3, 1, 2], { kind: 'inflated', bound: 1 })]);
    const kernel = views(layout, initialState(layout, () => 0.75).parameters)['kernel']!.data;
    expect([...kernel]).toEqual([0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]);
  });

  it('starts an alternating kernel as the last position of odd outputs, the one before of even ones', () => {
    const layout = flatLayout([spec('kernel', [2, 2, 3], { kind: 'alternating' })]);
    const kernel = views(layout, initialState(layout, () => 0.75).parameters)['kernel']!.data;
    expect([...kernel]).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it('starts an identity kernel as its last position, each input as often as there are outputs', () => {
    const layout = flatLayout([spec('kernel', [4, 2, 3], { kind: 'identity' })]);
    const kernel = views(layout, initialState(layout, () => 0.75).parameters)['kernel']!.data;
    const [first, second] = [
      [0, 0, 1, 0, 0, 0],
      [0, 0, 0, 0, 0, 1],
    ];
    expect([...kernel]).toEqual([...first, ...second, ...first, ...second]);
  });
});
