// The videos that a request extends, joins or restyles: looked at when it comes, so that what cannot be read is refused at once,
// and what is restyled is so for its whole length where none is asked.
import { InvalidRequestError } from '../graph/errors.ts';
import { findFfmpeg } from '../io/ffmpeg.ts';
import { probeVideo } from '../io/probe-video.ts';
import { withPinnedPicture } from './first-picture.ts';
import type { Model } from './model.ts';
import { checked } from './prompt-files.ts';
import type { ParsedRequest } from './request.ts';
import type { Render } from './resolve-request.ts';
import type { Settings } from './settings.ts';

type Given = Pick<ParsedRequest, 'extend' | 'between' | 'restyle' | 'extendSha256' | 'betweenSha256' | 'restyleSha256'>;

/** The request with all of its files pinned. @throws InvalidRequestError when one is not there, cannot be read, or is another */
export async function withPinnedVideos(asked: ParsedRequest, model: Model, settings: Settings): Promise<ParsedRequest> {
  const request = await withPinnedPicture(asked);
  let restyled: number | undefined;
  for (const { field, path } of videosOf(request)) {
    const info = await probeVideo(await findFfmpeg(settings), path).catch((cause: unknown) => {
      const why = (cause as Error).message.replace(/^cannot read .*?: /, '');
      throw new InvalidRequestError(`${field} (=${path}) cannot be read: ${why}`, { cause });
    });
    if (field === 'restyle') restyled = info.durationSeconds;
  }
  if (restyled === undefined || (request.seconds ?? request.frames) !== undefined) return request;
  return { ...request, seconds: Math.max(1 / (request.fps ?? model.defaults.fps), restyled) };
}

/** @throws InvalidRequestError when a video of the render is no longer that which was asked for */
export async function checkGivenVideos(render: Render): Promise<void> {
  for (const { field, path, sha256 } of videosOf(render)) await checked(field, path, sha256);
}

function videosOf({ extend, between = [], restyle, ...sums }: Given) {
  return [
    ...(extend === undefined ? [] : [{ field: 'extend', path: extend, sha256: sums.extendSha256 }]),
    ...between.map((path, i) => ({ field: 'between', path, sha256: sums.betweenSha256?.[i] })),
    ...(restyle === undefined ? [] : [{ field: 'restyle', path: restyle, sha256: sums.restyleSha256 }]),
  ];
}
