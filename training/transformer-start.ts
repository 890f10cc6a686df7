// The weights that a fresh run of the transformer starts from, carried over (carry-over.ts) where they were learned on the latents of
// another autoencoder than the model folder's, or to predict something else.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Matrix } from 'ml-matrix';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import type { TransformerConfig } from '../dit/config.ts';
import { openSafetensors, writeSafetensors } from '../io/safetensors.ts';
import type { SafetensorsFile } from '../io/safetensors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { carriedOver, fitTurn, predictingOther, tokensOf } from './carry-over.ts';
import type { TokenGrid } from './carry-over.ts';
import { component, transformerOf } from './component.ts';
import { tensorsOf } from './export.ts';
import { latentSource } from './latent-source.ts';
import { transformerConfig } from './recipes.ts';
import type { RunFolder } from './run-folder.ts';
import { loadAtlas } from './world/atlas.ts';
import { fullWorld, sampleScene } from './world/scene.ts';
import { STYLES } from './world/vocabulary.ts';

const clips = 64;
const size = { frames: 17, width: 128, height: 128 };

/** @param from model folder with the weights @param model model folder that is trained, with its autoencoder */
export async function transformerStart(from: string, model: string, folder: RunFolder): Promise<SafetensorsFile> {
  const learned = await transformerOf(from);
  const [oldConfig, newConfig] = [learned.config, transformerConfig];
  const [oldVae, newVae] = await Promise.all([component(from, 'vae'), component(model, 'vae')]);
  const isSame = oldConfig.prediction === newConfig.prediction;
  // Autoencoders that were trained on from each other, their axes and statistics kept, share a config.
  const sharesLatents = sameTokens(oldConfig, newConfig) && isDeepStrictEqual(oldVae.config, newVae.config);
  if (isSame && sharesLatents) return learned.file;
  const own = await tensorsOf(learned.file);
  const weights = sharesLatents ? own : await onOtherLatents(own, { oldVae, newVae, oldConfig, newConfig, folder });
  const path = join(folder.path, 'start.safetensors');
  await writeSafetensors(path, Object.entries(isSame ? weights : predictingOther(weights)), { format: 'pt' });
  return openSafetensors(path);
}

interface OtherLatents {
  readonly oldVae: Awaited<ReturnType<typeof component>>;
  readonly newVae: Awaited<ReturnType<typeof component>>;
  readonly oldConfig: TransformerConfig;
  readonly newConfig: TransformerConfig;
  readonly folder: RunFolder;
}

async function onOtherLatents(
  learned: Readonly<Record<string, Tensor>>,
  { oldVae, newVae, oldConfig, newConfig, folder }: OtherLatents,
): Promise<Record<string, Tensor>> {
  const atlas = await loadAtlas(STYLES);
  const sides = [
    [oldVae, oldConfig],
    [newVae, newConfig],
  ] as const;
  const [before, after] = sides.map(([vae, config]) => {
    const autoencoder = parseAutoencoderConfig(vae.config);
    const shape = latentShape(autoencoder, size).slice(1) as unknown as TokenGrid['shape'];
    const [, rows, columns] = config.patchSize;
    const grid: TokenGrid = { shape, patch: [rows, columns] };
    return {
      config,
      latentChannels: autoencoder.zDim,
      grid,
      latents: latentSource(autoencoder, vae.weights, { atlas, keep: 0 }),
    };
  });
  const tokens: { readonly old: Matrix; readonly new: Matrix }[] = [];
  for (let seed = 8_000_000; seed < 8_000_000 + clips; seed++) {
    const scenes = [sampleScene(seed, { ...fullWorld, holdOut: 'train' })];
    const [[old], [now]] = [await before!.latents(scenes, size), await after!.latents(scenes, size)];
    tokens.push({ old: tokensOf(old!, before!.grid), new: tokensOf(now!, after!.grid) });
  }
  const product = tokens.map((pair) => pair.old.transpose().mmul(pair.new)).reduce((total, part) => total.add(part));
  const turn = fitTurn(product);
  await folder.log({ carriedOver: fitOf(tokens, turn) });
  return carriedOver(learned, { from: before!, to: after!, turn });
}

const sameTokens = (a: TransformerConfig, b: TransformerConfig): boolean =>
  a.inChannels === b.inChannels && a.patchSize.every((extent, axis) => extent === b.patchSize[axis]);

/** How much of the old latents' variance the turned new ones have, and how much larger the old ones are. */
function fitOf(tokens: readonly { readonly old: Matrix; readonly new: Matrix }[], turn: Matrix) {
  let [own, turned, both] = [0, 0, 0];
  for (const pair of tokens) {
    const guess = pair.new.mmul(turn.transpose());
    own += Matrix.mul(pair.old, pair.old).sum();
    turned += Matrix.mul(guess, guess).sum();
    both += Matrix.mul(pair.old, guess).sum();
  }
  const scale = both / turned;
  return { explained: Number((both ** 2 / (own * turned)).toFixed(3)), scale: Number(scale.toFixed(3)) };
}
