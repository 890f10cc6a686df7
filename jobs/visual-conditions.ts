// Pictures and videos of a render as the transformer takes them: channels behind the noise and CLIP image tokens (Wan's I2V and
// FLF2V), or control latents (VACE). Files come in, tensors go out; which kind a model is, visual-kind.ts says.
import type { Autoencoder } from '../compressor/open-autoencoder.ts';
import { spatialFactor, temporalFactor } from '../compressor/config.ts';
import { latentShape } from '../compressor/sizes.ts';
import { normalizeLatents } from '../compressor/statistics.ts';
import { clipPixels } from '../conditioning/clip-pixels.ts';
import { clipVisionStates } from '../conditioning/clip-vision.ts';
import { conditionChannels } from '../dit/condition-channels.ts';
import { controlChannels } from '../dit/control-channels.ts';
import type { Condition } from '../dit/denoiser.ts';
import { input } from '../graph/build.ts';
import { compile } from '../graph/compile.ts';
import { type Engine, fetched } from '../graph/engine.ts';
import { ModelFileError } from '../graph/errors.ts';
import { parameterScope } from '../graph/parameters.ts';
import { floats, type Tensor, tensor } from '../graph/tensor.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { type Frames, framesToTensor } from '../io/frames.ts';
import { loadPicture } from '../io/pictures.ts';
import { controlVideo } from './control-video.ts';
import type { Model } from './model.ts';
import { readPinned } from './prompt-files.ts';
import type { Render } from './resolve-request.ts';
import { visualKind } from './visual-kind.ts';

/** What turns files into tensors. */
export interface VisualTools {
  readonly engine: Engine;
  readonly autoencoder: Autoencoder;
  readonly tools: FfmpegTools;
}

type VisualCondition = Pick<Condition, 'channels' | 'image' | 'control'>;

/** @throws InvalidRequestError when a file is not there as it was, or cannot be read */
export async function visualConditions(model: Model, render: Render, tools: VisualTools): Promise<VisualCondition> {
  const kind = visualKind(model);
  if (kind === 'channels') return pictureConditions(model, render, tools);
  if (kind === 'control') return { control: await controlCondition(model, render, tools) };
  return {};
}

async function pictureConditions(model: Model, render: Render, tools: VisualTools): Promise<VisualCondition> {
  const { width, height, frames } = render;
  const files = await pictureFiles(render);
  const size = { width, height, ...(render.fit && { fit: render.fit }) };
  const pictures = await Promise.all(files.map((bytes) => loadPicture(bytes, size)));
  const places = pictures.map((_, i) => (i === 0 ? 0 : frames - 1));
  const video = greyVideo(render, pictures.map((picture, i) => [places[i]!, picture] as const)); // prettier-ignore
  const { config } = model.autoencoder;
  const [, ...shape] = latentShape(config, render) as [number, number, number, number, number];
  const channels = conditionChannels({
    latents: await encoded(tools.autoencoder, video),
    shape,
    givenFrames: places,
    temporalFactor: temporalFactor(config),
  });
  if (!model.transformer.config.attendsToImage) return { channels };
  return { channels, image: await imageTokens(model, files, tools.engine) };
}

/** Bytes of the first picture, and of the last. */
async function pictureFiles({ image, imageSha256, last, lastSha256 }: Render): Promise<readonly Buffer[]> {
  const first = await readPinned('image', image!, imageSha256);
  return last === undefined ? [first] : [first, await readPinned('last', last, lastSha256)];
}

/** Video [1,3,T,H,W] that is grey (0) but for the frames that are given. */
function greyVideo({ width, height, frames }: Render, given: readonly (readonly [number, Frames])[]): Tensor {
  const area = width * height;
  const data = new Float32Array(3 * frames * area);
  for (const [at, picture] of given) {
    const pixels = floats(framesToTensor(picture));
    for (let c = 0; c < 3; c++) data.set(pixels.subarray(c * area, (c + 1) * area), (c * frames + at) * area);
  }
  return tensor(data, [1, 3, frames, height, width]);
}

async function encoded(autoencoder: Autoencoder, video: Tensor): Promise<Float32Array> {
  const { mean } = await autoencoder.encode(video);
  return floats(normalizeLatents(autoencoder.config, mean));
}

/** States of CLIP's picture tower, the last but one, of all tokens: [pictures,L',imageDim]. */
async function imageTokens(model: Model, files: readonly Buffer[], engine: Engine): Promise<Tensor> {
  const { imageEncoder, name } = model;
  if (imageEncoder === undefined)
    throw new ModelFileError(`${name}: its transformer attends to pictures, and it has no image_encoder.`);
  const { config, weights, statistics } = imageEncoder;
  const side = config.imageSize;
  const pictures = await Promise.all(
    files.map((bytes) => loadPicture(bytes, { width: side, height: side, kernel: 'cubic' })),
  );
  const pixels = clipPixels(pictures.map(({ data }) => data), side, statistics); // prettier-ignore
  const { penultimateHiddenState } = clipVisionStates(
    parameterScope().parameters,
    config,
    input('pixels', pixels.shape),
  );
  const session = await engine.open(compile({ outputs: { states: penultimateHiddenState }, weights }));
  try {
    return fetched(await session.run({ pixels }), 'states');
  } finally {
    await session.release();
  }
}

async function controlCondition(model: Model, render: Render, { autoencoder, tools }: VisualTools): Promise<Tensor> {
  const { config } = model.autoencoder;
  const { video, mask } = await controlVideo(tools, render);
  const [, ...shape] = latentShape(config, render) as [number, number, number, number, number];
  const kept = (of: 0 | 1): Tensor => tensor(video.data.map((v, i) => (mask[i % mask.length] === of ? v : 0)), video.shape); // prettier-ignore
  const references: Float32Array[] = [];
  for (const [i, path] of (render.reference ?? []).entries()) {
    const bytes = await readPinned('reference', path, render.referenceSha256?.[i]);
    const { width, height } = render;
    const picture = await loadPicture(bytes, { width, height, fit: 'contain', background: [255, 255, 255] });
    references.push(await encoded(autoencoder, framesToTensor(picture)));
  }
  return controlChannels({
    inactive: await encoded(autoencoder, kept(0)),
    reactive: await encoded(autoencoder, kept(1)),
    references,
    mask,
    shape,
    cell: spatialFactor(config),
  });
}
