// What the trials of directions.ts stand on: a folder for given and rendered files, and the model's autoencoder.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { parseAutoencoderConfig } from '../compressor/config.ts';
import { openAutoencoder } from '../compressor/open-autoencoder.ts';
import { localEngine } from '../graph/engine.ts';
import { findFfmpeg } from '../io/ffmpeg.ts';
import { collectFrames, type Frames, framesOf, framesToTensor, tensorToFrames } from '../io/frames.ts';
import { readVideo } from '../io/read-video.ts';
import { writeVideo } from '../io/write-video.ts';
import { type DirectedRequest, type DirectingStudio, FPS } from './directions.ts';
import { component } from './component.ts';

/** Renders a request into PNG files, of which `output` is the pattern. */
export type RenderTo = (request: DirectedRequest, output: string) => Promise<void>;

/** @throws ModelFileError for a model without an autoencoder */
export async function openDirectingStudio(
  model: string,
  renderTo: RenderTo,
): Promise<DirectingStudio & AsyncDisposable> {
  const { config, weights } = await component(model, 'vae');
  const tools = await findFfmpeg({});
  const folder = await mkdtemp(join(tmpdir(), 'tessera-direct-'));
  const engine = localEngine();
  const autoencoder = openAutoencoder(engine, { config: parseAutoencoderConfig(config), weights });
  let number = 0;
  return {
    render: async (request) => {
      const prefix = `${number++}-`;
      await renderTo(request, join(folder, `${prefix}%04d.png`));
      const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && name.endsWith('.png')).sort();
      return joinPictures(names.map((name) => join(folder, name)));
    },
    throughAutoencoder: async (frames) => {
      const { mean } = await autoencoder.encode(framesToTensor(frames));
      return tensorToFrames(await autoencoder.decode(mean));
    },
    savePicture: async ({ data, width, height }) => {
      const path = join(folder, `given-${number++}.png`);
      await sharp(data, { raw: { width, height, channels: 3 } }).toFile(path);
      return path;
    },
    saveVideo: async (frames) => {
      const path = join(folder, `given-${number++}.mp4`);
      await writeVideo(tools, path, [frames], { fps: FPS });
      const { width, height } = frames;
      return { path, frames: await collectFrames(readVideo(tools, path, { width, height, fps: FPS })) };
    },
    [Symbol.asyncDispose]: async () => {
      await autoencoder.close();
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function joinPictures(paths: readonly string[]): Promise<Frames> {
  const pictures = await Promise.all(
    paths.map((path) => sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true })),
  );
  const { width, height } = pictures[0]!.info;
  return framesOf(new Uint8Array(Buffer.concat(pictures.map(({ data }) => data))), paths.length, height, width);
}
