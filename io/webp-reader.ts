// Reads animated WebP, which ffmpeg cannot, through sharp: some pages at a time, at a constant rate.

import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { type Frames, framesOf, joinFrames } from './frames.ts';
import { unreadable, type VideoInfo } from './probe-video.ts';
import type { Reading } from './read-video.ts';

const PAGES_BYTES = 64 << 20;
const sharpFit = { cover: 'cover', contain: 'contain', stretch: 'fill' } as const;

/** The frames of a WebP file, as `readVideo` gives them. */
export async function* readWebp(info: VideoInfo, reading: Reading): AsyncGenerator<Frames, void> {
  const { fps, startSeconds, durationSeconds, maxFrames, chunkFrames, signal } = reading;
  const bytes = await readFile(info.path);
  const ends = await pageEnds(bytes, info);
  const count = Math.min(maxFrames, Math.max(1, Math.round(durationSeconds * fps)));
  const load = pageLoader(bytes, info, reading);
  let chunk: Frames[] = [];
  for (let i = 0; i < count; i++) {
    signal?.throwIfAborted();
    const middle = startSeconds + (i + 0.5) / fps; // of the time that this frame is shown
    const page = ends.findIndex((end) => middle < end);
    chunk.push(await load(page < 0 ? ends.length - 1 : page));
    if (chunk.length < chunkFrames && i + 1 < count) continue;
    yield joinFrames(chunk);
    chunk = [];
  }
}

/** The second at which each page gives way to the next. */
async function pageEnds(bytes: Buffer, { frames = 1, durationSeconds }: VideoInfo): Promise<number[]> {
  const { delay } = await sharp(bytes, { animated: true }).metadata();
  let end = 0;
  return Array.from({ length: frames }, (_, i) => (end += (delay?.[i] ?? (durationSeconds * 1000) / frames) / 1000));
}

/** Decoding starts anew at the first page each time, so as many pages as memory allows are taken at once. */
function pageLoader(
  bytes: Buffer,
  info: VideoInfo,
  { width, height, fit }: Reading,
): (page: number) => Promise<Frames> {
  const pageBytes = info.width * info.height * 3;
  const together = Math.max(1, Math.floor(PAGES_BYTES / pageBytes));
  let first = -1;
  let loaded: Uint8Array = new Uint8Array();
  return async (page) => {
    if (first < 0 || page < first || page >= first + together) {
      first = page;
      const pages = Math.min(together, (info.frames ?? 1) - page);
      loaded = await decode(bytes, info.path, { page, pages });
    }
    const at = (page - first) * pageBytes;
    const raw = { width: info.width, height: info.height, channels: 3 } as const;
    if (width === info.width && height === info.height)
      return framesOf(loaded.slice(at, at + pageBytes), 1, height, width);
    const resized = sharp(loaded.subarray(at, at + pageBytes), { raw }).resize(width, height, { fit: sharpFit[fit] });
    return framesOf(await resized.raw().toBuffer(), 1, height, width);
  };
}

async function decode(bytes: Buffer, path: string, pages: { page: number; pages: number }): Promise<Uint8Array> {
  try {
    return await sharp(bytes, pages).toColourspace('srgb').flatten().raw().toBuffer();
  } catch (cause) {
    throw unreadable(path, `it is damaged from frame ${pages.page} on.`, cause);
  }
}
