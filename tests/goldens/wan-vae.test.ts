// The Wan autoencoder against the reference's recorded numbers: as one graph, chunk by chunk, and tiled where a case says so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAutoencoderConfig } from '../../compressor/config.ts';
import { type Autoencoder, openAutoencoder } from '../../compressor/open-autoencoder.ts';
import type { Tiling } from '../../compressor/tiling.ts';
import { type Engine, localEngine } from '../../graph/engine.ts';
import { floats, type Tensor } from '../../graph/tensor.ts';
import { type GoldenCase, goldenCases, goldensFolder, largestError, readGolden, readJson } from './folder.ts';

const TOLERANCE = 1e-4;

async function tilingOf(folder: string): Promise<Tiling | undefined> {
  const path = join(folder, 'tiling.json');
  if (!existsSync(path)) return undefined;
  const pixels = (await readJson(path)) as Record<string, number>;
  return {
    tileHeight: pixels['tile_sample_min_height'] ?? 256,
    tileWidth: pixels['tile_sample_min_width'] ?? 256,
    strideHeight: pixels['tile_sample_stride_height'] ?? 192,
    strideWidth: pixels['tile_sample_stride_width'] ?? 192,
  };
}

/** Everything that the case records for an input, computed by us. */
async function results(autoencoder: Autoencoder, key: string, value: Tensor): Promise<Record<string, Tensor>> {
  const [clip, kind] = key.split('.') as [string, string];
  if (kind === 'video') {
    const { mean, logvar } = await autoencoder.encode(value);
    return { [`${clip}.mean`]: mean, [`${clip}.logvar`]: logvar };
  }
  const decoded = await autoencoder.decode(value);
  return {
    [`${clip}.decoded`]: decoded,
    [`${clip}.decoded_unclamped`]: await autoencoder.decode(value, { clamp: false }),
  };
}

it(`finds cases in ${goldensFolder()}`, () => {
  expect(goldenCases('wan_vae')).not.toEqual([]);
});

describe.each(goldenCases('wan_vae'))('wan_vae/%s', (name) => {
  let golden: GoldenCase;
  let engine: Engine;
  beforeAll(async () => {
    golden = await readGolden('wan_vae', name);
    engine = localEngine();
  });
  afterAll(() => engine.close());

  it.each([
    ['as one graph', Infinity],
    ['chunk by chunk', 0],
  ])('gives the recorded moments and videos %s', async (_, wholeClipElements) => {
    const tiling = await tilingOf(golden.folder);
    const config = parseAutoencoderConfig(golden.config, name);
    const autoencoder = openAutoencoder(engine, { config, weights: golden.weights, tiling, wholeClipElements });
    const compared: string[] = [];
    for (const [key, value] of golden.inputs) {
      for (const [output, ours] of Object.entries(await results(autoencoder, key, value))) {
        const recorded = golden.outputs.get(output);
        if (recorded === undefined) continue; // only some clips are recorded unclamped
        expect(ours.shape, output).toEqual(recorded.shape);
        expect(largestError(floats(ours), floats(recorded)), output).toBeLessThan(TOLERANCE);
        compared.push(output);
      }
    }
    await autoencoder.close();
    expect(compared.sort()).toEqual([...golden.outputs.keys()].sort());
  });
});
