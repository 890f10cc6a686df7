import { afterAll, describe, expect, it } from 'vitest';
import { Matrix } from 'ml-matrix';
import { parseTransformerConfig } from '../../dit/config.ts';
import { positionChannels } from '../../dit/position-channels.ts';
import { createRandom } from '../../dit/random.ts';
import { velocity } from '../../dit/transformer.ts';
import { input } from '../../graph/build.ts';
import { localEngine } from '../../graph/engine.ts';
import { parameterScope } from '../../graph/parameters.ts';
import { floats, tensor } from '../../graph/tensor.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { carriedOver, fitTurn, predictingOther, tokensOf } from '../../training/carry-over.ts';
import type { TokenGrid } from '../../training/carry-over.ts';
import { evaluate, normalTensor, speakingWeights } from '../dit/tiny-model.ts';
import { largestError } from '../goldens/folder.ts';

const engine = localEngine({ threads: 1 });
afterAll(() => engine.close());

const [layout, positions] = [4, 3];
const config = (patch: number, latents: number) =>
  parseTransformerConfig({
    patch_size: [1, patch, patch],
    num_attention_heads: 2,
    attention_head_dim: 12,
    in_channels: latents + layout + positions,
    out_channels: latents + layout,
    text_dim: 8,
    freq_dim: 16,
    ffn_dim: 32,
    num_layers: 2,
  });
// The same pixels as 8 latents to a cell, and as 2 latents to each of its 2x2 cells.
const coarse = { config: config(1, 8), latentChannels: 8 };
const fine = { config: config(2, 2), latentChannels: 2 };
const [frames, height, width] = [3, 2, 3] as const;
const fineGrid: TokenGrid = { shape: [2, frames, 2 * height, 2 * width], patch: [2, 2] };

const random = createRandom(3);
const normal = (shape: readonly number[]) => normalTensor(random, shape);
const fromTokens = (tokens: Matrix): Float32Array => Float32Array.from(tokens.transpose().to1DArray());
/** Some turn with orthonormal rows. */
const someTurn = fitTurn(Matrix.from1DArray(8, 8, Array.from(normal([8, 8]).data)));

async function speak(side: typeof coarse, weights: ReadonlyMap<string, Tensor>, latents: Tensor, text: Tensor) {
  const v = velocity(parameterScope().parameters, side.config, {
    latents: input('latents', latents.shape),
    timestep: input('timestep', [1]),
    text: input('text', text.shape),
  });
  const values = new Map([...weights, ['latents', latents], ['text', text]] as [string, Tensor][]);
  values.set('timestep', tensor(Float32Array.of(640), [1]));
  return (await evaluate(engine, { v }, values)).v;
}

const stacked = (parts: readonly Float32Array[], shape: readonly number[]): Tensor =>
  tensor(Float32Array.from(parts.flatMap((part) => [...part])), shape);

describe('the turn between two autoencoders', () => {
  it('is found from tokens that describe the same clips', () => {
    const tokens = tokensOf(normal([2, frames, 2 * height, 2 * width]).data, fineGrid);
    const found = fitTurn(tokens.mmul(someTurn.transpose()).transpose().mmul(tokens));
    expect(largestError(Float32Array.from(found.to1DArray()), Float32Array.from(someTurn.to1DArray()))).toBeLessThan(
      1e-5,
    );
  });

  it('keeps noise of variance 1 where the new latents are more', () => {
    const wide = fitTurn(Matrix.from1DArray(4, 10, Array.from(normal([4, 10]).data)));
    expect(
      largestError(
        Float32Array.from(wide.mmul(wide.transpose()).to1DArray()),
        Float32Array.from(Matrix.eye(4).to1DArray()),
      ),
    ).toBeLessThan(1e-5);
  });
});

describe('a transformer carried over', () => {
  it('says of the new latents what it said of the old ones', async () => {
    const scope = parameterScope();
    velocity(scope.parameters, coarse.config, {
      latents: input('latents', [1, 15, frames, height, width]),
      timestep: input('timestep', [1]),
      text: input('text', [1, 5, 8]),
    });
    const weights = speakingWeights(scope.specs());
    const carried = carriedOver(Object.fromEntries(weights), { from: coarse, to: fine, turn: someTurn });

    const latents = normal([2, frames, 2 * height, 2 * width]).data;
    const layouts = normal([layout, frames, height, width]).data;
    const text = normal([1, 5, 8]);
    const old = await speak(
      coarse,
      weights,
      stacked(
        [
          fromTokens(tokensOf(latents, fineGrid).mmul(someTurn.transpose())),
          layouts,
          floats(positionChannels([frames, height, width])),
        ],
        [1, 15, frames, height, width],
      ),
      text,
    );
    // A layout's four cells hold half of what their sum over the square root of four gives back.
    const finer = Float32Array.from({ length: layouts.length * 4 }, (_, i) => {
      const [x, y] = [i % (2 * width), Math.floor(i / (2 * width)) % (2 * height)];
      const plane = Math.floor(i / (4 * width * height));
      return layouts[(plane * height + (y >> 1)) * width + (x >> 1)]! / 2;
    });
    const now = await speak(
      fine,
      new Map(Object.entries(carried)),
      stacked(
        [latents, finer, floats(positionChannels([frames, 2 * height, 2 * width]))],
        [1, 9, frames, 2 * height, 2 * width],
      ),
      text,
    );
    const plane = frames * height * width;
    const turnedBack = tokensOf(now.slice(0, 2 * 4 * plane), fineGrid).mmul(someTurn.transpose());
    expect(largestError(fromTokens(turnedBack), old.slice(0, 8 * plane))).toBeLessThan(1e-4);
    const layoutBack = tokensOf(now.slice(2 * 4 * plane), {
      ...fineGrid,
      shape: [layout, frames, 2 * height, 2 * width],
    });
    const summed = layoutBack.mmul(
      Matrix.from1DArray(1, 4, [0.5, 0.5, 0.5, 0.5]).kroneckerProduct(Matrix.eye(layout)).transpose(),
    );
    expect(largestError(fromTokens(summed), old.slice(8 * plane))).toBeLessThan(1e-4);
  });

  it('says the opposite where it is to predict the clip', async () => {
    const scope = parameterScope();
    const [latents, text] = [normal([1, 15, frames, height, width]), normal([1, 5, 8])];
    velocity(scope.parameters, coarse.config, {
      latents: input('latents', latents.shape),
      timestep: input('timestep', [1]),
      text: input('text', text.shape),
    });
    const weights = speakingWeights(scope.specs());
    const other = new Map(Object.entries(predictingOther(Object.fromEntries(weights))));
    const [before, after] = [await speak(coarse, weights, latents, text), await speak(coarse, other, latents, text)];
    expect(largestError(after, before.map((value) => -value))).toBeLessThan(1e-6); // prettier-ignore
    expect(Math.max(...before)).toBeGreaterThan(0.1);
  });
});
