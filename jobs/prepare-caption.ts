// From a request for captions to jobs that can be queued, one for each film: looked at as far as ffprobe does, the captioner chosen,
// named by the film's bytes, by how it is looked at, and by the files that are written.
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { InvalidRequestError, TesseraError } from '../graph/errors.ts';
import { findFfmpeg, type FfmpegTools } from '../io/ffmpeg.ts';
import type { FailedVideo } from './caption.ts';
import { findVideos } from './caption-files.ts';
import { type Film, probeFilm, refuseCopies } from './caption-film.ts';
import { captionOutputs, checkCaptionOutputs, clashRefusal } from './caption-outputs.ts';
import { type CaptionRequest, parseCaptionRequest, type ParsedCaptionRequest } from './caption-request.ts';
import { withCaptioner } from './captioner-names.ts';
import type { CaptionJob } from './job-record.ts';
import { digest, type ReadyJob } from './prepare-job.ts';
import type { Settings } from './settings.ts';
import { checksum } from './sidecar.ts';

export interface PreparedCaption extends ReadyJob {
  readonly job: CaptionJob;
  readonly film: Film;
}

/** Captions and films on a shelf lie in a folder that is named by the job. */
export interface ShelfPlace {
  readonly shelf: string;
  /** The film is going to be moved there before the job is queued. */
  readonly moves: boolean;
  /** It is a file of this machine, which is told from the same film that was sent. */
  readonly isOfMachine: boolean;
}

export interface PreparedCaptions {
  readonly prepared: readonly PreparedCaption[];
  /** Of several: those that cannot be captioned. */
  readonly failed: readonly FailedVideo[];
}

/** @throws InvalidRequestError for a request that makes no sense, and for a single film that cannot be captioned */
export async function prepareCaptions(
  request: CaptionRequest,
  settings: Settings,
  place?: ShelfPlace,
): Promise<PreparedCaptions> {
  const asked = parseCaptionRequest(request);
  const paths = await findVideos(asked.videos);
  const parsed = await withCaptioner(asked, paths, settings);
  const refuseClash = clashRefusal(paths, parsed);
  const tools = await findFfmpeg(settings);
  const prepared: PreparedCaption[] = [];
  const failed: FailedVideo[] = [];
  for (const video of paths) {
    try {
      refuseClash(video);
      prepared.push(await prepareFilm(tools, video, { parsed, place }));
    } catch (error) {
      if (paths.length === 1 || !(error instanceof TesseraError)) throw error;
      failed.push({ video, error: { code: error.code, message: error.message } });
    }
  }
  return { prepared, failed };
}

async function prepareFilm(
  tools: FfmpegTools,
  video: string,
  { parsed, place }: { readonly parsed: ParsedCaptionRequest; readonly place: ShelfPlace | undefined },
): Promise<PreparedCaption> {
  const film = await probeFilm(tools, video, { speech: parsed.speech !== undefined });
  refuseCopies(film, parsed);
  const sha256 = await filmChecksum(video);
  const { videos: _v, overwrite = false, folder: asked, ...looks } = parsed;
  const idIn = (places: unknown): string => `caption-${digest(['caption 1', sha256, looks, places])}`;
  const onShelf = place?.isOfMachine === true ? [video] : [];
  const folder = place === undefined ? asked && resolve(asked) : join(place.shelf, idIn(onShelf));
  const home = place?.moves === true ? join(folder!, basename(video)) : video;
  const request = { ...looks, ...(folder !== undefined && { folder }), videos: [home], overwrite };
  const outputs = captionOutputs(home, request);
  const there = await Promise.all(outputs.map(({ path }) => stat(path).then(() => true, () => false))); // prettier-ignore
  const id = idIn(place === undefined ? outputs : onShelf);
  return { id, job: { kind: 'caption', request, sha256 }, film, isFinished: !there.includes(false) };
}

/** Nothing of somebody else's may stand where its files go. @throws InvalidRequestError */
export async function checkPlaces({ job: { request }, isFinished }: PreparedCaption): Promise<void> {
  const outputs = captionOutputs(request.videos[0]!, request);
  // If all are there they may be its own, of a job that the queue has forgotten; the worker compares them.
  if (!isFinished) await checkCaptionOutputs(outputs, request.overwrite ?? false);
}

/** @throws InvalidRequestError when the film is another one, or gone */
export async function checkFilm({ request, sha256 }: CaptionJob): Promise<void> {
  const video = request.videos[0]!;
  if ((await filmChecksum(video)) === sha256) return;
  throw new InvalidRequestError(`${video} is not the film that the job was submitted for. Submit it again.`);
}

async function filmChecksum(video: string): Promise<string> {
  const found = await checksum(video);
  if (found !== undefined) return found;
  throw new InvalidRequestError(`${video} cannot be read: there is no such file.`);
}
