// The record beside a clip: the render with every choice made, what made it, and the clip's checksum. From it the clip can
// be made again, byte by byte. A shorter record without machine or dates goes into the clip itself.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { InvalidRequestError } from '../graph/errors.ts';
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { firstPng } from '../io/png-sequence.ts';
import { readSidecar as readRecord } from '../io/sidecar.ts';
import { formatOf } from '../io/video-formats.ts';
import type { WrittenVideo } from '../io/write-video.ts';
import { shownExpander } from './expander-names.ts';
import type { Model } from './model.ts';
import { packageVersion } from './package-folder.ts';
import { withoutPaths } from './prompt-files.ts';
import { generateSchema, type ParsedRequest } from './request.ts';
import type { Render } from './resolve-request.ts';

const SidecarFile = z.looseObject({
  tessera: z.string(),
  request: generateSchema,
  model: z.looseObject({ name: z.string(), fingerprint: z.string() }),
  output: z.looseObject({
    file: z.string(),
    sizeBytes: z.number(),
    frames: z.number().optional(),
    sha256: z.string().optional(),
    /** Of numbered pictures: that of the first. */
    firstSha256: z.string().optional(),
  }),
  made: z.looseObject({ ffmpeg: z.string(), platform: z.string() }),
});

export type Sidecar = z.output<typeof SidecarFile>;

/** What is written into the clip: the same for the same bytes of picture. */
export function clipMetadata(render: Render, model: Model): Record<string, unknown> {
  const { prompt, negativePrompt, expand, ...settings } = withoutPaths(render);
  return {
    software: `tessera ${packageVersion}`,
    prompt,
    ...(negativePrompt === '' ? {} : { negativePrompt }),
    ...(expand !== undefined && { expand: shownExpander(expand) }),
    ...settings,
    model: basename(render.model), // a path is nobody else's business
    fingerprint: model.fingerprint.slice(0, 16),
  };
}

/** The record of a clip that was written. @param made by what, and the file that it is in while it has no name yet */
export async function sidecarOf(
  render: Render,
  written: WrittenVideo,
  made: { readonly model: Model; readonly tools: FfmpegTools; readonly file: string },
): Promise<Sidecar> {
  const sha256 = await checksum(made.file);
  const firstSha256 = formatOf(written.path) === 'png' ? await checksum(join(made.file, basename(firstPng(written.path)))) : undefined; // prettier-ignore
  return {
    tessera: packageVersion,
    request: { ...render } satisfies ParsedRequest,
    model: { name: made.model.name, fingerprint: made.model.fingerprint },
    output: {
      file: basename(written.path),
      sizeBytes: written.sizeBytes,
      frames: written.frames,
      ...(sha256 && { sha256 }),
      ...(firstSha256 && { firstSha256 }),
    },
    made: { ffmpeg: made.tools.ffmpeg.version, platform: `${process.platform} ${process.arch}` },
  };
}

/** Reads a clip's record, for `generate --from`. @throws InvalidRequestError when the file is none */
export async function readSidecar(path: string): Promise<Sidecar> {
  const parsed = SidecarFile.safeParse(await readRecord(path));
  if (parsed.success) return parsed.data;
  const why = z.prettifyError(parsed.error);
  throw new InvalidRequestError(`${path} is not the record of a clip: ${why}`, { cause: parsed.error });
}

/** Ways in which this installation differs from the one that made the clip, so that its bytes may differ. */
export function differencesFrom(sidecar: Sidecar, here: { model: Model; tools: FfmpegTools }): readonly string[] {
  const { model, tools } = here;
  const pairs = [
    [sidecar.model.fingerprint, model.fingerprint, `the weights of ${model.name} are others`],
    [sidecar.tessera, packageVersion, `it was made by tessera ${sidecar.tessera}`],
    [sidecar.made.ffmpeg, tools.ffmpeg.version, `it was written by ffmpeg ${sidecar.made.ffmpeg}`],
    [sidecar.made.platform, `${process.platform} ${process.arch}`, `it was made on ${sidecar.made.platform}`],
  ] as const;
  const different = pairs.filter(([then, now]) => then !== now).map(([, , words]) => words);
  return different.length > 0 ? [`The clip may differ from the recorded one: ${different.join(', ')}.`] : [];
}

/** sha256 of a file; undefined for a folder or a pattern of pictures. */
export async function checksum(path: string): Promise<string | undefined> {
  const isFile = await stat(path).then((found) => found.isFile(), () => false); // prettier-ignore
  if (!isFile) return undefined;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
