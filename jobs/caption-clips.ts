// Captions for clips that were just rendered: files beside each, by the best captioner that is there.
import { InvalidRequestError } from '../graph/errors.ts';
import { caption, type CaptionedVideo, type CaptionOptions, hasFailed } from './caption.ts';
import { isVideoName } from './caption-files.ts';
import type { GeneratedClip } from './generate.ts';

/** @throws InvalidRequestError for clips that are pictures in a folder, and what `caption` throws */
export async function captionClips(
  clips: readonly Pick<GeneratedClip, 'path'>[],
  options: CaptionOptions & { readonly overwrite?: boolean } = {},
): Promise<readonly CaptionedVideo[]> {
  const { overwrite = false, ...rest } = options;
  const videos = clips.map(({ path }) => path);
  const odd = videos.find((path) => !isVideoName(path));
  if (odd !== undefined)
    throw new InvalidRequestError(`Only .mp4, .webm, .gif and .webp get captions, not ${odd}. Leave --captions out.`);
  const captioned = (await caption({ videos, overwrite }, rest)).videos;
  const failed = captioned.find(hasFailed);
  if (failed !== undefined) throw new InvalidRequestError(`${failed.video}: ${failed.error.message}`);
  return captioned.flatMap((video) => (hasFailed(video) ? [] : video));
}
