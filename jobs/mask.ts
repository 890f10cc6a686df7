// The mask of a restyled video: white where it is made anew, black where it stays; a picture, or a video that runs beside it.
import type { FfmpegTools } from '../io/ffmpeg.ts';
import { type Frames, framesOf } from '../io/frames.ts';
import { isPictureFile } from '../io/picture-kind.ts';
import { loadPicture } from '../io/pictures.ts';
import { readVideo } from '../io/read-video.ts';
import { readPinned } from './prompt-files.ts';
import type { Render } from './resolve-request.ts';

/** So far from black and from white, lossy formats stray where a mask is plain. */
const STRAY = 8;

/** The mask at the clip's size, frame by frame; one frame of a picture. */
export async function* maskFrames(
  tools: FfmpegTools,
  { mask, maskSha256, width, height, fps, fit }: Render,
  signal?: AbortSignal,
): AsyncGenerator<Frames> {
  const size = { width, height, ...(fit && { fit }) };
  const bytes = await readPinned('mask', mask!, maskSha256);
  if (await isPictureFile(mask!)) {
    yield levelled(await loadPicture(bytes, size));
    return;
  }
  for await (const frame of readVideo(tools, mask!, { ...size, fps, ...(signal && { signal }) })) yield levelled(frame);
}

/** What is nearly black or white is meant so. */
function levelled({ data, frames, height, width }: Frames): Frames {
  const levels = data.map((value) => (value <= STRAY ? 0 : value >= 255 - STRAY ? 255 : value));
  return framesOf(levels, frames, height, width);
}

/** Whether a mask leaves nothing as it is, or nothing to make, in words for the user. @param frames of the clip */
export async function maskNotices(tools: FfmpegTools, render: Render, frames: number): Promise<readonly string[]> {
  if (render.mask === undefined || render.restyle === undefined) return [];
  let [isBlack, isWhite, count] = [true, true, 0];
  for await (const { data } of maskFrames(tools, render)) {
    isBlack &&= data.every((value) => value === 0);
    isWhite &&= data.every((value) => value === 255);
    if (!(isBlack || isWhite) || ++count === frames) break;
  }
  if (isBlack) return ['The mask is black all over: nothing is made anew. Draw white where the clip is to change.'];
  return isWhite ? ['The mask is white all over: everything is made anew. Draw black where the clip is to stay.'] : [];
}
